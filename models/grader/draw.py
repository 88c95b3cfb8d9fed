"""Drawing what shall happen to a healthy body: which heights are lost, where, and what the neighbours do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.simulate import Deformity, Field, field_of, moved_points
from vfscreen.anatomy import Level
from vfscreen.findings import Vertebra
from vfscreen.genant import (
    CRUSH_SLACK,
    Grade,
    Heights,
    Shape,
    SixPoints,
    expected_posterior_mm,
    expected_ratios,
    heights_of,
)

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

NEIGHBOUR_SHARE = 0.3
"""How often a neighbour is deformed by a loss of its own."""

WEDGED_TOGETHER = 0.15
"""How often a body that loses less than grade 1 does so with both its neighbours, all as wedges, as in
Scheuermann's disease."""

STEP_SHARE = 0.25
"""How often a body that lost a fifth in front or more has a cortical step."""

SHAPES = (Shape.WEDGE, Shape.BICONCAVE, Shape.CRUSH)


@dataclass(frozen=True, slots=True)
class Plan:
    """Fields in the order in which they act, the size factor of the whole, and how far mineral is conserved."""

    fields: tuple[Field, ...]
    size: float
    density_share: float


def draw_aim(wanted: Grade, rng: np.random.Generator) -> float | None:
    """Draws the loss to aim at for a grade, percent; None is a body of grade 0 whose heights stay as they are."""
    if wanted is Grade.NORMAL and rng.random() < UNBROKEN:
        return None
    return float(rng.uniform(*LOSS_RANGE_PERCENT[wanted]))


def draw_plan(bodies: Bodies, aim_percent: float | None, rng: np.random.Generator) -> Plan | None:
    """Draws deformities that give this body a loss of `aim_percent` against expectation; None if it cannot have that.

    Without an aim its heights stay. Neighbours may be deformed first, by losses that have nothing to do with it.
    """
    fields = _around(bodies, aim_percent, rng)
    own, *others = [
        None if body is None or body.points is None else moved_points(fields, body.points) for body in bodies
    ]
    if own is None:
        return None
    known = {
        body.level: heights_of(points)
        for body, points in zip(bodies[1:], others, strict=True)
        if body is not None and points is not None
    }
    shape = None if len(fields) < 2 else Shape.WEDGE
    deformity = draw_deformity(bodies[0].level, heights_of(own), known, aim_percent, rng, shape)
    if deformity is None:
        return None
    fields.append(field_of(own, deformity))
    return Plan(tuple(fields), size=rng.uniform(0.88, 1.12), density_share=rng.random())


def _around(bodies: Bodies, aim_percent: float | None, rng: np.random.Generator) -> list[Field]:
    """Draws what happens to the neighbours: mostly nothing, one of them deformed, or all wedged together."""
    neighbours = [body for body in bodies[1:] if body is not None and body.points is not None]
    together = aim_percent is not None and aim_percent < LOSS_RANGE_PERCENT[Grade.NORMAL][1]
    if together and len(neighbours) == 2 and rng.random() < WEDGED_TOGETHER:
        chosen, most, shape = neighbours, 18.0, Shape.WEDGE
    elif neighbours and rng.random() < NEIGHBOUR_SHARE:
        chosen, most, shape = [neighbours[int(rng.integers(len(neighbours)))]], 50.0, None
    else:
        return []
    fields: list[Field] = []
    for body in chosen:
        assert body.points is not None
        points: SixPoints = moved_points(fields, body.points)
        deformity = draw_deformity(body.level, heights_of(points), {}, rng.uniform(0, most), rng, shape)
        if deformity is not None:
            fields.append(field_of(points, deformity))
    return fields


def draw_deformity(
    level: Level,
    heights: Heights,
    neighbours: dict[Level, Heights],
    loss_percent: float | None,
    rng: np.random.Generator,
    shape: Shape | None = None,
) -> Deformity | None:
    """Draws a deformity whose largest loss against expectation is `loss_percent`; None for the loss: only tilts.

    Returns None where the body already lacks more than that.
    """
    lost = (0.0, 0.0, 0.0)
    if loss_percent is not None:
        drawn = shape or SHAPES[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
        aimed = _losses_mm(level, heights, neighbours, drawn, loss_percent / 100, rng)
        if aimed is None:
            return None
        lost = aimed
    deformity = Deformity(
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
    if lost[0] > 0.2 * heights.anterior and rng.random() < STEP_SHARE:
        return replace(deformity, step_mm=rng.uniform(0.5, 1.8), step_place=rng.uniform(0.55, 0.85))
    return deformity


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
