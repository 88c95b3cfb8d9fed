"""The six points of every body: placed by the net in two passes, then moved towards the half level on the CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.frames import Frames, frames_of, realigned
from models.localiser.half_level import half_levels
from models.localiser.points_net import PointsNet, place_points
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]

HALF_LEVEL_SHARE = 0.6
"""How much of the way to the half level a point goes; on patients left out neither 0 nor 1 was better."""
FURTHEST_MM = 1.5
"""A half level further away than this belongs to something else."""
CLEAR_HU = 60.0
"""From which fall on the half level is trusted in full."""
MARGIN_MM = np.arange(0.0, 10.25, 0.25)
"""How far beyond a point it is looked for the edge of the view."""
DISC_SEEN_MM = 4.5
"""The scan must go on this far beyond a point, else air passes for the disc and the half level means nothing."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """Six points of each body and how sure they are.

    Shapes: points (n, 6, 3) LPS mm in the order of `POINT_NAMES`; earlier, those of the first pass; spread_mm (n, 6),
    how wide the net's belief is along the body's axis; fall_hu (n, 6), from endplate to disc; level_mm (n, 6), how far
    outwards of where the point was first seen the half level lies; noise_hu (n,); margin_mm (n, 6), how far the scan
    goes on beyond the point, up to 10; frames, in which the points were placed.
    """

    points: Float
    earlier: Float
    spread_mm: Float
    fall_hu: Float
    level_mm: Float
    noise_hu: Float
    margin_mm: Float
    frames: Frames


def find_points(net: PointsNet, volume: Volume, centres: Float) -> Outlines:
    """Places the points in frames laid through the centres (n, 3), then again in frames turned to those points."""
    first = place_points(net, volume, frames_of(centres))
    frames = realigned(frames_of(centres), first.points)
    second = place_points(net, volume, frames)
    moved = towards_half_level(volume, frames, second.points)
    return Outlines(
        moved.points,
        first.points,
        second.spread_mm,
        moved.fall_hu,
        moved.level_mm,
        _noise(volume, frames),
        moved.margin_mm,
        frames,
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """Points after their move towards the half level, as in `Outlines`; `trust` (n, 6) is how much it counted."""

    points: Float
    fall_hu: Float
    level_mm: Float
    margin_mm: Float
    trust: Float


def towards_half_level(volume: Volume, frames: Frames, points: Float) -> Moved:
    """Moves points (n, 6, 3) towards the half level on the CT where that is near, clear and not at the edge."""
    outward = np.repeat([1.0, -1.0], 3)[None, :, None] * frames.superior[:, None]
    levels = half_levels(volume, frames, points)
    margin = _margins(volume, points, outward)
    near = (np.abs(levels.offset_mm) <= FURTHEST_MM) & (margin >= DISC_SEEN_MM)
    trust = np.clip(levels.fall_hu / CLEAR_HU, 0, 1) * near
    moved = points + (HALF_LEVEL_SHARE * trust * levels.offset_mm)[..., None] * outward
    return Moved(moved, levels.fall_hu, levels.offset_mm, margin, trust)


def _margins(volume: Volume, points: Float, outward: Float) -> Float:
    """How far the scan goes on beyond each point along the body's axis, mm; (n, 6)."""
    inside = volume.contains(points[:, :, None] + MARGIN_MM[:, None] * outward[:, :, None])
    return np.asarray(np.where(inside.all(2), MARGIN_MM[-1], MARGIN_MM[np.argmin(inside, 2)]))


def _noise(volume: Volume, frames: Frames) -> Float:
    """The spread of neighbouring values 3 mm apart inside each body, HU; (n,)."""
    steps = np.arange(-4, 5) * 1.5
    up = steps[:, None, None] * frames.superior[:, None, None]
    back = steps[None, :, None] * frames.posterior[:, None, None]
    hu = sample(volume, frames.origins[:, None, None] + up + back)
    return np.asarray(1.05 * np.median(np.abs(np.diff(hu[:, :, ::2], axis=2)), axis=(1, 2)), float)
