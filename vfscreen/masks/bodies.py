"""Reduces whole vertebrae, as masks show them, to their bodies.

The distance transform of a vertebra is deepest inside its body; an opening by most of that depth cuts the pedicles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.masks.places import SLIVER_MM3
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Box = tuple[slice, ...]

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


def boxes_of(labels: Volume) -> dict[int, Box]:
    """Returns the box of indices that holds each label."""
    boxes = ndimage.find_objects(labels.voxels)
    return {number: box for number, box in enumerate(boxes, 1) if box is not None}


def bodies_of_mask(labels: Volume, wanted: tuple[int, ...]) -> list[MaskBody]:
    """Finds the body of every wanted label that is more than a sliver, in the order of `wanted`."""
    voxel_mm3 = float(np.prod(labels.spacing_mm))
    boxes = boxes_of(labels)
    found = []
    for label in wanted:
        if label not in boxes:
            continue
        box = tuple(slice(max(side.start - 2, 0), side.stop + 2) for side in boxes[label])
        inside = labels.voxels[box] == label
        if inside.sum() * voxel_mm3 >= SLIVER_MM3:
            found.append(_body(labels, inside, box, label))
    return found


def _body(labels: Volume, inside: NDArray[np.bool_], box: Box, label: int) -> MaskBody:
    touches = any(
        side.start == 0 or side.stop >= size + 2 for side, size in zip(box, labels.shape, strict=True)
    )
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=labels.spacing_mm)
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
