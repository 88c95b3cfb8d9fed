"""From peaks to the chain of bodies: the best sequence by second-order dynamic programming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

LOWEST_PEAK = 0.10
PEAK_REACH_MM = (5.5, 9.0)
SMALLEST_SPACING_MM = 9.0
LARGEST_SPACING_MM = 52.0

BODY_COST = 0.27
"""What a peak must score to be worth having: a lone weak peak costs more than it brings."""
DISC_GAIN = 0.35
UNEVEN_COST = 0.9
UNEVEN_SLACK = 0.12
BEND_COST = 0.8
BEND_SLACK = 0.25
"""Radians; L4, L5 and S1 do not lie in line."""
GAP_COST = 0.75
HIGH_DISC, FEWEST_DISCS = 1.4, 4
"""A disc this many times as high as the median of the spine may hide a body; told from this many discs on."""
DISC_REACH = 6
"""How many columns beside the way from body to body a disc is looked for."""


@dataclass(frozen=True, slots=True)
class Peak:
    """A place that looks like a body's centre. Units: pixels of the stack; score 0..1."""

    row: float
    column: float
    score: float


@dataclass(frozen=True, slots=True)
class Link:
    """A member of the chain, `steps` bodies further down than the one before (2: one is missing)."""

    peak: Peak
    steps: int


def peaks_of(body: Picture, step_mm: float) -> list[Peak]:
    """Finds the local maxima of the body map, from the top down, to a fraction of a pixel."""
    size = [2 * round(reach / step_mm) + 1 for reach in PEAK_REACH_MM]
    top = (ndimage.maximum_filter(body, size) == body) & (body > LOWEST_PEAK)
    peaks = []
    for row, column in np.argwhere(top):
        low_row, low_column = max(row - 2, 0), max(column - 2, 0)
        window = body[low_row : row + 3, low_column : column + 3].astype(float) ** 2
        total = window.sum()
        at_row = low_row + float((window.sum(1) * np.arange(window.shape[0])).sum() / total)
        at_column = low_column + float((window.sum(0) * np.arange(window.shape[1])).sum() / total)
        peaks.append(Peak(at_row, at_column, float(body[row, column])))
    return sorted(peaks, key=lambda peak: peak.row)


@dataclass(frozen=True, slots=True)
class Chain:
    """Members from the top down, and what the sequence is worth: their scores less their costs."""

    links: tuple[Link, ...] = ()
    worth: float = 0.0


def best_chain(peaks: list[Peak], disc: Picture, step_mm: float) -> Chain:
    """Chooses the sequence of peaks that scores best: sure bodies, discs between, even spacing, no sharp bend.

    A state is a pair of neighbouring members; one body may be missing between two (at a price).
    """
    if not peaks:
        return Chain()
    pairs = _pairs(peaks, disc, step_mm)
    by_second: dict[int, list[int]] = {}
    for k, pair in enumerate(pairs):
        by_second.setdefault(pair.second, []).append(k)
    best = np.zeros(len(pairs))
    before = np.full(len(pairs), -1)
    for k, pair in enumerate(pairs):  # sorted by the upper member, so every predecessor is done
        best[k] = peaks[pair.first].score + peaks[pair.second].score - 2 * BODY_COST + pair.gain
        for earlier in by_second.get(pair.first, []):
            gain = (
                best[earlier]
                + peaks[pair.second].score
                - BODY_COST
                + pair.gain
                - _turn_cost(pairs[earlier], pair)
            )
            if gain > best[k]:
                best[k], before[k] = gain, earlier
    lone = int(np.argmax([peak.score for peak in peaks]))
    if not pairs or best.max() < peaks[lone].score - BODY_COST:
        return Chain((Link(peaks[lone], 1),), peaks[lone].score - BODY_COST)
    at = int(best.argmax())
    worth = float(best[at])
    chain = [Link(peaks[pairs[at].second], pairs[at].steps)]
    while before[at] >= 0:
        chain.append(Link(peaks[pairs[at].first], pairs[int(before[at])].steps))
        at = int(before[at])
    chain.append(Link(peaks[pairs[at].first], 1))
    return Chain(tuple(chain[::-1]), worth)


@dataclass(frozen=True, slots=True)
class _Pair:
    first: int
    second: int
    steps: int
    away_mm: Float
    gain: float

    @property
    def spacing_mm(self) -> float:
        return float(np.hypot(*self.away_mm)) / self.steps


def _pairs(peaks: list[Peak], disc: Picture, step_mm: float) -> list[_Pair]:
    pairs = []
    for i, upper in enumerate(peaks):
        for j in range(i + 1, len(peaks)):
            lower = peaks[j]
            away = np.array([lower.row - upper.row, lower.column - upper.column]) * step_mm
            if abs(away[1]) > 0.8 * away[0]:
                continue
            for steps in (1, 2):
                spacing = float(np.hypot(*away)) / steps
                if SMALLEST_SPACING_MM < spacing < LARGEST_SPACING_MM:
                    gain = DISC_GAIN * (_disc_between(upper, lower, disc) - 0.4) if steps == 1 else -GAP_COST
                    pairs.append(_Pair(i, j, steps, away, gain))
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _disc_between(upper: Peak, lower: Peak, disc: Picture) -> float:
    """The strongest sign of a disc in the middle half of the way from one peak to the next."""
    share = np.linspace(0.25, 0.75, 9)
    rows = np.round(upper.row + share * (lower.row - upper.row)).astype(int)
    columns = np.round(upper.column + share * (lower.column - upper.column)).astype(int)
    rows, columns = rows.clip(0, disc.shape[0] - 1), columns.clip(0, disc.shape[1] - 1)
    return float(disc[rows, columns].max())


def disc_extent(upper: Peak, lower: Peak, disc: Picture) -> float:
    """How much of the way from one peak to the next is disc, in rows of the stack."""
    rows = np.arange(round(upper.row), round(lower.row) + 1).clip(0, disc.shape[0] - 1)
    middle = np.interp(rows, (upper.row, lower.row), (upper.column, lower.column)).round().astype(int)
    near = (middle[:, None] + np.arange(-DISC_REACH, DISC_REACH + 1)).clip(0, disc.shape[1] - 1)
    return float(disc[rows[:, None], near].max(1).sum())


def too_high(discs: Float) -> NDArray[np.bool_]:
    """Says of each disc of a spine, by its extent, whether it is so high that a broken body may hide in it."""
    if len(discs) < FEWEST_DISCS:
        return np.zeros(len(discs), bool)
    return np.asarray(discs > HIGH_DISC * np.median(discs))


def _turn_cost(upper: _Pair, lower: _Pair) -> float:
    uneven = abs(np.log(lower.spacing_mm / upper.spacing_mm))
    angle = abs(np.arctan2(*upper.away_mm[::-1]) - np.arctan2(*lower.away_mm[::-1]))
    return float(UNEVEN_COST * max(uneven - UNEVEN_SLACK, 0.0) + BEND_COST * max(angle - BEND_SLACK, 0.0))
