"""Drawing what shall happen to a healthy body: which heights are lost, and which confounders are painted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from models.simulate import Deformity, Field, field_of, moved_points
from models.simulated_look import thick_slices, with_bridge, with_dense_band, with_lip, with_node
from vfscreen.anatomy import Level
from vfscreen.findings import Vertebra
from vfscreen.genant import (
    CRUSH_SLACK,
    Grade,
    Heights,
    Shape,
    expected_posterior_mm,
    expected_ratios,
    heights_of,
)  # fmt: skip

Float = NDArray[np.float64]
Bodies = tuple[Vertebra, Vertebra | None, Vertebra | None]

LOSS_RANGE_PERCENT = {
    Grade.NORMAL: (0.0, 20.0),
    Grade.MILD: (20.0, 25.0),
    Grade.MODERATE: (25.0, 40.0),
    Grade.SEVERE: (40.0, 62.0),
}
"""What is aimed at by grade, against expectation; what comes out is measured on the moved points."""

UNBROKEN = 0.55
"""Share of the grade-0 examples whose own heights stay as they are; the others lose less than grade 1."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields in the order in which they act, the size factor of the whole, and how far mineral is conserved."""

    fields: tuple[Field, ...]
    size: float
    density_share: float


@dataclass(frozen=True, slots=True)
class Look:
    """The confounders of one example, each None if it was not drawn. Units: mm, HU."""

    band: tuple[bool, float, float] | None
    lips: tuple[tuple[int, float, float, float, float], ...]
    bridge: tuple[int, float, float, float] | None
    node: tuple[bool, float, float, float, float, float] | None
    thickness_mm: float | None
    phase: float = 0.0

    def apply(
        self, planes: NDArray[np.float32], points_mm: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Paints on the planes of a crop; a reader's middle point follows a Schmorl node part of the way."""
        own = points_mm[0]
        if self.band is not None:
            planes = with_dense_band(planes, own, *self.band)
        for corner, length_mm, rise_mm, peak_hu, side_mm in self.lips:
            planes = with_lip(planes, own[corner], length_mm, rise_mm, peak_hu, side_mm)
        if self.bridge is not None:
            planes = self._with_bridge(planes, points_mm)
        if self.node is not None:
            upper, place, depth_mm, radius_mm, side_mm, follow = self.node
            planes = with_node(planes, own, upper, place, depth_mm, radius_mm, side_mm)
            points_mm = points_mm.copy()
            points_mm[0, 1 if upper else 4, 2] += (-1 if upper else 1) * follow * depth_mm
        if self.thickness_mm is not None:
            planes = thick_slices(planes, self.thickness_mm, self.phase)
        return planes, points_mm

    def _with_bridge(
        self, planes: NDArray[np.float32], points_mm: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        assert self.bridge is not None
        side, bulge_mm, thickness_mm, peak_hu = self.bridge
        own, other = points_mm[0], points_mm[1 + side]
        if not np.isfinite(other).all():
            return planes
        ends = (own[0], other[3]) if side == 0 else (own[3], other[0])
        return with_bridge(planes, *ends, bulge_mm, thickness_mm, peak_hu)


def draw_look(rng: np.random.Generator) -> Look:
    """Draws confounders; nothing here knows the grade."""
    lips = tuple(
        (
            corner,
            rng.uniform(3.0, 9.0),
            rng.uniform(0.0, 5.0) * (1 if corner == 0 else -1),
            rng.uniform(200, 700),
            rng.uniform(-8, 8),
        )
        for corner in (0, 3)
        if rng.random() < 0.2
    )
    return Look(
        band=_maybe(
            rng, 0.3, lambda: (bool(rng.random() < 0.6), rng.uniform(60, 350), rng.uniform(1.5, 3.5))
        ),
        lips=lips,
        bridge=_maybe(
            rng,
            0.2,
            lambda: (int(rng.integers(2)), rng.uniform(0, 5), rng.uniform(3, 8), rng.uniform(200, 600)),
        ),
        node=_maybe(
            rng,
            0.12,
            lambda: (
                bool(rng.random() < 0.5),
                rng.uniform(0.3, 0.75),
                rng.uniform(3.0, 6.0),
                rng.uniform(3.0, 6.0),
                rng.uniform(-6.0, 6.0),
                rng.uniform(0.0, 0.6),
            ),
        ),
        thickness_mm=_maybe(rng, 0.3, lambda: rng.uniform(1.5, 4.5)),
        phase=rng.random(),
    )


def draw_plan(bodies: Bodies, wanted: Grade, rng: np.random.Generator) -> Plan | None:
    """Draws a deformity that gives this body a loss in the wanted grade's range; None if this body cannot.

    In three of ten a neighbour is deformed first, by a loss of its own that has nothing to do with this body's.
    """
    fields: list[Field] = []
    if rng.random() < 0.3:
        neighbour = bodies[1 + int(rng.integers(2))]
        if neighbour is not None and neighbour.points is not None:
            aim = rng.uniform(0, 50)
            deformity = draw_deformity(neighbour.level, heights_of(neighbour.points), {}, aim, rng)
            if deformity is not None:
                fields.append(field_of(neighbour.points, deformity))
    own, *others = [
        moved_points(fields, body.points) if body is not None and body.points is not None else None
        for body in bodies
    ]
    assert own is not None
    known = {
        body.level: heights_of(points)
        for body, points in zip(bodies[1:], others, strict=True)
        if body is not None and points is not None
    }
    aim = rng.uniform(*LOSS_RANGE_PERCENT[wanted])
    if wanted is Grade.NORMAL and rng.random() < UNBROKEN:
        deformity = draw_deformity(bodies[0].level, heights_of(own), known, None, rng)
    else:
        deformity = draw_deformity(bodies[0].level, heights_of(own), known, aim, rng)
    if deformity is None:
        return None
    fields.append(field_of(own, deformity))
    return Plan(tuple(fields), size=rng.uniform(0.88, 1.12), density_share=rng.random())


def draw_deformity(
    level: Level,
    heights: Heights,
    neighbours: dict[Level, Heights],
    loss_percent: float | None,
    rng: np.random.Generator,
) -> Deformity | None:
    """Draws a deformity whose largest loss against expectation is `loss_percent`; None for the loss: only tilts.

    Returns None where the body already lacks more than that.
    """
    if loss_percent is None:
        lost = (0.0, 0.0, 0.0)
    else:
        shape = (Shape.WEDGE, Shape.BICONCAVE, Shape.CRUSH)[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
        aimed = _losses_mm(level, heights, neighbours, shape, loss_percent / 100, rng)
        if aimed is None:
            return None
        lost = aimed
    return Deformity(
        losses_mm=lost,
        superior_share=float(
            rng.choice(
                (rng.uniform(0.75, 1.0), rng.uniform(0.3, 0.7), rng.uniform(0.0, 0.25)), p=(0.5, 0.35, 0.15)
            )
        ),
        crowding=rng.uniform(0.0, 0.35) * (0.5 if max(lost) > 9 else 1.0),
        dent_skew=rng.uniform(0.75, 1.35),
        dent_width=rng.uniform(1.0, 2.2),
        side_tilt=rng.uniform(-0.25, 0.25),
        discs_mm=(rng.uniform(4, 9), rng.uniform(4, 9)),
        tilts_deg=(float(np.clip(rng.normal(0, 2.5), -6, 6)), float(np.clip(rng.normal(0, 2.5), -6, 6))),
    )


def _losses_mm(
    level: Level,
    heights: Heights,
    neighbours: dict[Level, Heights],
    shape: Shape,
    loss: float,
    rng: np.random.Generator,
) -> tuple[float, float, float] | None:
    """What each height must lose so that the leading one lacks `loss` (a share) against expectation."""
    anterior_ratio, middle_ratio = expected_ratios(level)
    least = CRUSH_SLACK * expected_posterior_mm(level, neighbours) if neighbours else 0.0
    if shape is Shape.CRUSH:
        reference = max(least, heights.posterior if not neighbours else least)
        posterior = heights.posterior - reference * (1 - loss)
        anterior = heights.anterior - reference * anterior_ratio * (1 - loss * rng.uniform(0.6, 1.0))
        middle = heights.middle - reference * middle_ratio * (1 - loss * rng.uniform(0.6, 1.0))
        leading = posterior
    else:
        posterior = heights.posterior * loss * rng.uniform(0.0, 0.3)
        reference = max(heights.posterior - posterior, least)
        second = loss * rng.uniform(0.2, 0.95)
        shares = (loss, second) if shape is Shape.WEDGE else (second, loss)
        anterior = heights.anterior - reference * anterior_ratio * (1 - shares[0])
        middle = heights.middle - reference * middle_ratio * (1 - shares[1])
        leading = anterior if shape is Shape.WEDGE else middle
    if leading < 0:
        return None
    return max(anterior, 0.0), max(middle, 0.0), max(posterior, 0.0)


T = TypeVar("T")


def _maybe(rng: np.random.Generator, chance: float, draw: Callable[[], T]) -> T | None:
    return draw() if rng.random() < chance else None
