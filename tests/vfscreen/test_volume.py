"""The geometry of volumes: whatever is turned, cut or resampled, a voxel stays where it is in the patient."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy.spatial.transform import Rotation

from vfscreen.volume import (
    AIR_HU,
    Volume,
    anatomical_axes,
    plane_points,
    reorient,
    resample,
    sagittal_first,
    sample,
)

ORDERS = list(permutations((0, 1, 2)))
SIGNS = list(product((-1, 1), repeat=3))


@st.composite
def volumes(draw: DrawFn, largest_turn: float = np.pi) -> Volume:
    """Small volumes of any shape, spacing, handedness and direction, each voxel with its own value."""
    shape = draw(st.tuples(*[st.integers(2, 6)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.3, 5.0)] * 3))
    flips = draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
    turn = Rotation.from_rotvec(draw(st.tuples(*[st.floats(-largest_turn, largest_turn)] * 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn.as_matrix() * (np.array(spacing) * flips)
    affine[:3, 3] = draw(st.tuples(*[st.floats(-900.0, 900.0)] * 3))
    return Volume(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)


def every_voxel(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    indices = np.indices(volume.shape).reshape(3, -1).T
    return volume.lps_of(indices.astype(float)), volume.voxels[tuple(indices.T)]


def straight(shape: tuple[int, int, int] = (4, 5, 6), step_mm: float = 1.0) -> Volume:
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    return Volume(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), affine)


@given(volume=volumes(), point=st.tuples(*[st.floats(-50, 50)] * 3))
def test_indices_and_patient_coordinates_lead_back_to_each_other(volume: Volume, point: tuple[float, ...]):
    assert np.allclose(volume.indices_of(volume.lps_of(np.array(point))), point, atol=1e-6)
    assert volume.lps_of(np.zeros((2, 7, 3))).shape == (2, 7, 3)


@given(volume=volumes())
def test_spacing_is_the_distance_of_neighbours(volume: Volume):
    origin = volume.lps_of(np.zeros(3))
    steps = np.linalg.norm(volume.lps_of(np.eye(3)) - origin, axis=1)
    assert np.allclose(volume.spacing_mm, steps)


@settings(max_examples=200)
@given(volume=volumes(), order=st.sampled_from(ORDERS), signs=st.sampled_from(SIGNS))
def test_turning_keeps_every_voxel_where_it_is(
    volume: Volume, order: tuple[int, int, int], signs: tuple[int, int, int]
):
    turned = reorient(volume, order, signs)
    points, values = every_voxel(volume)
    indices = turned.indices_of(points)
    assert np.allclose(indices, indices.round(), atol=1e-5)
    assert np.array_equal(turned.voxels[tuple(indices.round().astype(int).T)], values)


@given(volume=volumes(largest_turn=0.4), order=st.sampled_from(ORDERS), signs=st.sampled_from(SIGNS))
def test_a_turned_volume_runs_as_it_was_asked_to(
    volume: Volume, order: tuple[int, int, int], signs: tuple[int, int, int]
):
    turned = reorient(volume, order, signs)
    axes, found = anatomical_axes(turned.affine)
    assert [axes[k] for k in order] == [0, 1, 2]
    assert tuple(found[k] for k in order) == signs


def test_a_volume_that_runs_right_already_is_not_copied():
    volume = straight()
    assert np.shares_memory(reorient(volume, (0, 1, 2), (1, 1, 1)).voxels, volume.voxels)


def test_sagittal_first_shows_the_head_up_and_anterior_on_the_left():
    volume = straight()
    shown = sagittal_first(volume)
    head_front = shown.lps_of(np.array([2.0, 0.0, 0.0]))
    feet_back = shown.lps_of(np.array([2.0, 5.0, 4.0]))
    assert head_front[2] > feet_back[2]
    assert head_front[1] < feet_back[1]
    assert shown.lps_of(np.array([3.0, 0, 0]))[0] > shown.lps_of(np.array([0.0, 0, 0]))[0]
    assert shown.voxels.flags.c_contiguous


@pytest.mark.parametrize(
    "directions",
    [np.eye(3), np.eye(3)[[1, 2, 0]], np.diag([-1.0, -1.0, 1.0]), np.fliplr(np.eye(3))],
)
def test_axes_are_found_whatever_their_order_and_sign(directions: np.ndarray):
    affine = np.eye(4)
    affine[:3, :3] = directions * 2.0
    axes, signs = anatomical_axes(affine)
    for patient_axis in range(3):
        assert directions[patient_axis, axes[patient_axis]] == signs[patient_axis]


@given(volume=volumes())
@settings(deadline=None)  # the first call imports scipy
def test_sampling_at_voxel_centres_returns_the_voxels(volume: Volume):
    points, values = every_voxel(volume)
    inside = volume.lps_of(np.clip(volume.indices_of(points), 1e-9, np.array(volume.shape) - 1 - 1e-9))
    assert np.allclose(sample(volume, inside), values, atol=0.01)
    assert np.array_equal(sample(volume, inside, order=0), values)


def test_sampling_between_voxels_is_linear_and_outside_is_air():
    volume = straight()
    between = np.array([[1.5, 2.0, 3.0], [1.0, 2.5, 3.0], [1.0, 2.0, 3.25]])
    assert sample(volume, between).tolist() == [60.0, 48.0, 45.25]
    assert sample(volume, np.array([50.0, 0.0, 0.0])) == AIR_HU
    assert sample(volume, np.array([50.0, 0.0, 0.0]), outside_hu=7.0) == 7.0
    assert sample(volume, between.reshape(3, 1, 3)).shape == (3, 1)


@given(volume=volumes())
def test_corners_and_bounds_enclose_every_voxel(volume: Volume):
    points, _ = every_voxel(volume)
    low, high = volume.bounds_lps_mm()
    assert volume.corners_lps_mm().shape == (8, 3)
    assert (points >= low - 1e-6).all()
    assert (points <= high + 1e-6).all()


def test_a_point_is_inside_by_its_distance_to_every_face():
    volume = straight((5, 5, 5), 2.0)
    points = np.array([[4.0, 4.0, 4.0], [0.0, 4.0, 4.0], [1.0, 4.0, 4.0], [4.0, 8.1, 4.0]])
    assert volume.contains(points).tolist() == [True, True, True, False]
    assert volume.contains(points, margin_mm=2.0).tolist() == [True, False, False, False]


def test_plane_points_step_along_their_axes():
    axes = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    points = plane_points(np.array([1.0, 2.0, 3.0]), axes, (3, 2), (0.5, 2.0))
    assert points.shape == (3, 2, 3)
    assert points[2, 1].tolist() == [1.0, 4.0, 2.0]


@given(volume=volumes(largest_turn=0.3), step_mm=st.floats(0.5, 3.0))
@settings(max_examples=50)
def test_resampling_lays_an_even_grid_over_the_same_box(volume: Volume, step_mm: float):
    even = resample(volume, step_mm)
    assert np.allclose(even.affine[:3, :3], np.eye(3) * step_mm)
    low, high = volume.bounds_lps_mm()
    even_low, even_high = even.bounds_lps_mm()
    assert np.allclose(even_low, low)
    assert (even_high <= high + 1e-5).all()
    assert (even_high > high - step_mm - 1e-5).all()


def test_resampling_keeps_a_ramp_a_ramp():
    ramp = np.broadcast_to(np.arange(0, 400, 10, dtype=np.int16)[:, None, None], (40, 6, 6)).copy()
    volume = Volume(ramp, np.diag([1.0, 2.0, 3.0, 1.0]))
    fine, coarse = resample(volume, 0.5), resample(volume, 4.0)
    assert np.allclose(sample(fine, np.array([20.0, 5.0, 5.0])), 200, atol=1)
    assert np.allclose(sample(coarse, np.array([20.0, 4.0, 4.0])), 200, atol=8)


@pytest.mark.parametrize("spacing_mm", [(0.7, 0.7, 1.25), (1.0, 1.0, 1.0), (0.5, 2.0, 3.0), (1.3, 0.8, 5.0)])
def test_shrinking_moves_nothing(spacing_mm: tuple[float, float, float]):
    counts = [round(60 / step) for step in spacing_mm]
    places = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1) * np.array(spacing_mm)
    volume = Volume((places @ (10.0, 7.0, 5.0)).astype(np.int16), np.diag([*spacing_mm, 1.0]))
    coarse = resample(volume, 4.0)
    inner = coarse.voxels[2:-2, 2:-2, 2:-2]
    wanted = coarse.lps_of(np.argwhere(np.ones(coarse.shape))).reshape(*coarse.shape, 3)
    assert np.abs(inner - (wanted @ (10.0, 7.0, 5.0))[2:-2, 2:-2, 2:-2]).max() <= 2.0
    assert coarse.voxels.min() > -100, "the edge is inside"


@given(volume=volumes(largest_turn=0.0), data=st.data())
def test_resampling_does_not_mind_which_way_the_array_runs(volume: Volume, data: st.DataObject):
    order = data.draw(st.permutations((0, 1, 2)))
    signs = data.draw(st.tuples(*[st.sampled_from((-1, 1))] * 3))
    step_mm = 2.5 * float(volume.spacing_mm.min())
    turned = resample(reorient(volume, (order[0], order[1], order[2]), signs), step_mm)
    assert np.abs(turned.voxels.astype(int) - resample(volume, step_mm).voxels).max() <= 1


def test_resampling_the_demo_ct_keeps_its_bones_in_place(demo_volume: Volume):
    coarse = resample(demo_volume, 4.0)
    points = coarse.lps_of(np.argwhere(coarse.voxels > 600).astype(float))
    assert len(points) > 50
    assert np.median(sample(demo_volume, points)) > 400


@pytest.mark.parametrize(
    ("voxels", "affine"),
    [
        (np.zeros((2, 3), np.int16), np.eye(4)),
        (np.zeros((2, 3, 4), np.float32), np.eye(4)),
        (np.zeros((2, 3, 4), np.int16).T, np.eye(4)),
        (np.zeros((2, 3, 4), np.int16), np.eye(3)),
        (np.zeros((2, 3, 4), np.int16), np.diag([1.0, 0.0, 1.0, 1.0])),
    ],
    ids=["two axes", "floats", "not contiguous", "3x3", "flat"],
)
def test_what_is_no_volume_cannot_be_one(voxels: np.ndarray, affine: np.ndarray):
    with pytest.raises(ValueError, match="a volume"):
        Volume(voxels, affine)
