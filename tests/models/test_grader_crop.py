"""A crop lies in the body's own axes, at fixed millimetres, with its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.grader.crop import (
    COLUMNS,
    FRONT_MM,
    MARGIN,
    PLANES,
    ROWS,
    VIEW_SHAPE,
    cut_crop,
    neighbours_of,
    step_along_mm,
)
from vfscreen.anatomy import Level
from vfscreen.findings import Vertebra
from vfscreen.genant import Heights, Reference, axes_of, losses
from vfscreen.volume import Volume


def test_neighbours_are_the_nearest_above_and_below_whatever_their_names(demo_bodies: list[Vertebra]) -> None:
    renamed = [replace(one, level=Level.L5) for one in demo_bodies]
    above, below = neighbours_of(renamed[2], [renamed[5], renamed[3], renamed[0], renamed[1], renamed[2]])
    assert above is renamed[1]
    assert below is renamed[3]


def test_the_first_and_the_last_body_have_one_neighbour(demo_bodies: list[Vertebra]) -> None:
    assert neighbours_of(demo_bodies[0], demo_bodies) == (None, demo_bodies[1])
    assert neighbours_of(demo_bodies[-1], demo_bodies) == (demo_bodies[-2], None)


def test_a_body_far_away_is_no_neighbour(demo_bodies: list[Vertebra]) -> None:
    assert neighbours_of(demo_bodies[0], [demo_bodies[0], demo_bodies[4]]) == (None, None)


@pytest.mark.parametrize("patient_axis", [0, 1, 2])
def test_every_voxel_of_a_crop_lies_where_its_frame_says(
    patient_axis: int, demo_bodies: list[Vertebra]
) -> None:
    body = demo_bodies[3]
    assert body.points is not None
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = axes_of(body.points).origin - 100.0
    ramp = np.moveaxis(np.broadcast_to(np.arange(41) * 50, (41, 41, 41)), 2, patient_axis)
    volume = Volume(
        np.ascontiguousarray(ramp.astype(np.int16)), affine
    )  # ten times the way along one axis, mm
    crop = cut_crop(volume, body, None, None)
    assert crop.planes.shape == (PLANES, ROWS, COLUMNS)
    for place, point in zip(crop.points_mm[0], body.points.array(), strict=True):
        plane, row, column = PLANES // 2, (ROWS - 1) / 2 - place[2], FRONT_MM + MARGIN + place[1]
        read = crop.planes[plane, round(float(row)), round(float(column))] / 10
        assert read == pytest.approx(point[patient_axis] - affine[patient_axis, 3], abs=1.1)


def test_the_points_of_a_crop_measure_what_those_of_the_body_do(
    demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    body, above, below = demo_bodies[3], demo_bodies[2], demo_bodies[4]
    crop = cut_crop(demo_volume, body, above, below)
    known: dict[Level, Heights] = {
        one.level: one.heights for one in (above, below) if one.heights is not None
    }
    assert body.heights is not None
    expected = losses(body.level, body.heights, Reference.EXPECTED_BY_LEVEL, known)
    np.testing.assert_allclose(crop.losses_percent(), expected, atol=0.01)


def test_what_lies_outside_the_scan_is_air(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    lowest = demo_bodies[-1]
    crop = cut_crop(demo_volume, lowest, demo_bodies[-2], None)
    assert np.isnan(crop.points_mm[2]).all()
    assert (crop.planes[:, -1] == -1024).all()


def test_the_step_along_the_spine_is_that_of_the_slices(demo_volume: Volume) -> None:
    assert step_along_mm(demo_volume, np.array([0.0, 0.1, 0.99])) == pytest.approx(2.5, abs=0.01)


def test_a_body_without_points_is_refused(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    with pytest.raises(ValueError, match="no points"):
        cut_crop(demo_volume, replace(demo_bodies[0], points=None), None, None)


def test_a_crop_for_grading_alone_is_the_middle_of_the_one_for_training(
    demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    body = demo_bodies[2]
    around = neighbours_of(body, demo_bodies)
    wide, narrow = (
        cut_crop(demo_volume, body, *around),
        cut_crop(demo_volume, body, *around, shape=VIEW_SHAPE),
    )
    assert narrow.planes.shape == VIEW_SHAPE
    assert np.abs(wide.view().astype(int) - narrow.view()).max() <= 1
    np.testing.assert_array_equal(wide.points_mm, narrow.points_mm)
