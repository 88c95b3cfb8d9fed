"""Drawing a patient's split."""

from collections import Counter

import pytest

from vfscreen.cases import Split
from vfscreen.split import Shares, draw_split


def test_the_shares_are_met_over_many_patients() -> None:
    drawn = Counter(draw_split(f"P{number}", Shares(15, 15)) for number in range(4000))
    assert abs(drawn[Split.HELD_OUT] / 4000 - 0.15) < 0.02
    assert abs(drawn[Split.TEST] / 4000 - 0.15) < 0.02


def test_the_same_patient_is_always_drawn_the_same() -> None:
    assert [draw_split("P-0417", Shares()) for _ in range(3)] == [draw_split("P-0417", Shares())] * 3


def test_without_shares_everybody_trains() -> None:
    assert {draw_split(f"P{number}", Shares(0, 0)) for number in range(50)} == {Split.TRAIN}


@pytest.mark.parametrize("shares", [(-1, 10), (10, -1), (60, 40)])
def test_shares_that_leave_nobody_to_train_on_are_refused(shares: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="train"):
        Shares(*shares)
