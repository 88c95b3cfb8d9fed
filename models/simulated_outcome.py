"""What a simulated fracture came to: heights, losses and grade as they are after the field has acted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.simulate import Field, moved_points
from vfscreen.anatomy import Level
from vfscreen.genant import Grade, Heights, Reference, SixPoints, grade_of_loss, heights_of, losses

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A body after its fields have acted.

    Shapes: losses (3,): anterior, middle, posterior, in percent; `own_losses_percent` against its own original,
    `losses_percent` against what is expected at its level with these neighbours. The grade cuts the second by Genant.
    """

    points: SixPoints
    heights: Heights
    own_losses_percent: Float
    losses_percent: Float

    @property
    def grade(self) -> Grade:
        """The grade of the largest loss against expectation."""
        return grade_of_loss(float(self.losses_percent.max()))


def outcome_of(
    fields: Sequence[Field], level: Level, points: SixPoints, neighbours: dict[Level, SixPoints]
) -> Outcome:
    """Measures what fields, in the order in which they act, make of a body; points are those before any acted."""
    moved = moved_points(fields, points)
    heights = heights_of(moved)
    around = {other: heights_of(moved_points(fields, six)) for other, six in neighbours.items()}
    return Outcome(
        moved,
        heights,
        np.asarray(100 * (1 - heights.array() / heights_of(points).array())),
        losses(level, heights, Reference.EXPECTED_BY_LEVEL, around),
    )
