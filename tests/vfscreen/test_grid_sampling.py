"""A regular grid reads what its points read one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vfscreen.grid_sampling import sample_grid
from vfscreen.volume import AIR_HU, Volume, plane_points, sample


def turned_volume(turn: tuple[float, float, float], shape: tuple[int, int, int]) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(turn).as_matrix() * np.array([0.7, -1.1, 2.5])
    affine[:3, 3] = (40.0, -200.0, 900.0)
    voxels = np.random.default_rng(1).integers(-1000, 2000, shape).astype(np.int16)
    return Volume(voxels, affine)


@settings(max_examples=60, deadline=None)
@given(
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
    tilt=st.tuples(*[st.floats(-0.6, 0.6)] * 3),
    corner=st.tuples(*[st.floats(-4, 12)] * 3),
    shape=st.sampled_from([(4, 5, 6), (1, 9, 7), (6, 1, 1)]),
)
def test_it_reads_what_the_points_of_the_grid_read(
    turn: tuple[float, float, float],
    tilt: tuple[float, float, float],
    corner: tuple[float, float, float],
    shape: tuple[int, int, int],
):
    volume = turned_volume(turn, (9, 12, 8))
    origin, axes = volume.lps_of(np.array(corner)), Rotation.from_rotvec(tilt).as_matrix()
    step_mm = (3.0, 1.0, 0.8)
    points = plane_points(origin, axes, shape, step_mm)
    indices = volume.indices_of(points)
    ends = np.array(volume.shape) - 1
    clear = ((np.abs(indices) > 1e-3) & (np.abs(indices - ends) > 1e-3)).all(-1)  # not on the very face
    found, wanted = sample_grid(volume, origin, axes, shape, step_mm), sample(volume, points)
    assert np.allclose(found[clear], wanted[clear], atol=0.5)


def test_a_plane_may_be_read_alone():
    volume = turned_volume((0.3, 0.2, 0.1), (20, 20, 20))
    origin, axes = volume.lps_of(np.array([2.0, 3.0, 4.0])), np.eye(3)[:2]
    found = sample_grid(volume, origin, axes, (5, 4), (0.5, 0.5))
    assert found.shape == (5, 4) and found.dtype == np.float32
    assert np.allclose(found, sample(volume, plane_points(origin, axes, (5, 4), (0.5, 0.5))), atol=0.5)


@pytest.mark.parametrize("outside_hu", [AIR_HU, 0.0])
def test_a_grid_beside_the_volume_reads_what_is_outside(outside_hu: float):
    volume = turned_volume((0.0, 0.0, 0.0), (6, 6, 6))
    origin = volume.lps_of(np.array([100.0, 100.0, 100.0]))
    assert (
        sample_grid(volume, origin, np.eye(3), (3, 3, 3), (1.0,) * 3, outside_hu=outside_hu) == outside_hu
    ).all()


def test_voxel_centres_read_their_voxels():
    volume = turned_volume((0.0, 0.0, 0.0), (6, 5, 4))
    axes = volume.affine[:3, :3].T / volume.spacing_mm[:, None]
    steps = tuple(float(one) for one in volume.spacing_mm)
    found = sample_grid(volume, volume.affine[:3, 3], axes, volume.shape, steps)
    assert np.allclose(found, volume.voxels, atol=0.1)
