"""When slices are too thick, along the spine, for heights to be measured: one rule for all who ask.

What counts is how much of the spine one voxel shows: the distance of the voxels along the body, or the thickness of
the slices where that is more. Slices of 5 mm every 2.5 mm overlap, and blur an endplate like any others of 5 mm.
"""

from __future__ import annotations

THICK_MM = 3.0
_ROUNDING_MM = 0.05


def too_thick(along_spine_mm: float) -> bool:
    """Says whether heights are not to be trusted where one voxel shows so much of the spine."""
    return along_spine_mm > THICK_MM + _ROUNDING_MM


def thickness_warning(along_spine_mm: float) -> tuple[str, ...]:
    """Returns the sentence that says so, to stand among a series' warnings; none where heights may be trusted."""
    if not too_thick(along_spine_mm):
        return ()
    return (f"slices are {along_spine_mm:.1f} mm thick: heights are not reliable",)
