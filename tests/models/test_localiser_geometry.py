"""Lines, straightened pictures, chains and half levels, on things whose answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from models.localiser.chain import best_chain, disc_extent, peaks_of, too_high
from models.localiser.curve import curve_through
from models.localiser.spine_line import spine_line
from models.localiser.straighten import STACK_COLUMNS, STACK_FRONT_MM, STACK_LEFT_MM, STACK_MM, sagittal_stack
from models.localiser.tube_net import STEP_MM
from vfscreen.frames import frames_of, realigned
from vfscreen.half_level import half_levels
from vfscreen.volume import Volume


def a_bent_spine() -> np.ndarray:
    """Twelve centres from the head down, bent forwards and sideways."""
    along = np.linspace(0, 1, 12)
    return np.stack([8 * np.sin(3 * along), 20 * np.cos(2 * along), 120 - 260 * along], 1)


def a_volume(hu: np.ndarray, spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    """A volume with array axes left, posterior, superior, centred on the origin."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = -np.array(spacing_mm) * (np.array(hu.shape) - 1) / 2
    return Volume(np.ascontiguousarray(hu.astype(np.int16)), affine)


@settings(max_examples=40, deadline=None)
@given(row=st.floats(20, 180), left=st.floats(-10, 10), behind=st.floats(-12, 12))
def test_a_point_placed_on_a_line_is_found_at_its_coordinates(row: float, left: float, behind: float) -> None:
    line = curve_through(a_bent_spine(), 1.25, (10, 10))
    found_row, found_left, found_behind = line.coordinates(line.place(row, left, behind))
    assert found_row == pytest.approx(row, abs=0.6)
    assert found_left == pytest.approx(left, abs=0.7)
    assert found_behind == pytest.approx(behind, abs=0.7)


def test_a_line_passes_its_points_at_even_steps_and_goes_on_straight() -> None:
    points = a_bent_spine()
    line = curve_through(points, 1.0, (20, 30))
    steps = np.linalg.norm(np.diff(line.points, axis=0), axis=1)
    assert np.allclose(steps, 1.0, atol=0.03)
    assert all(np.linalg.norm(line.points - point, axis=1).min() < 1.0 for point in points)
    assert line.points[0, 2] > points[0, 2] + 15
    assert line.points[-1, 2] < points[-1, 2] - 25


def test_the_frames_of_a_line_are_right_handed() -> None:
    line = curve_through(a_bent_spine(), 1.0)
    assert np.allclose(np.cross(line.left, line.posterior), -line.down, atol=1e-6)
    assert (line.left[:, 0] > 0.8).all()


def test_a_straightened_bent_rod_is_straight() -> None:
    points = a_bent_spine()
    line = curve_through(points, STACK_MM)
    grid = np.stack(
        np.meshgrid(np.arange(-20, 21), np.arange(-30, 31), np.arange(-145, 126), indexing="ij"), -1
    )
    away = cKDTree(line.points).query(grid.reshape(-1, 3))[0].reshape(grid.shape[:-1])
    affine = np.eye(4)
    affine[:3, 3] = (-20, -30, -145)
    rod = Volume(np.ascontiguousarray(np.where(away < 6, 500, -100).astype(np.int16)), affine)
    middle = sagittal_stack(rod, line).hu[STACK_LEFT_MM.index(0.0)]
    centre = STACK_FRONT_MM / STACK_MM
    for row in middle[10:-10]:
        bright = np.flatnonzero(row > 200)
        assert abs(bright.mean() - centre) < 1.5
    assert middle.shape[1] == STACK_COLUMNS


def a_map(rows: list[float], scores: list[float], column: float = 33.0) -> np.ndarray:
    """A body map with a blob at each row."""
    y, x = np.mgrid[:260, :STACK_COLUMNS]
    blobs = [s * np.exp(-((y - r) ** 2 + (x - column) ** 2) / 18) for r, s in zip(rows, scores, strict=True)]
    return np.max(blobs, axis=0).astype(np.float32)


def discs_between(rows: list[float]) -> np.ndarray:
    """A disc map with a blob half way between neighbours."""
    return a_map([(a + b) / 2 for a, b in pairwise(rows)], [0.9] * (len(rows) - 1))


def test_a_chain_holds_every_body_and_no_rib_beside_it() -> None:
    rows = [20.0 + 20 * k for k in range(11)]
    body = a_map(rows, [0.9] * 11)
    body = np.maximum(body, a_map([88.0], [0.35], column=60.0))
    chain = best_chain(peaks_of(body, STACK_MM), discs_between(rows), STACK_MM).links
    assert [round(link.peak.row) for link in chain] == rows
    assert all(link.steps == 1 for link in chain)


def test_a_weak_peak_on_a_disc_is_passed_over() -> None:
    rows = [20.0 + 24 * k for k in range(9)]
    body = np.maximum(a_map(rows, [0.9] * 9), a_map([80.0], [0.3]))
    chain = best_chain(peaks_of(body, STACK_MM), discs_between(rows), STACK_MM).links
    assert [round(link.peak.row) for link in chain] == rows


def test_a_missing_body_leaves_a_gap_in_the_count() -> None:
    rows = [20.0 + 20 * k for k in range(11)]
    seen = [row for row in rows if row != 120]
    chain = best_chain(peaks_of(a_map(seen, [0.9] * 10), STACK_MM), discs_between(rows), STACK_MM).links
    assert [round(link.peak.row) for link in chain] == seen
    assert [link.steps for link in chain] == [1, 1, 1, 1, 1, 2, 1, 1, 1, 1]


def test_a_broken_body_taken_for_disc_makes_the_disc_too_high() -> None:
    rows = [20.0 + 20 * k for k in range(8)]
    disc = np.maximum(
        discs_between(rows), a_map([88.0, 92.0], [0.9, 0.9])
    )  # between the fourth and the fifth
    links = best_chain(peaks_of(a_map(rows, [0.9] * 8), STACK_MM), disc, STACK_MM).links
    extents = np.array([disc_extent(above.peak, below.peak, disc) for above, below in pairwise(links)])
    assert too_high(extents).tolist() == [False] * 3 + [True] + [False] * 3
    assert not too_high(extents[2:5]).any()  # of three discs none can be called too high


def test_an_empty_map_gives_no_chain() -> None:
    assert (
        best_chain(peaks_of(np.zeros((200, 80), np.float32), STACK_MM), np.zeros((200, 80)), STACK_MM).links
        == ()
    )


def test_the_line_of_a_tube_runs_through_it_and_small_pieces_give_none() -> None:
    left, posterior, superior = np.mgrid[:30, :30, :60].astype(float)
    away = np.hypot(left - 15, posterior - 12 - 0.1 * superior) * STEP_MM
    tube = np.exp(-0.5 * (away / 8) ** 2).astype(np.float32)
    grid = a_volume(np.zeros((30, 30, 60)), (STEP_MM,) * 3)
    line = spine_line(tube, grid, 1.25)
    assert line is not None
    indices = grid.indices_of(line.points)
    assert np.abs(indices[:, 0] - 15).max() < 0.5
    assert line.points[0, 2] > line.points[-1, 2]
    tube[:, :, 3:] = 0
    assert spine_line(tube, grid, 1.25) is None


@settings(max_examples=15, deadline=None)
@given(top=st.floats(8, 14), bottom=st.floats(8, 14), missed=st.floats(-1, 1))
def test_the_half_level_finds_the_edge_of_a_slab(top: float, bottom: float, missed: float) -> None:
    z = np.arange(61)[None, None, :] - 30.0
    slab = np.clip(0.5 + np.minimum(top - z, z + bottom), 0, 1) * 400 + 50
    volume = a_volume(np.broadcast_to(slab, (21, 61, 61)))
    frames = frames_of(np.array([[0, 0, 0.0]]))
    rough = np.array([[0, y, h] for h in (top + missed, -bottom - missed) for y in (-8, 0, 8)])[None]
    levels = half_levels(volume, frames, rough)
    assert levels.offset_mm == pytest.approx(np.full((1, 6), -missed), abs=0.3)
    assert (levels.fall_hu > 300).all()


def test_frames_follow_the_bend_and_turn_to_the_points() -> None:
    frames = frames_of(a_bent_spine())
    assert np.allclose(np.linalg.norm(frames.superior, axis=1), 1)
    assert np.allclose(np.cross(frames.left, frames.posterior), frames.superior, atol=1e-9)
    tilt = np.deg2rad(8)
    box = np.array([[0, -12, 10], [0, 0, 10], [0, 12, 10], [0, -12, -10], [0, 0, -10], [0, 12, -10]], float)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    upright = realigned(frames_of(np.zeros((1, 3))), (box @ turn.T)[None])
    assert upright.superior[0] @ turn[:, 2] > np.cos(np.deg2rad(0.5))
