"""The compact network: a small residual encoder over sagittal planes; a contrastive, a loss and a grade head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, logsigmoid, normalize, softplus

from models.grader.crop import VIEW_COLUMNS, VIEW_PLANES, VIEW_ROWS
from models.grader.view import CHANNELS, Views

EMBEDDING = 128
GRADES = 4
HEIGHTS = 3
POINTS = 6
CLOSE_UP = 32
NEAR_PLANES, REACH_ROWS, REACH_COLUMNS = 3, 15, 5
OUTWARDS = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
"""Which way along the spine leads out of the body, by point."""

MEASURED_GAIN = 4.0
"""Losses are shares of about 0.2; the network is given them at the size of its other features."""

LEAST_STEP = 0.1
"""Two cuts of the severity are at least so far apart."""

_STRIDE = 16


@dataclass(frozen=True, slots=True)
class NetConfig:
    """The network's sizes: channels of the four stages (each halves the picture), and of the joint feature.

    The rest is there to measure what each part brings: what it `sees` (the losses are those that the points show),
    whether grades are `ordered` (one severity, cut in three places) or four names, and whether the grade head is a
    `probe`, which changes nothing before it.
    """

    widths: tuple[int, int, int, int] = (24, 48, 72, 96)
    feature: int = 192
    sees_ct: bool = True
    sees_outlines: bool = True
    sees_losses: bool = True
    ordered: bool = True
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Heads:
    """What comes out.

    Shapes: embedding (n, 128), L2-normalised; logits (n, 4), whose softmax are the grades' chances; loss_share (n, 3):
    anterior, middle, posterior height that is missing against expectation, as a share (0.25 is 25 percent); slips_mm
    (n, 6): how far each point has slipped along the spine.
    """

    embedding: Tensor
    logits: Tensor
    loss_share: Tensor
    slips_mm: Tensor


class GraderNet(nn.Module):
    """Looks at `Views`; see `Heads` for what it says.

    Besides the whole picture it looks closely at the six points, with the same weights at each: whether an outline lies
    on its endplate is seen in the same way everywhere, and few patients suffice to learn it.
    """

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        first, second, third, fourth = config.widths
        self.encoder = nn.Sequential(
            nn.Conv2d(CHANNELS, first, 5, 2, 2, bias=False),
            nn.GroupNorm(8, first),
            nn.ReLU(inplace=True),
            _Residual(first, second, 2),
            _Residual(second, third, 2),
            _Residual(third, fourth, 2),
        )
        self.squeeze = nn.Conv2d(fourth, 16, 1)
        self.close_up = _CloseUp()
        places = (VIEW_ROWS // _STRIDE) * (VIEW_COLUMNS // _STRIDE)
        inputs = 16 * places + fourth + POINTS * (CLOSE_UP + 1) + 1 + HEIGHTS
        self.joint = nn.Sequential(
            nn.Linear(inputs, config.feature), nn.LayerNorm(config.feature), nn.ReLU(inplace=True)
        )
        self.project = nn.Sequential(
            nn.Linear(config.feature, config.feature),
            nn.ReLU(inplace=True),
            nn.Linear(config.feature, EMBEDDING),
        )
        evidence = config.feature + HEIGHTS + 1
        self.grade: nn.Module = _Ordered(evidence) if config.ordered else nn.Linear(evidence, GRADES)
        self.loss = nn.Linear(config.feature + POINTS, HEIGHTS)

    def forward(self, views: Views) -> Heads:
        """Runs encoder and heads; the loss head corrects what the points say, and the grade head hears of it."""
        config = self.config
        views = views.only(config.sees_ct, config.sees_outlines, config.sees_losses)
        maps = self.encoder(views.pictures)  # (n, widths[-1], rows / 16, columns / 16)
        where = self.squeeze(maps).flatten(1)  # keeps the place: a height is a distance between places
        close, slips = self.close_up(views.pictures, views.points)  # (n, 6, CLOSE_UP), (n, 6)
        known = torch.cat([views.places[:, None], views.measured * MEASURED_GAIN], 1)  # (n, 4)
        parts = [where, maps.mean((2, 3)), close.flatten(1), slips, known]
        feature = self.joint(torch.cat(parts, 1))
        lost = views.measured + self.loss(torch.cat([feature, slips], 1)) / 10
        evidence = torch.cat([feature, lost * MEASURED_GAIN, lost.amax(1, keepdim=True) * MEASURED_GAIN], 1)
        logits = self.grade(evidence.detach() if config.probe else evidence)
        return Heads(normalize(self.project(feature), dim=1), logits, lost, slips)


class _Ordered(nn.Module):
    """One severity cut in three places that stay in order: P(grade >= k) = sigmoid(severity - cut_k).

    Source: McCullagh, J R Stat Soc B 1980;42:109 (proportional odds).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.severity = nn.Linear(features, 1, bias=False)
        self.first_cut = nn.Parameter(torch.zeros(1))
        self.steps = nn.Parameter(torch.ones(GRADES - 2))

    def forward(self, evidence: Tensor) -> Tensor:
        """Shapes: evidence (n, features); returns the logarithms of the four grades' chances, (n, 4)."""
        steps = softplus(self.steps) + LEAST_STEP
        cuts = torch.cat([self.first_cut, self.first_cut + steps.cumsum(0)])
        beyond = self.severity(evidence) - cuts  # (n, 3)
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), which keeps its digits far from the cuts
        between = logsigmoid(beyond[:, :-1]) + logsigmoid(-beyond[:, 1:]) + torch.log(-torch.expm1(-steps))
        return torch.cat([logsigmoid(-beyond[:, :1]), between, logsigmoid(beyond[:, -1:])], 1)


class _CloseUp(nn.Module):
    """Looks at the CT round each of the six points, out of the body upwards, and says how far the point has slipped."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(
            nn.Conv2d(NEAR_PLANES, 16, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 16, 3, 1, 1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(16 * REACH_ROWS * REACH_COLUMNS, 64),
            nn.ReLU(inplace=True),
        )
        self.say = nn.Sequential(nn.Linear(64 + POINTS, CLOSE_UP), nn.ReLU(inplace=True))
        self.slip = nn.Linear(CLOSE_UP, 1)

    def forward(self, pictures: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Shapes: pictures as in `Views`, points (n, 6, 2); returns (n, 6, CLOSE_UP) and slips (n, 6) in mm."""
        count = len(points)
        near = _near(pictures, points).flatten(0, 1)  # (6 n, NEAR_PLANES, REACH_ROWS, REACH_COLUMNS)
        seen = self.look(near - near.mean((1, 2, 3), keepdim=True)).view(count, POINTS, -1)
        which = torch.eye(POINTS, device=points.device).expand(count, POINTS, POINTS)
        close = self.say(torch.cat([seen, which], 2))
        outwards: Tensor = self.slip(close).squeeze(2)
        return close, outwards * OUTWARDS.to(points.device)


def _near(pictures: Tensor, points: Tensor) -> Tensor:
    """Reads the middle planes 7 mm out of and into the body and 4 mm to the front and back of each point.

    Shapes: points (n, 6, 2) as in `Views`; returns (n, 6, NEAR_PLANES, REACH_ROWS, REACH_COLUMNS), outside on top.
    """
    count, device = len(points), points.device
    start = (VIEW_PLANES - NEAR_PLANES) // 2
    out = (torch.arange(REACH_ROWS, device=device) - REACH_ROWS // 2) * 2.0 / VIEW_ROWS
    along = (torch.arange(REACH_COLUMNS, device=device) - REACH_COLUMNS // 2) * 4.0 / VIEW_COLUMNS
    size = (count, POINTS, REACH_ROWS, REACH_COLUMNS)
    row = (points[..., 1, None, None] + OUTWARDS.to(device)[:, None, None] * out[:, None]).expand(size)
    column = (points[..., 0, None, None] + along).expand(size)
    grid = torch.stack([column, row], -1)  # (n, 6, rows, columns, 2)
    read = grid_sample(
        pictures[:, start : start + NEAR_PLANES],
        grid.flatten(1, 2),
        padding_mode="border",
        align_corners=False,
    )
    return read.view(count, NEAR_PLANES, POINTS, REACH_ROWS, REACH_COLUMNS).transpose(1, 2)


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
