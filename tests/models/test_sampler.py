"""Batches hold every grade equally often, and the same seed gives the same batches."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from models.sampler import balanced_batches, two_views

GRADES = [0] * 50 + [1] * 7 + [2] * 5 + [3] * 2


def first_batches(count: int, seed: int = 0, grades: list[int] = GRADES) -> list[list[int]]:
    batches = balanced_batches(grades, 3, np.random.default_rng(seed))
    return [batch.tolist() for batch in islice(batches, count)]


def test_every_grade_comes_equally_often() -> None:
    for batch in first_batches(20):
        assert np.bincount(np.array(GRADES)[batch]).tolist() == [3, 3, 3, 3]


def test_no_example_comes_twice_in_a_batch_while_its_grade_has_enough() -> None:
    for batch in first_batches(20):
        common = [place for place in batch if GRADES[place] < 2]
        assert len(common) - len(set(common)) <= 1  # a grade may be exhausted in the middle of a batch


def test_every_example_of_a_grade_comes_equally_often() -> None:
    mild = [place for batch in first_batches(7) for place in batch if GRADES[place] == 1]
    assert sorted(mild) == sorted([*range(50, 57)] * 3)


def test_the_seed_decides() -> None:
    assert first_batches(5, seed=4) == first_batches(5, seed=4)
    assert first_batches(5, seed=4) != first_batches(5, seed=5)


def test_an_absent_grade_is_left_out() -> None:
    (batch,) = first_batches(1, grades=[0, 0, 0, 0, 2, 2, 2])
    assert len(batch) == 6


def test_second_views_follow_the_first() -> None:
    assert two_views(np.array([4, 2])).tolist() == [4, 2, 4, 2]


def test_an_empty_bank_is_refused() -> None:
    with pytest.raises(ValueError, match="needs examples"):
        next(balanced_batches([], 3, np.random.default_rng(0)))
