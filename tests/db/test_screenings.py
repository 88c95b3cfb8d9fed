"""Keeping screenings: which body is which, which geometry is shown, what the grader said last."""

from dataclasses import replace

import numpy as np
import pytest

from db.store import Store
from tests.db.made_cases import (
    SPACING_MM,
    add,
    finding,
    move,
    new_series,
    say,
    screened_case,
    screening,
    spine,
    take_away,
    vertebra,
)  # fmt: skip
from vfscreen.anatomy import Level
from vfscreen.cases import BodyEdit, Case, GeometrySource
from vfscreen.errors import NoSuchThing
from vfscreen.findings import Finding, Mode, Refusal, Screening, Vertebra
from vfscreen.genant import ReadGrade


def levels(case: Case) -> list[str]:
    """Names the bodies that are shown."""
    return [str(body.vertebra.level) for body in case.bodies]


def same(one: Vertebra, other: Vertebra) -> bool:
    """Says whether two vertebrae are equal, the id aside."""
    arrays = (
        np.array_equal(one.centre_lps_mm, other.centre_lps_mm),
        (one.points is None) == (other.points is None)
        and (
            one.points is None
            or other.points is None
            or np.array_equal(one.points.array(), other.points.array())
        ),
        (one.axes is None) == (other.axes is None)
        and (
            one.axes is None
            or other.axes is None
            or (
                np.array_equal(one.axes.matrix(), other.axes.matrix())
                and np.array_equal(one.axes.origin, other.axes.origin)
            )
        ),
    )
    names = ("level", "level_certain", "whole", "confidence", "heights", "uncertainty_mm", "flags")
    return all(arrays) and all(getattr(one, name) == getattr(other, name) for name in names)


def test_findings_come_back_as_they_were_from_the_head_down(store: Store) -> None:
    bodies = [*spine(Level.T11, 3), vertebra(Level.L3, -4 * SPACING_MM, whole=False)]
    series_id, _ = store.add_series(new_series("one"))
    store.record_screening(series_id, screening(bodies[::-1]))
    case = store.case(series_id, "K")
    assert levels(case) == ["T11", "T12", "L1", "L3"]
    for given, body in zip(bodies, case.bodies, strict=True):
        said = case.findings[body.body_id]
        assert same(given, body.vertebra)
        assert same(given, said.vertebra)
        expected = finding(given)
        assert said.morphometry == expected.morphometry
        if expected.suggestion is None:
            assert said.suggestion is None
        else:
            assert said.suggestion is not None
            assert said.suggestion.probabilities == expected.suggestion.probabilities
            assert said.suggestion.conformal_set == expected.suggestion.conformal_set
            assert np.array_equal(said.suggestion.embedding, expected.suggestion.embedding)
            assert said.suggestion.embedding.dtype == np.float32


def test_screening_again_with_the_same_result_adds_no_geometry(store: Store) -> None:
    series_id = screened_case(store)
    before = store.case(series_id, "K").bodies
    store.record_screening(series_id, screening(spine(Level.T11, 3)))
    after = store.case(series_id, "K").bodies
    assert [(body.body_id, body.geometry_version) for body in before] == [
        (body.body_id, body.geometry_version) for body in after
    ]


def test_a_body_found_a_little_further_on_is_the_same_body_with_a_new_version(store: Store) -> None:
    series_id = screened_case(store)
    before = store.case(series_id, "K").bodies
    store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=14.0)))
    after = store.case(series_id, "K").bodies
    assert [body.body_id for body in after] == [body.body_id for body in before]
    assert [body.geometry_version for body in after] == [2, 2, 2]
    assert after[0].vertebra.centre_lps_mm[0] == 14.0


def test_a_body_found_where_it_once_was_goes_back_to_that_version(store: Store) -> None:
    series_id = screened_case(store)
    for x_mm in (14.0, 0.0):
        store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=x_mm)))
    assert [body.geometry_version for body in store.case(series_id, "K").bodies] == [1, 1, 1]


def test_a_body_further_away_than_half_a_spacing_is_another_body(store: Store) -> None:
    series_id = screened_case(store)
    before = {body.body_id for body in store.case(series_id, "K").bodies}
    store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=16.0)))
    after = {body.body_id for body in store.case(series_id, "K").bodies}
    assert len(after) == 3
    assert not before & after


def test_a_graded_body_that_is_not_found_again_is_kept_and_an_ungraded_one_is_not(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, ReadGrade.MILD)
    store.record_screening(series_id, screening(spine(Level.T11, 3)[2:]))
    assert levels(store.case(series_id, "K")) == ["T11", "L1"]


def test_a_body_that_went_and_is_found_again_is_the_same_body(store: Store) -> None:
    series_id = screened_case(store)
    before = store.case(series_id, "K").bodies
    store.record_screening(series_id, screening([]))
    assert store.case(series_id, "K").bodies == ()
    store.record_screening(series_id, screening(spine(Level.T11, 3)))
    assert [body.body_id for body in store.case(series_id, "K").bodies] == [body.body_id for body in before]


def test_grading_a_body_that_just_went_brings_it_back(store: Store) -> None:
    series_id = screened_case(store)
    opened = store.case(series_id, "K")
    store.record_screening(series_id, screening([]))
    say(store, opened, 1, ReadGrade.NORMAL)
    assert levels(store.case(series_id, "K")) == ["T12"]


def test_what_a_reader_corrected_is_not_replaced_by_the_next_screening(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    renamed = replace(body.vertebra, level=Level.T10)
    version = move(store, body.body_id, renamed, "K")
    store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=2.0), grader="grader-2"))
    case = store.case(series_id, "K")
    assert (version, case.bodies[0].geometry_version) == (2, 2)
    assert case.bodies[0].source is GeometrySource.READER
    assert case.bodies[0].vertebra.level is Level.T10
    assert case.findings[body.body_id].vertebra.level is Level.T11  # the suggestion says what it was made on


def test_a_body_that_a_reader_added_stays_and_is_shown_in_its_place(store: Store) -> None:
    series_id = screened_case(store)
    add(store, series_id, vertebra(Level.T10, SPACING_MM), "K")
    store.record_screening(series_id, screening(spine(Level.T11, 3)))
    assert levels(store.case(series_id, "K")) == ["T10", "T11", "T12", "L1"]


def test_bodies_from_a_mask_are_not_replaced_by_a_localiser(store: Store) -> None:
    series_id, _ = store.add_series(new_series("one"))
    store.record_screening(series_id, screening(spine(Level.T11, 3)), GeometrySource.MASK)
    store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=3.0)))
    assert {body.source for body in store.case(series_id, "K").bodies} == {GeometrySource.MASK}
    store.record_screening(series_id, screening(spine(Level.T11, 3, x_mm=5.0)), GeometrySource.MASK)
    assert {body.vertebra.centre_lps_mm[0] for body in store.case(series_id, "K").bodies} == {5.0}


def test_the_case_shows_what_the_grader_in_use_said_else_the_last_one(store: Store) -> None:
    series_id = screened_case(store)
    store.record_screening(series_id, screening(spine(Level.T11, 3), suspicion=0.7, grader="grader-2"))
    body_id = store.case(series_id, "K").bodies[0].body_id

    def triage(model: str | None) -> float:
        suggestion = store.case(series_id, "K", model).findings[body_id].suggestion
        assert suggestion is not None
        return suggestion.triage_probability

    assert triage(None) == triage("grader-2") == pytest.approx(0.7)
    assert triage("grader-1") == pytest.approx(0.1)
    assert triage("grader-3") == pytest.approx(0.7), "which has said nothing yet"


def test_what_the_grader_says_of_a_corrected_body_replaces_what_it_said_before(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    moved = vertebra(Level.T11, 3.0)
    version = move(store, body.body_id, moved, "K")
    store.record_finding(body.body_id, version, finding(moved, 0.8))
    said = store.case(series_id, "K").findings[body.body_id]
    assert said.suggestion is not None
    assert said.suggestion.triage_probability == pytest.approx(0.8)
    assert same(said.vertebra, moved)


def test_a_corrected_body_of_which_the_grader_says_nothing_keeps_its_finding(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    store.record_finding(body.body_id, 1, Finding(body.vertebra))
    assert store.case(series_id, "K").findings[body.body_id].suggestion is not None


def test_a_refused_series_leaves_the_queue_and_its_warnings_are_shown(store: Store) -> None:
    series_id, _ = store.add_series(new_series("one"))
    refused = Screening(
        "x",
        None,
        refusals=(Refusal("T4", "cut by the upper edge of the scan"),),
        warnings=("cut short", "thick slices"),
        models={"grader": "grader-1"},
    )
    store.record_screening(series_id, refused)
    assert store.queue("", "grader-1") == []
    assert store.case(series_id, "K").warnings == ("thick slices", "cut short")


def test_what_is_not_there_is_named(store: Store) -> None:
    body = spine(Level.L1, 1)[0]
    with pytest.raises(NoSuchThing, match="nowhere"):
        store.record_screening("nowhere", screening([body]))
    with pytest.raises(NoSuchThing, match="nowhere"):
        store.case("nowhere", "K")
    with pytest.raises(NoSuchThing, match="nobody"):
        store.edit_bodies(screened_case(store), BodyEdit({"nobody": body}, seen={"nobody": 1}), "K")
    with pytest.raises(NoSuchThing, match="nowhere"):
        store.edit_bodies("nowhere", BodyEdit(added=(body,)), "K")
    with pytest.raises(NoSuchThing, match="nobody"):
        store.record_finding("nobody", 1, finding(body))


def test_a_refusal_leaves_the_bodies_that_were_known(store: Store) -> None:
    """A drive that was not mounted while the queue ran once emptied every unread case."""
    series_id = screened_case(store)
    refused = replace(screening([]), refusals=(Refusal("/cases", "the files are gone"),), seconds={})
    store.record_screening(series_id, refused)
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]


def test_what_was_said_of_the_points_as_they_are_now_goes_before_what_was_said_since(store: Store) -> None:
    """A grade of moved points that came home after their undo hid what had been said before."""
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    moved = vertebra(Level.T11, 3.0)
    version = move(store, body.body_id, moved, "K")
    store.undo("K")
    store.record_finding(body.body_id, version, finding(moved, 0.8))

    def triage() -> float:
        said = store.case(series_id, "K").findings[body.body_id].suggestion
        assert said is not None
        return said.triage_probability

    assert triage() == pytest.approx(0.1)
    store.redo("K")
    assert triage() == pytest.approx(0.8)


def test_what_was_said_of_the_points_as_they_are_now_goes_before_what_the_grader_in_use_said(
    store: Store,
) -> None:
    """The grader in use had seen the points before a reader moved them, the last one those that are shown."""
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    moved = vertebra(Level.T11, 3.0)
    version = move(store, body.body_id, moved, "K")
    store.record_screening(series_id, screening(spine(Level.T11, 3), grader="grader-2"))
    store.record_finding(body.body_id, version, finding(moved, 0.8, "grader-2"))
    said = store.case(series_id, "K", "grader-1").findings
    models = [said[body.body_id].suggestion for body in store.case(series_id, "K").bodies]
    assert [one.model for one in models if one] == ["grader-2", "grader-1", "grader-1"]
    row = store.worklist("K", Mode.SCREEN, "grader-1")[0]
    assert (row.suspicion, row.suspected_by) == (pytest.approx(0.8), "grader-2")


def test_the_worklist_asks_what_was_said_of_the_points_as_they_are_now(store: Store) -> None:
    """A screening's points, which a reader's hide, made the case look harmless again."""
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    moved = vertebra(Level.T11, 3.0)
    store.record_finding(body.body_id, move(store, body.body_id, moved, "K"), finding(moved, 0.8))
    store.record_screening(series_id, screening(spine(Level.T11, 3), suspicion=0.3))
    assert store.worklist("K", Mode.SCREEN, "grader-1")[0].suspicion == pytest.approx(0.8)
    move(store, body.body_id, replace(moved, level=Level.T10), "M")
    assert store.worklist("K", Mode.SCREEN, "grader-1")[0].suspicion == pytest.approx(0.8), "a name alone"


def test_a_body_that_a_reader_added_gets_the_programs_points_and_keeps_its_name(store: Store) -> None:
    """It stayed without points for ever, though the localiser found it, because a reader's weight is more."""
    series_id = screened_case(store)
    bare = replace(vertebra(Level.T10, SPACING_MM, whole=False), whole=True)
    body_id = add(store, series_id, bare, "K")
    for x_mm in (0.0, 0.0, 2.0):  # the next screening finds the same, the one after it a little further on
        found = [vertebra(Level.T9, SPACING_MM, x_mm=x_mm), *spine(Level.T11, 3)]
        store.record_screening(series_id, screening(found))
        body = store.case(series_id, "K").bodies[0]
        assert (body.body_id, body.vertebra.level) == (body_id, Level.T10)
        assert body.vertebra.points is not None and body.vertebra.centre_lps_mm[0] == x_mm
        assert (body.source, body.points_by) == (GeometrySource.LOCALISER, "localiser-1")
    assert body.geometry_version == 3
    store.undo("K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]


def test_a_mask_without_points_takes_none_away(store: Store) -> None:
    series_id = screened_case(store)
    cut = [vertebra(body.level, float(body.centre_lps_mm[2]), whole=False) for body in spine(Level.T11, 3)]
    store.record_screening(series_id, screening(cut), GeometrySource.MASK)
    assert all(body.vertebra.points is not None for body in store.case(series_id, "K").bodies)


def test_a_body_without_points_that_is_none_stays_away(store: Store) -> None:
    series_id = screened_case(store)
    body_id = add(store, series_id, vertebra(Level.T10, SPACING_MM, whole=False), "K")
    take_away(store, body_id, "K")
    store.record_screening(series_id, screening([vertebra(Level.T10, SPACING_MM), *spine(Level.T11, 3)]))
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]
