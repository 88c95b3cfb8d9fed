"""The spine of a mask without CT: its bodies, their points and published grades, and where voxels lie to it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.localiser.truth import TrueBody, read_volume
from vfscreen.anatomy import ASSESSED, Level
from vfscreen.frames import Frames, frames_of
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

INSIDE_MM = 1.0
"""A body whose points come nearer than this to the edge of its mask is cut by it."""


@dataclass(frozen=True, slots=True)
class MaskedSpine:
    """A mask and its bodies from the head down, as far as their points can be read.

    A body that is not `whole` is cut by the mask's own box. `grades` holds those that were published.
    """

    name: str
    labels: Volume
    bodies: tuple[TrueBody, ...]
    frames: Frames
    grades: dict[Level, int]

    @property
    def osteoporotic(self) -> bool:
        """Whether its bone is painted thin: a body has a published grade of 2 or 3, or nobody graded it.

        Of the two masks without grades both have bodies that look broken.
        """
        return not self.grades or max(self.grades.values()) >= 2

    def points(self) -> Float:
        """Six points of each body, (n, 6, 3) LPS mm."""
        return np.array([body.points_lps_mm for body in self.bodies])


def read_spine(folder: Path, name: str) -> MaskedSpine:
    """Reads a mask and the grades published for it."""
    labels = read_volume(folder / f"{name}.nii.gz")
    found = bodies_of_mask(labels, tuple(int(level) for level in ASSESSED))
    left = frames_of(np.array([body.centre_lps_mm for body in found])).left
    bodies = []
    for body, sideways in zip(found, left, strict=True):
        points = points_of_mask(labels, body.label, body.centre_lps_mm, sideways)
        if points is not None:
            six = points.array()
            whole = bool(labels.contains(six, INSIDE_MM).all())
            bodies.append(TrueBody(Level(body.label), six.mean(0), whole, six, sure=whole))
    frames = frames_of(np.array([body.centre_lps_mm for body in bodies]))
    return MaskedSpine(name, labels, tuple(bodies), frames, _grades(folder, name))


def _grades(folder: Path, name: str) -> dict[Level, int]:
    with (folder / "grades.csv").open(newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if row["mask"] == name]
    return {Level(int(row["label"])): int(row["genant_grade"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the voxels of a scan lie to the spine.

    Shapes: left_mm, behind_mm (x, y, z), from the middle of the body at that height; rank (z), the level there as a
    fractional VerSe label; half_depth_mm, half_width_mm (z), of the bodies there.
    """

    left_mm: Picture
    behind_mm: Picture
    rank: Picture
    half_depth_mm: Picture
    half_width_mm: Picture


def depths_mm(points: Float) -> Float:
    """Depth of each body from its front to its back corners, (n, 6, 3) -> (n,)."""
    return np.asarray(np.linalg.norm(points[:, [2, 5]] - points[:, [0, 3]], axis=2).mean(1))


def half_width_mm(depth_mm: Float, level: Float) -> Float:
    """Half the breadth of a body, which is rounder in the chest than in the loin."""
    return np.asarray(depth_mm * np.where(level >= Level.T11, 0.68, 0.58))


def surroundings(spine: MaskedSpine, grid: Volume) -> Surroundings:
    """Lays the spine's own coordinates over a grid whose axes run to the left, backwards and upwards."""
    points = spine.points()
    centres, depth = points.mean(1), depths_mm(points)
    levels = np.array([float(body.level) for body in spine.bodies])
    order = np.argsort(centres[:, 2])
    x, y, z = (
        grid.affine[k, 3] + grid.affine[k, k] * np.arange(n, dtype=np.float32)
        for k, n in enumerate(grid.shape)
    )

    def along(values: Float) -> Picture:
        return np.interp(z, centres[order, 2], values[order]).astype(np.float32)

    middle = [along(centres[:, k]) + _lean(centres, order, z, k) for k in (0, 1)]
    shape = grid.shape
    left = np.broadcast_to(x[:, None, None] - middle[0], shape).astype(np.float32)
    behind = np.broadcast_to(y[None, :, None] - middle[1], shape).astype(np.float32)
    return Surroundings(left, behind, along(levels), along(depth / 2), along(half_width_mm(depth, levels)))


def _lean(centres: Float, order: NDArray[np.intp], z: NDArray[np.floating], axis: int) -> Picture:
    """How far the spine, continued straight beyond its ends, leaves the place of its last body; (z,)."""
    low, next_low, next_high, high = centres[order[[0, 1, -2, -1]]]
    slope_low = (low[axis] - next_low[axis]) / (next_low[2] - low[2])
    slope_high = (high[axis] - next_high[axis]) / (high[2] - next_high[2])
    beyond = slope_low * np.maximum(low[2] - z, 0) + slope_high * np.maximum(z - high[2], 0)
    return np.asarray(beyond, np.float32)
