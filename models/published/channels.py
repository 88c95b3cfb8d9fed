"""The network's three channels: soft tissue, bone, and the mask whose brightness tells the level.

Source: wxwxwwxxx/VertebralFractureGrading, train/dataset.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.published.patches import Patch
from vfscreen.anatomy import Level

Floats = NDArray[np.float32]

SOFT_TISSUE_HU = (-60.0, 140.0)
"""Window 200 at level 40."""

BONE_HU = (-350.0, 1150.0)
"""Window 1500 at level 400."""

HIGHEST_LABEL = 28


def channels_of(patch: Patch) -> Floats:
    """Windows a patch. Shapes: returns (3, x, y, z), 0 to 1; the third is the mask, 0 or 1."""
    voxels = patch.voxels.astype(np.float32)
    return np.stack(
        [_windowed(voxels, SOFT_TISSUE_HU), _windowed(voxels, BONE_HU), patch.mask.astype(np.float32)]
    )


def _windowed(voxels: Floats, window_hu: tuple[float, float]) -> Floats:
    low, high = window_hu
    shares: Floats = (np.clip(voxels, low, high) - low) / (high - low)
    return shares.astype(np.float32)


def fitted(channels: Floats, side: int, starts: tuple[int, int, int] | None = None) -> Floats:
    """Crops what is longer than `side` and pads what is shorter with zeros, centred or from `starts`.

    A start counts what is cut off in front, or padded in front. Shapes: (3, x, y, z) to (3, side, side, side).
    """
    places = starts or tuple(abs(length - side) // 2 for length in channels.shape[1:])
    for axis, (length, start) in enumerate(zip(channels.shape[1:], places, strict=True), 1):
        if length >= side:
            channels = channels.take(range(start, start + side), axis)
        else:
            widths = [(0, 0)] * 4
            widths[axis] = (start, side - length - start)
            channels = np.pad(channels, widths)
    return channels


def as_input(channels: Floats, level: Level) -> Floats:
    """Writes the level into the mask's brightness and puts z first. Shapes: (3, x, y, z) to (3, z, x, y)."""
    bright = channels.copy()
    bright[2] *= int(level) / HIGHEST_LABEL
    return np.ascontiguousarray(bright.transpose(0, 3, 1, 2))


def plain_view(patch: Patch, side: int) -> Floats:
    """Returns the view for testing: padded or cropped to the middle. Shapes: (3, side, side, side)."""
    return as_input(fitted(channels_of(patch), side), patch.level)
