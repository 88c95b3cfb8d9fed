"""Trains the stack net on stacks along bent, rolled and scaled lines, with collapsed bodies among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.collapse import Spot, collapsed
from models.localiser.curve import Curve, curve_through, framed
from models.localiser.off_spine import lines_off_spine
from models.localiser.stack_net import SHIFT_MM, StackNet
from models.localiser.straighten import STACK_MM, sagittal_stack
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueBody, TrueCase
from models.localiser.tube_net import normalised
from vfscreen.volume import AIR_HU, Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

ROWS = 192
BEYOND_MM = 45.0
BODY_SIGMA_MM = 4.0
DISC_SIGMA_MM = (2.0, 7.0)
COLLAPSE_SHARE, CUT_SHARE = 0.4, 0.3
SMALLEST_VIEW = 24


@dataclass(frozen=True, slots=True)
class Variety:
    """How hard the drawn views are: how many bodies may collapse together, what share of its height each keeps at
    least, and how many scans end above and below two to five bodies.
    """

    most_bodies: int
    lowest_kept: float
    short_share: float


PLAIN, HARD = Variety(1, 0.45, 0.0), Variety(3, 0.3, 0.35)
"""The net first learns single bodies on plain views: with the hard ones from the start that takes twice as long."""


@dataclass(frozen=True, slots=True)
class StackSample:
    """A straightened variant of a case.

    Shapes: hu (7, rows, 80) float16; inside (rows, 80), where the scan was. `asked` are the rows where truth is known.
    """

    hu: NDArray[np.float16]
    inside: NDArray[np.bool_]
    spots: tuple[Spot, ...]
    asked: tuple[int, int]


def first_sacral_centre(lowest: TrueBody, above: TrueBody) -> Float:
    """Guesses the centre of S1 from L5: along the axis of its lower endplate, tilted further back."""
    if lowest.points_lps_mm is not None:
        front, middle, back = lowest.points_lps_mm[3:]
        backward = (back - front) / np.linalg.norm(back - front)
        side = np.array([1.0, 0.0, 0.0])
        down = np.cross(backward, side)
        down *= np.sign(-down[2]) or 1.0
        tilted = down * np.cos(0.15) + backward * np.sin(0.15)
        return np.asarray((front + middle + back) / 3 + 24.0 * tilted)
    step = lowest.centre_lps_mm - above.centre_lps_mm
    return np.asarray(lowest.centre_lps_mm + 0.95 * step + np.array([0.0, 12.0, 0.0]))


def spine_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[StackSample]:
    """Straightens a case along `count` lines, each bent otherwise."""
    centres = list(truth.centres_lps_mm)
    sacral = truth.reaches_sacrum
    if sacral:
        centres.append(first_sacral_centre(truth.bodies[-1], truth.bodies[-2]))
    gaps = np.linalg.norm(np.diff(np.array(centres), axis=0), axis=1)
    heights = np.concatenate([gaps[:1], (gaps[:-1] + gaps[1:]) / 2, gaps[-1:]])
    samples = []
    for _ in range(count):
        scale = float(np.exp(rng.uniform(-0.28, 0.25)))
        step_mm = STACK_MM * scale
        plain = curve_through(np.array(centres), step_mm, (BEYOND_MM, BEYOND_MM), smooth_mm=rng.uniform(0, 8))
        curve = rolled(bent(plain, rng), rng)
        stack = sagittal_stack(volume, curve, scale)
        spots = []
        for k, centre in enumerate(centres):
            row, left_mm, posterior_mm = curve.coordinates(centre)
            is_sacral = sacral and k == len(centres) - 1
            whole = is_sacral or truth.bodies[k].whole
            spots.append(
                Spot(row, stack.column_of(posterior_mm), left_mm, heights[k] / step_mm, whole, is_sacral)
            )
        first = spots[0].row - 0.5 * spots[0].height
        last = len(curve) if sacral else spots[-1].row + 0.5 * spots[-1].height
        rows = (round(first), round(last))
        samples.append(StackSample(stack.hu.astype(np.float16), stack.inside, tuple(spots), rows))
    return samples


def empty_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[StackSample]:
    """Straightens lines that keep off the spine: nothing is to be found on them."""
    samples = []
    for curve in lines_off_spine(volume, truth, count, STACK_MM, rng):
        stack = sagittal_stack(volume, curve)
        samples.append(StackSample(stack.hu.astype(np.float16), stack.inside, (), (0, len(curve))))
    return samples


def bent(curve: Curve, rng: np.random.Generator) -> Curve:
    """Moves a line sideways and backwards by a smooth random bend of a few mm."""
    rows = len(curve)
    knots = max(3, round(curve.length_mm / 55.0))
    offsets = rng.normal(0, 1, (knots, 2)) * np.array([3.0, 3.5]) + rng.normal(0, 1, (1, 2)) * 2.0
    bend = np.stack(
        [
            ndimage.zoom(offsets[:, k], rows / knots, order=3, mode="nearest", grid_mode=True)[:rows]
            for k in range(2)
        ],
        1,
    )
    points = curve.points[: len(bend)]
    moved = points + bend[:, :1] * curve.left[: len(bend)] + bend[:, 1:] * curve.posterior[: len(bend)]
    return framed(moved, curve.step_mm)


def rolled(curve: Curve, rng: np.random.Generator) -> Curve:
    """Turns the frames of a line about it by a few degrees."""
    angle = np.deg2rad(rng.normal(0, 5))
    left = np.cos(angle) * curve.left + np.sin(angle) * curve.posterior
    return Curve(curve.points, left, np.cross(-curve.down, left), curve.down, curve.step_mm)


def stack_batch(
    samples: list[StackSample], variety: Variety, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draws augmented windows of ROWS rows: (input (b, 7, r, c), targets (b, 4, r, c), weights (b, 4, r, c))."""
    drawn = [_window(sample, variety, rng) for sample in samples]
    x, target, weight = (torch.from_numpy(np.stack([one[k] for one in drawn])) for k in range(3))
    return normalised(x), target, weight


def _window(
    sample: StackSample, variety: Variety, rng: np.random.Generator
) -> tuple[Picture, Picture, Picture]:
    hu = sample.hu.astype(np.float32)
    spots, asked = list(sample.spots), sample.asked
    if rng.random() < COLLAPSE_SHARE:
        hu, spots = collapsed(hu, spots, variety.most_bodies, variety.lowest_kept, rng)
    start = int(rng.integers(min(0, hu.shape[1] - ROWS), max(0, hu.shape[1] - ROWS) + 1))
    window = np.full((hu.shape[0], ROWS, hu.shape[2]), AIR_HU, np.float32)
    low, high = max(start, 0), min(start + ROWS, hu.shape[1])
    window[:, low - start : high - start] = hu[:, low:high]
    inside = np.zeros(window.shape[1:], bool)
    inside[low - start : high - start] = sample.inside[low:high]
    view = (low - start, high - start)
    spots = [replace(spot, row=spot.row - start) for spot in spots]
    if len(spots) > 1 and rng.random() < variety.short_share:
        view = _short(view, spots, rng)
    elif rng.random() < CUT_SHARE:
        cut = int(rng.integers(10, 90))
        view = (max(view[0], cut), view[1]) if rng.random() < 0.5 else (view[0], min(view[1], ROWS - cut))
    window = other_scanner(window, rng, noise_hu=130.0, axes=(1, 2))
    window[:, : view[0]] = AIR_HU
    window[:, view[1] :] = AIR_HU
    if rng.random() < 0.15:  # a tight field of view in front or behind
        column = int(rng.integers(4, 16))
        window[..., :column] = AIR_HU
    target, weight = _targets(spots, (asked[0] - start, asked[1] - start), view)
    weight *= inside
    if rng.random() < 0.5:
        window = window[::-1].copy()
        target[3] *= -1
    return window, target, weight


def _short(view: tuple[int, int], spots: list[Spot], rng: np.random.Generator) -> tuple[int, int]:
    """Ends the scan above and below two to five bodies, anywhere from within the next body to the disc before it."""
    count = min(int(rng.integers(2, 6)), len(spots))
    first = int(rng.integers(0, len(spots) - count + 1))
    upper, lower = spots[first], spots[first + count - 1]
    beyond = rng.uniform(0.35, 1.3, 2)
    top, bottom = round(upper.row - beyond[0] * upper.height), round(lower.row + beyond[1] * lower.height)
    short = (max(view[0], top), min(view[1], bottom))
    return short if short[1] - short[0] > SMALLEST_VIEW else view


def _targets(spots: list[Spot], asked: tuple[int, int], view: tuple[int, int]) -> tuple[Picture, Picture]:
    shape = (ROWS, 80)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    target = np.zeros((4, *shape), np.float32)
    weight = np.zeros((4, *shape), np.float32)
    known = (rows >= max(asked[0], view[0])) & (rows < min(asked[1], view[1]))
    weight[:3] = known
    for spot in spots:
        away = ((rows - spot.row) ** 2 + (columns - spot.column) ** 2) / (BODY_SIGMA_MM / STACK_MM) ** 2
        heat = np.exp(-0.5 * away)
        channel = 2 if spot.sacral else 0
        if spot.whole and spot.row - 0.42 * spot.height > view[0] and spot.row + 0.42 * spot.height < view[1]:
            target[channel] = np.maximum(target[channel], heat)
            target[3] = np.where(heat > 0.3, np.float32(spot.left_mm / SHIFT_MM), target[3])
            weight[3] = np.maximum(weight[3], (heat > 0.3) & known)
        else:  # cut by the view: neither a body nor none
            weight[channel][np.abs(rows - spot.row) < 0.6 * spot.height] = 0.0
    for above, below in pairwise(spots):
        row, column = (above.row + below.row) / 2, (above.column + below.column) / 2
        sigma_row, sigma_column = DISC_SIGMA_MM[0] / STACK_MM, DISC_SIGMA_MM[1] / STACK_MM
        heat = np.exp(-0.5 * (((rows - row) / sigma_row) ** 2 + ((columns - column) / sigma_column) ** 2))
        target[1] = np.maximum(target[1], heat)
    return target, weight


def stack_loss(net: StackNet, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the three heat maps, smooth L1 of the shift, where something is asked."""
    x, target, weight = batch
    maps = in_bfloat16(net, x)
    entropy = functional.binary_cross_entropy_with_logits(maps[:, :3], target[:, :3], reduction="none")
    balanced = weight[:, :3] * (1.0 + 12.0 * target[:, :3])
    shift = functional.smooth_l1_loss(maps[:, 3], target[:, 3], reduction="none") * weight[:, 3]
    return (balanced * entropy).sum() / balanced.sum().clamp(min=1.0) + 0.3 * shift.sum() / weight[
        :, 3
    ].sum().clamp(min=1.0)
