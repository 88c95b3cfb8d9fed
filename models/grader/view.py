"""What the network sees of a crop: CT planes and the outlines of this body and its neighbours, plain or as a new view.

A training view is what the shipped chain would have cut out had the localiser erred a little: the six points are
moved by an error of its size, the frame is derived anew from the moved points, and CT and outlines follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.grader.crop import (
    COLUMNS,
    FRONT_MM,
    MARGIN,
    ROWS,
    VIEW_COLUMNS,
    VIEW_PLANES,
    VIEW_ROWS,
    Crop,
    as_hounsfield,
    losses_of,
)  # fmt: skip
from models.grader.vary import sideways, truncated, with_look
from vfscreen.anatomy import Level

Floats = NDArray[np.float32]

CHANNELS = VIEW_PLANES + 2
"""The CT planes, this body's outline, the neighbours' outlines."""

CENTRE_HU, SPREAD_HU = 300.0, 400.0
LOWEST_HU, HIGHEST_HU = -300.0, 1300.0
LEVELS_PER_UNIT = 8.0
"""Levels are given to the network as their distance from T10 in these units; training is now and then one off."""

PLAIN_SHARE = 0.2
"""Share of training views without any error in the points, as a check on the reading of ideal ones."""


@dataclass(frozen=True, slots=True)
class Views:
    """What the network is given.

    Shapes: pictures (n, CHANNELS, VIEW_ROWS, VIEW_COLUMNS) float32; places (n,) float32: the level's place in the
    spine, about -1.1 at T1 and 1.0 at L5; measured (n, 3) float32: the share of anterior, middle and posterior height
    that is missing by the points that were drawn; points (n, 6, 2) float32: where this body's points were drawn, column
    and row from -1 (first edge) to 1 (last edge); slips_mm (n, 6) float32: how far each of them has slipped along the
    spine from where it belongs (0 in plain views).
    """

    pictures: Tensor
    places: Tensor
    measured: Tensor
    points: Tensor
    slips_mm: Tensor

    def mirrored(self) -> Views:
        """Swaps left and right: the planes in reverse order."""
        planes, drawn = self.pictures[:, :VIEW_PLANES], self.pictures[:, VIEW_PLANES:]
        return replace(self, pictures=torch.cat([planes.flip(1), drawn], 1))

    def with_mirror(self) -> Views:
        """Returns the views and after them their mirror images, to be looked at in one go. Shapes: n becomes 2 n."""
        other = self.mirrored()
        return Views(
            *(torch.cat([getattr(self, one.name), getattr(other, one.name)]) for one in fields(self))
        )

    def only(self, ct: bool, outlines: bool, losses: bool) -> Views:
        """Returns the views with what is not to be seen taken out: the outlines with the places of their points."""
        if ct and outlines and losses:
            return self
        planes, drawn = self.pictures[:, :VIEW_PLANES], self.pictures[:, VIEW_PLANES:]
        return replace(
            self,
            pictures=torch.cat([planes * float(ct), drawn * float(outlines)], 1),
            points=self.points * float(outlines),
            measured=self.measured * float(losses),
        )


@dataclass(frozen=True, slots=True)
class PointError:
    """How wrong six points are. Units: mm (SD).

    `single_mm` is each point's own error along the spine (drawn up to it), `plate_mm` that of a whole endplate,
    `along_mm` each point's from front to back, `wall_mm` the largest slip of a wall, as under a bridge.
    """

    single_mm: float = 0.9
    plate_mm: float = 0.6
    along_mm: float = 1.2
    wall_mm: float = 3.0


LOCALISER_ERROR = PointError(single_mm=0.99, plate_mm=0.08, along_mm=1.27, wall_mm=3.14)
"""How wrong localisers that had left the patient out are (`benchmarks/point_errors.py`): decisions are fitted, and
graders asked, with it. Networks are trained with the larger one of their settings."""


def plain_views(crops: Sequence[Crop]) -> Views:
    """Returns the views that inference uses."""
    centre = np.stack([crop.view() for crop in crops])
    planes = normalised(torch.from_numpy(centre.astype(np.float32)))
    points = np.stack([crop.points_mm[..., 1:] for crop in crops])
    pictures = torch.cat([planes, outlines(torch.from_numpy(points))], 1)
    slips = torch.zeros(len(crops), 6)
    return Views(pictures, _places(crops), _measured(points, crops), _on_picture(points), slips)


def training_views(crops: Sequence[Crop], rng: np.random.Generator, error: PointError) -> Views:
    """Returns one random view of each crop."""
    n = len(crops)
    points = np.stack([crop.points_mm[..., 1:] for crop in crops])
    moved = with_error(points, rng, error)
    plain = rng.random(n) < PLAIN_SHARE
    moved[plain] = points[plain]
    origin, angle = frames(moved[:, 0])
    origin += rng.normal(0, 0.7, (n, 2)).astype(np.float32) * ~plain[:, None]
    angle += rng.normal(0, 0.02, n).astype(np.float32) * ~plain
    moved = _in_frame(moved, origin, angle)
    slips_mm = moved[:, 0, :, 1] - _in_frame(points, origin, angle)[:, 0, :, 1]
    moved = _without_some_neighbours(moved, rng)
    planes = torch.from_numpy(np.stack([crop.planes for crop in crops]).astype(np.float32))
    planes = truncated(sideways(_turned(planes, origin, angle), rng), rng)
    planes = with_look(normalised(planes), rng)
    one_off = torch.from_numpy((rng.integers(-1, 2, n) * (rng.random(n) < 0.3)).astype(np.float32))
    places = _places(crops) + one_off / LEVELS_PER_UNIT
    pictures = torch.cat([planes, outlines(torch.from_numpy(moved))], 1)
    measured = _measured(moved, crops)
    return Views(pictures, places, measured, _on_picture(moved), torch.from_numpy(slips_mm))


def _measured(points_mm: Floats, crops: Sequence[Crop]) -> Tensor:
    shares = [losses_of(points, crop.levels) / 100 for points, crop in zip(points_mm, crops, strict=True)]
    return torch.from_numpy(np.clip(np.stack(shares), -1.0, 1.0).astype(np.float32))


def _on_picture(points_mm: Floats) -> Tensor:
    """Takes this body's points to columns and rows as `grid_sample` counts them. Shapes: (n, 3, 6, 2) to (n, 6, 2)."""
    own = torch.from_numpy(points_mm[:, 0])
    column = (own[..., 0] + FRONT_MM + 0.5) / VIEW_COLUMNS * 2 - 1
    row = ((VIEW_ROWS - 1) / 2 - own[..., 1] + 0.5) / VIEW_ROWS * 2 - 1
    return torch.stack([column, row], -1)


def misplaced(crops: Sequence[Crop], rng: np.random.Generator, error: PointError) -> list[Crop]:
    """Returns crops as a localiser that errs so would have cut them: points moved, frame and planes after them."""
    points = np.stack([crop.points_mm for crop in crops])
    moved = with_error(points[..., 1:], rng, error)
    origin, angle = frames(moved[:, 0])
    planes = torch.from_numpy(np.stack([crop.planes for crop in crops]).astype(np.float32))
    seen = _turned(planes, origin, angle, MARGIN).numpy()
    points[..., 1:] = _in_frame(moved, origin, angle)
    return [
        replace(crop, planes=as_hounsfield(values), points_mm=places)
        for crop, values, places in zip(crops, seen, points, strict=True)
    ]


def _places(crops: Sequence[Crop]) -> Tensor:
    ranks = np.array([crop.levels[0].rank for crop in crops], np.float32)
    return torch.from_numpy((ranks - Level.T10.rank) / LEVELS_PER_UNIT)


def normalised(planes_hu: Tensor) -> Tensor:
    """Takes Hounsfield units to about -1.5 ... 2.5."""
    return (planes_hu.clamp(LOWEST_HU, HIGHEST_HU) - CENTRE_HU) / SPREAD_HU


def outlines(points_mm: Tensor) -> Tensor:
    """Draws outlines as filled shapes with soft edges: channel 0 this body, channel 1 its neighbours.

    Endplates run straight through their three points, walls straight from corner to corner; exact to a fraction of a
    pixel, so that a height can be read off. Bodies with NaN points are not drawn.

    Shapes: points (n, 3, 6, 2), posterior and superior mm; returns (n, 2, VIEW_ROWS, VIEW_COLUMNS), 0 to 1.
    """
    there = torch.isfinite(points_mm).flatten(2).all(2)[..., None, None]  # (n, 3, 1, 1)
    points = torch.nan_to_num(points_mm)
    y = (torch.arange(VIEW_COLUMNS) - FRONT_MM)[None, None, :]
    z = ((VIEW_ROWS - 1) / 2 - torch.arange(VIEW_ROWS))[None, None, :]
    upper, lower = _through(points[:, :, :3], y), _through(points[:, :, 3:], y)  # (n, 3, columns)
    front, back = _wall(points[:, :, 0], points[:, :, 3], z), _wall(points[:, :, 2], points[:, :, 5], z)
    rows, columns = z[..., None], y[..., None, :]
    filled = (upper[..., None, :] - rows + 0.5).clamp(0, 1) * (rows - lower[..., None, :] + 0.5).clamp(0, 1)
    filled = (
        filled
        * (columns - front[..., None] + 0.5).clamp(0, 1)
        * (back[..., None] - columns + 0.5).clamp(0, 1)
    )
    filled = filled * there
    return torch.stack([filled[:, 0], filled[:, 1:].amax(1)], 1)


def frames(points_mm: Floats) -> tuple[Floats, Floats]:
    """Derives the sagittal frame of six points as `vfscreen.genant.axes_of` does.

    Shapes: points (n, 6, 2); returns origins (n, 2) in mm and angles (n,) in radians.
    """
    upper = points_mm[:, 2] - points_mm[:, 0]
    lower = points_mm[:, 5] - points_mm[:, 3]
    mean = upper / np.linalg.norm(upper, axis=1, keepdims=True)
    mean = mean + lower / np.linalg.norm(lower, axis=1, keepdims=True)
    corners: Floats = points_mm[:, [0, 2, 3, 5]].mean(1)
    angles: Floats = np.arctan2(mean[:, 1], mean[:, 0])
    return corners, angles


def with_error(points_mm: Floats, rng: np.random.Generator, error: PointError) -> Floats:
    """Moves point sets by a random error. Shapes: (n, 3, 6, 2) both ways."""
    n, bodies = points_mm.shape[:2]
    size = rng.random((n, 1, 1)) * error.single_mm
    along_spine = rng.normal(0, 1, (n, bodies, 6)) * size
    plates = rng.normal(0, error.plate_mm, (n, bodies, 2)) * rng.random((n, 1, 1))
    along_spine += np.repeat(plates, 3, axis=2)
    along_body = rng.normal(0, error.along_mm, (n, bodies, 6)) * rng.random((n, 1, 1))
    slip = rng.uniform(-error.wall_mm, error.wall_mm / 2, (n, bodies)) * (rng.random((n, bodies)) < 0.15)
    along_body[..., [0, 3]] += slip[..., None]
    return (points_mm + np.stack([along_body, along_spine], -1)).astype(np.float32)


def _through(three: Tensor, y: Tensor) -> Tensor:
    """Height at y of the line through three points. Shapes: three (n, b, 3, 2), y (1, 1, columns)."""
    first, middle, last = three[:, :, 0, :, None], three[:, :, 1, :, None], three[:, :, 2, :, None]
    front = first[:, :, 1] + (y - first[:, :, 0]) * _slope(first, middle)
    back = middle[:, :, 1] + (y - middle[:, :, 0]) * _slope(middle, last)
    return torch.where(y < middle[:, :, 0], front, back)


def _slope(start: Tensor, end: Tensor) -> Tensor:
    return (end[:, :, 1] - start[:, :, 1]) / (end[:, :, 0] - start[:, :, 0]).clamp(min=2.0)


def _wall(top: Tensor, bottom: Tensor, z: Tensor) -> Tensor:
    """Place at z of the line from one corner to the other. Shapes: corners (n, b, 2), z (1, 1, rows)."""
    rise = (top[..., 1:] - bottom[..., 1:]).clamp(min=2.0)
    return bottom[..., :1] + (z - bottom[..., 1:]) * (top[..., :1] - bottom[..., :1]) / rise


def _turned(planes: Tensor, origin: Floats, angle: Floats, margin: int = 0) -> Tensor:
    """Reads crops in new frames, as wide as a view and `margin` more on every side; the edge is carried outwards.

    Shapes: planes (n, PLANES, ROWS, COLUMNS) to (n, PLANES, VIEW_ROWS + 2 margin, VIEW_COLUMNS + 2 margin).
    """
    y = torch.arange(VIEW_COLUMNS + 2 * margin) - FRONT_MM - margin
    z = (VIEW_ROWS - 1) / 2 + margin - torch.arange(VIEW_ROWS + 2 * margin)
    turn = torch.from_numpy(angle)[:, None, None]
    at = torch.from_numpy(origin)
    from_y = at[:, 0, None, None] + torch.cos(turn) * y[None, None, :] - torch.sin(turn) * z[None, :, None]
    from_z = at[:, 1, None, None] + torch.sin(turn) * y[None, None, :] + torch.cos(turn) * z[None, :, None]
    column = (from_y + FRONT_MM + MARGIN) / (COLUMNS - 1) * 2 - 1
    row = ((ROWS - 1) / 2 - from_z) / (ROWS - 1) * 2 - 1
    grid = torch.stack([column, row], -1)
    return functional.grid_sample(planes, grid, "bilinear", "border", align_corners=True)


def _in_frame(points_mm: Floats, origin: Floats, angle: Floats) -> Floats:
    offset = points_mm - origin[:, None, None]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    turned = np.stack(
        [cosine * offset[..., 0] + sine * offset[..., 1], -sine * offset[..., 0] + cosine * offset[..., 1]],
        -1,
    )
    return turned.astype(np.float32)


def _without_some_neighbours(points_mm: Floats, rng: np.random.Generator) -> Floats:
    points_mm = points_mm.copy()
    points_mm[:, 1:][rng.random((len(points_mm), 2)) < 0.12] = np.nan
    return points_mm
