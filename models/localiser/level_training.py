"""Trains the level net on strips along bent and scaled lines, cut to parts of the spine and to narrow views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.curve import curve_through
from models.localiser.level_net import CLASSES, ROW_MULTIPLE, LevelNet
from models.localiser.stack_training import bent, first_sacral_centre, rolled
from models.localiser.straighten import STRIP_COLUMNS, STRIP_MM, coronal_strip
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueCase
from models.localiser.tube_net import normalised
from vfscreen.anatomy import USUAL, Level
from vfscreen.volume import AIR_HU, Volume

Picture = NDArray[np.float32]

ROWS = 160
BEYOND_MM = 60.0
BODY_SHARE = 0.38
"""Rows within this share of the spacing from a centre carry the body's name."""


@dataclass(frozen=True, slots=True)
class StripSample:
    """A strip variant of a case.

    Shapes: hu (7, rows, 64) float16; names (rows,): class, or -1 where nothing is asked.
    """

    hu: NDArray[np.float16]
    names: NDArray[np.int64]


def strip_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[StripSample]:
    """Straightens a case along `count` lines, each bent and scaled otherwise."""
    bodies = truth.bodies
    centres = [body.centre_lps_mm for body in bodies]
    classes = [USUAL.index(body.level) + 1 if body.level in USUAL else 0 for body in bodies]
    if bodies[-1].level is Level.L5 and len(bodies) > 1:
        centres.append(first_sacral_centre(bodies[-1], bodies[-2]))
        classes.append(len(CLASSES) - 1)
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
        samples.append(StripSample(hu.astype(np.float16), names))
    return samples


def _names(rows: NDArray[np.float64], classes: list[int], count: int) -> NDArray[np.int64]:
    names = np.full(count, -1, np.int64)
    every = np.arange(count)
    spacing = np.gradient(rows) if len(rows) > 1 else np.array([10.0])
    for row, half, name in zip(rows, spacing, classes, strict=True):
        names[np.abs(every - row) < BODY_SHARE * half] = name
    if classes[0] <= 1:  # above T1 lies the neck
        names[every < rows[0] - (1.0 - BODY_SHARE) * spacing[0]] = 0
    if classes[-1] == len(CLASSES) - 1:
        names[every > rows[-1]] = len(CLASSES) - 1
    return names


def strip_batch(samples: list[StripSample], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draws windows: (input (b, 7, ROWS, 64), names (b, ROWS / 4))."""
    drawn = [_window(sample, rng) for sample in samples]
    x = torch.from_numpy(np.stack([one[0] for one in drawn]))
    return normalised(x), torch.from_numpy(np.stack([one[1] for one in drawn]))


def _window(sample: StripSample, rng: np.random.Generator) -> tuple[Picture, NDArray[np.int64]]:
    count = sample.hu.shape[1]
    window = np.full((sample.hu.shape[0], ROWS, STRIP_COLUMNS), AIR_HU, np.float32)
    names = np.full(ROWS, -1, np.int64)
    length = (
        min(count, ROWS) if rng.random() < 0.4 else int(rng.integers(min(30, count), min(count, ROWS) + 1))
    )
    start = int(rng.integers(0, count - length + 1))
    put = int(rng.integers(0, ROWS - length + 1))
    hu = sample.hu[:, start : start + length].astype(np.float32)
    window[:, put : put + length] = other_scanner(hu, rng, noise_hu=120.0, axes=(1, 2))
    names[put : put + length] = sample.names[start : start + length]
    if rng.random() < 0.35:  # a narrow field of view
        left, right = rng.integers(0, 20, 2)
        window[:, :, :left] = AIR_HU
        window[:, :, STRIP_COLUMNS - right :] = AIR_HU
    if rng.random() < 0.5:
        window = window[:, :, ::-1].copy()
    return window, names[ROW_MULTIPLE // 2 :: ROW_MULTIPLE]


def level_loss(net: LevelNet, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the rows with a name, smoothed by 5 %."""
    x, names = batch
    logits = in_bfloat16(net, x)  # b, 19, rows/4
    asked = names >= 0
    if not bool(asked.any()):
        return logits.sum() * 0.0
    chances = torch.log_softmax(logits, 1).permute(0, 2, 1)[asked]
    true = functional.one_hot(names[asked], len(CLASSES)).float()
    loss: Tensor = -(0.95 * (chances * true).sum(1) + 0.05 * chances.mean(1)).mean()
    return loss
