"""What may be said of a body's measurement: whether it is whole, how uncertain its heights are, what is doubtful."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.endplates import Outlines
from vfscreen.genant import three_heights
from vfscreen.view_edge import cut_by_view, flags_of_shape

Float = NDArray[np.float64]

UNRELIABLE = "measurement unreliable"
ENDPLATE_UNCLEAR = "endplate unclear"
PASSES_DIFFER = "points differ between two measurements"

LOST_MM = 6.0
UNCLEAR_MM = 3.0
DIFFER_MM = 1.5
LOWEST_NOISE_HU, LOWEST_FALL_HU, FURTHEST_LEVEL_MM = 5.0, 5.0, 4.0
PLAIN_MM, BY_CLARITY, BY_APART = 1.40, 0.143, 0.153
UNRELIABLE_SHARE = 0.085
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


def cut_bodies(outlines: Outlines, slice_mm: float) -> NDArray[np.bool_]:
    """Says of each body whether the edge of the view cuts it; near the edge also those whose points the net lost."""
    lost = np.asarray(outlines.spread_mm.max(1) > LOST_MM)
    return cut_by_view(outlines.points, outlines.margin_mm, slice_mm, lost)


def doubts_of(outlines: Outlines, cut: NDArray[np.bool_]) -> list[Doubt]:
    """Judges each body's measurement; those that the view cuts are no neighbours to compare with."""
    heights, earlier = three_heights(outlines.points), three_heights(outlines.earlier)
    mean = heights.mean(1)
    of_shape = flags_of_shape(outlines.points, outlines.margin_mm, cut)
    doubts = []
    for k in range(len(heights)):
        uncertain_mm = uncertainty_mm(signs_of(outlines, k))
        flags = []
        if uncertain_mm > UNRELIABLE_SHARE * mean[k]:
            flags.append(UNRELIABLE)
        if outlines.spread_mm[k].max() > UNCLEAR_MM:
            flags.append(ENDPLATE_UNCLEAR)
        if np.abs(heights[k] - earlier[k]).max() > DIFFER_MM:
            flags.append(PASSES_DIFFER)
        doubts.append(Doubt(uncertain_mm, (*flags, *of_shape[k])))
    return doubts


def signs_of(outlines: Outlines, body: int) -> Signs:
    """Reads the signs of one body."""
    noise_hu = max(float(outlines.noise_hu[body]), LOWEST_NOISE_HU)
    clarity = max(float(outlines.fall_hu[body].min()), LOWEST_FALL_HU) / noise_hu
    return Signs(clarity, min(float(np.abs(outlines.level_mm[body]).max()), FURTHEST_LEVEL_MM))


def uncertainty_mm(signs: Signs) -> float:
    """Half the 95 % interval of one height, mm; its constants are those of `benchmarks/localiser_uncertainty.py`."""
    return float(PLAIN_MM * signs.clarity**-BY_CLARITY * np.exp(BY_APART * signs.apart_mm))
