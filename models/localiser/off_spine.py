"""Lines through tissue and bone that are no spine: what the nets must learn to leave alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from models.localiser.curve import Curve, curve_through
from models.localiser.truth import TrueCase
from vfscreen.volume import Volume, resample, sample

Float = NDArray[np.float64]

KEPT_OFF_MM = np.array([42.0, 78.0, 42.0])
"""How far from the line of the spine these lines keep: to the side, in front or behind (where the pictures reach
further), and above or below."""
UNKNOWN_MM = 90.0
"""How far past the last known body the spine is taken to go on."""
SHORTEST_MM = 80.0
BONE_SHARE = 0.7
"""How many lines run through bone: hips, sacroiliac joints, ribs, shoulders. The others run anywhere in the body."""
BONE_HU, TISSUE_HU = 180, -300
STEP_MM = 6.0
TRIES_A_LINE = 25


def lines_off_spine(
    volume: Volume, truth: TrueCase, count: int, step_mm: float, rng: np.random.Generator
) -> Iterator[Curve]:
    """Draws up to `count` lines that keep off the spine, most of them through bone; fewer where there is no room."""
    grid = resample(volume, STEP_MM)
    line_of_spine = curve_through(truth.centres_lps_mm, 5.0, (UNKNOWN_MM, UNKNOWN_MM))
    spine = cKDTree(line_of_spine.points / KEPT_OFF_MM)
    bone, tissue = (_places(grid, spine, hu) for hu in (BONE_HU, TISSUE_HU))
    drawn = 0
    for _ in range(count * TRIES_A_LINE):
        pool = bone if len(bone) and rng.random() < BONE_SHARE else tissue
        if drawn == count or not len(pool):
            return
        line = _line(grid, pool[int(rng.integers(len(pool)))], step_mm, rng)
        if line is None or spine.query(line.points / KEPT_OFF_MM)[0].min() < 1.0:
            continue
        if np.mean(sample(grid, line.points) > TISSUE_HU) > 0.5:
            drawn += 1
            yield line


def _places(grid: Volume, spine: cKDTree, above_hu: int) -> Float:
    """Where the grid is brighter than this and far from the spine; (n, 3) LPS mm."""
    places = grid.lps_of(np.argwhere(grid.voxels > above_hu).astype(float))
    return np.asarray(places[spine.query(places / KEPT_OFF_MM)[0] > 1.1]) if len(places) else places


def _line(grid: Volume, middle: Float, step_mm: float, rng: np.random.Generator) -> Curve | None:
    """A slightly bent line through a place, downwards and a little aside, cut to the view."""
    low, high = grid.bounds_lps_mm()
    aside = rng.normal(0, 25, 2)
    half = np.array([aside[0], aside[1], rng.uniform(60, 120)])
    bow = np.array([*rng.normal(0, 10, 2), 0.0])
    ends = np.clip(np.stack([middle + half, middle + bow, middle - half]), low, high)
    if ends[0, 2] - ends[2, 2] < SHORTEST_MM or not ends[0, 2] > ends[1, 2] > ends[2, 2]:
        return None
    return curve_through(ends, step_mm, smooth_mm=10.0)
