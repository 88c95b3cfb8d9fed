"""Genant's arithmetic: heights, frames, losses, grades, shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vfscreen.anatomy import ASSESSED, USUAL, Level
from vfscreen.genant import (
    CRUSH_SLACK,
    Grade,
    Heights,
    ReadGrade,
    Reference,
    Shape,
    SixPoints,
    axes_of,
    expected_posterior_mm,
    expected_ratios,
    grade_of_loss,
    heights_of,
    losses,
    measure,
    shape_of,
)

heights_mm = st.floats(8.0, 40.0)
turns = st.tuples(*[st.floats(-np.pi, np.pi)] * 3)
levels = st.sampled_from(ASSESSED)


def box(anterior: float, middle: float, posterior: float, depth: float = 30.0) -> SixPoints:
    """A body with these heights: posterior is +y, superior +z, the sagittal plane x = 0."""
    y = np.array([-depth / 2, 0.0, depth / 2])
    half = np.array([anterior, middle, posterior]) / 2
    upper = np.stack([np.zeros(3), y, half], 1)
    lower = np.stack([np.zeros(3), y, -half], 1)
    return SixPoints.from_array(np.concatenate([upper, lower]))


def healthy(level: Level, posterior: float = 25.0) -> Heights:
    """A body exactly as expected at its level."""
    anterior, middle = expected_ratios(level)
    return Heights(posterior * anterior, posterior * middle, posterior)


@given(heights_mm, heights_mm, heights_mm)
def test_heights_are_measured_point_to_point(anterior: float, middle: float, posterior: float) -> None:
    measured = heights_of(box(anterior, middle, posterior))
    assert measured.array() == pytest.approx([anterior, middle, posterior])


@given(heights_mm, heights_mm, turns, st.tuples(*[st.floats(-500, 500)] * 3))
def test_the_frame_follows_the_body_wherever_it_lies(
    anterior: float, posterior: float, turn: tuple[float, ...], shift: tuple[float, ...]
) -> None:
    rotation = Rotation.from_euler("xyz", turn)
    points = rotation.apply(box(anterior, 20.0, posterior).array()) + np.array(shift)
    axes = axes_of(SixPoints.from_array(points))
    assert axes.matrix() == pytest.approx(rotation.apply(np.eye(3)), abs=1e-9)
    assert axes.origin == pytest.approx(np.array(shift), abs=1e-9)
    assert np.cross(axes.left, axes.posterior) == pytest.approx(axes.superior, abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "grade"),
    [(0, 0), (19.99, 0), (20, 1), (25, 1), (25.01, 2), (40, 2), (40.01, 3), (100, 3)],
)
def test_the_scale_is_cut_where_it_says(loss: float, grade: int) -> None:
    assert grade_of_loss(loss) is Grade(grade)


@given(levels)
def test_a_body_as_expected_has_lost_nothing(level: Level) -> None:
    assert losses(level, healthy(level), Reference.EXPECTED_BY_LEVEL) == pytest.approx(0.0, abs=1e-9)


@given(levels, st.floats(1, 60), st.sampled_from(["anterior", "middle"]))
def test_what_is_taken_from_one_height_is_the_loss(level: Level, percent: float, which: str) -> None:
    whole = healthy(level).array()
    index = ("anterior", "middle").index(which)
    whole[index] *= 1 - percent / 100
    found = measure(level, Heights(*whole), 0.5, Reference.EXPECTED_BY_LEVEL)
    assert found.loss_percent == pytest.approx(percent)
    assert found.grade is grade_of_loss(found.loss_percent)
    if percent > 20.001:  # the cut itself belongs to floating point
        assert found.shape is (Shape.WEDGE if which == "anterior" else Shape.BICONCAVE)


@given(st.floats(1, 60))
def test_an_even_loss_is_seen_only_against_the_neighbours(percent: float) -> None:
    crushed = Heights(*(healthy(Level.T12, 25.0).array() * (1 - percent / 100)))
    neighbours = {Level.T11: healthy(Level.T11, 25.0), Level.L1: healthy(Level.L1, 25.0)}
    alone = measure(Level.T12, crushed, 0.5, Reference.EXPECTED_BY_LEVEL)
    among = measure(Level.T12, crushed, 0.5, Reference.EXPECTED_BY_LEVEL, neighbours)
    assert alone.loss_percent == pytest.approx(0.0, abs=1e-9)
    predicted = CRUSH_SLACK * expected_posterior_mm(Level.T12, neighbours)
    assert among.loss_percent == pytest.approx(max(0.0, 100 * (1 - crushed.posterior / predicted)), abs=1e-6)


def test_a_crush_is_named_a_crush() -> None:
    assert shape_of(np.array([45.0, 45.0, 45.0])) is Shape.CRUSH
    assert shape_of(np.array([45.0, 30.0, 5.0])) is Shape.WEDGE
    assert shape_of(np.array([10.0, 30.0, 5.0])) is Shape.BICONCAVE
    assert shape_of(np.array([10.0, 12.0, 5.0])) is Shape.NONE


def test_a_normal_l5_is_not_called_short_at_the_back() -> None:
    """A body like the marked L5 of the development cases: Ha/Hp 1.30, min/max 0.77, and normal."""
    found = measure(Level.L5, Heights(29.0, 25.0, 22.4), 0.5, Reference.EXPECTED_BY_LEVEL)
    assert found.grade is Grade.NORMAL


def test_own_posterior_height_is_the_plain_ratio() -> None:
    assert losses(Level.T8, Heights(16, 18, 20), Reference.OWN_POSTERIOR) == pytest.approx([20, 10, 0])


def test_the_neighbours_convention_needs_neighbours() -> None:
    with pytest.raises(ValueError, match="neighbour"):
        losses(Level.T8, Heights(20, 20, 20), Reference.NEIGHBOURS)
    with pytest.raises(ValueError, match="neighbour"):
        expected_posterior_mm(Level.T8, {})


def test_posterior_heights_are_expected_to_grow_down_the_thoracic_spine() -> None:
    neighbours = {Level.T6: Heights(20, 20, 20)}
    assert expected_posterior_mm(Level.T8, neighbours) > 20.0


def test_a_fractured_l1_of_a_textbook_reads_as_the_textbook_says() -> None:
    """Worked by hand: 24 mm behind, 15 in front; L1 is usually 0.924 as high in front as behind."""
    found = measure(Level.L1, Heights(15.0, 21.0, 24.0), 1.0, Reference.EXPECTED_BY_LEVEL)
    assert found.loss_percent == pytest.approx(100 * (1 - 15 / (24 * 0.924)))
    assert (found.shape, found.grade, found.table) == (Shape.WEDGE, Grade.MODERATE, "vfscreen 1")
    assert found.band_percent == pytest.approx(100 * np.hypot(1 / (24 * 0.924), 15 / (24 * 0.924) / 24))


@given(heights_mm, st.floats(0.1, 3.0))
def test_the_band_grows_with_the_uncertainty(posterior: float, uncertainty: float) -> None:
    heights = Heights(posterior, posterior, posterior)
    narrow = measure(Level.T8, heights, uncertainty, Reference.OWN_POSTERIOR).band_percent
    wide = measure(Level.T8, heights, 2 * uncertainty, Reference.OWN_POSTERIOR).band_percent
    assert wide == pytest.approx(2 * narrow)
    assert narrow == pytest.approx(100 * uncertainty / posterior * np.sqrt(2))


def test_a_half_trains_as_half_and_half() -> None:
    assert ReadGrade.BORDERLINE.soft() == (0.5, 0.5, 0.0, 0.0)
    assert ReadGrade.BORDERLINE.sign == "½"
    assert [grade.sign for grade in ReadGrade] == ["0", "½", "1", "2", "3"]
    assert all(sum(grade.soft()) == 1.0 for grade in ReadGrade)


def test_every_level_has_an_expectation() -> None:
    for level in USUAL:
        anterior, middle = expected_ratios(level)
        assert 0.8 < anterior < 1.35
        assert 0.8 < middle < 1.1
