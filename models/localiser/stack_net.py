"""A 2D net that finds body centres, discs and the sacrum on the straightened stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.localiser.blocks import FlatUNet
from models.localiser.straighten import STACK_LEFT_MM, Stack
from models.localiser.tube_net import normalised
from vfscreen.volume import AIR_HU

Picture = NDArray[np.float32]
ROW_MULTIPLE = 16
SHIFT_MM = 12.0


class StackNet(FlatUNet):
    """A 2D U-Net over the seven sagittal pictures.

    Shapes: (b, 7, rows, 80) normalised, rows a multiple of 16 -> (b, 4, rows, 80): logits of body centre, disc and
    first sacral body, and how far the body's middle lies to the left of the line (in units of SHIFT_MM).
    """

    def __init__(self, widths: tuple[int, ...] = (12, 24, 36, 48, 64)) -> None:
        super().__init__(len(STACK_LEFT_MM), 4, widths)


@dataclass(frozen=True, slots=True)
class StackMaps:
    """What the net says of a stack. Shapes: (rows, 80) each; probabilities, and the shift in mm to the left."""

    body: Picture
    disc: Picture
    sacrum: Picture
    left_mm: Picture


def read_stack(net: StackNet, stack: Stack) -> StackMaps:
    """Runs the net on a whole stack."""
    rows = stack.hu.shape[1]
    padded = np.full(
        (stack.hu.shape[0], -(-rows // ROW_MULTIPLE) * ROW_MULTIPLE, stack.hu.shape[2]), AIR_HU, np.float32
    )
    padded[:, :rows] = stack.hu
    with torch.inference_mode():
        maps = net(normalised(torch.from_numpy(padded))[None])[0, :, :rows]
        body, disc, sacrum = (torch.sigmoid(maps[k]).numpy() for k in range(3))
        shift: Picture = maps[3].numpy() * np.float32(SHIFT_MM)
    return StackMaps(body, disc, sacrum, shift)
