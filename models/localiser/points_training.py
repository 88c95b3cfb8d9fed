"""Trains the points net on marked bodies: shifted, tilted, scaled, broken, turned upside down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.points_net import (
    COLUMNS,
    PIXELS_A_SPACING,
    ROWS,
    UPSIDE_DOWN,
    PointsNet,
    body_pictures,
    picture_planes,
)
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueCase
from models.localiser.tube_net import normalised
from models.simulate import Deformity, Field, field_of, healthy_places
from vfscreen.frames import Frames, frames_of, upright
from vfscreen.genant import SixPoints, three_heights
from vfscreen.volume import AIR_HU, Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

SIGMA = 2.0
"""Width of a point's target, pixels."""
UNSURE_WEIGHT = 0.5
NEIGHBOUR_SHARE = 0.3
"""How often a neighbour of a broken body is broken too."""
SHAPES = ((1.0, 0.55, 0.1), (0.25, 1.0, 0.2), (1.0, 1.0, 0.9), (0.6, 1.0, 0.7))
"""Which share of a loss the anterior, middle and posterior height bear: wedge, biconcave, crush, sunk rear wall."""


@dataclass(frozen=True, slots=True)
class BodySample:
    """One marked body on one picture. Shapes: hu (3, 96, 80) float16; places (6, 2) row and column; weight 0..1."""

    hu: NDArray[np.float16]
    places: Float
    weight: float


def body_samples(volume: Volume, truth: TrueCase, count: int, rng: np.random.Generator) -> list[BodySample]:
    """Cuts `count` pictures of every marked body, each from another frame; two times of three the body is broken."""
    if len(truth.bodies) < 2:
        return []
    samples = []
    for k, body in enumerate(truth.bodies):
        if body.points_lps_mm is not None:
            weight = 1.0 if body.sure else UNSURE_WEIGHT
            for turn in range(count):
                fields = _fractures(truth, k, rng) if turn % 3 else []
                samples.append(_sample(volume, truth, k, fields, weight, rng))
    return samples


def _fractures(truth: TrueCase, k: int, rng: np.random.Generator) -> list[Field]:
    """Breaks body k, and sometimes a neighbour before it."""
    fields: list[Field] = []
    beside = [j for j in (k - 1, k + 1) if 0 <= j < len(truth.bodies)]
    chosen = [beside[int(rng.integers(len(beside)))], k] if rng.random() < NEIGHBOUR_SHARE else [k]
    for j in chosen:
        points = truth.bodies[j].points_lps_mm
        if points is not None:
            for one in fields:
                points = one.forward(points)
            fields.append(_broken(points, rng))
    return fields


def _sample(
    volume: Volume, truth: TrueCase, k: int, fields: list[Field], weight: float, rng: np.random.Generator
) -> BodySample:
    """One picture of body k, in a frame laid through it and its neighbours as they lie after breaking."""
    near = slice(max(k - 1, 0), k + 2)
    centres = truth.centres_lps_mm[near]
    points = truth.bodies[k].points_lps_mm
    assert points is not None
    for one in fields:
        centres, points = one.forward(centres), one.forward(points)
    frame = _shaken(frames_of(centres).only(k - near.start), rng)
    slabs = [healthy_places(fields, slab)[0] for slab in picture_planes(frame)]
    away = (points - frame.origins[0]) / (frame.spacing_mm[0] / PIXELS_A_SPACING)
    rows = (ROWS - 1) / 2 - away @ frame.superior[0]
    columns = (COLUMNS - 1) / 2 + away @ frame.posterior[0]
    picture = body_pictures(volume, slabs)[0].astype(np.float16)
    return BodySample(picture, np.stack([rows, columns], 1), weight)


def _broken(points: Float, rng: np.random.Generator) -> Field:
    """Draws a loss of up to three fifths of the height, of one of `SHAPES`, with tilted discs."""
    share = float(rng.uniform(0.08, 0.62))
    bears = np.clip(np.array(SHAPES[int(rng.integers(len(SHAPES)))]) + rng.normal(0, 0.12, 3), 0.0, 1.0)
    anterior, middle, posterior = three_heights(points) * share * bears
    deformity = Deformity(
        (float(anterior), float(middle), float(posterior)),
        superior_share=float(rng.uniform(0.2, 0.9)),
        crowding=float(rng.uniform(0.0, 0.35)),
        dent_skew=float(np.exp(rng.normal(0, 0.25))),
        dent_width=float(rng.uniform(1.0, 2.4)),
        side_tilt=float(rng.uniform(-0.25, 0.25)),
        discs_mm=(float(rng.uniform(4, 9)), float(rng.uniform(4, 9))),
        tilts_deg=(float(np.clip(rng.normal(0, 2.5), -6, 6)), float(np.clip(rng.normal(0, 2.5), -6, 6))),
    )
    return field_of(SixPoints.from_array(points), deformity)


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
    if rng.random() < 0.15:  # the scan ends here
        above = bool(rng.random() < 0.5)
        edge = places[:3, 0].min() - rng.uniform(2, 8) if above else places[3:, 0].max() + rng.uniform(2, 8)
        hu[:, (np.arange(ROWS) < edge) if above else (np.arange(ROWS) > edge)] = AIR_HU
    seen = (places > 1).all(1) & (places[:, 0] < ROWS - 2) & (places[:, 1] < COLUMNS - 2)
    return hu, places.astype(np.float32), (seen * sample.weight).astype(np.float32)


def _pressed(hu: Picture, places: Float, rng: np.random.Generator) -> tuple[Picture, Float]:
    """Presses or stretches the body a little, each column to another share of its height."""
    upper, lower = places[:3], places[3:]
    kept = np.clip(rng.uniform(0.8, 1.15) + rng.normal(0, 0.06, 3), 0.7, 1.2)
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
    rows = torch.arange(ROWS, dtype=torch.float32, device=maps.device)
    columns = torch.arange(COLUMNS, dtype=torch.float32, device=maps.device)
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
