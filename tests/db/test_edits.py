"""Names, points and bodies that a reader changes: one act, kept as history, with the readings where they were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.store import Store
from tests.db.made_cases import add, move, say, screened_case, screening, spine, take_away, vertebra
from tests.db.test_screenings import levels
from vfscreen.anatomy import Level
from vfscreen.cases import BodyEdit
from vfscreen.errors import ReadByOthers, StaleCase
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade


def shifted_down(store: Store, series_id: str, who: str = "K") -> None:
    """Renames all bodies of a case by one act."""
    bodies = store.case(series_id, who).bodies
    names = [Level.T12, Level.L1, Level.L2]
    changed = {
        body.body_id: replace(body.vertebra, level=name) for body, name in zip(bodies, names, strict=True)
    }
    seen = {body.body_id: body.geometry_version for body in bodies}
    store.edit_bodies(series_id, BodyEdit(changed, seen=seen), who)


def test_all_names_change_with_one_act_and_go_back_with_one_undo(store: Store) -> None:
    series_id = screened_case(store)
    shifted_down(store, series_id)
    assert levels(store.case(series_id, "M")) == ["T12", "L1", "L2"]
    undone = store.undo("K")
    assert undone is not None and undone.edited == {
        body.body_id for body in store.case(series_id, "K").bodies
    }
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]
    store.redo("K")
    assert levels(store.case(series_id, "K")) == ["T12", "L1", "L2"]
    assert store.worklist("K", Mode.READ)[0].levels == "T12-L2"


def test_readings_stay_with_their_body_and_are_listed_under_its_new_name(store: Store) -> None:
    series_id = screened_case(store)
    said = say(store, store.case(series_id, "K"), 0, ReadGrade.SEVERE)
    shifted_down(store, series_id)
    case = store.case(series_id, "K")
    assert case.readings[case.bodies[0].body_id] == said
    assert [level for _, _, level, _ in store.all_readings()] == ["T12"]


def test_a_body_that_is_none_is_not_shown_not_counted_and_does_not_train(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 1, ReadGrade.MILD)
    take_away(store, store.case(series_id, "K").bodies[1].body_id, "K")
    assert levels(store.case(series_id, "K")) == ["T11", "L1"]
    assert store.worklist("K", Mode.SCREEN)[0].bodies == 2
    assert store.labelled_bodies() == []
    assert [level for _, _, level, _ in store.all_readings()] == [""], "the history keeps it, without a level"
    store.undo("K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]
    assert len(store.labelled_bodies()) == 1


def test_a_suspicious_body_that_is_none_makes_no_case_suspicious(store: Store) -> None:
    series_id = screened_case(store)
    store.record_screening(series_id, screening(spine(Level.T11, 3), suspicion=0.9))
    for body in store.case(series_id, "K").bodies:
        take_away(store, body.body_id, "K")
    assert store.worklist("K", Mode.SCREEN)[0].suspicion == 0.0


def test_a_screening_does_not_bring_back_what_is_none_nor_its_old_name(store: Store) -> None:
    series_id = screened_case(store)
    shifted_down(store, series_id)
    take_away(store, store.case(series_id, "K").bodies[2].body_id, "K")
    store.record_screening(series_id, screening(spine(Level.T11, 3), grader="grader-2"))
    assert levels(store.case(series_id, "K")) == ["T12", "L1"]
    store.undo("K")
    store.record_screening(series_id, screening(spine(Level.T11, 3), grader="grader-3"))
    assert levels(store.case(series_id, "K")) == ["T12", "L1", "L2"]


def test_each_finding_is_told_its_body_and_version_whatever_is_shown(store: Store) -> None:
    series_id = screened_case(store)
    before = [body.body_id for body in store.case(series_id, "K").bodies]
    move(store, before[0], spine(Level.T11, 1, x_mm=1.0)[0], "K")
    kept = store.record_screening(series_id, screening(spine(Level.T11, 4)[::-1]))
    assert [version for _, version in kept] == [1] * 4
    assert [body_id for body_id, _ in kept[1:]] == before[::-1]
    assert kept[0][0] == store.case(series_id, "K").bodies[3].body_id


def test_a_body_that_another_reader_graded_is_not_taken_away_nor_by_a_redo(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    take_away(store, body.body_id, "K")
    store.undo("K")
    say(store, store.case(series_id, "M"), 0, ReadGrade.MILD, reader="M")
    with pytest.raises(ReadByOthers, match="Another reader graded"):
        take_away(store, body.body_id, "K")
    with pytest.raises(ReadByOthers, match="Another reader graded"):
        store.redo("K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]


def test_what_was_taken_away_meanwhile_takes_no_grade(store: Store) -> None:
    case = store.case(screened_case(store), "M")
    take_away(store, case.bodies[0].body_id, "K")
    with pytest.raises(StaleCase, match="took this vertebra away"):
        say(store, case, 0, ReadGrade.MILD, reader="M")


def test_an_undo_goes_back_to_the_body_that_was_taken_away_not_to_those_renamed_for_it(store: Store) -> None:
    series_id = screened_case(store)
    bodies = store.case(series_id, "K").bodies
    below = {bodies[2].body_id: replace(bodies[2].vertebra, level=Level.T12)}
    seen = {body.body_id: 1 for body in bodies[1:]}
    store.edit_bodies(series_id, BodyEdit(below, removed=(bodies[1].body_id,), seen=seen), "K")
    undone = store.undo("K")
    assert undone is not None and undone.body_id == bodies[1].body_id
    assert undone.edited == {body.body_id for body in bodies[1:]}


def test_an_edit_of_what_was_changed_meanwhile_is_refused_whole(store: Store) -> None:
    series_id = screened_case(store)
    seen = store.case(series_id, "K").bodies
    move(store, seen[2].body_id, vertebra(Level.L1, -61.0), "M")
    changed = {body.body_id: replace(body.vertebra, level=Level.T1) for body in seen}
    with pytest.raises(StaleCase, match="changed since it was shown"):
        store.edit_bodies(
            series_id, BodyEdit(changed, seen={body.body_id: body.geometry_version for body in seen}), "K"
        )
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]
    assert store.undo("K") is None


def test_one_act_adds_a_body_and_renames_those_below_it(store: Store) -> None:
    series_id = screened_case(store)
    below = store.case(series_id, "K").bodies[2]
    edit = BodyEdit(
        {below.body_id: replace(below.vertebra, level=Level.L2)},
        added=(vertebra(Level.L1, -45.0),),
        seen={below.body_id: 1},
    )
    (new,) = store.edit_bodies(series_id, edit, "K")
    case = store.case(series_id, "K")
    assert levels(case) == ["T11", "T12", "L1", "L2"]
    assert (case.bodies[2].body_id, case.bodies[2].who) == (new, "K")
    store.undo("K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]


def test_an_added_body_that_was_moved_and_moved_back_goes_with_its_undo(store: Store) -> None:
    series_id = screened_case(store)
    body_id = add(store, series_id, vertebra(Level.T10, 30.0), "K")
    move(store, body_id, vertebra(Level.T10, 31.0), "K")
    store.undo("K")
    store.undo("K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", "L1"]


def test_an_edit_is_in_the_audit_and_an_empty_one_is_refused(store: Store) -> None:
    series_id = screened_case(store)
    shifted_down(store, series_id)
    event = store.events()[-1]
    assert (event.what, event.about, event.who) == ("bodies edited", series_id, "K")
    assert sorted(event.details["changed"].values()) == ["L1", "L2", "T12"]
    with pytest.raises(ValueError, match="changes something"):
        store.edit_bodies(series_id, BodyEdit(), "K")
    assert store.check() == []


@pytest.mark.parametrize("level", [Level.T13, Level.L6])
def test_the_rare_names_are_kept(store: Store, level: Level) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[2]
    move(store, body.body_id, replace(body.vertebra, level=level), "K")
    assert levels(store.case(series_id, "K")) == ["T11", "T12", str(level)]
