"""Trains the tube net: whole views and random boxes of them, turned, scaled and made to look like other scanners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from models.localiser.appearance import other_scanner
from models.localiser.curve import Curve, curve_through
from models.localiser.training import in_bfloat16
from models.localiser.truth import TrueCase
from models.localiser.tube_net import MULTIPLE, STEP_MM, TubeNet, normalised
from vfscreen.anatomy import Level
from vfscreen.volume import AIR_HU, Volume, plane_points, resample

Float = NDArray[np.float64]

CACHE_MM = 3.0
CORE_MM = 8.0
"""Distance from the line at which the target has fallen to exp(-1/2)."""
END_MM = 16.0
"""How far the tube goes past the centre of the last marked body."""
SPINE_SHARE = 0.85
"""How many views are laid over a piece of the spine."""
UNSAID_MM = 45.0
"""How far past that end nothing is asked of the net."""


SMALLEST_BOX_MM = np.array([80.0, 100.0, 90.0])
LARGEST_BOX_MM = np.array([280.0, 260.0, 330.0])
"""Views in training; in use the net sees the whole of the volume at once."""


@dataclass(frozen=True, slots=True)
class TubeCase:
    """A case on the 3 mm grid, array axes L, P, S.

    Shapes: layers (3, x, y, z) float16: HU / 1000, target, weight; spine (n, 3) indices of voxels inside the tube.
    """

    layers: Tensor
    spine: NDArray[np.intp]


def tube_case(volume: Volume, truth: TrueCase) -> TubeCase:
    """Prepares a case: the CT on 3 mm, the target and where it counts."""
    grid = resample(volume, CACHE_MM)
    points = plane_points(grid.affine[:3, 3], np.eye(3), grid.shape, (CACHE_MM,) * 3)
    target, weight = _target(points, truth)
    layers = np.stack([grid.voxels / 1000.0, target, weight]).astype(np.float16)
    return TubeCase(torch.from_numpy(layers), np.argwhere(target > 0.8))


def _target(points: Float, truth: TrueCase) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    bottom_mm = END_MM + (25.0 if truth.reaches_sacrum else 0.0)
    top_mm = END_MM + (20.0 if truth.bodies[0].level is Level.T1 else 0.0)
    line: Curve = curve_through(truth.centres_lps_mm, 2.0, (top_mm + UNSAID_MM, bottom_mm + UNSAID_MM))
    distance, nearest = cKDTree(line.points).query(points.reshape(-1, 3))
    distance, nearest = distance.reshape(points.shape[:-1]), nearest.reshape(points.shape[:-1])
    first, last = UNSAID_MM / 2.0, len(line) - 1 - UNSAID_MM / 2.0
    said = (nearest >= first) & (nearest <= last)
    target = np.where(said, np.exp(-0.5 * (distance / CORE_MM) ** 2), 0.0)
    unsaid = ~said & (distance < 60.0)
    return target.astype(np.float32), (~unsaid).astype(np.float32)


def tube_batch(case: TubeCase, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draws one augmented view: (input, target, weight), each (1, 1, d, h, w) on the 4 mm grid."""
    size_mm = np.array(case.layers.shape[1:]) * CACHE_MM
    room = np.minimum(size_mm + 16, LARGEST_BOX_MM)
    smallest = np.minimum(SMALLEST_BOX_MM, room)
    box_mm = smallest + (room - smallest) * rng.random(3)
    shape = np.maximum(np.round(box_mm / STEP_MM / MULTIPLE), 2).astype(int) * MULTIPLE
    centre = size_mm / 2 + (rng.random(3) - 0.5) * np.maximum(size_mm - box_mm, 0)
    if rng.random() < SPINE_SHARE:
        wanted = case.spine[int(rng.integers(len(case.spine)))] * CACHE_MM
        reach = box_mm / 2 - 15
        centre = np.clip(centre, wanted - reach, wanted + reach)
    matrix = _turn(rng) * (np.exp(rng.uniform(-0.25, 0.22) + rng.normal(0, 0.04, 3)))[None, :]
    steps = [np.arange(n) - (n - 1) / 2 for n in shape]
    grid = np.stack(np.meshgrid(*steps, indexing="ij"), -1) * STEP_MM
    where = grid @ matrix.T + centre  # mm from the corner of the cached volume
    unit = 2.0 * where / np.maximum(size_mm - CACHE_MM, 1.0) - 1.0
    flow = torch.from_numpy(unit[None, ..., ::-1].astype(np.float32))
    layers = functional.grid_sample(case.layers.float()[None], flow, align_corners=True)[0].numpy()
    inside = np.all(np.abs(unit) <= 1.0, -1)
    keep = inside & _view(grid, rng)
    hu = other_scanner(layers[0] * 1000.0, rng, noise_hu=90.0, axes=(0, 1, 2))
    hu = np.where(keep, hu, np.float32(AIR_HU))
    flip = rng.random() < 0.5
    picked = [np.flip(part, 0).copy() if flip else part for part in (hu, layers[1], layers[2] * keep)]
    hu_t, target, weight = (torch.from_numpy(part.astype(np.float32))[None, None] for part in picked)
    return normalised(hu_t), target, weight


def _view(grid: Float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A narrower field of view: beyond it lies what the scanner did not reconstruct."""
    keep = np.ones(grid.shape[:-1], bool)
    for axis, chance in ((0, 0.3), (1, 0.2), (2, 0.3)):
        if rng.random() < chance:
            half = grid[..., axis].max()
            low, high = sorted(rng.uniform(-1.2, 1.2, 2) * half)
            if high - low > 70:
                keep &= (grid[..., axis] >= low) & (grid[..., axis] <= high)
    return keep


def _turn(rng: np.random.Generator) -> Float:
    """A rotation by up to 25 degrees about each axis."""
    about = np.deg2rad(rng.uniform(-1, 1, 3) * np.array([25, 15, 15]))
    out = np.eye(3)
    for axis, angle in enumerate(about):
        one, two = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[one, two], turn[two, one] = -np.sin(angle), np.sin(angle)
        out = out @ turn
    return out


def tube_loss(net: TubeNet, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy plus soft Dice, where something is asked."""
    x, target, weight = batch
    logits = in_bfloat16(net, x)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    balanced = weight * (1.0 + 6.0 * target)
    probability = torch.sigmoid(logits)
    overlap = 2 * (weight * probability * target).sum() + 30.0
    total = (weight * (probability**2 + target**2)).sum() + 30.0
    return (balanced * entropy).sum() / balanced.sum().clamp(min=1.0) + 0.5 * (1.0 - overlap / total)
