"""Moves points of an endplate along the body's axis towards the half level between bone and disc, on the CT itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.localiser.frames import Frames
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]

STEP_MM = 0.25
REACH_MM = 6.0
ACROSS_MM = (-1.5, -0.75, 0.0, 0.75, 1.5)
ASIDE_MM = (-2.0, 0.0, 2.0)
INSIDE_MM = (1.5, 0.0, -1.5)
"""Anterior and posterior points are read this far inside the wall, so that a lip does not move them."""
PEAK_MM = (-3.0, 1.25)
"""Where the endplate's peak may lie, outwards from the point."""
TROUGH_MM = 4.5
"""How far beyond its peak the disc's trough is looked for."""
PLATEAU_SHARE = 0.1
"""What lies within this share of the full fall below the peak counts as the peak."""
SMOOTH_MM = 0.6


@dataclass(frozen=True, slots=True)
class HalfLevels:
    """What the CT says round each point. Shapes: (n, 6). `offset_mm` is outwards; `fall_hu` from peak to trough."""

    offset_mm: Float
    fall_hu: Float


def half_levels(volume: Volume, frames: Frames, points: Float) -> HalfLevels:
    """Finds the half level next to each point; points (n, 6, 3) in the order of `POINT_NAMES`."""
    outward_mm = np.arange(-REACH_MM, REACH_MM + 1e-9, STEP_MM)
    sign = np.repeat([1.0, -1.0], 3)
    inside = np.tile(INSIDE_MM, 2)
    up = (
        frames.superior[:, None, None, None, None]
        * (sign[:, None] * outward_mm)[None, :, None, None, :, None]
    )
    back = (
        frames.posterior[:, None, None, None, None]
        * (inside[:, None] + np.array(ACROSS_MM))[None, :, :, None, None, None]
    )
    left = frames.left[:, None, None, None, None] * np.array(ASIDE_MM)[None, None, None, :, None, None]
    hu = sample(volume, points[:, :, None, None, None] + up + back + left).mean((2, 3))  # n, 6, t
    return _crossings(
        np.asarray(ndimage.gaussian_filter1d(hu, SMOOTH_MM / STEP_MM, axis=2), float), outward_mm
    )


def _crossings(profile: Float, outward_mm: Float) -> HalfLevels:
    """The first crossing of the half level outwards of the peak; (n, 6, t) -> (n, 6)."""
    may_peak = (outward_mm >= PEAK_MM[0]) & (outward_mm <= PEAK_MM[1])
    candidates = np.where(may_peak, profile, -np.inf)
    peak = candidates.max(2)
    high = candidates >= (peak - PLATEAU_SHARE * (peak - profile.min(2)))[..., None]
    peak_at = (
        high.shape[2] - 1 - high[..., ::-1].argmax(2)
    )  # the outermost: blurred bone has no ridge, but a plateau
    every = np.arange(profile.shape[2])
    beyond = every >= peak_at[..., None]
    near = beyond & (every <= peak_at[..., None] + round(TROUGH_MM / STEP_MM))
    trough = np.where(near, profile, np.inf).min(2)
    half = (peak + trough) / 2
    crossing = (near & (profile <= half[..., None])).argmax(2)
    upper = np.take_along_axis(profile, np.maximum(crossing - 1, 0)[..., None], 2)[..., 0]
    lower = np.take_along_axis(profile, crossing[..., None], 2)[..., 0]
    share = np.clip((upper - half) / np.maximum(upper - lower, 1e-3), 0, 1)
    return HalfLevels(outward_mm[0] + (crossing - 1 + share) * STEP_MM, peak - trough)
