"""Reduces a mask of whole vertebrae to their bodies.

Per vertebra: the distance transform is deepest inside the body, an opening by most of that depth cuts the pedicles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.volume import Volume

Float = NDArray[np.float64]

SMALLEST_MM3 = 1500.0
OPENING_SHARE = 0.72
SMALLEST_RADIUS_MM = 3.5


@dataclass(frozen=True, slots=True)
class MaskBody:
    """One label's body. Frame: LPS mm. `whole` is False where the mask touches the end of the view.

    `height_mm` is the extent of the body along its own long-axis estimate, the patient's z.
    """

    label: int
    centre_lps_mm: Float
    height_mm: float
    whole: bool


def bodies_of_mask(labels: Volume, wanted: tuple[int, ...]) -> list[MaskBody]:
    """Finds the body of every wanted label that is more than a sliver, in the order of `wanted`."""
    voxel_mm3 = float(np.prod(labels.spacing_mm))
    found = []
    for label in wanted:
        inside = labels.voxels == label
        if inside.sum() * voxel_mm3 >= SMALLEST_MM3:
            found.append(_body(labels, inside, label))
    return found


def _body(labels: Volume, inside: NDArray[np.bool_], label: int) -> MaskBody:
    box = tuple(slice(max(int(where.min()) - 2, 0), int(where.max()) + 3) for where in np.nonzero(inside))
    touches = any(
        side.start == 0 or side.stop >= size + 2 for side, size in zip(box, labels.shape, strict=True)
    )
    depth = ndimage.distance_transform_edt(np.pad(inside[box], 1), sampling=labels.spacing_mm)
    radius = max(OPENING_SHARE * float(depth.max()), SMALLEST_RADIUS_MM)
    core = depth >= min(radius, 0.95 * float(depth.max()))
    pieces, _ = ndimage.label(core)
    core = pieces == pieces[np.unravel_index(int(depth.argmax()), depth.shape)]
    body = ndimage.distance_transform_edt(~core, sampling=labels.spacing_mm) <= radius
    body &= depth > 0
    indices = np.argwhere(body) - 1 + np.array([side.start for side in box])
    points = labels.lps_of(indices.astype(float))
    height = float(np.percentile(points[:, 2], 98) - np.percentile(points[:, 2], 2))
    return MaskBody(label, points.mean(0), height, not touches)
