"""Stored numbers to Hounsfield units as int16, a slab at a time, so that no float copy of a CT ever exists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfscreen.volume import AIR_HU

HIGHEST_HU = int(np.iinfo(np.int16).max)
MOST_VOXELS = 1 << 31  # 1024 x 1024 x 2048
_LARGE = 1 << 20  # far beyond any true intercept, and safe in 32 bits

Convert = Callable[[Iterable[NDArray[Any]], tuple[int, ...], float, float], NDArray[np.int16]]
"""Makes voxels of stored numbers: (slabs along the first axis, shape, slope, intercept) -> int16 of that shape."""


def room_for(shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Returns an array to be filled.

    Raises:
        ValueError: the shape is that of no CT: a damaged header, which would ask for more memory than there is.
    """
    if math.prod(shape) > MOST_VOXELS:
        raise ValueError(f"its header announces {' x '.join(map(str, shape))} voxels")
    return np.empty(shape, np.int16)


def hounsfield_slab(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[np.int16]:
    """Rescales stored numbers to int16 Hounsfield units of the same shape.

    Whatever is lower than air (scanners pad the corners of the picture with -2000 or -3024) reads as air, and so
    does what is no number at all.
    """
    small = stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2 and abs(intercept) < _LARGE
    if small and slope == 1.0 and float(intercept).is_integer():
        values = stored.astype(np.int32) + int(intercept)
    else:
        scaled = stored.astype(np.float64) * slope + intercept
        values = np.rint(np.nan_to_num(scaled, nan=AIR_HU, posinf=HIGHEST_HU, neginf=AIR_HU))
    return np.clip(values, AIR_HU, HIGHEST_HU).astype(np.int16)


def to_hounsfield(
    slabs: Iterable[NDArray[Any]], shape: tuple[int, ...], slope: float, intercept: float
) -> NDArray[np.int16]:
    """Rescales a volume that arrives as slabs along its first axis; returns C-contiguous int16 of `shape`."""
    voxels = room_for(shape)
    for slab, target in zip(slabs, voxels, strict=True):
        target[...] = hounsfield_slab(slab, slope, intercept)
    return voxels
