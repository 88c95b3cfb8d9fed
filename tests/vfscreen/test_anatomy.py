"""Levels run from the head down, have one name each, and keep the numbers that others give them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfscreen.anatomy import ASSESSED, TOTALSEGMENTATOR, USUAL, Level, consecutive, level_of


def test_levels_have_the_numbers_of_verse():
    numbers = {"C1": 1, "C7": 7, "T1": 8, "T12": 19, "L1": 20, "L5": 24, "L6": 25, "SACRUM": 26, "T13": 28}
    assert {name: int(Level[name]) for name in numbers} == numbers
    assert len(Level) == 27


def test_rank_runs_from_the_head_down_with_t13_between_t12_and_l1():
    from_head = sorted(Level, key=lambda level: level.rank)
    assert from_head[0] is Level.C1
    assert from_head[-1] is Level.SACRUM
    place = from_head.index(Level.T13)
    assert from_head[place - 1 : place + 2] == [Level.T12, Level.T13, Level.L1]
    assert len({level.rank for level in Level}) == len(Level)


def test_the_assessed_levels_are_thoracic_and_lumbar():
    assert ASSESSED[0] is Level.T1
    assert ASSESSED[-1] is Level.L6
    assert len(ASSESSED) == 19
    assert len(USUAL) == 17
    assert set(ASSESSED) - set(USUAL) == {Level.T13, Level.L6}


@given(level=st.sampled_from(list(Level)))
def test_a_level_is_found_by_its_name_however_it_is_written(level: Level):
    assert level_of(f" {str(level).lower()} ") is level


def test_a_name_that_no_vertebra_has_is_refused():
    with pytest.raises(ValueError, match="no vertebra is called 'T14'"):
        level_of("T14")


def test_consecutive_levels_are_those_of_most_people():
    assert [str(level) for level in consecutive(Level.T11, 4)] == ["T11", "T12", "L1", "L2"]
    assert consecutive(Level.L5, 2) == [Level.L5, Level.L6]
    assert consecutive(Level.C7, 1) == [Level.C7]
    assert consecutive(Level.T13, 3) == [Level.T13, Level.L1, Level.L2]


def test_no_more_levels_than_there_are():
    with pytest.raises(ValueError, match="no 9 levels from L1 down"):
        consecutive(Level.L1, 9)


@given(first=st.sampled_from(USUAL), count=st.integers(1, 6))
def test_consecutive_levels_follow_each_other_in_rank(first: Level, count: int):
    try:
        levels = consecutive(first, count)
    except ValueError:
        assert first.rank + count > Level.L6.rank
        return
    assert levels[0] is first
    assert [level.rank for level in levels] == sorted(level.rank for level in levels)


def test_totalsegmentator_counts_from_the_sacrum_up():
    known = {26: "SACRUM", 27: "L5", 31: "L1", 32: "T12", 43: "T1", 44: "C7", 50: "C1"}
    assert {number: str(TOTALSEGMENTATOR[number]) for number in known} == known
    assert Level.T13 not in TOTALSEGMENTATOR.values()
    assert Level.L6 not in TOTALSEGMENTATOR.values()
