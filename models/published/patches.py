"""One patch a vertebra: the scan turned to patient axes, the mask's tight box made square, 128 voxels across.

Where the released code fails or guesses, this does not: a box that reaches over the scan's edge is filled with 0 HU
(the released resampling's own filling), and unequal steps in the axial plane are made equal first.

Source: wxwxwwxxx/VertebralFractureGrading, pre-process/image_align.py and crop.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.anatomy import Level
from vfscreen.volume import Volume, anatomical_axes

Float = NDArray[np.float64]
OUTSIDE_HU = 0


@dataclass(frozen=True, slots=True)
class Patch:
    """A vertebra, whole, fitted into a square of `side` voxels; its size in mm is lost, as published.

    Shapes: voxels (side, side, n) int16 Hounsfield units, mask the same, uint8, 0 or 1.
    Frame: axes run to the left, to the back, to the head.
    """

    voxels: NDArray[np.int16]
    mask: NDArray[np.uint8]
    level: Level


def aligned(volume: Volume, labels: Volume) -> tuple[Volume, NDArray[np.uint8]]:
    """Resamples CT (linear) and mask (nearest) to a grid along the patient's axes.

    Steps are those of the axes closest to the patient's; the two in the axial plane become the smaller of them.

    Shapes: the mask is returned on the grid of the CT, (n0, n1, n2).
    """
    axes, _ = anatomical_axes(volume.affine)
    step = volume.spacing_mm[list(axes)]
    step[:2] = step[:2].min()
    low, high = volume.bounds_lps_mm()
    shape = tuple(round(float(extent)) + 1 for extent in (high - low) / step)
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low
    voxels = _resampled(volume, affine, shape, 1)
    mask = _resampled(labels, affine, shape, 0)
    return Volume(voxels, affine), mask.astype(np.uint8)


def _resampled(source: Volume, affine: Float, shape: tuple[int, ...], order: int) -> NDArray[np.int16]:
    matrix = source.inverse @ affine
    voxels: NDArray[np.int16] = ndimage.affine_transform(
        source.voxels,
        matrix[:3, :3],
        matrix[:3, 3],
        output_shape=shape,
        order=order,
        mode="constant",
        cval=OUTSIDE_HU,
        output=np.int16,
    )
    return voxels


def cut_patch(volume: Volume, labels: NDArray[np.uint8], level: Level, side: int) -> Patch:
    """Cuts out the vertebra of a label and scales it so that its square is `side` voxels wide.

    `volume` and `labels` come from `aligned`.

    Raises:
        ValueError: the mask does not hold the label.
    """
    inside = labels == int(level)
    if not inside.any():
        raise ValueError(f"the mask holds no {level}")
    box = _square([_extent(inside.any(axis=(1, 2))), _extent(inside.any(axis=(0, 2)))])
    box.append(_extent(inside.any(axis=(0, 1))))
    voxels, mask = _cut(volume.voxels, box), _cut(inside.astype(np.uint8), box)
    across = side / voxels.shape[0]
    through = across * float(volume.spacing_mm[2] / volume.spacing_mm[0])
    factors = (across, across, through)
    scaled = ndimage.zoom(voxels.astype(np.float32), factors, order=3)
    return Patch(
        np.rint(np.clip(scaled, -32768, 32767)).astype(np.int16), ndimage.zoom(mask, factors, order=0), level
    )


Extent = tuple[int, int]


def _extent(occupied: NDArray[np.bool_]) -> Extent:
    """Returns the first place that is occupied and the one after the last."""
    places = np.flatnonzero(occupied)
    return int(places[0]), int(places[-1]) + 1


def _square(box: list[Extent]) -> list[Extent]:
    """Widens the shorter extent to both sides until both are equal; an odd voxel goes to its beginning."""
    width = max(last - first for first, last in box)
    missing = [width - (last - first) for first, last in box]
    return [
        (first - (lack + 1) // 2, last + lack // 2) for (first, last), lack in zip(box, missing, strict=True)
    ]


def _cut(voxels: NDArray[np.int16] | NDArray[np.uint8], box: list[Extent]) -> NDArray[np.int16]:
    """Cuts a box out; what lies outside the scan is 0."""
    there = tuple(
        slice(max(first, 0), min(last, size)) for (first, last), size in zip(box, voxels.shape, strict=True)
    )
    lacking = [
        (max(-first, 0), max(last - size, 0)) for (first, last), size in zip(box, voxels.shape, strict=True)
    ]
    return np.pad(voxels[there], lacking, constant_values=OUTSIDE_HU)
