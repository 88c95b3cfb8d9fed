"""Varying the planes of training views: which are seen, where the scan ends, and how the scanner makes them look."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.grader.crop import PLANES, VIEW_COLUMNS, VIEW_PLANES, VIEW_ROWS
from vfscreen.volume import AIR_HU

BLANK_SHARE = 0.05
"""Share of training views without any CT, as bodies of which there is only a mask have: no CT is no sign of a grade."""


def sideways(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Chooses the view's planes, up to one plane off the middle and from either side."""
    chosen = []
    for one in planes:
        start = int(rng.choice(PLANES - VIEW_PLANES + 1, p=(0.2, 0.6, 0.2)))
        part = one[start : start + VIEW_PLANES]
        chosen.append(part.flip(0) if rng.random() < 0.5 else part)
    return torch.stack(chosen)


def truncated(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Lets the scan end above, below or in front of the body, as at the edge of a field of view, or be missing."""
    for one in planes:
        if rng.random() < 0.12:
            rows = int(rng.integers(2, 30))
            one[:, :rows] = AIR_HU
        if rng.random() < 0.12:
            rows = int(rng.integers(2, 30))
            one[:, -rows:] = AIR_HU
        if rng.random() < 0.06:
            one[:, :, : int(rng.integers(1, 10))] = AIR_HU
        if rng.random() < BLANK_SHARE:
            one[:] = AIR_HU
    return planes


def with_look(planes: Tensor, rng: np.random.Generator) -> Tensor:
    """Varies brightness, contrast, sharpness and noise, and blanks a patch now and then."""
    n = len(planes)
    gain = torch.from_numpy(np.exp(rng.normal(0, 0.18, (n, 1, 1, 1))).astype(np.float32))
    offset = torch.from_numpy(rng.normal(0, 0.15, (n, 1, 1, 1)).astype(np.float32))
    planes = planes * gain + offset
    blurred = functional.avg_pool2d(planes, 3, 1, 1)
    sharpness = torch.from_numpy(rng.uniform(-0.5, 1.0, (n, 1, 1, 1)).astype(np.float32))
    planes = planes + (blurred - planes) * sharpness
    noise = torch.from_numpy(rng.standard_normal(planes.shape, dtype=np.float32))
    grain = functional.avg_pool2d(noise, 3, 1, 1) * 2
    level = torch.from_numpy((rng.random((n, 1, 1, 1)) ** 2 * 0.5).astype(np.float32))
    mix = torch.from_numpy(rng.random((n, 1, 1, 1), dtype=np.float32))
    planes = planes + level * (mix * noise + (1 - mix) * grain)
    for one in planes:
        if rng.random() < 0.25:
            row, column = int(rng.integers(VIEW_ROWS - 12)), int(rng.integers(VIEW_COLUMNS - 12))
            one[:, row : row + int(rng.integers(4, 12)), column : column + int(rng.integers(4, 12))] = 0.0
    return planes
