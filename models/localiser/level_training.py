"""Trains the level net on strips along bent and scaled lines, cut to parts of the spine and to narrow views.

A body is named by what it looks like and not by its number: in some strips one body is doubled or taken out, so that
counting does not help, and who has thirteen thoracic vertebrae or six lumbar ones can be told by `naming`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.curve import curve_through
from models.localiser.level_net import CERVICAL, CLASSES, ELSEWHERE, ROW_MULTIPLE, SACRAL, LevelNet
from models.localiser.off_spine import lines_off_spine
from models.localiser.stack_training import bent, first_sacral_centre, rolled
from models.localiser.straighten import STRIP_COLUMNS, STRIP_MM, coronal_strip
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueCase
from models.localiser.tube_net import normalised
from vfscreen.anatomy import USUAL, Level
from vfscreen.volume import AIR_HU, Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

ROWS = 160
BEYOND_MM = 60.0
BODY_SHARE = 0.38
"""Rows within this share of the spacing from a centre carry the body's name."""
ANOTHER_COUNT_SHARE = 0.4
"""Of how many strips one body is doubled or taken out."""
SHORT_SHARE = 0.4
"""How many strips show two to five bodies only."""
NARROW_SHARE = 0.5
MOST_LOST_COLUMNS = 25
SHALLOW_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class StripSample:
    """A strip variant of a case.

    Shapes: hu (7, rows, 64) float16; names (rows,): class, or -1 where nothing is asked; centres (n,), the rows of
    the bodies from the head down, none where no spine is.
    """

    hu: NDArray[np.float16]
    names: NDArray[np.int64]
    centres: Float


def strip_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[StripSample]:
    """Straightens a case along `count` lines, each bent and scaled otherwise."""
    bodies = truth.bodies
    centres = [body.centre_lps_mm for body in bodies]
    classes = [_look(body.level) for body in bodies]
    if truth.reaches_sacrum:
        centres.append(first_sacral_centre(bodies[-1], bodies[-2]))
        classes.append(SACRAL)
    samples = []
    for _ in range(count):
        scale = float(np.exp(rng.uniform(-0.2, 0.2)))
        step_mm = STRIP_MM * scale
        plain = curve_through(np.array(centres), step_mm, (BEYOND_MM, BEYOND_MM), smooth_mm=rng.uniform(0, 8))
        curve = rolled(bent(plain, rng), rng)
        rows = np.array([curve.coordinates(centre)[0] for centre in centres])
        names = _names(rows, classes, len(curve))
        hu = coronal_strip(volume, curve, scale)
        low, high = volume.bounds_lps_mm()
        seen = np.all((curve.points >= low) & (curve.points <= high), axis=1)
        names[~seen] = -1
        samples.append(StripSample(hu.astype(np.float16), names, rows))
    return samples


def strips_elsewhere(
    volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator
) -> list[StripSample]:
    """Straightens lines that keep off the spine."""
    samples = []
    for curve in lines_off_spine(volume, truth, count, STRIP_MM, rng):
        hu = coronal_strip(volume, curve)
        names = np.full(len(curve), ELSEWHERE, np.int64)
        samples.append(StripSample(hu.astype(np.float16), names, np.zeros(0)))
    return samples


def _look(level: Level) -> int:
    """The class that a body of this level looks like: T13 like T12, L6 like L5."""
    usual = {Level.T13: Level.T12, Level.L6: Level.L5}.get(level, level)
    return USUAL.index(usual) + 1 if usual in USUAL else CERVICAL


def _names(rows: Float, classes: list[int], count: int) -> NDArray[np.int64]:
    names = np.full(count, -1, np.int64)
    every = np.arange(count)
    spacing = np.gradient(rows) if len(rows) > 1 else np.array([10.0])
    for row, half, name in zip(rows, spacing, classes, strict=True):
        names[np.abs(every - row) < BODY_SHARE * half] = name
    if classes[0] <= 1:  # above T1 lies the neck
        names[every < rows[0] - (1.0 - BODY_SHARE) * spacing[0]] = CERVICAL
    if classes[-1] == SACRAL:
        names[every > rows[-1]] = SACRAL
    return names


def strip_batch(samples: list[StripSample], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draws windows: (input (b, 7, ROWS, 64), names (b, ROWS / 4))."""
    drawn = [_window(sample, rng) for sample in samples]
    x = torch.from_numpy(np.stack([one[0] for one in drawn]))
    return normalised(x), torch.from_numpy(np.stack([one[1] for one in drawn]))


def _window(sample: StripSample, rng: np.random.Generator) -> tuple[Picture, NDArray[np.int64]]:
    if len(sample.centres) > 3 and rng.random() < ANOTHER_COUNT_SHARE:
        sample = counted_otherwise(sample, int(rng.integers(1, len(sample.centres) - 1)), rng.random() < 0.5)
    start, length = _stretch(sample, rng)
    window = np.full((sample.hu.shape[0], ROWS, STRIP_COLUMNS), AIR_HU, np.float32)
    names = np.full(ROWS, -1, np.int64)
    put = int(rng.integers(0, ROWS - length + 1))
    hu = sample.hu[:, start : start + length].astype(np.float32)
    window[:, put : put + length] = other_scanner(hu, rng, noise_hu=120.0, axes=(1, 2))
    names[put : put + length] = sample.names[start : start + length]
    if rng.random() < NARROW_SHARE:
        left, right = rng.integers(0, MOST_LOST_COLUMNS, 2)
        window[:, :, :left] = AIR_HU
        window[:, :, STRIP_COLUMNS - right :] = AIR_HU
    if rng.random() < SHALLOW_SHARE:  # the view ends behind the bodies
        window[-int(rng.integers(1, 4)) :] = AIR_HU
    if rng.random() < 0.5:
        window = window[:, :, ::-1].copy()
    return window, names[ROW_MULTIPLE // 2 :: ROW_MULTIPLE]


def counted_otherwise(sample: StripSample, body: int, doubled: bool) -> StripSample:
    """Doubles a body of the strip, or takes it out, from the middle of one disc to that of the next."""
    edges = np.round((sample.centres[1:] + sample.centres[:-1]) / 2).astype(int)
    first, last = int(edges[body - 1]), int(edges[body])
    rows = np.arange(len(sample.names))
    again = rows[first:] if doubled else rows[last:]
    order = np.concatenate([rows[: last if doubled else first], again])
    height = last - first
    below = sample.centres[body + (not doubled) :] + (height if doubled else -height)
    centres = np.concatenate([sample.centres[: body + doubled], below])
    return replace(sample, hu=sample.hu[:, order], names=sample.names[order], centres=centres)


def _stretch(sample: StripSample, rng: np.random.Generator) -> tuple[int, int]:
    """Draws which rows are in view: a short spine of two to five bodies, most of the strip, or something between."""
    count = len(sample.names)
    longest = min(count, ROWS)
    if len(sample.centres) > 2 and rng.random() < SHORT_SHARE:
        bodies = int(rng.integers(2, 6))
        first = int(rng.integers(0, max(len(sample.centres) - bodies, 0) + 1))
        last = min(first + bodies, len(sample.centres)) - 1
        beyond = rng.uniform(4.0, 13.0, 2)
        start = max(int(sample.centres[first] - beyond[0]), 0)
        return start, int(np.clip(sample.centres[last] + beyond[1] - start, 8, min(longest, count - start)))
    length = longest if rng.random() < 0.5 else int(rng.integers(min(30, longest), longest + 1))
    return int(rng.integers(0, count - length + 1)), length


def level_loss(net: LevelNet, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the rows with a name, smoothed by 5 %."""
    x, names = batch
    logits = in_bfloat16(net, x)  # b, 20, rows/4
    asked = names >= 0
    if not bool(asked.any()):
        return logits.sum() * 0.0
    chances = torch.log_softmax(logits, 1).permute(0, 2, 1)[asked]
    true = functional.one_hot(names[asked], len(CLASSES)).float()
    loss: Tensor = -(0.95 * (chances * true).sum(1) + 0.05 * chances.mean(1)).mean()
    return loss
