"""The conventions of reference height: each says what it promises, on any spine, and on the demo's real one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.demo_bodies import demo_bodies
from vfscreen.anatomy import USUAL, Level
from vfscreen.findings import TOO_THICK, Vertebra
from vfscreen.genant import (
    CRUSH_SLACK,
    Grade,
    Heights,
    Morphometry,
    Reference,
    Shape,
    expected_posterior_mm,
    expected_ratios,
    losses,
    measure,
)
from vfscreen.reference import EXPECTED, LevelShape, ReferenceTable, posterior_at, shape_at
from vfscreen.spine_morphometry import measure_all

levels = st.sampled_from(USUAL)
conventions = st.sampled_from(list(Reference))


def healthy_spine(scale: float = 1.0) -> dict[Level, Heights]:
    """A person as the table and the usual growth have it."""
    spine = {}
    for level in USUAL:
        posterior = scale * expected_posterior_mm(level, {Level.T10: Heights(1, 1, 24.0)})
        anterior, middle = expected_ratios(level)
        spine[level] = Heights(posterior * anterior, posterior * middle, posterior)
    return spine


def shrunk(heights: Heights, lost: tuple[float, float, float]) -> Heights:
    """The same body with shares of its heights taken away."""
    return Heights(*(heights.array() * (1 - np.array(lost))))


@given(levels, st.sets(levels, min_size=1), st.floats(0.7, 1.4))
def test_a_body_like_its_neighbours_has_lost_nothing_whichever_of_them_are_left(
    level: Level, others: set[Level], scale: float
) -> None:
    spine = healthy_spine(scale)
    neighbours = {other: spine[other] for other in others if other is not level}
    if neighbours:
        assert losses(level, spine[level], Reference.NEIGHBOURS, neighbours) == pytest.approx(0.0, abs=1e-9)


@given(levels, st.tuples(*[st.floats(0.0, 0.6)] * 3))
def test_the_neighbours_see_every_height_that_is_lost(level: Level, lost: tuple[float, float, float]) -> None:
    spine = healthy_spine()
    neighbours = {other: heights for other, heights in spine.items() if abs(other.rank - level.rank) == 1}
    found = losses(level, shrunk(spine[level], lost), Reference.NEIGHBOURS, neighbours)
    assert found == pytest.approx(100 * np.array(lost), abs=1e-9)


@given(levels, st.floats(0.1, 0.6), st.floats(0.6, 1.6), conventions)
def test_a_small_person_and_a_tall_one_read_alike(
    level: Level, lost: float, scale: float, convention: Reference
) -> None:
    def read(factor: float) -> Morphometry:
        spine = healthy_spine(factor)
        neighbours = {other: spine[other] for other in (Level.T5, Level.L4) if other is not level}
        wedged = shrunk(spine[level], (lost, lost / 3, 0.0))
        return measure(level, wedged, 0.8 * factor, convention, neighbours)

    one, other = read(1.0), read(scale)
    assert other.loss_percent == pytest.approx(one.loss_percent, abs=1e-6)
    assert other.band_percent == pytest.approx(one.band_percent, abs=1e-6)


@given(levels, st.floats(0.15, 0.6))
def test_a_crush_is_seen_by_all_but_the_own_posterior_height(level: Level, lost: float) -> None:
    spine = healthy_spine()
    body = shrunk(spine[level], (lost, lost, lost))
    neighbours = {other: spine[other] for other in spine if other is not level}
    seen = {one: measure(level, body, 0.5, one, neighbours).loss_percent for one in Reference}
    anterior, middle = expected_ratios(level)
    assert seen[Reference.OWN_POSTERIOR] == pytest.approx(100 * max(0.0, 1 - min(anterior, middle)))
    assert seen[Reference.NEIGHBOURS] == pytest.approx(100 * lost)
    assert seen[Reference.EXPECTED_BY_LEVEL] == pytest.approx(100 * (1 - (1 - lost) / CRUSH_SLACK))


def test_the_band_is_that_of_the_reference_height_and_narrows_with_its_neighbours() -> None:
    spine = healthy_spine()
    crushed = shrunk(spine[Level.T12], (0.5, 0.5, 0.5))
    one, two = {Level.T11: spine[Level.T11]}, {level: spine[level] for level in (Level.T11, Level.L1)}
    beside_one = measure(Level.T12, crushed, 1.0, Reference.NEIGHBOURS, one)
    beside_two = measure(Level.T12, crushed, 1.0, Reference.NEIGHBOURS, two)
    assert beside_two.band_percent < beside_one.band_percent
    alone = measure(Level.T12, crushed, 1.0, Reference.OWN_POSTERIOR)
    assert beside_one.band_percent < alone.band_percent  # half of a half-high body is more of it


@given(st.floats(0, 80), st.floats(0, 30))
def test_the_grades_are_all_that_the_band_leaves_open(loss: float, band: float) -> None:
    found = Morphometry(Reference.OWN_POSTERIOR, loss, band, Shape.NONE, Grade.NORMAL)
    assert list(found.grades) == list(range(min(found.grades), max(found.grades) + 1))
    sure = Morphometry(Reference.OWN_POSTERIOR, loss, 0.0, Shape.NONE, Grade.NORMAL)
    assert set(sure.grades) <= set(found.grades)
    assert len(sure.grades) == 1


def test_readers_limits_of_agreement_leave_no_single_grade_near_the_cuts() -> None:
    """Two readers differ by 12.5 points; grade 1 is 5 points wide. Source: Buckens CF et al., 2013."""
    found = Morphometry(Reference.OWN_POSTERIOR, 22.5, 12.5, Shape.WEDGE, Grade.MILD)
    assert found.grades == (Grade.NORMAL, Grade.MILD, Grade.MODERATE)


def test_another_table_is_named_and_used_and_what_it_lacks_comes_from_the_programs_own() -> None:
    row = LevelShape(0.8, 0.9, 0.04, None, 120, "a department")
    own = ReferenceTable("department", MappingProxyType({Level.T12: row}))
    body = Heights(20.0, 22.5, 25.0)
    here = measure(Level.T12, body, 0.5, Reference.EXPECTED_BY_LEVEL, table=own)
    assert here.loss_percent == pytest.approx(0.0, abs=1e-9)
    assert (here.table, here.normal_percent) == ("department", pytest.approx(100 * 1.96 * 0.04 / 0.8))
    there = measure(Level.L1, body, 0.5, Reference.EXPECTED_BY_LEVEL, table=own)
    assert there == measure(Level.L1, body, 0.5, Reference.EXPECTED_BY_LEVEL)
    assert there.table == EXPECTED.name
    assert measure(Level.T12, body, 0.5, Reference.OWN_POSTERIOR, table=own).table == ""


def test_every_level_has_its_healthy_body_with_source_and_number() -> None:
    for level in Level:
        shape, name = shape_at(level)
        assert shape.source and shape.bodies >= 1 and name == EXPECTED.name
    between = shape_at(Level.T13)[0].anterior
    assert between == pytest.approx(np.sqrt(shape_at(Level.T12)[0].anterior * shape_at(Level.L1)[0].anterior))
    assert shape_at(Level.L6) == shape_at(Level.L5)
    assert shape_at(Level.C7) == shape_at(Level.T1)


def test_the_programs_table_is_what_the_fit_of_the_marks_gave() -> None:
    kept = Path(__file__).parents[2] / "benchmarks" / "results" / "expected_shape.json"
    rows = {row["level"]: row for row in json.loads(kept.read_text(encoding="utf-8"))["levels"]}
    assert set(rows) == {str(level) for level in USUAL}
    for level, shape in EXPECTED.levels.items():
        row = rows[str(level)]
        assert (shape.anterior, shape.middle) == (row["ha_hp"], row["hm_hp"])
        assert posterior_at(level) == row["hp_over_t10"]
        studies = {(source, people) for _, people, source in row["published_ha_hp"] + row["published_hm_hp"]}
        assert shape.bodies == row["marked"] + sum(people for _, people in studies)


def placed(level: Level, heights: Heights, *flags: str) -> Vertebra:
    """A measured body in its place."""
    centre = np.array([0.0, 0.0, -30.0 * level.rank])
    return Vertebra(level, True, True, centre, 0.9, heights=heights, uncertainty_mm=0.7, flags=flags)


def test_doubtful_bodies_serve_as_neighbours_only_where_there_are_no_others() -> None:
    spine = healthy_spine()
    wrong = Heights(*(spine[Level.T11].array() * 1.3))
    bodies = [
        placed(Level.T10, spine[Level.T10]), placed(Level.T11, wrong, "endplate unclear"),
        placed(Level.T12, spine[Level.T12]), placed(Level.L1, spine[Level.L1]),
    ]  # fmt: skip
    found, compared = measure_all(bodies, Reference.NEIGHBOURS)[2]
    assert found is not None and compared
    assert found.loss_percent == pytest.approx(0.0, abs=1e-6)
    found, compared = measure_all(bodies[1:3], Reference.NEIGHBOURS)[1]
    assert found is not None and compared
    assert found.reference is Reference.NEIGHBOURS


def test_bodies_that_were_not_measured_are_no_neighbours() -> None:
    spine = healthy_spine()
    unmeasured = replace(placed(Level.T11, spine[Level.T11]), heights=None, uncertainty_mm=None, whole=False)
    thick = placed(Level.L1, Heights(50, 50, 50), TOO_THICK)
    found, compared = measure_all(
        [unmeasured, placed(Level.T12, spine[Level.T12]), thick], Reference.NEIGHBOURS
    )[1]
    assert found is not None and not compared
    assert found.reference is Reference.EXPECTED_BY_LEVEL


@pytest.mark.parametrize("convention", [Reference.NEIGHBOURS, Reference.EXPECTED_BY_LEVEL])
def test_the_demos_real_bodies_are_normal(convention: Reference) -> None:
    bodies = demo_bodies()
    for body, (found, compared) in zip(bodies, measure_all(bodies, convention), strict=True):
        assert found is not None and compared, body.level
        assert found.reference is convention
        assert found.grade is Grade.NORMAL


@given(st.floats(0.3, 0.6), st.sampled_from(list(Reference)))
def test_one_broken_body_of_the_demo_is_found_and_its_neighbours_stay_normal(
    lost: float, convention: Reference
) -> None:
    bodies = demo_bodies()
    place = 3
    own = bodies[place].heights
    assert own is not None
    bodies[place] = replace(bodies[place], heights=shrunk(own, (lost, lost / 2, 0.0)))
    said = [found for found, _ in measure_all(bodies, convention)]
    broken = said[place]
    assert broken is not None and broken.shape is Shape.WEDGE
    assert broken.grade >= Grade.MODERATE
    others = [found for i, found in enumerate(said) if i != place and found is not None]
    if convention is not Reference.OWN_POSTERIOR:  # which does not know that these are wedged by nature
        assert all(found.grade is Grade.NORMAL for found in others)
