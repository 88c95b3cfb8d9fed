"""Which of the known bodies are the ones just found."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vfscreen.matching import match_bodies


def column(*heights_mm: float) -> np.ndarray:
    """Centres on a straight spine."""
    return np.array([[0.0, 0.0, height] for height in heights_mm]).reshape(-1, 3)


def test_nothing_matches_nothing() -> None:
    assert match_bodies(column(), column()) == []
    assert match_bodies(column(0), column()) == []
    assert match_bodies(column(), column(0, 30)) == [None, None]


def test_bodies_match_in_any_order() -> None:
    assert match_bodies(column(0, 30, 60), column(61, 1, 31)) == [2, 0, 1]


def test_a_shift_by_a_whole_level_matches_by_place_not_by_order() -> None:
    assert match_bodies(column(0, 30, 60), column(30, 60, 90)) == [1, 2, None]


def test_two_found_bodies_never_share_a_known_one() -> None:
    assert match_bodies(column(0, 30), column(2, 30, -3)).count(0) <= 1


def test_a_single_body_matches_within_half_of_the_smallest_spacing() -> None:
    assert match_bodies(column(0), column(8.9)) == [0]
    assert match_bodies(column(0), column(9.1)) == [None]


@given(
    st.lists(st.floats(20, 45), min_size=2, max_size=17),
    st.lists(st.floats(-0.2, 0.2), min_size=18, max_size=18),
)
def test_a_jitter_of_a_fifth_of_the_spacing_never_confuses_bodies(
    spacings_mm: list[float], jitter: list[float]
) -> None:
    heights = np.concatenate([[0.0], np.cumsum(spacings_mm)])
    moved = heights + np.array(jitter[: len(heights)]) * min(spacings_mm)
    assert match_bodies(column(*heights), column(*moved)) == list(range(len(heights)))
