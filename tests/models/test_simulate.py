"""The deformation of a body: nothing folds, nothing lost means nothing moved, what is lost was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.simulate import Deformity, field_of, healthy_places, moved_points
from vfscreen.genant import SixPoints, heights_of

HEALTHY = SixPoints.from_array(
    np.array([[0, -16, 12.5], [0, 0, 11.5], [0, 16, 13.0], [0, -16, -12.5], [0, 0, -11.5], [0, 16, -13.0]])
)

UP = np.array([0.0, 0.0, 34.0])
"""One level up, mm."""


def places_around(step_mm: float = 3.0) -> np.ndarray:
    sides = [np.arange(-low, low + 1, step_mm) for low in (12, 30, 42)]
    return np.stack(np.meshgrid(*sides, indexing="ij"), -1)


deformities = st.builds(
    lambda kind, loss, share, crowding, skew, width, tilt, disc, turn, step: Deformity(
        losses_mm={
            "wedge": (loss, 0.5 * loss, 0.1 * loss),
            "biconcave": (0.3 * loss, loss, 0.2 * loss),
            "crush": (0.9 * loss, loss, 0.9 * loss),
        }[kind],
        superior_share=share,
        crowding=crowding if loss <= 9 else crowding / 2,
        dent_skew=skew,
        dent_width=width,
        side_tilt=tilt,
        discs_mm=(disc, 10.0 - disc / 2),
        tilts_deg=(turn, -turn),
        step_mm=step,
    ),
    kind=st.sampled_from(["wedge", "biconcave", "crush"]),
    loss=st.floats(0.0, 9.5),  # 40 percent of this body
    share=st.floats(0.0, 1.0),
    crowding=st.floats(0.0, 0.35),
    skew=st.floats(0.75, 1.35),
    width=st.floats(1.0, 2.2),
    tilt=st.floats(-0.25, 0.25),
    disc=st.floats(4.0, 9.0),
    turn=st.floats(-4.0, 4.0),
    step=st.floats(0.0, 1.8),
)


@settings(max_examples=40, deadline=None)
@given(deformity=deformities)
def test_what_is_not_refused_neither_folds_nor_stays_unfound(deformity: Deformity) -> None:
    field = field_of(HEALTHY, deformity)
    places = places_around()
    healthy, error_mm = field.inverse(places)
    if field.jacobian(healthy).min() <= 0.0:
        return  # such a draw is refused; `test_ordinary_fractures_are_not_refused` says how rarely
    assert error_mm < 0.3
    np.testing.assert_allclose(field.forward(healthy), places, atol=0.3)


@pytest.mark.parametrize("losses_mm", [(10, 5, 1), (3, 8, 2), (8, 9, 8)], ids=["wedge", "biconcave", "crush"])
@pytest.mark.parametrize("superior_share", [0.0, 0.5, 1.0])
def test_ordinary_fractures_are_not_refused(
    losses_mm: tuple[float, float, float], superior_share: float
) -> None:
    field = field_of(HEALTHY, Deformity(losses_mm, superior_share))
    assert field.jacobian(places_around(2.0)).min() > 0.0
    assert field.inverse(places_around())[1] < 0.1


@settings(max_examples=40, deadline=None)
@given(deformity=deformities)
def test_the_loss_that_was_asked_for_is_the_loss_that_is_measured(deformity: Deformity) -> None:
    moved = heights_of(moved_points([field_of(HEALTHY, deformity)], HEALTHY))
    lost = heights_of(HEALTHY).array() - moved.array()
    np.testing.assert_allclose(lost, deformity.losses_mm, atol=0.35)


def test_nothing_lost_and_nothing_tilted_moves_nothing() -> None:
    field = field_of(HEALTHY, Deformity())
    places = places_around()
    np.testing.assert_allclose(field.forward(places), places, atol=1e-12)
    np.testing.assert_allclose(field.inverse(places)[0], places, atol=1e-12)


def test_displacement_is_what_forward_adds() -> None:
    field = field_of(HEALTHY, Deformity((8.0, 4.0, 1.0), step_mm=1.0))
    places = places_around()
    np.testing.assert_allclose(places + field.displacement(places), field.forward(places))


def test_a_cortical_step_pushes_the_front_wall_and_leaves_heights_and_back_wall() -> None:
    plain, stepped = (field_of(HEALTHY, Deformity((6.0, 3.0, 0.0), step_mm=step)) for step in (0.0, 1.8))
    walls = np.array([[0.0, -16.0, 6.25], [0.0, 16.0, 6.25]])
    front, back = stepped.forward(walls) - plain.forward(walls)
    assert front[1] == pytest.approx(-1.8, abs=0.05)
    assert np.abs(back).max() < 0.01
    np.testing.assert_allclose(
        heights_of(moved_points([stepped], HEALTHY)).array(),
        heights_of(moved_points([plain], HEALTHY)).array(),
        atol=0.1,
    )
    assert stepped.jacobian(places_around(1.5)).min() > 0.0


def test_an_unbroken_view_needs_no_iteration() -> None:
    """A broken picture read at the forward places of a field built on the healthy points is the healthy picture."""
    field = field_of(HEALTHY, Deformity((8.0, 5.0, 1.0)))
    places = places_around()
    back, error_mm = field.inverse(field.forward(places))
    assert error_mm < 0.05
    np.testing.assert_allclose(back, places, atol=0.3)


def test_a_tilt_turns_the_neighbours_and_costs_no_height() -> None:
    field = field_of(HEALTHY, Deformity(tilts_deg=(6.0, -6.0)))
    moved = moved_points([field], HEALTHY)
    np.testing.assert_allclose(moved.array(), HEALTHY.array(), atol=1e-9)
    front, back = field.forward(np.array([[0.0, -16.0, 30.0], [0.0, 16.0, 30.0]]))
    assert back[2] - front[2] == pytest.approx(32 * np.sin(np.deg2rad(6.0)), abs=0.1)


def test_the_spine_above_follows_as_a_rigid_part() -> None:
    field = field_of(HEALTHY, Deformity((8.0, 4.0, 0.0), superior_share=1.0))
    neighbour = SixPoints.from_array(HEALTHY.array() + UP)
    moved = moved_points([field], neighbour)
    np.testing.assert_allclose(heights_of(moved).array(), heights_of(neighbour).array(), atol=0.05)


def test_two_fractures_are_undone_in_the_reverse_order() -> None:
    first = field_of(HEALTHY, Deformity((4.0, 2.0, 0.0)))
    neighbour = moved_points([first], SixPoints.from_array(HEALTHY.array() + UP))
    second = field_of(neighbour, Deformity((0.0, 5.0, 0.0)))
    places = places_around()
    healthy, error_mm = healthy_places([first, second], places)
    assert error_mm < 0.1
    np.testing.assert_allclose(second.forward(first.forward(healthy)), places, atol=0.2)


def test_a_body_cannot_lose_more_than_it_has() -> None:
    with pytest.raises(ValueError, match="nothing would be left"):
        field_of(HEALTHY, Deformity((26.0, 10.0, 10.0)))
