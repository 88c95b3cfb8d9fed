"""The worklist: order, states, and what it does not tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.store import Store
from tests.db.made_cases import add, move, new_series, say, screened_case, screening, spine, vertebra
from vfscreen.anatomy import Level
from vfscreen.cases import CaseRow, CaseState, GeometrySource
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Screening
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer


def row_of(store: Store, series_id: str, reader: str = "K", mode: Mode = Mode.READ) -> CaseRow:
    """Returns one line of the worklist."""
    (row,) = [row for row in store.worklist(reader, mode) if row.series_id == series_id]
    return row


def suspected(store: Store, name: str, suspicion: float) -> str:
    """A case whose three bodies all have this P(grade >= 2)."""
    series_id, _ = store.add_series(new_series(name))
    store.record_screening(series_id, screening(spine(Level.T11, 3), suspicion=suspicion))
    return series_id


def test_an_empty_store_has_an_empty_worklist(store: Store) -> None:
    assert store.worklist("K", Mode.READ) == store.worklist("K", Mode.SCREEN) == []


def test_a_line_says_what_the_case_is(store: Store) -> None:
    series_id = screened_case(store, first=Level.T10, count=5)
    row = row_of(store, series_id)
    assert (row.pseudonym, row.study_date, row.description) == ("P-one", "20260101", "bone 1 mm")
    assert (row.levels, row.bodies, row.graded, row.state) == ("T10-L2", 5, 0, CaseState.NEW)
    assert row.warnings == ("thick slices",)


def test_in_read_mode_the_order_is_each_readers_own_and_fixed(store: Store) -> None:
    for number in range(12):
        suspected(store, str(number), number / 20)
    orders = {
        reader: [row.series_id for row in store.worklist(reader, Mode.READ)] for reader in ("K", "M", "N")
    }
    assert orders["K"] == [row.series_id for row in store.worklist("K", Mode.READ)]
    assert len({tuple(order) for order in orders.values()}) == 3
    assert all(sorted(order) == sorted(orders["K"]) for order in orders.values())


def test_a_new_case_does_not_shuffle_the_others(store: Store) -> None:
    for number in range(6):
        screened_case(store, str(number))
    before = [row.series_id for row in store.worklist("K", Mode.READ)]
    added = screened_case(store, "late")
    after = [row.series_id for row in store.worklist("K", Mode.READ) if row.series_id != added]
    assert after == before


def test_in_read_mode_nothing_tells_what_the_model_thinks(store: Store) -> None:
    quiet, loud = suspected(store, "quiet", 0.0), suspected(store, "loud", 0.8)
    for series_id in (quiet, loud):
        row = row_of(store, series_id)
        assert (row.suspicion, row.suggested_levels) == (None, "")


def test_in_screen_mode_unseen_cases_come_first_then_the_most_suspicious(store: Store) -> None:
    mild, severe = suspected(store, "mild", 0.2), suspected(store, "severe", 0.8)
    unseen = [store.add_series(new_series(name))[0] for name in ("u1", "u2")]
    rows = store.worklist("K", Mode.SCREEN)
    assert [row.series_id for row in rows] == [*unseen, severe, mild]
    assert [row.suspicion for row in rows] == [None, None, pytest.approx(0.8), pytest.approx(0.2)]


def test_a_case_without_bodies_was_seen_and_is_not_suspicious(store: Store) -> None:
    series_id, _ = store.add_series(new_series("head"))
    store.record_screening(series_id, screening([]))
    row = row_of(store, series_id, mode=Mode.SCREEN)
    assert (row.suspicion, row.levels, row.state) == (0.0, "", CaseState.CANNOT_READ)


def test_a_case_that_no_grader_spoke_of_is_not_called_harmless(store: Store) -> None:
    """A refused study, and one taken in without a grader, once stood last in the list as "low"."""
    refused, _ = store.add_series(new_series("refused"))
    store.record_screening(refused, Screening("x", None, models={"grader": "grader-1"}))
    given, _ = store.add_series(new_series("given"))
    found = screening(spine(Level.T11, 3), grader="")
    bare = tuple(replace(one, suggestion=None) for one in found.findings)
    store.record_screening(given, replace(found, findings=bare), GeometrySource.MASK)
    low = suspected(store, "low", 0.1)
    rows = store.worklist("K", Mode.SCREEN)
    assert [row.series_id for row in rows] == [refused, given, low]
    assert [row.suspicion for row in rows] == [None, None, pytest.approx(0.1)]


def test_a_series_that_was_not_screened_is_new(store: Store) -> None:
    series_id, _ = store.add_series(new_series("one"))
    assert row_of(store, series_id).state is CaseState.NEW


def test_the_grader_in_use_says_how_suspicious_a_case_is_else_the_last_one_that_saw_it(store: Store) -> None:
    series_id = suspected(store, "one", 0.2)
    store.record_screening(series_id, screening(spine(Level.T11, 3), suspicion=0.6, grader="grader-2"))

    def suspicion(model: str | None) -> tuple[float | None, str]:
        row = store.worklist("K", Mode.SCREEN, model)[0]
        return row.suspicion, row.suspected_by

    assert suspicion("grader-1") == (pytest.approx(0.2), "grader-1")
    for not_asked in ("grader-2", "grader-3", None):
        assert suspicion(not_asked) == (pytest.approx(0.6), "grader-2")


def test_suggested_levels_are_named_only_to_a_reader_who_was_shown_them(store: Store) -> None:
    series_id = suspected(store, "one", 0.7)
    assert row_of(store, series_id, mode=Mode.SCREEN).suggested_levels == ""
    store.reveal(series_id, "K", Mode.SCREEN)
    assert row_of(store, series_id, mode=Mode.SCREEN).suggested_levels == "T11 T12 L1"
    assert row_of(store, series_id, "M", Mode.SCREEN).suggested_levels == ""


def test_a_case_is_begun_then_done_by_counted_answers(store: Store) -> None:
    series_id = screened_case(store)
    answers: list[Answer | ReadGrade] = [
        ReadGrade.NORMAL,
        Answer(not_assessable=NotAssessable.MOTION),
        Answer(other_deformity=OtherDeformity.CONGENITAL),
    ]
    states = []
    for place, answer in enumerate(answers):
        say(store, store.case(series_id, "K"), place, answer)
        row = row_of(store, series_id)
        states.append((row.graded, row.state))
    assert states == [(1, CaseState.BEGUN), (2, CaseState.BEGUN), (3, CaseState.DONE)]
    assert row_of(store, series_id, "M").state is CaseState.NEW


def test_a_note_without_a_grade_begins_a_case_and_does_not_count_as_graded(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, Answer(note="odd"))
    row = row_of(store, series_id)
    assert (row.graded, row.state) == (0, CaseState.BEGUN)


def test_undoing_everything_makes_a_case_new_again(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.undo("K")
    assert row_of(store, series_id).state is CaseState.NEW


def test_a_flag_asks_for_another_look_even_when_all_is_graded(store: Store) -> None:
    series_id = screened_case(store, count=1)
    say(store, store.case(series_id, "K"), 0, Answer(ReadGrade.MILD, flag=True))
    assert row_of(store, series_id).state is CaseState.LOOK_AGAIN


def test_a_case_none_of_whose_bodies_can_be_graded_cannot_be_read(store: Store) -> None:
    series_id = screened_case(store, count=1)
    say(store, store.case(series_id, "K"), 0, Answer(not_assessable=NotAssessable.METAL_OR_CEMENT))
    assert row_of(store, series_id).state is CaseState.CANNOT_READ


def test_a_final_reading_goes_before_the_first(store: Store) -> None:
    series_id = screened_case(store, count=1)
    say(store, store.case(series_id, "K"), 0, Answer(ReadGrade.MILD, flag=True))
    store.reveal(series_id, "K", Mode.READ)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    assert row_of(store, series_id).state is CaseState.DONE


def test_cut_bodies_and_the_neck_are_not_counted(store: Store) -> None:
    series_id = screened_case(store, count=2)
    add(store, series_id, vertebra(Level.L5, -120.0, whole=False), "K")
    add(store, series_id, vertebra(Level.C7, 150.0), "K")
    row = row_of(store, series_id)
    assert (row.levels, row.bodies) == ("T11-T12", 2)


def test_one_level_is_named_alone_and_a_renamed_one_by_its_new_name(store: Store) -> None:
    series_id = screened_case(store, count=1)
    body = store.case(series_id, "K").bodies[0]
    move(store, body.body_id, replace(body.vertebra, level=Level.T13), "K")
    assert row_of(store, series_id).levels == "T13"
