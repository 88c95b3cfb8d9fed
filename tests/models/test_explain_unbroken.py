"""The loss undone: heights come back, space does not fold, and the picture comes nearer to the healthy one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.explain.unbroken import SMALLEST_JACOBIAN, restored, smallest_jacobian, superior_share
from models.grader.crop import grid_lps_mm
from models.simulate import Deformity, field_of, moved_points
from tests.broken_demo import BICONCAVE, CRUSH, WEDGE, broken_demo
from vfscreen.genant import SixPoints, axes_of, heights_of
from vfscreen.volume import Volume, sample

HEALTHY = SixPoints.from_array(
    np.array([[0, -16, 12.5], [0, 0, 11.5], [0, 16, 13.0], [0, -16, -12.5], [0, 0, -11.5], [0, 16, -13.0]])
)
UP = np.array([0.0, 0.0, 33.0])

HEIGHTS_RETURN_WITHIN_MM = 0.1
POINTS_RETURN_WITHIN_MM = 2.5
"""Of a crush nobody can see which endplate came in, so the whole may lie a little higher or lower."""

DIFFERENCE_LEFT = 0.35
"""Of the mean difference in HU between the picture of the broken body and that of the healthy one."""

kinds = {"wedge": (1.0, 0.5, 0.1), "biconcave": (0.3, 1.0, 0.2), "crush": (0.9, 1.0, 0.9)}
deformities = st.builds(
    lambda kind, loss, share, crowding, skew, width, tilt, disc: Deformity(
        losses_mm=tuple(loss * part for part in kinds[kind]),
        superior_share=share,
        crowding=crowding,
        dent_skew=skew,
        dent_width=width,
        side_tilt=tilt,
        discs_mm=(disc, 10.0 - disc / 2),
    ),
    kind=st.sampled_from(sorted(kinds)),
    loss=st.floats(1.0, 9.5),  # 40 percent of this body
    share=st.floats(0.1, 0.9),
    crowding=st.floats(0.0, 0.35),
    skew=st.floats(0.75, 1.35),
    width=st.floats(1.0, 2.2),
    tilt=st.floats(-0.25, 0.25),
    disc=st.floats(4.0, 9.0),
)


def neighbours() -> tuple[SixPoints, SixPoints]:
    return SixPoints.from_array(HEALTHY.array() + UP), SixPoints.from_array(HEALTHY.array() - UP)


def missing(broken: SixPoints) -> tuple[float, float, float]:
    lost = np.maximum(heights_of(HEALTHY).array() - heights_of(broken).array(), 0.0)
    return float(lost[0]), float(lost[1]), float(lost[2])


@settings(max_examples=60, deadline=None)
@given(deformity=deformities)
def test_whatever_was_lost_comes_back_without_a_fold(deformity: Deformity) -> None:
    field = field_of(HEALTHY, deformity)
    broken, above, below = (moved_points([field], points) for points in (HEALTHY, *neighbours()))
    found = restored(broken, missing(broken), above, below)
    assert found is not None and smallest_jacobian(found) >= SMALLEST_JACOBIAN
    heights = heights_of(found.points).array()
    np.testing.assert_allclose(heights, heights_of(HEALTHY).array(), atol=HEIGHTS_RETURN_WITHIN_MM)
    np.testing.assert_allclose(found.restored_mm, heights - heights_of(broken).array(), atol=1e-9)
    np.testing.assert_allclose(found.field.forward(found.points.array()), broken.array(), atol=0.05)


@pytest.mark.parametrize("kind", sorted(kinds))
@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_the_endplate_that_came_in_goes_out_again(kind: str, share: float) -> None:
    """A crush leaves no trace of which plate came in: there the two share the way."""
    losses = tuple(8.0 * part for part in kinds[kind])
    broken = moved_points([field_of(HEALTHY, Deformity((losses[0], losses[1], losses[2]), share))], HEALTHY)
    found = superior_share(broken, missing(broken))
    assert found == pytest.approx(0.5 if kind == "crush" else share, abs=0.15)


def test_the_spine_above_and_below_follows_as_a_rigid_part() -> None:
    field = field_of(HEALTHY, Deformity((8.0, 4.0, 0.0), 0.8))
    broken, above, below = (moved_points([field], points) for points in (HEALTHY, *neighbours()))
    found = restored(broken, missing(broken), above, below)
    assert found is not None
    for moved, healthy in zip((above, below), neighbours(), strict=True):
        back, error_mm = found.field.inverse(moved.array())
        assert error_mm < 0.1
        heights = heights_of(SixPoints.from_array(back)).array()
        np.testing.assert_allclose(heights, heights_of(healthy).array(), atol=0.1)
        own = (
            back @ axes_of(found.points).matrix().T - found.points.array() @ axes_of(found.points).matrix().T
        )
        was = healthy.array() - HEALTHY.array()
        np.testing.assert_allclose(own, was, atol=1.5)


def test_nothing_missing_moves_nothing() -> None:
    found = restored(HEALTHY, (0.0, 0.0, 0.0), *neighbours())
    assert found is not None
    places = grid_lps_mm(axes_of(HEALTHY))
    np.testing.assert_allclose(found.field.forward(places), places, atol=1e-9)


def test_where_all_of_it_would_fold_space_less_is_given_back_and_that_is_said() -> None:
    flat = SixPoints.from_array(HEALTHY.array() * np.array([1.0, 1.0, 0.25]))
    found = restored(flat, (18.0, 1.0, 0.0), None, None)
    assert found is not None and smallest_jacobian(found) >= SMALLEST_JACOBIAN
    assert 3.0 < found.restored_mm[0] < 18.0


@pytest.mark.parametrize("deformity", [WEDGE, BICONCAVE, CRUSH], ids=["wedge", "biconcave", "crush"])
def test_a_fracture_of_the_demo_ct_undone_looks_more_like_the_ct_before(
    demo_volume: Volume, deformity: Deformity
) -> None:
    case = broken_demo(demo_volume, deformity)
    was, is_now = case.before[case.place], case.bodies[case.place]
    assert was.points is not None and is_now.points is not None
    lost = heights_of(was.points).array() - heights_of(is_now.points).array()
    above, below = case.bodies[case.place - 1].points, case.bodies[case.place + 1].points
    found = restored(is_now.points, (float(lost[0]), float(lost[1]), float(lost[2])), above, below)
    assert found is not None
    heights = heights_of(found.points).array()
    np.testing.assert_allclose(heights, heights_of(was.points).array(), atol=HEIGHTS_RETURN_WITHIN_MM)
    np.testing.assert_allclose(found.points.array(), was.points.array(), atol=POINTS_RETURN_WITHIN_MM)
    body = body_grid(was.points)
    before = sample(case.healthy, body)
    as_it_is = sample(case.volume, body_grid(is_now.points, was.points))
    undone = sample(case.volume, found.field.forward(body_grid(found.points, was.points)))
    assert difference(undone, before) < DIFFERENCE_LEFT * difference(as_it_is, before)


def body_grid(points: SixPoints, size: SixPoints | None = None) -> np.ndarray:
    """Places inside a body and 6 mm beyond its endplates, in its own axes; (planes, rows, columns, 3) LPS mm."""
    axes, local = axes_of(points), axes_of(size or points)
    corners = ((size or points).array() - local.origin) @ local.matrix().T
    y = np.arange(corners[:, 1].min() + 1, corners[:, 1].max() - 1, 1.0)
    z = np.arange(corners[:, 2].min() - 6, corners[:, 2].max() + 6, 1.0)
    x, z_, y_ = np.meshgrid(np.array([-6.0, 0.0, 6.0]), z, y, indexing="ij")
    return axes.origin + np.stack([x, y_, z_], -1) @ axes.matrix()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())
