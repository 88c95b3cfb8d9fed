"""The parts that the localiser's flat nets share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.03
"""Of the running statistics: slow, since views in training differ much from each other."""

ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]  # torch's own stub has no types here
"""Whether this build of torch has oneDNN's routines."""


class Convolution3d(nn.Conv3d):
    """A 3D convolution that always takes oneDNN's routine on a CPU; the output is the same.

    With one thread torch leaves a single small volume, or one whose last side is the long one, to another routine that
    takes two to eight times longer.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Returns what `torch.nn.Conv3d` returns."""
        plain = self.training or input.device.type != "cpu" or input.dtype is not torch.float32
        if plain or not ONEDNN:
            return super().forward(input)
        assert not isinstance(self.padding, str)  # all of these nets give numbers
        return torch.mkldnn_convolution(
            input, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


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
