"""Moves points of an endplate along the body's axis towards the half level between bone and disc, on the CT itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from vfscreen.frames import Frames
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
FURTHEST_MM = 1.5
"""A half level further away than this belongs to something else."""
CLEAR_HU = 60.0
"""From which fall on the half level is trusted in full."""
MARGIN_MM = np.arange(0.0, 10.25, 0.25)
"""How far beyond a point it is looked for the edge of the view."""
DISC_SEEN_MM = 4.5
"""The scan must go on this far beyond a point, else air passes for the disc and the half level means nothing."""


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


@dataclass(frozen=True, slots=True)
class Moved:
    """Points after their move towards the half level.

    Shapes: points (n, 6, 3) LPS mm; fall_hu (n, 6), from endplate to disc; level_mm (n, 6), how far outwards of the
    point that was given the half level lies; margin_mm (n, 6), how far the scan goes on beyond that point, up to 10;
    trust (n, 6), how much the half level counted, 0 to 1.
    """

    points: Float
    fall_hu: Float
    level_mm: Float
    margin_mm: Float
    trust: Float


def towards_half_level(volume: Volume, frames: Frames, points: Float, share: float) -> Moved:
    """Moves points (n, 6, 3) a share of the way to the half level on the CT where that is near, clear and not at the
    edge of the view.
    """
    outward = np.repeat([1.0, -1.0], 3)[None, :, None] * frames.superior[:, None]
    levels = half_levels(volume, frames, points)
    margin = _margins(volume, points, outward)
    near = (np.abs(levels.offset_mm) <= FURTHEST_MM) & (margin >= DISC_SEEN_MM)
    trust = np.clip(levels.fall_hu / CLEAR_HU, 0, 1) * near
    moved = points + (share * trust * levels.offset_mm)[..., None] * outward
    return Moved(moved, levels.fall_hu, levels.offset_mm, margin, trust)


def _margins(volume: Volume, points: Float, outward: Float) -> Float:
    """How far the scan goes on beyond each point along the body's axis, mm; (n, 6)."""
    inside = volume.contains(points[:, :, None] + MARGIN_MM[:, None] * outward[:, :, None])
    return np.asarray(np.where(inside.all(2), MARGIN_MM[-1], MARGIN_MM[np.argmin(inside, 2)]))
