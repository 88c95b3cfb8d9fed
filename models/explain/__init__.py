"""What a suggestion can be checked by: the vertebra with its loss undone, and where the answer hangs.

models.explain.unbroken    restored(points, missing_mm, above, below) -> Restored: the healthy points and the field
models.explain.occlusion   occlusion_map(severity, crop, progress): how the answer changes without each place
models.explain.explain     explain(grader, volume, bodies, place, progress) -> Explanation
"""
