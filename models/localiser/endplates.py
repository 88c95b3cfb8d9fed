"""The six points of every body: placed by the net in two passes, then moved towards the half level on the CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.points_net import PointsNet, place_points
from vfscreen.frames import Frames, frames_of, realigned
from vfscreen.half_level import towards_half_level
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]

HALF_LEVEL_SHARE = 0.3
"""How much of the way to the half level a point goes. On patients left out 0.2 to 0.6 are as good; where a broken body
has drawn its disc out, the half level lies outside of the endplate."""


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
    moved = towards_half_level(volume, frames, second.points, HALF_LEVEL_SHARE)
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


def _noise(volume: Volume, frames: Frames) -> Float:
    """The spread of neighbouring values 3 mm apart inside each body, HU; (n,)."""
    steps = np.arange(-4, 5) * 1.5
    up = steps[:, None, None] * frames.superior[:, None, None]
    back = steps[None, :, None] * frames.posterior[:, None, None]
    hu = sample(volume, frames.origins[:, None, None] + up + back)
    return np.asarray(1.05 * np.median(np.abs(np.diff(hu[:, :, ::2], axis=2)), axis=(1, 2)), float)
