"""What is said of a measurement: cut by the view, doubtful, how uncertain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.localiser.endplates import Outlines
from models.localiser.measure import (
    ENDPLATE_UNCLEAR,
    PASSES_DIFFER,
    UNRELIABLE,
    Signs,
    cut_bodies,
    doubts_of,
    uncertainty_mm,
)
from vfscreen.frames import frames_of
from vfscreen.genant import three_heights
from vfscreen.view_edge import CORNER_AT_EDGE, UNLIKE_NEIGHBOURS

SUPERIOR = slice(0, 3)


@pytest.fixture
def outlines() -> Outlines:
    """Four clear bodies, 22 mm high and 28 mm apart, far from the edge of the view."""
    centres = np.array([[0, 0, 42.0], [0, 0, 14], [0, 0, -14], [0, 0, -42]])
    box = np.array([[0, y, z] for z in (11, -11) for y in (-14, 0, 14)], float)
    points = centres[:, None] + box
    return Outlines(
        points, points.copy(), np.full((4, 6), 1.5), np.full((4, 6), 200.0), np.full((4, 6), 0.3),
        np.full(4, 20.0), np.full((4, 6), 10.0), frames_of(centres),
    )  # fmt: skip


def flags_of(outlines: Outlines) -> list[tuple[str, ...]]:
    return [doubt.flags for doubt in doubts_of(outlines, np.zeros(4, bool))]


def with_margin(outlines: Outlines, body: int, points: slice | int, margin_mm: float) -> Outlines:
    margin = outlines.margin_mm.copy()
    margin[body, points] = margin_mm
    return replace(outlines, margin_mm=margin)


def test_clear_bodies_are_whole_and_carry_no_flag(outlines: Outlines) -> None:
    assert not cut_bodies(outlines, 1.0).any()
    assert flags_of(outlines) == [()] * 4


def test_a_body_whose_disc_is_not_seen_is_cut(outlines: Outlines) -> None:
    assert cut_bodies(with_margin(outlines, 0, SUPERIOR, 1.0), 1.0).tolist() == [True, False, False, False]


def test_in_thick_slices_one_of_the_disc_must_be_seen(outlines: Outlines) -> None:
    near = with_margin(outlines, 0, SUPERIOR, 3.0)
    assert not cut_bodies(near, 1.0).any()
    assert cut_bodies(near, 4.25)[0]


def test_one_corner_at_the_edge_is_a_flag_and_two_are_a_cut(outlines: Outlines) -> None:
    one = with_margin(outlines, 3, 3, 0.0)
    assert not cut_bodies(one, 1.0).any()
    assert flags_of(one)[3] == (CORNER_AT_EDGE,)
    assert cut_bodies(with_margin(one, 3, 5, 0.0), 1.0)[3]


def test_a_low_body_is_cut_only_near_the_edge_of_the_view(outlines: Outlines) -> None:
    points = outlines.points.copy()
    points[0, SUPERIOR, 2] -= 11
    crushed = replace(outlines, points=points, earlier=points)
    assert not cut_bodies(crushed, 1.0).any()
    assert UNLIKE_NEIGHBOURS in flags_of(crushed)[0]
    assert cut_bodies(with_margin(crushed, 0, SUPERIOR, 5.0), 1.0)[0]


def test_doubt_is_said_in_words_and_widens_the_interval(outlines: Outlines) -> None:
    spread = outlines.spread_mm.copy()
    spread[1, 4] = 5.0
    earlier = outlines.earlier.copy()
    earlier[2, 0, 2] += 3.0
    doubts = doubts_of(replace(outlines, spread_mm=spread, earlier=earlier), np.zeros(4, bool))
    assert doubts[1].flags == (ENDPLATE_UNCLEAR,)
    assert doubts[2].flags == (PASSES_DIFFER,)


def test_an_endplate_that_noise_hides_makes_the_measurement_unreliable(outlines: Outlines) -> None:
    fall, level = outlines.fall_hu.copy(), outlines.level_mm.copy()
    fall[1, 4], level[1, 4] = 8.0, -4.0  # bridged: no fall towards the disc, and another edge elsewhere
    doubts = doubts_of(replace(outlines, fall_hu=fall, level_mm=level), np.zeros(4, bool))
    assert [UNRELIABLE in doubt.flags for doubt in doubts] == [False, True, False, False]


def test_uncertainty_grows_with_every_sign() -> None:
    clear = Signs(10.0, 0.2)
    for worse in (replace(clear, clarity=0.5), replace(clear, apart_mm=3.0)):
        assert uncertainty_mm(worse) > uncertainty_mm(clear)


def test_three_heights_are_point_to_point(outlines: Outlines) -> None:
    assert three_heights(outlines.points) == pytest.approx(np.full((4, 3), 22.0))
