"""Projection, letters, marks and crops: where things lie on the picture, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.demo_bodies import demo_bodies
from tests.ui.department import LEVELS
from ui.desktop.crop import HEIGHT_MM, STEP_MM, WIDTH_MM, crop_of, windowed
from ui.desktop.marks import HALF_WIDTH_MM, marks_of
from ui.desktop.projection import Projection, edge_letters, place_of, scale_bar
from ui.desktop.room import ReadingRoom
from vfscreen.genant import POINT_NAMES
from vfscreen.volume import Volume, sagittal_first

STRAIGHT = Projection(np.array([[0.0, 2.0, 30.0], [3.0, 0.0, 40.0]]))
SAGITTAL = np.array(
    [[0.7, 0.0, 0.0, -120.0], [0.0, 0.0, 0.7, -90.0], [0.0, -2.5, 0.0, 40.0], [0.0, 0.0, 0.0, 1.0]]
)
"""Index (slice, row, column) to LPS mm: slices to the left, rows to the feet, columns to the back."""


def test_letters_of_a_straight_picture_are_anterior_left_and_head_up() -> None:
    assert edge_letters(SAGITTAL, STRAIGHT) == ("A", "H", "P", "F")


def test_a_mirrored_or_turned_drawing_would_say_so() -> None:
    mirrored = Projection(np.array([[0.0, -2.0, 30.0], [3.0, 0.0, 40.0]]))
    upside_down = Projection(np.array([[0.0, 2.0, 30.0], [-3.0, 0.0, 40.0]]))
    turned = Projection(np.array([[2.0, 0.0, 30.0], [0.0, 2.0, 40.0]]))
    assert edge_letters(SAGITTAL, mirrored) == ("P", "H", "A", "F")
    assert edge_letters(SAGITTAL, upside_down) == ("A", "F", "P", "H")
    assert edge_letters(SAGITTAL, turned) == ("H", "A", "F", "P")


def test_a_flipped_array_would_say_so() -> None:
    flipped = SAGITTAL @ np.diag([1.0, 1.0, -1.0, 1.0])
    assert edge_letters(flipped, STRAIGHT) == ("P", "H", "A", "F")


@given(row=st.floats(-500, 500), column=st.floats(-500, 500), angle=st.floats(0, 6), zoom=st.floats(0.2, 40))
def test_a_point_and_its_index_are_each_others_way_back(
    row: float, column: float, angle: float, zoom: float
) -> None:
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    projection = Projection(np.column_stack([turn, [12.0, -7.0]]))
    assert projection.index(*projection.point(row, column)) == pytest.approx((row, column), abs=1e-6)


@given(zoom=st.floats(0.2, 40))
def test_the_scale_is_round_and_fits(zoom: float) -> None:
    length_mm, length_px = scale_bar(SAGITTAL, Projection(STRAIGHT.matrix * zoom))
    assert length_mm in (1, 2, 5, 10, 20, 50, 100)
    assert length_px == pytest.approx(length_mm * 2 * zoom / 0.7)
    assert length_px <= 120 or length_mm == 1


def test_the_place_of_a_slice_names_its_side() -> None:
    assert place_of(SAGITTAL, 200) == "L 20.0 mm"
    assert place_of(SAGITTAL, 100) == "R 50.0 mm"


def test_marks_lie_on_their_bodies_and_on_their_slices(room: ReadingRoom) -> None:
    assert room.case is not None and room.volume is not None
    marks = marks_of(room.case.bodies, {}, room.volume.inverse, here=room.here, outlined=())
    assert [mark.name for mark in marks] == list(LEVELS)
    assert [mark.here for mark in marks] == [True, False, False, False, False, False]
    assert all(mark.outline == () for mark in marks)
    lowest = marks[-1]
    assert room.volume.lps_of(np.array(lowest.centre)) == pytest.approx(demo_bodies()[-1].centre_lps_mm)
    half = HALF_WIDTH_MM / room.volume.spacing_mm[0]
    assert (lowest.first, lowest.last) == pytest.approx((lowest.centre[0] - half, lowest.centre[0] + half))


def test_outlines_go_round_the_body_through_its_six_points(room: ReadingRoom) -> None:
    assert room.case is not None and room.volume is not None
    mark = marks_of(
        room.case.bodies, {}, room.volume.inverse, here=None, outlined={room.case.bodies[0].body_id}
    )[0]
    points = demo_bodies()[0].points
    assert points is not None
    names = [POINT_NAMES[place] for place in (0, 1, 2, 5, 4, 3)]
    for name, corner in zip(names, mark.outline, strict=True):
        assert corner == pytest.approx(room.volume.indices_of(getattr(points, name))[1:])


def test_a_crop_shows_bone_in_its_middle_and_its_points_where_they_are(demo_volume: Volume) -> None:
    body = demo_bodies()[4]
    crop = crop_of(sagittal_first(demo_volume), body)
    rows, columns = round(HEIGHT_MM / STEP_MM), round(WIDTH_MM / STEP_MM)
    assert crop.hounsfield.shape == (rows, columns)
    middle = crop.hounsfield[rows // 2 - 10 : rows // 2 + 10, columns // 2 - 10 : columns // 2 + 10]
    assert 50 < float(middle.mean()) < 500
    corners = crop.points[[0, 2, 3, 5]]
    assert corners.mean(0) == pytest.approx((HEIGHT_MM / 2 / STEP_MM, WIDTH_MM / 2 / STEP_MM), abs=0.5)
    assert crop.points[0, 0] < crop.points[3, 0], "the upper endplate is drawn above the lower one"
    assert crop.points[0, 1] < crop.points[2, 1], "anterior is drawn on the left"
    assert np.hypot(*(crop.points[0] - crop.points[3])) * STEP_MM == pytest.approx(
        body.heights.anterior, abs=0.1
    )  # type: ignore[union-attr]


def test_a_body_without_points_is_cut_along_the_patients_axes(demo_volume: Volume) -> None:
    from dataclasses import replace

    bare = replace(demo_bodies()[4], points=None, axes=None, heights=None)
    crop = crop_of(sagittal_first(demo_volume), bare)
    assert crop.points.shape == (0, 2)
    assert float(crop.hounsfield.max()) > 200


def test_the_window_maps_its_ends_to_black_and_white() -> None:
    grey = windowed(np.array([[-700.0, -600.0, 400.0, 1400.0, 3000.0]], np.float32), 2000, 400)
    assert grey.tolist() == [[0, 0, 127, 255, 255]]
