"""Measures every body of a spine beside its neighbours: who may serve as one, and what the heights then say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vfscreen.anatomy import Level
from vfscreen.findings import PLACED_BY_HAND, TOO_THICK, Vertebra
from vfscreen.genant import (
    Grade,
    Heights,
    Morphometry,
    Reference,
    expected_posterior_mm,
    measure,
    reference_heights,
)  # fmt: skip
from vfscreen.reference import EXPECTED, ReferenceTable

NO_INTACT_NEIGHBOUR = "no intact neighbour to compare with"
"""The flag of a body that was measured alone: a crush of it cannot be seen."""

_NO_DOUBT = frozenset({NO_INTACT_NEIGHBOUR, PLACED_BY_HAND})
"""Flags that do not speak against the measurement of a body itself."""

NEIGHBOURS_A_SIDE = 2
"""Up to two bodies above and two below predict a height. Source: McCloskey EV et al., Osteoporos Int 1993;3:138."""

SHORT_SHARE = 0.8
"""A body shorter than this share of what the rest of the spine predicts may be crushed, and predicts nothing."""


def measure_all(
    bodies: Sequence[Vertebra], reference: Reference, table: ReferenceTable = EXPECTED
) -> list[tuple[Morphometry | None, bool]]:
    """Measures each body (ordered from the head down) beside its nearest intact neighbours.

    A neighbour that is itself fractured would hide a crush, so those are passed over, and so are bodies whose own
    measurement is in doubt, as long as others are there. Without any neighbour the convention falls back on what is
    expected by level, and the result names that.

    Returns: for each body its morphometry, None where heights are missing or not to be trusted, and whether there was
    an intact neighbour.
    """
    results: list[tuple[Morphometry | None, bool]] = [(None, False)] * len(bodies)
    for i, (neighbours, used) in _compared(bodies, reference, table).items():
        results[i] = _measure(bodies[i], neighbours, used, table), bool(neighbours)
    return results


def missing_mm(
    bodies: Sequence[Vertebra], place: int, reference: Reference, table: ReferenceTable = EXPECTED
) -> tuple[float, float, float] | None:
    """Returns by how much each height of one body falls short of what `measure_all` measures it against.

    Anterior, middle, posterior, mm, 0 where nothing is missing; None where heights are missing or not to be trusted.
    """
    compared, heights = _compared(bodies, reference, table).get(place), bodies[place].heights
    if compared is None or heights is None:
        return None
    neighbours, used = compared
    against = reference_heights(bodies[place].level, heights, used, neighbours, table).heights_mm
    anterior, middle, posterior = np.maximum(against - heights.array(), 0.0)
    return float(anterior), float(middle), float(posterior)


def _compared(
    bodies: Sequence[Vertebra], reference: Reference, table: ReferenceTable
) -> dict[int, tuple[dict[Level, Heights], Reference]]:
    """Returns by the place of each body that can be measured its neighbours, and the convention that they allow."""
    sound = [i for i, body in enumerate(bodies) if _measurable(body)]
    intact = {i for i in sound if _is_intact(bodies, i, sound, table)}
    undoubted = {i for i in intact if not set(bodies[i].flags) - _NO_DOUBT}
    compared = {}
    for i in sound:
        neighbours = _neighbours(bodies, i, undoubted) or _neighbours(bodies, i, intact)
        alone = reference is Reference.NEIGHBOURS and not neighbours
        compared[i] = neighbours, Reference.EXPECTED_BY_LEVEL if alone else reference
    return compared


def _is_intact(bodies: Sequence[Vertebra], place: int, sound: Sequence[int], table: ReferenceTable) -> bool:
    """Judges who may serve as a neighbour: by its own shape, and by its height among all bodies of this spine.

    The median over the whole spine still holds where several bodies in a row are crushed.
    """
    own = bodies[place]
    assert own.heights is not None
    if _measure(own, {}, Reference.EXPECTED_BY_LEVEL, table).grade is not Grade.NORMAL:
        return False
    expected_mm = [
        expected_posterior_mm(own.level, {bodies[i].level: heights})
        for i in sound
        if i != place and (heights := bodies[i].heights) is not None
    ]
    return not expected_mm or own.heights.posterior >= SHORT_SHARE * float(np.median(expected_mm))


def _measurable(body: Vertebra) -> bool:
    return body.heights is not None and body.uncertainty_mm is not None and TOO_THICK not in body.flags


def _measure(
    body: Vertebra, neighbours: dict[Level, Heights], reference: Reference, table: ReferenceTable
) -> Morphometry:
    assert body.heights is not None and body.uncertainty_mm is not None
    return measure(body.level, body.heights, body.uncertainty_mm, reference, neighbours, table)


def _neighbours(bodies: Sequence[Vertebra], place: int, pool: set[int]) -> dict[Level, Heights]:
    """Returns the heights of the nearest bodies above and below that the pool holds."""
    above = sorted((i for i in pool if i < place), reverse=True)[:NEIGHBOURS_A_SIDE]
    below = sorted(i for i in pool if i > place)[:NEIGHBOURS_A_SIDE]
    found = {bodies[i].level: bodies[i].heights for i in (*above, *below)}
    return {level: heights for level, heights in found.items() if heights is not None}
