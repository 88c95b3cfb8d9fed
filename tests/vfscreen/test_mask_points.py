"""Bodies and points read off a mask: the body without its arch, the corners inside the walls."""

from __future__ import annotations

import numpy as np
import pytest

from tests.made_spine import BODY_MM, made_spine
from vfscreen.anatomy import Level
from vfscreen.genant import axes_of, heights_of
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.volume import Volume


def vertebra_mask(tilt_deg: float = 0.0, anterior_mm: float = 25.0) -> Volume:
    """A body 32 mm deep and 25 mm high behind, its canal and its arch; label 20, centre at the origin."""
    axis = np.arange(-50.0, 51.0)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    angle = np.deg2rad(tilt_deg)
    back, up = np.cos(angle) * y + np.sin(angle) * z, -np.sin(angle) * y + np.cos(angle) * z
    half = np.interp(back, [-16, 16], [anterior_mm / 2, 12.5])
    body = (np.abs(back) <= 16) & (np.abs(up) <= half) & (np.abs(x) <= 20)
    arch = (back > 32) & (back < 45) & (np.abs(up) <= 9) & (np.abs(x) <= 4)
    affine = np.eye(4)
    affine[:3, 3] = -50.0
    return Volume(np.ascontiguousarray((body | arch).astype(np.int16) * 20), affine)


@pytest.mark.parametrize("tilt_deg", [0.0, 15.0, -20.0])
def test_heights_and_frame_of_a_tilted_body_are_found(tilt_deg: float) -> None:
    points = points_of_mask(vertebra_mask(tilt_deg), 20, np.array([0.0, 2.0, 1.0]))
    assert points is not None
    np.testing.assert_allclose(heights_of(points).array(), 25.0, atol=1.2)
    posterior = axes_of(points).posterior
    assert np.rad2deg(np.arctan2(posterior[2], posterior[1])) == pytest.approx(tilt_deg, abs=2.0)


def test_a_wedge_is_lower_in_front() -> None:
    points = points_of_mask(vertebra_mask(anterior_mm=15.0), 20, np.zeros(3))
    assert points is not None
    heights = heights_of(points)
    assert heights.anterior < heights.middle < heights.posterior
    assert heights.anterior == pytest.approx(15.0, abs=1.5)


def test_a_label_that_is_not_there_has_no_points() -> None:
    assert points_of_mask(vertebra_mask(), 21, np.zeros(3)) is None


def test_the_points_of_a_leaning_spine_lie_in_its_own_plane() -> None:
    spine = made_spine(leaning_deg=25.0, step_mm=1.0)
    lean = np.deg2rad(25.0)
    left = np.array([np.cos(lean), 0.0, -np.sin(lean)])
    points = points_of_mask(spine.mask, int(Level.L1), spine.centres[Level.L1], left)
    assert points is not None
    np.testing.assert_allclose(heights_of(points).array(), BODY_MM, atol=1.0)
    assert axes_of(points).left @ left == pytest.approx(1.0, abs=1e-6)


def test_a_body_whose_front_is_gone_is_still_measured() -> None:
    spine = made_spine(anterior_mm={Level.L1: 11.0}, step_mm=1.0)
    points = points_of_mask(spine.mask, int(Level.L1), spine.centres[Level.L1])
    assert points is not None
    heights = heights_of(points)
    assert heights.anterior == pytest.approx(12.0, abs=2.5)
    assert heights.posterior == pytest.approx(BODY_MM, abs=2.5)


def test_a_mask_of_a_whole_vertebra_is_reduced_to_its_body() -> None:
    x, y, z = np.mgrid[-30:31, -30:61, -20:21]
    body = (np.hypot(x, y * 1.2) < 20) & (np.abs(z) < 13)
    pedicles = (np.abs(np.abs(x) - 13) < 4) & (y > 0) & (y < 30) & (np.abs(z) < 5)
    spinous = (np.abs(x) < 4) & (y > 30) & (np.abs(z) < 8)
    labels = Volume(np.ascontiguousarray((20 * (body | pedicles | spinous)).astype(np.int16)), np.eye(4))
    (found,) = bodies_of_mask(labels, (19, 20))
    assert found.label == 20
    assert np.linalg.norm(found.centre_lps_mm - (30, 30, 20)) < 3


def test_a_body_lower_than_its_joints_are_thick_is_found_between_its_neighbours() -> None:
    x, y, z = np.mgrid[-40:41, -25:61, -60:61]
    voxels = np.zeros(x.shape, np.int16)
    for label, middle, half_height in ((22, -34, 12), (21, 0, 4), (20, 34, 12)):  # L2 has collapsed
        up = z - middle
        body = (np.hypot(x, y * 1.2) < 20) & (np.abs(up) < half_height)
        pedicles = (np.abs(np.abs(x) - 20) < 5) & (y >= 0) & (y < 30) & (np.abs(up) < 4)
        joint = np.sqrt((x - 26) ** 2 + (y - 28) ** 2 + up**2) < 8
        voxels[body | pedicles | joint] = label
    labels = Volume(voxels, np.eye(4))
    _, collapsed, _ = bodies_of_mask(labels, (20, 21, 22))
    assert np.linalg.norm(collapsed.centre_lps_mm - (40, 25, 60)) < 6
