"""Trains the points net on marked bodies: shifted, tilted, scaled, turned upside down, pressed together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.frames import Frames, frames_of, upright
from models.localiser.points_net import COLUMNS, PIXELS_A_SPACING, ROWS, PointsNet, body_pictures
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueCase
from models.localiser.tube_net import normalised
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

SIGMA = 2.0
"""Width of a point's target, pixels."""
UNSURE_WEIGHT = 0.5
UPSIDE_DOWN = [3, 4, 5, 0, 1, 2]


@dataclass(frozen=True, slots=True)
class BodySample:
    """One marked body on one picture. Shapes: hu (3, 96, 80) float16; places (6, 2) row and column; weight 0..1."""

    hu: NDArray[np.float16]
    places: Float
    weight: float


def body_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[BodySample]:
    """Cuts `count` pictures of every marked body, each from another frame."""
    marked = [k for k, body in enumerate(truth.bodies) if body.points_lps_mm is not None]
    if not marked or len(truth.bodies) < 2:
        return []
    samples = []
    for _ in range(count):
        frames = _shaken(frames_of(truth.centres_lps_mm), rng)
        pictures = body_pictures(volume, frames)
        for k in marked:
            points = truth.bodies[k].points_lps_mm
            assert points is not None
            away = (points - frames.origins[k]) / (frames.spacing_mm[k] / PIXELS_A_SPACING)
            rows = (ROWS - 1) / 2 - away @ frames.superior[k]
            columns = (COLUMNS - 1) / 2 + away @ frames.posterior[k]
            weight = 1.0 if truth.bodies[k].sure else UNSURE_WEIGHT
            samples.append(BodySample(pictures[k].astype(np.float16), np.stack([rows, columns], 1), weight))
    return samples


def _shaken(frames: Frames, rng: np.random.Generator) -> Frames:
    """Moves, tilts and scales the frames as badly as a found chain may lie."""
    n = len(frames)
    moved = rng.normal(0, 1.3, (n, 1)) * frames.left
    moved = (
        moved + rng.normal(0, 1.8, (n, 1)) * frames.posterior + rng.normal(0, 1.8, (n, 1)) * frames.superior
    )
    tilted = frames.superior + np.tan(np.deg2rad(rng.normal(0, 6, (n, 1)))) * frames.posterior
    tilted = tilted + np.tan(np.deg2rad(rng.normal(0, 4, (n, 1)))) * frames.left
    tilted /= np.linalg.norm(tilted, axis=1, keepdims=True)
    turned = frames.posterior + np.tan(np.deg2rad(rng.normal(0, 4, (n, 1)))) * frames.left
    spacing = frames.spacing_mm * np.exp(rng.uniform(-0.18, 0.18, n))
    return upright(frames.origins + moved, tilted, turned, spacing)


def points_batch(samples: list[BodySample], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draws changed pictures: (input (b, 3, 96, 80), places (b, 6, 2), weights (b, 6))."""
    drawn = [_changed(sample, rng) for sample in samples]
    x, places, weights = (torch.from_numpy(np.stack([one[k] for one in drawn])) for k in range(3))
    return normalised(x), places, weights


def _changed(sample: BodySample, rng: np.random.Generator) -> tuple[Picture, Picture, Picture]:
    hu, places = sample.hu.astype(np.float32), sample.places.copy()
    if rng.random() < 0.4:
        hu, places = _pressed(hu, places, rng)
    if rng.random() < 0.4:
        hu = hu[:, ::-1].copy()
        places[:, 0] = ROWS - 1 - places[:, 0]
        places = places[UPSIDE_DOWN]
    if rng.random() < 0.5:
        hu = hu[::-1].copy()
    hu = other_scanner(hu, rng, noise_hu=120.0, axes=(1, 2))
    seen = (places > 1).all(1) & (places[:, 0] < ROWS - 2) & (places[:, 1] < COLUMNS - 2)
    return hu, places.astype(np.float32), (seen * sample.weight).astype(np.float32)


def _pressed(hu: Picture, places: Float, rng: np.random.Generator) -> tuple[Picture, Float]:
    """Presses the body: each column keeps another share of its height (wedge, biconcave, crush, and mild stretch)."""
    upper, lower = places[:3], places[3:]
    kept = rng.uniform(0.55, 1.1) + rng.normal(0, 0.08, 3)
    kept = np.clip(kept, 0.45, 1.15)
    if rng.random() < 0.5:
        kept[int(rng.integers(3))] *= rng.uniform(0.65, 1.0)
    columns = np.arange(COLUMNS, dtype=float)
    order = np.argsort(upper[:, 1])
    share = np.interp(columns, upper[order, 1], kept[order])
    share = ndimage.gaussian_filter1d(share, 3.0)
    top = np.interp(columns, upper[order, 1], upper[order, 0])
    low_order = np.argsort(lower[:, 1])
    bottom = np.interp(columns, lower[low_order, 1], lower[low_order, 0])
    centre, half = (top + bottom) / 2, np.maximum((bottom - top) / 2 - 1.5, 1.0)
    rows = np.arange(ROWS)[:, None] - centre
    inner = np.abs(rows) <= half * share
    source = np.where(inner, rows / share, rows + np.sign(rows) * half * (1 - share)) + centre
    where = [source, np.broadcast_to(columns, source.shape)]
    pressed = np.stack([ndimage.map_coordinates(part, where, order=1, mode="nearest") for part in hu])
    at = np.clip(np.round(places[:, 1]).astype(int), 0, COLUMNS - 1)
    moved = places.copy()
    away = places[:, 0] - centre[at]
    moved[:, 0] = centre[at] + away - np.sign(away) * half[at] * (1 - share[at])
    return pressed.astype(np.float32), moved


def points_loss(net: PointsNet, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy against a Gaussian round each point, and the distance of the mean row and column."""
    x, places, weights = batch
    maps = in_bfloat16(net, x)
    chances = torch.log_softmax(maps.flatten(2), 2).reshape(maps.shape)
    rows = torch.arange(ROWS, dtype=torch.float32)
    columns = torch.arange(COLUMNS, dtype=torch.float32)
    near_rows = torch.exp(-0.5 * ((rows - places[..., :1]) / SIGMA) ** 2)  # b, 6, rows
    near_columns = torch.exp(-0.5 * ((columns - places[..., 1:]) / (1.5 * SIGMA)) ** 2)
    target = near_rows[..., :, None] * near_columns[..., None, :]
    target = target / target.sum((2, 3), keepdim=True).clamp(min=1e-6)
    entropy = -(target * chances).sum((2, 3))
    share = chances.exp()
    mean_row = (share.sum(3) * rows).sum(2)
    mean_column = (share.sum(2) * columns).sum(2)
    away = functional.smooth_l1_loss(mean_row, places[..., 0], reduction="none")
    aside = functional.smooth_l1_loss(mean_column, places[..., 1], reduction="none")
    return ((entropy + 0.3 * away + 0.05 * aside) * weights).sum() / weights.sum().clamp(min=1.0)
