"""What the edge of the view cuts, and what can only be a piece because it lies beyond that."""

from __future__ import annotations

import numpy as np
import pytest

from vfscreen.view_edge import (
    CORNER_AT_EDGE,
    UNLIKE_NEIGHBOURS,
    beyond_the_edge,
    cut_by_view,
    flags_of_shape,
)

UPPER, LOWER = slice(0, 3), slice(3, 6)


def bodies(*heights_mm: float) -> np.ndarray:
    """Six points of boxes that stand 30 mm apart, from the head down; (n, 6, 3)."""
    points = np.zeros((len(heights_mm), 6, 3))
    for k, height_mm in enumerate(heights_mm):
        points[k, :, 1] = [-15, 0, 15] * 2
        points[k, :, 2] = -30.0 * k
        points[k, UPPER, 2] += height_mm
    return points


def margins(count: int, **at: float) -> np.ndarray:
    """As far as is looked, but 0 mm for the endplates that are named: `upper_1=0.5`."""
    found = np.full((count, 6), 10.0)
    for name, mm in at.items():
        side, k = name.split("_")
        found[int(k), UPPER if side == "upper" else LOWER] = mm
    return found


def test_a_body_is_cut_where_the_disc_is_out_of_view() -> None:
    cut = cut_by_view(bodies(22, 22, 22), margins(3, upper_0=1.0), 1.0)
    assert cut.tolist() == [True, False, False]
    assert not cut_by_view(bodies(22, 22, 22), margins(3, upper_0=3.0), 1.0).any()
    assert cut_by_view(bodies(22, 22, 22), margins(3, upper_0=3.0), 5.0)[0], "a slice must be seen"


@pytest.mark.parametrize(("lost", "cut"), [(None, False), (np.array([True, False, False]), True)])
def test_near_the_edge_a_body_is_cut_whose_points_nobody_is_sure_of(
    lost: np.ndarray | None, cut: bool
) -> None:
    assert cut_by_view(bodies(22, 22, 22), margins(3, upper_0=6.0), 1.0, lost)[0] == cut


def test_near_the_edge_a_body_much_lower_than_its_neighbour_is_cut() -> None:
    assert cut_by_view(bodies(12, 22, 22), margins(3, upper_0=6.0), 1.0)[0]
    assert not cut_by_view(bodies(12, 22, 22), margins(3), 1.0)[0]


def test_what_lies_beyond_a_body_that_is_cut_is_no_body() -> None:
    margin = margins(4, upper_1=0.5, lower_2=0.0)
    cut = cut_by_view(bodies(22, 22, 22, 22), margin, 1.0)
    assert cut.tolist() == [False, True, True, False]
    assert beyond_the_edge(cut, margin).tolist() == [True, False, False, True]
    assert not beyond_the_edge(np.zeros(4, bool), margin).any()


def test_unlike_neighbours_and_corners_at_the_edge_are_flagged() -> None:
    margin = margins(3)
    margin[2, 5] = 0.5
    flags = flags_of_shape(bodies(22, 12, 22), margin, np.zeros(3, bool))
    assert flags[1] == (UNLIKE_NEIGHBOURS,) and CORNER_AT_EDGE in flags[2]
    alone = flags_of_shape(bodies(22, 12, 22), margin, np.array([True, False, True]))
    assert alone[1] == (), "those that are cut are no neighbours"
