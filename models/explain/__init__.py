"""What a suggestion can be checked by: the vertebra with its loss undone, and where the answer hangs.

models.explain.unbroken    Restored; restored(points, missing_mm, above, below) -> Restored: space, unbroken
models.explain.occlusion   occlusion_map(severity, crop, progress): how the answer changes without each place
models.explain.explain     explain(grader, volume, bodies, place, missing_mm, progress) -> Explanation
"""
