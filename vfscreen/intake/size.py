"""Whether a grid is as large as a CT of a person can be: a mistaken unit of length shows in nothing else."""

from __future__ import annotations

import numpy as np

from vfscreen.errors import UnsupportedGeometry
from vfscreen.volume import Volume

FINEST_MM, COARSEST_MM = 0.05, 20.0
LONGEST_MM = 3000.0


def check_size(volume: Volume, where: str) -> None:
    """Looks at the size of a voxel and of the whole.

    Raises:
        UnsupportedGeometry: no CT of a person has such a size; the header was written in metres, or is damaged.
    """
    spacing = volume.spacing_mm
    length_mm = float((spacing * np.array(volume.shape)).max())
    if spacing.min() >= FINEST_MM and spacing.max() <= COARSEST_MM and length_mm <= LONGEST_MM:
        return
    raise UnsupportedGeometry(
        f"the header gives voxels of {' x '.join(f'{x:.3g}' for x in spacing)} mm, {length_mm:.3g} mm in all",
        where,
        "export it again with its lengths in millimetres",
    )
