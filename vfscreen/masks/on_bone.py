"""Does a mask lie on the bones of its CT? A header cannot tell a mask that was mirrored, turned over or shifted.

At the surface of a vertebra the CT is brighter inside than outside. On their own CT nine masks of five sources have
this at 0.87 of their surface or more; turned over or 10 to 30 mm aside it is nearly chance, 0.45 to 0.66, but 0.78 for
one that is nearly its own mirror image (`benchmarks/masks_on_bone.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.errors import MaskMismatch
from vfscreen.volume import Volume, anatomical_axes

Indices = NDArray[np.intp]

INSIDE_MM, OUTSIDE_MM = 2.5, 5.0
"""How far inside and outside of the mask's surface the CT is read: beyond what masks are usually off by."""
FEWEST_PLACES = 500
"""A mask with less surface than this, or in contact with the view's edge all round, proves nothing."""
LOWEST_SHARE = 0.65
FITTING_SHARE, CLEARLY_BETTER = 0.8, 0.1
"""A mask that fits, and fits this much better, when it is turned over was turned over."""
TURNS = ("left and right", "front and back", "head and feet")
"""What is exchanged by turning a mask over along each axis of the patient."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Pairs of voxels on both sides of a mask's surface; `inside` and `outside` (n, 3) are indices of the volume."""

    inside: Indices
    outside: Indices


def check_on_bone(labels: Volume, ct: Volume, where: str) -> None:
    """Checks a mask against the CT whose grid it lies on.

    Raises:
        MaskMismatch: it does not lie on bone, or would only if it were turned over.
    """
    check_surface(surface_of(labels), ct, where)


def check_surface(surface: Surface, ct: Volume, where: str) -> None:
    """Checks the surface of a mask, as `check_on_bone` does."""
    if len(surface.inside) < FEWEST_PLACES:
        return
    share = brighter_inside(surface, ct)
    turned = {
        axes: brighter_inside(turned_over(surface, ct, axes), ct)
        for axes in chain.from_iterable(combinations(range(3), count) for count in (1, 2, 3))
    }
    best = max(turned, key=lambda axes: turned[axes])
    if turned[best] >= max(share + CLEARLY_BETTER, FITTING_SHARE):
        exchanged = ", and ".join(TURNS[axis] for axis in best)
        raise MaskMismatch(
            f"the mask lies on the bones of this CT only with {exchanged} exchanged",
            where,
            "turn it over, or make it again from this very CT",
        )
    if share < LOWEST_SHARE:
        raise MaskMismatch(
            f"the mask does not lie on the bones of this CT, which is brighter inside than outside at {share:.0%} of"
            " the mask's surface; half is chance",
            where,
            "give the mask that was made from this very CT",
        )


def surface_of(labels: Volume) -> Surface:
    """Pairs voxels along each array axis wherever a mask begins or ends, but not where another vertebra follows."""
    (box,) = ndimage.find_objects((labels.voxels > 0).astype(np.int8)) or [None]
    if box is None:
        return Surface(np.empty((0, 3), np.intp), np.empty((0, 3), np.intp))
    outwards = np.maximum(np.rint(OUTSIDE_MM / labels.spacing_mm), 1).astype(int)
    inwards = (INSIDE_MM / labels.spacing_mm).astype(int)
    start = np.array([max(side.start - out, 0) for side, out in zip(box, outwards, strict=True)])
    near = tuple(slice(low, side.stop + out) for low, side, out in zip(start, box, outwards, strict=True))
    mask = labels.voxels[near] > 0
    pairs = [
        _pairs(mask, axis, sign * int(inwards[axis]), sign * int(outwards[axis]), sign)
        for axis in range(3)
        for sign in (1, -1)
    ]
    inside, outside = (np.concatenate(side) + start for side in zip(*pairs, strict=True))
    return Surface(inside, outside)


def _pairs(
    mask: NDArray[np.bool_], axis: int, inwards: int, outwards: int, sign: int
) -> tuple[Indices, Indices]:
    """Where a mask ends along an axis in the direction of `sign`: voxels inside and outside of its surface, (n, 3)."""
    ends = mask & ~_seen_from(mask, axis, sign)
    last = np.argwhere(ends)
    step = np.eye(3, dtype=np.intp)[axis]
    inside, outside = last - inwards * step, last + outwards * step
    there = (
        (outside[:, axis] >= 0)
        & (outside[:, axis] < mask.shape[axis])
        & (inside[:, axis] >= 0)
        & (inside[:, axis] < mask.shape[axis])
    )
    inside, outside = inside[there], outside[there]
    part = mask[tuple(inside.T)] & ~mask[tuple(outside.T)]
    return inside[part], outside[part]


def _seen_from(mask: NDArray[np.bool_], axis: int, sign: int) -> NDArray[np.bool_]:
    """What lies one voxel further along an axis; beyond the end is what is at the end."""
    seen = np.roll(mask, -sign, axis)
    end: list[slice | int] = [slice(None)] * 3
    end[axis] = -1 if sign > 0 else 0
    seen[tuple(end)] = mask[tuple(end)]
    return seen


def brighter_inside(surface: Surface, ct: Volume) -> float:
    """Returns at which share of a surface the CT is brighter inside than outside; equal is half."""
    inside, outside = ct.voxels[tuple(surface.inside.T)], ct.voxels[tuple(surface.outside.T)]
    return float((inside > outside).mean() + 0.5 * (inside == outside).mean())


def turned_over(surface: Surface, ct: Volume, patient_axes: tuple[int, ...]) -> Surface:
    """The surface of the mask when the arrays are turned over along axes of the patient."""
    axes, _ = anatomical_axes(ct.affine)
    turned = [axes[axis] for axis in patient_axes]
    last = np.array(ct.shape) - 1
    inside, outside = surface.inside.copy(), surface.outside.copy()
    for side in (inside, outside):
        side[:, turned] = last[turned] - side[:, turned]
    return Surface(inside, outside)
