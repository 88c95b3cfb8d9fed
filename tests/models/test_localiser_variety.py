"""What the training makes of real spines: other counts, collapse, lines off the spine."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.localiser.collapse import Spot, collapsed
from models.localiser.curve import curve_through
from models.localiser.level_training import StripSample, counted_otherwise
from models.localiser.off_spine import KEPT_OFF_MM, lines_off_spine
from models.localiser.other_count import with_another_count
from models.localiser.truth import CASES, TrueBody, TrueCase
from vfscreen.anatomy import level_of
from vfscreen.volume import Volume

CENTRES = Path(__file__).parent.parent / "data" / "demo_centres.json"
PITCH_MM = 30


@pytest.fixture(scope="module")
def column() -> Volume:
    """Six bodies of 20 mm, each brighter than the one above it, 10 mm apart; array axes left, posterior, superior."""
    hu = np.zeros((40, 40, 6 * PITCH_MM), np.int16)
    for k in range(6):
        top = 6 * PITCH_MM - PITCH_MM * k
        hu[10:30, 10:30, top - 25 : top - 5] = 300 + 100 * k
    affine = np.eye(4)
    affine[:3, 3] = (-20, -20, -90)
    return Volume(hu, affine)


def runs_of(volume: Volume) -> list[tuple[int, int]]:
    """Brightness and height of every run of bone on the middle line, from the head down."""
    line = np.round(volume.voxels[20, 20, ::-1] / 100.0).astype(int) * 100
    edges = np.flatnonzero(np.diff(line, prepend=0, append=0))
    return [(int(line[a]), int(b - a)) for a, b in pairwise(edges) if line[a] > 250]


def discs(k: int) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the discs above and below body k."""
    above = 90.0 - PITCH_MM * k - 0.5
    return np.array([0.0, 0.0, above]), np.array([0.0, 0.0, above - PITCH_MM])


def test_a_body_doubled_in_the_volume_is_there_twice_and_all_below_moves_down(column: Volume) -> None:
    longer = with_another_count(column, *discs(2), doubled=True)
    assert [hu for hu, _ in runs_of(longer)] == [300, 400, 500, 500, 600, 700, 800]
    assert {height for _, height in runs_of(longer)} == {20}
    assert longer.bounds_lps_mm()[1][2] == column.bounds_lps_mm()[1][2]


def test_a_body_taken_out_of_the_volume_is_gone_and_its_neighbours_are_whole(column: Volume) -> None:
    shorter = with_another_count(column, *discs(2), doubled=False)
    assert [hu for hu, _ in runs_of(shorter)] == [300, 400, 600, 700, 800]
    assert {height for _, height in runs_of(shorter)} == {20}


@settings(max_examples=30, deadline=None)
@given(body=st.integers(1, 6), doubled=st.booleans())
def test_a_strip_with_another_count_keeps_every_other_look(body: int, doubled: bool) -> None:
    centres = np.arange(8) * 10.0 + 5
    names = np.repeat(np.arange(8), 10)
    hu = np.broadcast_to(names[None, :, None], (7, 80, 64)).astype(np.float16)
    made = counted_otherwise(StripSample(hu, names, centres), body, doubled)
    looks = [int(made.names[round(row)]) for row in made.centres]
    expected = list(range(8))
    if doubled:
        expected.insert(body, body)
    else:
        expected.remove(body)
    assert looks == expected
    assert (made.hu[0, :, 0] == made.names).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_collapse_keeps_the_order_of_the_bodies_and_every_centre_in_its_body(seed: int) -> None:
    rows = np.arange(20.0, 180.0, 24.0)
    hu = np.zeros((7, 200, 80), np.float32)
    for k, row in enumerate(rows):
        hu[:, int(row) - 9 : int(row) + 10, 20:46] = 100 * (k + 1)
    spots = [Spot(row, 33.0, 0.0, 24.0, True) for row in rows]
    pressed, moved = collapsed(hu, spots, 3, 0.3, np.random.default_rng(seed))
    assert all(a.row < b.row for a, b in pairwise(moved))
    at = [pressed[3, round(spot.row), 33] for spot in moved]
    assert at == pytest.approx([100.0 * (k + 1) for k in range(len(rows))], abs=40)
    assert moved[-1].row - moved[0].row < rows[-1] - rows[0]


def test_lines_off_the_spine_keep_off_it(demo_volume: Volume) -> None:
    places = json.loads(CENTRES.read_text(encoding="utf-8"))["centres_lps_mm"]
    bodies = tuple(TrueBody(level_of(name), np.array(place), True) for name, place in places.items())
    truth = TrueCase(CASES[0], bodies)
    lines = list(lines_off_spine(demo_volume, truth, 3, 2.5, np.random.default_rng(1)))
    assert len(lines) == 3
    spine = curve_through(truth.centres_lps_mm, 5.0)
    for line in lines:
        away = (line.points[:, None] - spine.points[None]) / KEPT_OFF_MM
        assert np.linalg.norm(away, axis=-1).min() > 0.98
        assert line.length_mm >= 79
