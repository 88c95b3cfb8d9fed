"""Reduces whole vertebrae, as masks show them, to their bodies.

The distance transform of a vertebra is deepest inside its body; an opening by most of that depth cuts the pedicles.
A body that collapsed may be thinner than its pedicles: it is then looked for between its neighbours.
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
BESIDE_MM = 12.0
"""What lies further than this beside the line between its neighbours is no body but a pedicle, a joint or an arch."""
REACH_MM = 18.0
"""How far from the middle between its neighbours a body is looked for then."""


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
    boxes = {
        label: tuple(slice(max(side.start - 2, 0), side.stop + 2) for side in box)
        for label, box in boxes_of(labels).items()
    }
    found = []
    for label in wanted:
        if label in boxes and (labels.voxels[boxes[label]] == label).sum() * voxel_mm3 >= SLIVER_MM3:
            found.append(_body(labels, boxes[label], label))
    for _ in found:  # one that strays draws the lines of its neighbours aside: the furthest comes first
        k, middle_lps_mm, beside_mm = _furthest_beside(found)
        if beside_mm <= BESIDE_MM:
            break
        again = _body(labels, boxes[found[k].label], found[k].label, middle_lps_mm)
        if np.allclose(again.centre_lps_mm, found[k].centre_lps_mm):
            break
        found[k] = again
    return found


def _furthest_beside(found: list[MaskBody]) -> tuple[int, Float, float]:
    """Which body lies furthest beside the line between its neighbours, the middle between these, and how far, mm."""
    furthest = (0, np.zeros(3), 0.0)
    for k in range(1, len(found) - 1):
        above, below = found[k - 1].centre_lps_mm, found[k + 1].centre_lps_mm
        along = (below - above) / np.linalg.norm(below - above)
        away = found[k].centre_lps_mm - above
        beside_mm = float(np.linalg.norm(away - (away @ along) * along))
        if beside_mm > furthest[2]:
            furthest = (k, (above + below) / 2, beside_mm)
    return furthest


def _body(labels: Volume, box: Box, label: int, near_lps_mm: Float | None = None) -> MaskBody:
    """Finds a label's body where the label is deepest; within reach of a place, if that is given."""
    inside = labels.voxels[box] == label
    touches = any(
        side.start == 0 or side.stop >= size + 2 for side, size in zip(box, labels.shape, strict=True)
    )
    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=labels.spacing_mm)
    if near_lps_mm is not None:
        indices = np.moveaxis(np.indices(depth.shape), 0, -1) - 1 + np.array([side.start for side in box])
        away = np.linalg.norm(labels.lps_of(indices.astype(float)) - near_lps_mm, axis=-1)
        depth = np.where(away <= REACH_MM, depth, 0.0)
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
