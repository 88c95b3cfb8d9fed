"""Which readings train."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.store import Store
from tests.db.made_cases import add, move, say, screened_case, screening, spine, vertebra
from vfscreen.anatomy import Level
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer


def grades(store: Store) -> list[list[ReadGrade | None]]:
    """Returns the grades of each labelled body."""
    return [[reading.grade for reading in body.readings] for body in store.labelled_bodies()]


def test_only_the_last_first_reading_of_a_reader_trains(store: Store) -> None:
    case = store.case(screened_case(store), "K")
    say(store, case, 0, ReadGrade.MILD)
    say(store, case, 0, ReadGrade.SEVERE)
    assert grades(store) == [[ReadGrade.SEVERE]]


def test_all_readers_and_both_modes_train(store: Store) -> None:
    case = store.case(screened_case(store), "K")
    say(store, case, 0, ReadGrade.MILD, reader="K", mode=Mode.READ)
    say(store, case, 0, ReadGrade.BORDERLINE, reader="M", mode=Mode.SCREEN)
    assert grades(store) == [[ReadGrade.MILD, ReadGrade.BORDERLINE]]


def test_final_readings_do_not_train_and_leave_the_first_in_place(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.reveal(series_id, "K", Mode.READ)
    say(store, store.case(series_id, "K"), 0, ReadGrade.SEVERE)
    say(store, store.case(series_id, "K"), 1, ReadGrade.SEVERE)
    (body,) = store.labelled_bodies()
    assert [(reading.grade, reading.phase) for reading in body.readings] == [(ReadGrade.MILD, Phase.FIRST)]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(flag=True, note="odd"),
        Answer(not_assessable=NotAssessable.CUT_OFF),
        Answer(other_deformity=OtherDeformity.SCHEUERMANN),
    ],
)
def test_what_is_not_graded_is_not_normal(store: Store, answer: Answer) -> None:
    case = store.case(screened_case(store), "K")
    say(store, case, 0, ReadGrade.MILD)
    say(store, case, 0, answer)
    assert store.labelled_bodies() == []


def test_a_graded_body_with_another_deformity_trains(store: Store) -> None:
    case = store.case(screened_case(store), "K")
    say(store, case, 0, Answer(ReadGrade.NORMAL, other_deformity=OtherDeformity.SCHMORL_OR_ENDPLATE))
    assert grades(store) == [[ReadGrade.NORMAL]]


def test_a_label_carries_the_geometry_that_was_read_and_where_to_find_the_voxels(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 1, ReadGrade.MILD)
    moved = replace(case.bodies[1].vertebra, level=Level.L1)
    move(store, case.bodies[1].body_id, moved, "M")
    (body,) = store.labelled_bodies()
    assert (body.vertebra.level, body.series_id, body.pseudonym) == (Level.T12, series_id, "P-one")
    assert (body.facts, body.files) == (case.facts, case.files)


def test_where_readers_saw_different_geometry_that_of_the_newest_reading_stands(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    body_id = store.case(series_id, "M").bodies[0].body_id
    move(store, body_id, vertebra(Level.T11, 2.0), "M")
    say(store, store.case(series_id, "M"), 0, ReadGrade.MODERATE, reader="M")
    (body,) = store.labelled_bodies()
    assert body.vertebra.centre_lps_mm[2] == 2.0
    assert [reading.geometry_version for reading in body.readings] == [1, 2]


def test_neighbours_are_the_bodies_next_above_and_below(store: Store) -> None:
    case = store.case(screened_case(store, count=4), "K")
    for place in (0, 1, 3):
        say(store, case, place, ReadGrade.NORMAL)
    neighbours = {
        str(body.vertebra.level): [str(neighbour.level) for neighbour in body.neighbours]
        for body in store.labelled_bodies()
    }
    assert neighbours == {"T11": ["T12"], "T12": ["T11", "L1"], "L2": ["L1"]}


def test_a_graded_body_that_its_reader_took_back_from_the_case_has_no_neighbours(store: Store) -> None:
    series_id = screened_case(store, count=2)
    body_id = add(store, series_id, vertebra(Level.T10, 30.0), "K")
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD, reader="M")
    store.record_screening(series_id, screening(spine(Level.T11, 2)))
    (body,) = store.labelled_bodies()
    assert (body.body_id, [str(neighbour.level) for neighbour in body.neighbours]) == (body_id, ["T11"])
