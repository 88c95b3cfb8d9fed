"""A small 3D net that says of a coarse volume where the spine runs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from models.localiser.blocks import MOMENTUM, Convolution3d
from vfscreen.volume import AIR_HU, Volume, resample

STEP_MM = 4.0
MULTIPLE = 8  # two voxels a block, four blocks to the lowest floor


def normalised(hu: Tensor) -> Tensor:
    """Maps Hounsfield units to about -2..3: soft tissue near 0, cortical bone near 2."""
    return ((hu - 100.0) / 400.0).clamp(-2.0, 3.0)


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for source in (channels_in, channels_out):
        layers += [
            Convolution3d(source, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm3d(channels_out, momentum=MOMENTUM),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class TubeNet(nn.Module):
    """A U-Net on blocks of 2x2x2 voxels (space to depth); its output is put back to single voxels.

    Shapes: (b, 1, d, h, w) normalised, each side a multiple of 8 -> (b, 1, d, h, w) logits of "spine".
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 64)) -> None:
        super().__init__()
        first, second, third = widths
        self.down1 = _block(8, first)
        self.down2 = _block(first, second)
        self.bottom = _block(second, third)
        self.up2 = _block(third + second, second)
        self.up1 = _block(second + first, first)
        self.head = Convolution3d(first, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns logits of the input's shape."""
        x = blocks_of(x)  # b, 8, d/2, h/2, w/2
        one = self.down1(x)
        two = self.down2(functional.max_pool3d(one, 2))
        three = self.bottom(functional.max_pool3d(two, 2))
        up = self.up2(torch.cat([functional.interpolate(three, scale_factor=2), two], 1))
        up = self.up1(torch.cat([functional.interpolate(up, scale_factor=2), one], 1))
        return voxels_of(self.head(up))


def blocks_of(x: Tensor) -> Tensor:
    """(b, 1, d, h, w) -> (b, 8, d/2, h/2, w/2)."""
    b, _, d, h, w = x.shape
    x = x.reshape(b, d // 2, 2, h // 2, 2, w // 2, 2)
    return x.permute(0, 2, 4, 6, 1, 3, 5).reshape(b, 8, d // 2, h // 2, w // 2)


def voxels_of(x: Tensor) -> Tensor:
    """(b, 8, d, h, w) -> (b, 1, 2d, 2h, 2w), the inverse of `blocks_of`."""
    b, _, d, h, w = x.shape
    x = x.reshape(b, 2, 2, 2, d, h, w).permute(0, 4, 1, 5, 2, 6, 3)
    return x.reshape(b, 1, 2 * d, 2 * h, 2 * w)


def tube_probability(net: TubeNet, volume: Volume) -> tuple[NDArray[np.float32], Volume]:
    """Says for every voxel of a 4 mm grid how much it looks like the core of the spine.

    Returns: (probability of the grid's shape, the grid: array axes left, posterior, superior).
    """
    grid = without_air(resample(volume, STEP_MM))
    padded = np.full([-(-n // MULTIPLE) * MULTIPLE for n in grid.shape], AIR_HU, np.float32)
    inside = tuple(slice(0, n) for n in grid.shape)
    padded[inside] = grid.voxels
    with torch.inference_mode():
        logits = net(normalised(torch.from_numpy(padded))[None, None])
        probability: NDArray[np.float32] = torch.sigmoid(logits)[0, 0].numpy()[inside]
    return probability, grid


def without_air(grid: Volume) -> Volume:
    """Cuts a coarse volume to the box of its largest piece that is not air, so that the net's time goes to the body."""
    pieces, count = ndimage.label(grid.voxels > -400)
    if count == 0:
        return grid
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    box = ndimage.find_objects((pieces == int(sizes.argmax())).astype(np.uint8))[0]
    affine = grid.affine.copy()
    affine[:3, 3] = grid.lps_of(np.array([side.start for side in box], float))
    return Volume(np.ascontiguousarray(grid.voxels[box]), affine)
