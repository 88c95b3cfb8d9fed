"""The parts that the localiser's flat nets share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.03
"""Of the running statistics: slow, since views in training differ much from each other."""


def two_convolutions(channels_in: int, channels_out: int) -> nn.Sequential:
    """Twice: a 3x3 convolution, batch normalisation, ReLU."""
    layers: list[nn.Module] = []
    for source in (channels_in, channels_out):
        layers += [
            nn.Conv2d(source, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out, momentum=MOMENTUM),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class FlatUNet(nn.Module):
    """A 2D U-Net. Shapes: (b, channels_in, h, w) -> (b, channels_out, h, w); h and w multiples of 2^(floors - 1)."""

    def __init__(self, channels_in: int, channels_out: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sources = (channels_in, *widths[:-1])
        self.down = nn.ModuleList(two_convolutions(a, b) for a, b in zip(sources, widths, strict=True))
        self.up = nn.ModuleList(two_convolutions(low + high, high) for high, low in pairwise(widths))
        self.head = nn.Conv2d(widths[0], channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits."""
        floors: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else functional.max_pool2d(x, 2))
            floors.append(x)
        for level in reversed(range(len(self.up))):
            x = functional.interpolate(x, scale_factor=2)
            x = self.up[level](torch.cat([x, floors[level]], 1))
        out: Tensor = self.head(x)
        return out
