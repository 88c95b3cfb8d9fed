"""A 2D net that places the six points on a body's own mid-sagittal picture, scaled to the spacing of the bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.localiser.blocks import FlatUNet
from models.localiser.tube_net import normalised
from vfscreen.frames import Frames
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

ROWS, COLUMNS = 96, 80
PIXELS_A_SPACING = 40.0
SLABS_MM = ((-6.0, -4.0), (-1.5, 0.0, 1.5), (4.0, 6.0))
"""Offsets to the left of the three pictures; each is the mean of its planes."""
REACH = 6
"""Half the window round the peak over which a point is averaged, pixels."""
BODIES_AT_ONCE = 8
"""A larger batch is no faster a body, and slower where its layers outgrow the processor's cache."""
UPSIDE_DOWN = [3, 4, 5, 0, 1, 2]
"""Which point takes the place of which in a picture turned upside down."""


class PointsNet(FlatUNet):
    """A 2D U-Net. Shapes: (b, 3, 96, 80) normalised -> (b, 6, 96, 80) logits, one picture a point of `POINT_NAMES`."""

    def __init__(self, widths: tuple[int, ...] = (12, 20, 32, 48, 64)) -> None:
        super().__init__(len(SLABS_MM), 6, widths)


@dataclass(frozen=True, slots=True)
class Placed:
    """Shapes: points (n, 6, 3) LPS mm; spread_mm (n, 6): how wide the net's belief is along the body's axis."""

    points: Float
    spread_mm: Float


def picture_planes(frames: Frames) -> list[Float]:
    """Where each body's pictures lie: one (n, planes, 96, 80, 3) a slab, LPS mm; 40 pixels a spacing, row 0 on top."""
    step = (frames.spacing_mm / PIXELS_A_SPACING)[:, None, None, None]
    up = ((ROWS - 1) / 2 - np.arange(ROWS))[None, :, None, None] * step
    back = (np.arange(COLUMNS) - (COLUMNS - 1) / 2)[None, None, :, None] * step
    plane = (
        frames.origins[:, None, None]
        + up * frames.superior[:, None, None]
        + back * frames.posterior[:, None, None]
    )
    left = frames.left[:, None, None, None]
    return [plane[:, None] + np.array(sides)[:, None, None, None] * left for sides in SLABS_MM]


def body_pictures(volume: Volume, slabs: list[Float]) -> Picture:
    """Reads the pictures on their planes, (n, 3, 96, 80); each is the mean of its slab."""
    return np.stack([sample(volume, slab).mean(1) for slab in slabs], 1).astype(np.float32)


def place_points(net: PointsNet, volume: Volume, frames: Frames) -> Placed:
    """Places the six points of every body, by the mean of what the net sees in its picture and in that upside down."""
    pictures = normalised(torch.from_numpy(body_pictures(volume, picture_planes(frames))))
    with torch.inference_mode():
        turned = _chances(net, pictures.flip(2)).flip(2)[:, UPSIDE_DOWN]
        chances = ((_chances(net, pictures) + turned) / 2).numpy().astype(float)
    places, spread = _means(chances)
    step = frames.spacing_mm / PIXELS_A_SPACING
    up = ((ROWS - 1) / 2 - places[..., 0]) * step[:, None]
    back = (places[..., 1] - (COLUMNS - 1) / 2) * step[:, None]
    points = (
        frames.origins[:, None]
        + up[..., None] * frames.superior[:, None]
        + back[..., None] * frames.posterior[:, None]
    )
    return Placed(points, spread * step[:, None])


def _chances(net: PointsNet, pictures: Tensor) -> Tensor:
    """Where each point may lie: (n, 3, 96, 80) -> (n, 6, 96, 80), each picture of sum 1."""
    maps = torch.cat([net(part) for part in torch.split(pictures, BODIES_AT_ONCE)])
    return torch.softmax(maps.flatten(2), 2).reshape(maps.shape)


def _means(chances: Float) -> tuple[Float, Float]:
    """The mean place (row, column) round each map's peak, and the spread of its rows over the whole map, pixels."""
    count, points = chances.shape[:2]
    places, spread = np.zeros((count, points, 2)), np.zeros((count, points))
    rows, columns = np.arange(ROWS), np.arange(COLUMNS)
    for k in range(count):
        for p in range(points):
            one = chances[k, p]
            at = np.unravel_index(int(one.argmax()), one.shape)
            near = (np.abs(rows - at[0]) <= REACH)[:, None] & (np.abs(columns - at[1]) <= REACH)[None]
            mass = np.where(near, one, 0.0)
            total = mass.sum()
            places[k, p] = (mass.sum(1) @ rows / total, mass.sum(0) @ columns / total)
            spread[k, p] = np.sqrt(one.sum(1) @ (rows - places[k, p, 0]) ** 2)
    return places, spread
