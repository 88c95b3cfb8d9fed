"""How a simulated vertebra looks: density after compression, and the confounders that are no fracture.

Planes are those of a crop, (PLANES, ROWS, COLUMNS) float32 in Hounsfield units. Which confounders are painted never
depends on the grade, so that none of them can give the grade away; a cleft alone is a fracture's own sign, and says
nothing of its grade.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.grader.crop import places_mm
from models.simulated_scan import Streaks, thick_slices

Planes = NDArray[np.float32]
Points = NDArray[np.float32]

DENSEST_HU = 1600.0
DISC_HU = 70.0
CLEFT_SHARE = 0.08
"""How often a broken body has a cleft."""

UPPER_FRONT, LOWER_FRONT = 0, 3
"""Places of the front corners among the six points."""


@dataclass(frozen=True, slots=True)
class Band:
    """A sclerotic band inside an endplate."""

    upper: bool
    added_hu: float
    width_mm: float

    def paint(self, planes: Planes, points_mm: Points) -> Planes:
        """Paints it on a body with these points, (6, 3)."""
        _, y, z = places_mm()
        plate = points_mm[:3] if self.upper else points_mm[3:]
        depth = (np.interp(y, plate[:, 1], plate[:, 2]) - z) * (1 if self.upper else -1)
        band = np.exp(-0.5 * ((depth - self.width_mm) / (0.6 * self.width_mm)) ** 2)
        return _float32(planes + self.added_hu * band * within_body(points_mm))


@dataclass(frozen=True, slots=True)
class Lip:
    """An osteophyte that starts at a front corner, runs forward and bends up (rise > 0) or down."""

    corner: int
    length_mm: float
    rise_mm: float
    peak_hu: float
    side_mm: float

    def paint(self, planes: Planes, points_mm: Points) -> Planes:
        """Paints it on a body with these points, (6, 3)."""
        x, y, z = places_mm()
        start = points_mm[self.corner]
        along = np.clip((start[1] - y) / self.length_mm, 0.0, 1.0)
        centre = start[2] + self.rise_mm * along**2
        radius = 2.8 - 1.2 * along
        sideways = np.exp(-0.5 * ((x - self.side_mm) / 9.0) ** 2)
        beyond = np.maximum(np.maximum(start[1] - self.length_mm - y, y - start[1]), 0.0)
        coat = np.clip(radius - np.hypot(z - centre, beyond) + 0.5, 0.0, 1.0) * sideways
        return _float32(np.maximum(planes, planes + coat * (self.peak_hu - planes)))


@dataclass(frozen=True, slots=True)
class Bridge:
    """Flowing bone in front of a disc, from this body's front corner to that of the neighbour `below` or above."""

    below: bool
    bulge_mm: float
    thickness_mm: float
    peak_hu: float

    def paint(self, planes: Planes, points_mm: Points) -> Planes:
        """Paints it between the bodies of a crop, (3, 6, 3); without that neighbour there is nothing to bridge."""
        own, other = points_mm[0], points_mm[2 if self.below else 1]
        if not np.isfinite(other).all():
            return planes
        start, end = (
            (own[LOWER_FRONT], other[UPPER_FRONT]) if self.below else (own[UPPER_FRONT], other[LOWER_FRONT])
        )
        x, y, z = places_mm()
        along = np.clip((z - start[2]) / (end[2] - start[2]), -0.4, 1.4)
        wall = start[1] + along * (end[1] - start[1])
        bulge = self.bulge_mm * np.sin(np.pi * np.clip((along + 0.4) / 1.8, 0.0, 1.0))
        middle = wall - self.thickness_mm / 2 - bulge
        ends = np.clip((0.9 - np.abs(along - 0.5)) * 6, 0.0, 1.0)
        coat = np.clip(self.thickness_mm / 2 - np.abs(y - middle) + 0.5, 0.0, 1.0) * ends
        coat = coat * np.exp(-0.5 * (x / 12.0) ** 2)
        return _float32(np.maximum(planes, planes + coat * (self.peak_hu - planes)))


@dataclass(frozen=True, slots=True)
class Node:
    """A Schmorl node: disc sunk through an endplate, with a thin dense rim.

    `place` 0 is the front end of the endplate, 1 the back; a reader's middle point `follows` it part of the way down.
    """

    upper: bool
    place: float
    depth_mm: float
    radius_mm: float
    side_mm: float
    follows: float

    def paint(self, planes: Planes, points_mm: Points) -> Planes:
        """Paints it on a body with these points, (6, 3)."""
        x, y, z = places_mm()
        plate = points_mm[:3] if self.upper else points_mm[3:]
        centre_y = plate[0, 1] + self.place * (plate[2, 1] - plate[0, 1])
        plate_z = float(np.interp(centre_y, plate[:, 1], plate[:, 2]))
        into = (plate_z - z) * (1 if self.upper else -1)
        size = np.sqrt(
            ((x - self.side_mm) / self.radius_mm) ** 2
            + ((y - centre_y) / self.radius_mm) ** 2
            + (into / self.depth_mm) ** 2 * (into > -1.5) * 1.0
            + (into <= -1.5) * 9.0
        )
        hole = np.clip((1.0 - size) * self.radius_mm + 0.5, 0.0, 1.0)
        rim = np.exp(-0.5 * ((size - 1.25) * self.radius_mm / 1.0) ** 2) * (into > 0)
        return _float32(planes + hole * (DISC_HU - planes) + rim * (1 - hole) * 180.0)

    def followed(self, points_mm: Points) -> Points:
        """Returns the points of a crop, (3, 6, 3), as a reader places them who follows the node part of the way."""
        moved = points_mm.copy()
        moved[0, 1 if self.upper else 4, 2] += (-1 if self.upper else 1) * self.follows * self.depth_mm
        return moved


@dataclass(frozen=True, slots=True)
class Cleft:
    """A gap inside a fractured body, next to an endplate, filled with gas or fluid."""

    upper: bool
    filled_hu: float
    depth_mm: float
    thickness_mm: float
    share: float

    def paint(self, planes: Planes, points_mm: Points) -> Planes:
        """Paints it on a body with these points, (6, 3), over the middle `share` of its depth."""
        x, y, z = places_mm()
        plate = points_mm[:3] if self.upper else points_mm[3:]
        into = (np.interp(y, plate[:, 1], plate[:, 2]) - z) * (1 if self.upper else -1)
        centre, half = plate[:, 1].mean(), self.share * (plate[2, 1] - plate[0, 1]) / 2
        lens = 1 - ((y - centre) / half) ** 2 - (x / 14.0) ** 2
        inside = self.thickness_mm / 2 * np.sqrt(np.clip(lens, 0, 1)) - np.abs(into - self.depth_mm)
        gap = np.clip(inside + 0.5, 0.0, 1.0) * (lens > 0)
        return _float32(planes + gap * (self.filled_hu - planes))


@dataclass(frozen=True, slots=True)
class Look:
    """The confounders of one example, None for those that were not drawn. `phase` is where the first slice lies."""

    band: Band | None = None
    cleft: Cleft | None = None
    lips: tuple[Lip, ...] = ()
    bridge: Bridge | None = None
    node: Node | None = None
    streaks: Streaks | None = None
    thickness_mm: float | None = None
    phase: float = 0.0

    def apply(self, planes: Planes, points_mm: Points) -> tuple[Planes, Points]:
        """Paints on the planes of a crop with these points, (3, 6, 3); returns planes and points."""
        own = points_mm[0]
        if self.band is not None:
            planes = self.band.paint(planes, own)
        if self.cleft is not None:
            planes = self.cleft.paint(planes, own)
        for lip in self.lips:
            planes = lip.paint(planes, own)
        if self.bridge is not None:
            planes = self.bridge.paint(planes, points_mm)
        if self.node is not None:
            planes = self.node.paint(planes, own)
            points_mm = self.node.followed(points_mm)
        if self.streaks is not None:
            planes = self.streaks.paint(planes)
        if self.thickness_mm is not None:
            planes = thick_slices(planes, self.thickness_mm, self.phase)
        return planes, points_mm


def draw_look(rng: np.random.Generator, broken: bool) -> Look:
    """Draws confounders, which know nothing of the body, and now and then a cleft where it is broken."""
    uniform = rng.uniform
    lips = tuple(
        Lip(
            corner,
            uniform(3.0, 9.0),
            uniform(0.0, 5.0) * (1 if corner == UPPER_FRONT else -1),
            uniform(200, 700),
            uniform(-8, 8),
        )
        for corner in (UPPER_FRONT, LOWER_FRONT)
        if rng.random() < 0.2
    )
    return Look(
        band=_maybe(rng, 0.3, lambda: Band(bool(rng.random() < 0.6), uniform(60, 350), uniform(1.5, 3.5))),
        cleft=_maybe(rng, CLEFT_SHARE, lambda: _draw_cleft(rng)) if broken else None,
        lips=lips,
        bridge=_maybe(
            rng, 0.2, lambda: Bridge(bool(rng.integers(2)), uniform(0, 5), uniform(3, 8), uniform(200, 600))
        ),
        node=_maybe(
            rng,
            0.12,
            lambda: Node(
                upper=bool(rng.random() < 0.5),
                place=uniform(0.3, 0.75),
                depth_mm=uniform(3.0, 6.0),
                radius_mm=uniform(3.0, 6.0),
                side_mm=uniform(-6.0, 6.0),
                follows=uniform(0.0, 0.6),
            ),
        ),
        streaks=_maybe(
            rng,
            0.06,
            lambda: Streaks(
                posterior_mm=uniform(20.0, 34.0),
                superior_mm=uniform(-12.0, 12.0),
                peak_hu=uniform(150.0, 600.0),
                wave_mm=uniform(10.0, 40.0),
                phase=rng.random(),
                turn=uniform(-0.5, 0.5),
            ),
        ),
        thickness_mm=_maybe(rng, 0.3, lambda: uniform(1.5, 4.5)),
        phase=rng.random(),
    )


def _draw_cleft(rng: np.random.Generator) -> Cleft:
    return Cleft(
        upper=bool(rng.random() < 0.7),
        filled_hu=float(rng.choice((-700.0, 20.0))),
        depth_mm=rng.uniform(2.5, 5.0),
        thickness_mm=rng.uniform(1.5, 3.5),
        share=rng.uniform(0.3, 0.7),
    )


def within_body(points_mm: Points, softness_mm: float = 1.5) -> Planes:
    """Returns how far each voxel of the mid-sagittal plane lies inside six points, 0 to 1; (1, ROWS, COLUMNS)."""
    _, y, z = places_mm()
    upper = np.interp(y, points_mm[:3, 1], points_mm[:3, 2])
    lower = np.interp(y, points_mm[3:, 1], points_mm[3:, 2])
    front, back = points_mm[[0, 3], 1].mean(), points_mm[[2, 5], 1].mean()
    depth = np.minimum(np.minimum(upper - z, z - lower), np.minimum(y - front, back - y))
    return _float32(np.clip(depth / softness_mm + 0.5, 0.0, 1.0))


def densify(planes: Planes, compression: NDArray[np.float32], share: float) -> Planes:
    """Conserves mineral: what is above water is multiplied by how much the space was compressed, as far as `share`.

    `compression` is healthy volume per broken volume (over 1 where bone was pressed together). Marrow is not scaled
    as a mixture with air would be: water stays water.
    """
    factor = 1 + share * (np.clip(compression, 0.5, 3.0) - 1)
    return np.where(planes > 0, np.minimum(planes * factor, np.maximum(planes, DENSEST_HU)), planes)


T = TypeVar("T")


def _maybe(rng: np.random.Generator, chance: float, draw: Callable[[], T]) -> T | None:
    return draw() if rng.random() < chance else None


def _float32(values: NDArray[np.floating]) -> Planes:
    planes: Planes = values.astype(np.float32)
    return planes
