"""The scale of readers' cuts: found where there are readings, left at one where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from models.grader.readers import GradedLoss, reader_scale
from vfscreen.genant import grade_of_loss


def readings(count: int, scale: float, seed: int = 0) -> list[GradedLoss]:
    rng = np.random.default_rng(seed)
    losses = np.concatenate([rng.normal(4, 4, count), rng.uniform(5, 60, count)])
    seen = (losses + rng.normal(0, 4, 2 * count)) / scale
    return [
        GradedLoss("p", grade_of_loss(float(read)), float(loss))
        for loss, read in zip(losses, seen, strict=True)
    ]


@pytest.mark.parametrize("scale", [0.75, 1.0, 1.2])
def test_many_readings_tell_where_their_readers_cut(scale: float) -> None:
    assert reader_scale(readings(300, scale)) == pytest.approx(scale, abs=0.05)


def test_a_few_readings_move_it_a_little() -> None:
    few = readings(2, 0.5)
    assert 0.5 < reader_scale(few) <= 1.0


def test_without_readings_genants_cuts_stand() -> None:
    assert reader_scale([]) == 1.0


def test_one_blunder_does_not_carry_it_away() -> None:
    sound = readings(100, 1.0)
    blunder = GradedLoss("p", grade_of_loss(50.0), 0.0)
    assert reader_scale([*sound, blunder]) == pytest.approx(reader_scale(sound), abs=0.03)
