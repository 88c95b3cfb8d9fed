"""What the network sees: outlines where the points are, CT that follows them, and the same view for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.grader.crop import VIEW_COLUMNS, VIEW_PLANES, VIEW_ROWS
from models.grader.examples import Example
from models.grader.view import CHANNELS, PointError, misplaced, outlines, plain_views, training_views

EXACT = PointError(0.0, 0.0, 0.0, 0.0)
RECTANGLE = np.array([[-15, 12.5], [0, 12.5], [15, 12.5], [-15, -12.5], [0, -12.5], [15, -12.5]], np.float32)
NOBODY = np.full((6, 2), np.nan, np.float32)


def drawn(*bodies: np.ndarray) -> torch.Tensor:
    return outlines(torch.from_numpy(np.stack(bodies)[None]))[0]


def test_an_outline_covers_the_area_between_the_points() -> None:
    own, others = drawn(RECTANGLE, NOBODY, NOBODY)
    assert float(own.sum()) == pytest.approx(25 * 30, rel=0.01)
    assert float(others.sum()) == 0.0


def test_half_a_millimetre_less_height_is_half_a_millimetre_less_area() -> None:
    lower = RECTANGLE.copy()
    lower[:3, 1] -= 0.5
    difference = drawn(RECTANGLE, NOBODY, NOBODY)[0] - drawn(lower, NOBODY, NOBODY)[0]
    assert float(difference.sum()) == pytest.approx(0.5 * 30, rel=0.02)


def test_a_tilted_neighbour_is_drawn_tilted() -> None:
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]], np.float32)
    above = (RECTANGLE @ turn.T + np.array([0, 32], np.float32)).astype(np.float32)
    others = drawn(RECTANGLE, above, NOBODY)[1]
    assert float(others.sum()) == pytest.approx(25 * 30, rel=0.03)


def test_a_plain_view_is_the_middle_of_the_crop(demo_examples: list[Example]) -> None:
    views = plain_views([one.crop for one in demo_examples[:3]])
    assert views.pictures.shape == (3, CHANNELS, VIEW_ROWS, VIEW_COLUMNS)
    assert bool(views.pictures.isfinite().all())
    assert not bool(views.slips_mm.any())
    both = views.mirrored().mirrored()
    assert torch.equal(both.pictures, views.pictures)
    assert torch.equal(views.mirrored().pictures[:, 0], views.pictures[:, VIEW_PLANES - 1])


def test_what_is_not_to_be_seen_is_taken_out(demo_examples: list[Example]) -> None:
    views = plain_views([one.crop for one in demo_examples[:3]])
    alone = views.only(ct=True, outlines=False, losses=False)
    assert torch.equal(alone.pictures[:, :VIEW_PLANES], views.pictures[:, :VIEW_PLANES])
    assert not bool(alone.pictures[:, VIEW_PLANES:].any())
    assert not bool(alone.points.any())
    assert not bool(alone.measured.any())
    drawn = views.only(ct=False, outlines=True, losses=True)
    assert not bool(drawn.pictures[:, :VIEW_PLANES].any())
    assert torch.equal(drawn.points, views.points)
    assert views.only(ct=True, outlines=True, losses=True) is views


def test_the_seed_decides_the_view(demo_examples: list[Example]) -> None:
    crops = [one.crop for one in demo_examples[:4]]
    first, again, other = (
        training_views(crops, np.random.default_rng(seed), PointError()) for seed in (1, 1, 2)
    )
    assert torch.equal(first.pictures, again.pictures)
    assert not torch.equal(first.pictures, other.pictures)
    assert bool(first.pictures.isfinite().all())


def test_points_that_are_not_wrong_leave_a_crop_as_it_is(demo_examples: list[Example]) -> None:
    crop = demo_examples[0].crop
    (same,) = misplaced([crop], np.random.default_rng(0), EXACT)
    np.testing.assert_allclose(same.points_mm, crop.points_mm, atol=0.02)
    assert np.abs(same.planes.astype(int) - crop.planes).mean() < 3


def test_wrong_points_lie_in_their_own_frame_and_measure_something_else(demo_examples: list[Example]) -> None:
    crops = [one.crop for one in demo_examples]
    moved = misplaced(crops, np.random.default_rng(0), PointError())
    for crop in moved:
        corners = crop.points_mm[0, [0, 2, 3, 5], 1:]
        np.testing.assert_allclose(corners.mean(0), 0.0, atol=0.01)
    change = np.array(
        [after.losses_percent() - crop.losses_percent() for after, crop in zip(moved, crops, strict=True)]
    )
    assert 1.0 < change.std() < 10.0


def test_slips_say_how_far_the_points_have_moved(demo_examples: list[Example]) -> None:
    crops = [one.crop for one in demo_examples]
    views = training_views(crops, np.random.default_rng(3), PointError(single_mm=2.0))
    assert 0.3 < float(views.slips_mm.abs().mean()) < 3.0
