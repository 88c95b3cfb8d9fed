"""What may be said of a body's measurement: whether it is whole, how uncertain its heights are, what is doubtful."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.endplates import Outlines
from vfscreen.volume import Volume, anatomical_axes

Float = NDArray[np.float64]

UNRELIABLE = "measurement unreliable"
ENDPLATE_UNCLEAR = "endplate unclear"
PASSES_DIFFER = "points differ between two measurements"
UNLIKE_NEIGHBOURS = "heights differ from neighbours"
CORNER_AT_EDGE = "corner at the edge of the view"

DISC_MM, CORNER_MM, NEAR_EDGE_MM = 2.5, 1.0, 8.0
CUT_SHARE, LOST_MM = 0.7, 6.0
UNCLEAR_MM = 3.0
DIFFER_MM = 1.5
NEIGHBOUR_SHARE = 0.22
LOWEST_NOISE_HU, LOWEST_FALL_HU, FURTHEST_LEVEL_MM = 5.0, 5.0, 4.0
PLAIN_MM, BY_CLARITY, BY_APART = 1.57, 0.173, 0.064
UNRELIABLE_SHARE = 0.1
"""Heights that are uncertain by more than this share of themselves cannot tell a mild fracture from none."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How uncertain one height of a body is: half the 95 % interval, mm, and the flags in words."""

    uncertainty_mm: float
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for an uncertain height: the fall from endplate to disc at the body's least clear point, in multiples
    of the noise, and how far the half level lies at most from where the net sees the point. Units: mm; none of clarity.
    """

    clarity: float
    apart_mm: float


def three_heights(points: Float) -> Float:
    """Anterior, middle and posterior height; (..., 6, 3) -> (..., 3) mm."""
    return np.asarray(np.linalg.norm(points[..., :3, :] - points[..., 3:, :], axis=-1))


def slice_distance_mm(volume: Volume) -> float:
    """Distance of the voxels along the patient's long axis, mm."""
    return float(volume.spacing_mm[anatomical_axes(volume.affine)[0][2]])


def cut_by_view(outlines: Outlines, slice_mm: float) -> NDArray[np.bool_]:
    """Says of each body whether the edge of the view cuts it, or comes too near to measure it.

    Beyond the middle of an endplate the disc must be seen, and at least one slice of it; one corner may lie at the
    edge, two of an endplate may not.
    Near the edge a body that is much lower than its neighbour, or whose points the net cannot place, is cut.
    """
    margin = outlines.margin_mm.reshape(-1, 2, 3)
    cut = (margin[..., 1] < max(DISC_MM, slice_mm)) | (margin[..., ::2] < CORNER_MM).all(-1)
    heights = three_heights(outlines.points).mean(1)
    nearest = np.concatenate([heights[1:2], np.maximum(heights[:-2], heights[2:]), heights[-2:-1]])
    low = heights < CUT_SHARE * nearest if len(heights) > 2 else np.zeros(len(heights), bool)
    lost = outlines.spread_mm.max(1) > LOST_MM
    at_edge = (margin < NEAR_EDGE_MM).any((1, 2))
    return np.asarray(cut.any(1) | (at_edge & (low | lost)))


def doubts_of(outlines: Outlines, cut: NDArray[np.bool_]) -> list[Doubt]:
    """Judges each body's measurement; those that the view cuts are no neighbours to compare with."""
    heights, earlier = three_heights(outlines.points), three_heights(outlines.earlier)
    mean = heights.mean(1)
    doubts = []
    for k in range(len(heights)):
        near = [mean[j] for j in (k - 1, k + 1) if 0 <= j < len(mean) and not cut[j]]
        uncertain_mm = uncertainty_mm(signs_of(outlines, k))
        flags = []
        if uncertain_mm > UNRELIABLE_SHARE * mean[k]:
            flags.append(UNRELIABLE)
        if outlines.spread_mm[k].max() > UNCLEAR_MM:
            flags.append(ENDPLATE_UNCLEAR)
        if np.abs(heights[k] - earlier[k]).max() > DIFFER_MM:
            flags.append(PASSES_DIFFER)
        if near and abs(mean[k] / np.mean(near) - 1.0) > NEIGHBOUR_SHARE:
            flags.append(UNLIKE_NEIGHBOURS)
        if (outlines.margin_mm[k] < CORNER_MM).any():
            flags.append(CORNER_AT_EDGE)
        doubts.append(Doubt(uncertain_mm, tuple(flags)))
    return doubts


def signs_of(outlines: Outlines, body: int) -> Signs:
    """Reads the signs of one body."""
    noise_hu = max(float(outlines.noise_hu[body]), LOWEST_NOISE_HU)
    clarity = max(float(outlines.fall_hu[body].min()), LOWEST_FALL_HU) / noise_hu
    return Signs(clarity, min(float(np.abs(outlines.level_mm[body]).max()), FURTHEST_LEVEL_MM))


def uncertainty_mm(signs: Signs) -> float:
    """Half the 95 % interval of one height, mm; its constants were fitted on patients left out."""
    return float(PLAIN_MM * signs.clarity**-BY_CLARITY * np.exp(BY_APART * signs.apart_mm))
