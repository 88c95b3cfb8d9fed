"""The embeddings of graded bodies: those of one model, of cases whose opinion the reader was shown, with all grades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from db.store import Store
from tests.db.made_cases import (
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
from vfscreen.errors import NoSuchThing
from vfscreen.findings import Mode, NotAssessable, Screening
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer


def graded_case(store: Store, name: str = "one", reader: str = "K", *, shown: bool = True) -> str:
    """Two of three bodies graded 0 and 2, then the opinion shown."""
    series_id = screened_case(store, name)
    case = store.case(series_id, reader)
    say(store, case, 0, ReadGrade.NORMAL, reader)
    say(store, case, 1, ReadGrade.MODERATE, reader)
    if shown:
        store.reveal(series_id, reader, Mode.READ)
    return series_id


def test_graded_bodies_come_with_vector_grade_case_and_patient(store: Store) -> None:
    series_id = graded_case(store)
    found = store.graded_embeddings("grader-1", "K")
    case = store.case(series_id, "K")
    by_id = {body.body_id: body for body in found.bodies}
    assert set(by_id) == {case.bodies[0].body_id, case.bodies[1].body_id}
    second = by_id[case.bodies[1].body_id]
    assert second.grades == (ReadGrade.MODERATE,) and second.level is Level.T12
    assert (second.series_id, second.pseudonym, second.geometry_version) == (series_id, "P-one", 1)
    assert found.vectors.shape == (2, 128) and found.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1.0, atol=1e-5)


def test_nothing_is_told_of_a_case_before_its_opinion_was_shown_to_this_reader(store: Store) -> None:
    """Another reader's grade, or a likeness, would be an opinion before the own first reading."""
    series_id = graded_case(store, shown=False)
    assert store.graded_embeddings("grader-1", "K").bodies == ()
    store.reveal(series_id, "M", Mode.SCREEN)
    assert store.graded_embeddings("grader-1", "K").bodies == ()
    assert len(store.graded_embeddings("grader-1", "M").bodies) == 2
    assert store.graded_embeddings("grader-1", "nobody").vectors.shape == (0, 0)


def test_every_readers_last_first_reading_counts_and_no_final_one(store: Store) -> None:
    series_id = screened_case(store)
    for reader, grade in (("K", ReadGrade.MODERATE), ("M", ReadGrade.BORDERLINE)):
        case = store.case(series_id, reader)
        say(store, case, 0, ReadGrade.SEVERE, reader)
        say(store, case, 0, grade, reader)
        store.reveal(series_id, reader, Mode.READ)
    say(store, store.case(series_id, "K"), 0, ReadGrade.NORMAL, "K")
    (body,) = store.graded_embeddings("grader-1", "K").bodies
    assert body.grades == (ReadGrade.BORDERLINE, ReadGrade.MODERATE)


def test_only_the_model_that_is_asked_for_and_what_it_said_last(store: Store) -> None:
    series_id = graded_case(store)
    again = screening(spine(Level.T11, 3), grader="grader-2")
    turned = tuple(
        replace(one, suggestion=replace(one.suggestion, embedding=np.eye(128, dtype=np.float32)[place]))
        for place, one in enumerate(again.findings)
        if one.suggestion is not None
    )
    store.record_screening(series_id, replace(again, findings=turned))
    first, second = store.graded_embeddings("grader-1", "K"), store.graded_embeddings("grader-2", "K")
    assert first.model == "grader-1" and len(first.bodies) == len(second.bodies) == 2
    np.testing.assert_allclose(first.vectors, 1 / np.sqrt(128), atol=1e-6)
    assert sorted(second.vectors.argmax(1)) == [0, 1]
    assert store.graded_embeddings("grader-3", "K").bodies == ()


def test_without_a_grade_or_an_embedding_there_is_no_neighbour(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, Answer(not_assessable=NotAssessable.CUT_OFF))
    say(store, case, 1, ReadGrade.MILD)
    store.reveal(series_id, "K", Mode.READ)
    assert len(store.graded_embeddings("grader-1", "K").bodies) == 1
    unsaid = tuple(
        replace(one, suggestion=None, morphometry=None) for one in screening(spine(Level.T11, 3)).findings
    )
    said_last = Screening("/cases", None, unsaid, models={"grader": "grader-1"}, seconds={"locate": 1.0})
    store.record_screening(series_id, said_last)
    assert store.graded_embeddings("grader-1", "K").bodies == ()


def test_a_body_that_is_no_vertebra_is_no_neighbour(store: Store) -> None:
    series_id = graded_case(store)
    take_away(store, store.case(series_id, "K").bodies[0].body_id, "K")
    assert [body.level for body in store.graded_embeddings("grader-1", "K").bodies] == [Level.T12]


def test_a_version_of_a_body_can_be_asked_for(store: Store) -> None:
    series_id = graded_case(store)
    (body, *_) = store.graded_embeddings("grader-1", "K").bodies
    (vertebra,) = store.vertebrae([(body.body_id, body.geometry_version)])
    shown = {one.body_id: one.vertebra for one in store.case(series_id, "K").bodies}[body.body_id]
    assert vertebra.body_id == body.body_id and vertebra.level is shown.level
    assert vertebra.points is not None and shown.points is not None
    np.testing.assert_allclose(vertebra.points.array(), shown.points.array())
    with pytest.raises(NoSuchThing):
        store.vertebrae([(body.body_id, 99)])


def test_many_cases_stay_apart(store: Store) -> None:
    for number in range(4):
        graded_case(store, f"p{number}")
    store.add_series(new_series("unscreened"))
    found = store.graded_embeddings("grader-1", "K")
    assert len(found.bodies) == 8
    assert {body.pseudonym for body in found.bodies} == {"P-p0", "P-p1", "P-p2", "P-p3"}
    assert [body.body_id for body in found.bodies] == sorted(body.body_id for body in found.bodies)


def test_the_vector_is_of_the_points_as_they_are_now(store: Store) -> None:
    """A later screening, whose points a reader's hide, gave its own vector to the reader's body."""
    series_id = graded_case(store)
    body = store.case(series_id, "K").bodies[0]
    moved = replace(body.vertebra, points=vertebra(Level.T11, 3.0).points)
    version = move(store, body.body_id, moved, "K")
    store.record_finding(body.body_id, version, finding(moved))
    store.record_screening(series_id, screening(spine(Level.T11, 3)))
    versions = {
        each.body_id: each.geometry_version for each in store.graded_embeddings("grader-1", "K").bodies
    }
    assert versions[body.body_id] == version
