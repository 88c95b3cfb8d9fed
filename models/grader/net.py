"""The compact network: a small residual encoder over sagittal planes, a contrastive, a grade and a loss head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.grader.crop import VIEW_COLUMNS, VIEW_ROWS
from models.grader.view import CHANNELS, Views

EMBEDDING = 128
GRADES = 4
HEIGHTS = 3
POINTS = 6
MEASURED_GAIN = 4.0
"""Losses are shares of about 0.2; the network is given them at the size of its other features."""

_STRIDE = 16


@dataclass(frozen=True, slots=True)
class NetConfig:
    """The network's sizes: channels of the four stages (each halves the picture), and of the joint feature."""

    widths: tuple[int, int, int, int] = (24, 48, 72, 96)
    feature: int = 192


@dataclass(frozen=True, slots=True)
class Heads:
    """What comes out.

    Shapes: embedding (n, 128), L2-normalised; logits (n, 4); loss_share (n, 3): anterior, middle, posterior height
    that is missing against expectation, as a share (0.25 is 25 percent); slips_mm (n, 6): how far each point has
    slipped along the spine, which only training asks for, so that the encoder learns to see the endplates.
    """

    embedding: Tensor
    logits: Tensor
    loss_share: Tensor
    slips_mm: Tensor


class GraderNet(nn.Module):
    """Looks at `Views`; see `Heads` for what it says."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        first, *later = config.widths
        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS, first, 5, 2, 2, bias=False), nn.GroupNorm(8, first), nn.ReLU(inplace=True)
        )
        stages: list[nn.Module] = [_Residual(first, first, 1)]
        for width in later:
            stages.append(_Residual(first, width, 2))
            first = width
        self.stages = nn.Sequential(*stages)
        self.squeeze = nn.Conv2d(first, 16, 1)
        places = (VIEW_ROWS // _STRIDE) * (VIEW_COLUMNS // _STRIDE)
        self.joint = nn.Sequential(
            nn.Linear(16 * places + first + 1 + HEIGHTS, config.feature),
            nn.LayerNorm(config.feature),
            nn.ReLU(inplace=True),
        )
        self.project = nn.Sequential(
            nn.Linear(config.feature, config.feature),
            nn.ReLU(inplace=True),
            nn.Linear(config.feature, EMBEDDING),
        )
        self.grade = nn.Linear(config.feature, GRADES)
        self.loss = nn.Linear(config.feature, HEIGHTS)
        self.slip = nn.Linear(config.feature, POINTS)

    def forward(self, views: Views) -> Heads:
        """Runs encoder and heads; the loss head corrects what the points say."""
        maps = self.stages(self.stem(views.pictures))  # (n, widths[-1], rows / 16, columns / 16)
        where = self.squeeze(maps).flatten(1)  # keeps the place: a height is a distance between places
        known = torch.cat([views.places[:, None], views.measured * MEASURED_GAIN], 1)  # (n, 4)
        feature = self.joint(torch.cat([where, maps.mean((2, 3)), known], 1))
        correction = self.loss(feature)
        embedding = normalize(self.project(feature), dim=1)
        return Heads(embedding, self.grade(feature), views.measured + correction, self.slip(feature))


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
            nn.GroupNorm(8, outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
            nn.GroupNorm(8, outside),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(inside, outside, 1, bias=False))

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(self.body(maps) + self.shortcut(maps))
