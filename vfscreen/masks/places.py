"""Which numbers a mask holds, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfscreen.volume import Volume

Float = NDArray[np.float64]

SLIVER_MM3 = 1500.0
"""Less than this of a vertebra, at the edge of a view, says nothing of its body; its middle may lie anywhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """All voxels of one number: their mean place (3,) in LPS mm, and how much they are."""

    centre_lps_mm: Float
    volume_mm3: float


def places_of(labels: Volume) -> dict[int, Place]:
    """Looks at every number but 0, a slab of the first axis at a time."""
    highest = int(labels.voxels.max(initial=0))
    counts = np.zeros(highest + 1)
    sums = np.zeros((3, highest + 1))
    for k, slab in enumerate(labels.voxels):
        rows, columns = np.nonzero(slab)
        numbers = slab[rows, columns]
        here = np.bincount(numbers, minlength=highest + 1)
        counts += here
        sums[0] += k * here
        sums[1] += np.bincount(numbers, rows, highest + 1)
        sums[2] += np.bincount(numbers, columns, highest + 1)
    voxel_mm3 = abs(float(np.linalg.det(labels.affine[:3, :3])))
    return {
        int(number): Place(labels.lps_of(sums[:, number] / counts[number]), float(counts[number]) * voxel_mm3)
        for number in np.flatnonzero(counts)
    }
