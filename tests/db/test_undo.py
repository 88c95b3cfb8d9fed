"""Undo and redo: by rows that restore what was, across studies and restarts; against a plain stack by hypothesis."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from db.store import Store, open_store
from tests.db.made_cases import (
    FIRST_TICK,
    SPACING_MM,
    Ticking,
    add,
    make_store,
    move,
    say,
    screened_case,
    screening,
    spine,
    vertebra,
)  # fmt: skip
from vfscreen.anatomy import Level
from vfscreen.cases import BodyEdit
from vfscreen.correcting import removed
from vfscreen.errors import FirstReadLocked, ReadByOthers, StaleCase
from vfscreen.findings import Mode, Phase
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer, new_reading


def test_there_is_nothing_to_undo_or_redo_at_first(store: Store) -> None:
    assert store.undo("K") is None
    assert store.redo("K") is None
    say(store, store.case(screened_case(store), "K"), 0, ReadGrade.MILD)
    assert store.redo("K") is None


def test_undo_goes_back_to_the_vertebra_and_restores_what_stood_there(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    first = say(store, case, 1, Answer(ReadGrade.MILD, note="wedge?"))
    say(store, case, 1, ReadGrade.SEVERE)
    undone = store.undo("K")
    assert undone is not None
    assert (undone.series_id, undone.body_id) == (series_id, first.body_id)
    assert undone.reading is not None
    assert (undone.reading.grade, undone.reading.note) == (ReadGrade.MILD, "wedge?")
    assert store.case(series_id, "K").readings[first.body_id] == undone.reading


def test_undo_of_the_only_reading_leaves_the_vertebra_ungraded_and_history_whole(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    undone = store.undo("K")
    assert undone is not None
    assert undone.reading is None
    assert store.case(series_id, "K").readings == {}
    assert [reading.grade for *_, reading in store.all_readings()] == [ReadGrade.MILD, None]


def test_redo_does_it_again_and_a_new_act_ends_what_could_be_redone(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, ReadGrade.MILD)
    say(store, case, 1, ReadGrade.SEVERE)
    store.undo("K")
    store.undo("K")
    redone = store.redo("K")
    assert redone is not None
    assert redone.reading is not None
    assert (redone.body_id, redone.reading.grade) == (case.bodies[0].body_id, ReadGrade.MILD)
    say(store, case, 2, ReadGrade.NORMAL)
    assert store.redo("K") is None
    assert {body_id: reading.grade for body_id, reading in store.case(series_id, "K").readings.items()} == {
        case.bodies[0].body_id: ReadGrade.MILD,
        case.bodies[2].body_id: ReadGrade.NORMAL,
    }


def test_undo_survives_a_restart_and_crosses_studies(folder: Path, clock: Ticking) -> None:
    with open_store(folder, clock=clock) as store:
        one, two = screened_case(store, "one"), screened_case(store, "two")
        say(store, store.case(one, "K"), 0, ReadGrade.MILD)
        say(store, store.case(two, "K"), 0, ReadGrade.MILD)
    with open_store(folder, clock=clock) as store:
        undone = [store.undo("K"), store.undo("K")]
        assert [done.series_id for done in undone if done] == [two, one]
    with open_store(folder, clock=clock) as store:
        redone = [store.redo("K"), store.redo("K")]
        assert [done.series_id for done in redone if done] == [one, two]


def test_a_reader_undoes_only_their_own_acts(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD, reader="K")
    say(store, store.case(series_id, "M"), 0, ReadGrade.SEVERE, reader="M")
    store.undo("K")
    assert store.undo("K") is None
    assert [reading.grade for reading in store.case(series_id, "M").readings.values()] == [ReadGrade.SEVERE]


def test_all_remaining_levels_graded_with_one_key_go_with_one_undo(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, ReadGrade.MILD)
    answer = Answer(ReadGrade.NORMAL, bulk=True)
    store.store_readings([new_reading(case, b, "K", Mode.READ, answer, FIRST_TICK) for b in case.bodies[1:]])
    store.undo("K")
    assert list(store.case(series_id, "K").readings) == [case.bodies[0].body_id]
    store.redo("K")
    assert len(store.case(series_id, "K").readings) == 3


def test_grading_again_after_an_undo_is_still_a_first_reading(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.undo("K")
    again = say(store, store.case(series_id, "K"), 0, ReadGrade.SEVERE)
    assert again.phase is Phase.FIRST
    (label,) = store.labelled_bodies()
    assert [reading.grade for reading in label.readings] == [ReadGrade.SEVERE]


def test_a_final_reading_that_is_undone_gives_way_to_the_first(store: Store) -> None:
    series_id = screened_case(store)
    first = say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.reveal(series_id, "K", Mode.READ)
    say(store, store.case(series_id, "K"), 0, ReadGrade.SEVERE)
    undone = store.undo("K")
    assert undone is not None
    assert undone.reading == first
    redone = store.redo("K")
    assert redone is not None
    assert redone.reading is not None
    assert (redone.reading.grade, redone.reading.phase) == (ReadGrade.SEVERE, Phase.FINAL)


def test_first_readings_are_locked_once_the_opinion_was_shown(store: Store) -> None:
    series_id = screened_case(store)
    first = say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.reveal(series_id, "K", Mode.SCREEN)
    with pytest.raises(FirstReadLocked, match="first read is kept"):
        store.undo("K")
    assert store.case(series_id, "K").first_readings == {first.body_id: first}
    assert len(store.all_readings()) == 1


def test_a_first_reading_that_was_undone_before_the_reveal_cannot_be_redone_after_it(store: Store) -> None:
    series_id = screened_case(store)
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.undo("K")
    store.reveal(series_id, "K", Mode.SCREEN)
    with pytest.raises(FirstReadLocked):
        store.redo("K")


def test_moving_a_point_can_be_undone_and_redone(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    renamed = replace(body.vertebra, level=Level.T10)
    move(store, body.body_id, renamed, "K")
    undone = store.undo("K")
    assert undone is not None
    assert (undone.series_id, undone.body_id, undone.reading) == (series_id, body.body_id, None)
    assert store.case(series_id, "K").bodies[0].vertebra.level is Level.T11
    store.redo("K")
    assert store.case(series_id, "K").bodies[0].vertebra.level is Level.T10


def test_an_undo_of_what_somebody_moved_since_is_refused(store: Store) -> None:
    series_id = screened_case(store)
    body = store.case(series_id, "K").bodies[0]
    move(store, body.body_id, vertebra(Level.T11, 1.0), "K")
    move(store, body.body_id, vertebra(Level.T11, 2.0), "M")
    with pytest.raises(StaleCase, match="changed since by M"):
        store.undo("K")
    assert store.case(series_id, "K").bodies[0].geometry_version == 3
    store.undo("M")
    store.undo("K")
    assert store.case(series_id, "K").bodies[0].geometry_version == 1


def test_an_undo_across_readers_leaves_no_two_vertebrae_of_one_name(store: Store) -> None:
    """One body kept the other reader's name, its neighbours went back to their old ones."""
    series_id = screened_case(store)
    bodies = store.case(series_id, "K").bodies
    names = (Level.T12, Level.L1, Level.L2)
    changed = {
        body.body_id: replace(body.vertebra, level=name) for body, name in zip(bodies, names, strict=True)
    }
    store.edit_bodies(series_id, BodyEdit(changed, seen={body.body_id: 1 for body in bodies}), "K")
    move(store, bodies[0].body_id, replace(changed[bodies[0].body_id], level_certain=False), "M")
    with pytest.raises(StaleCase, match="changed since by M"):
        store.undo("K")
    assert [body.vertebra.level for body in store.case(series_id, "K").bodies] == list(names)
    store.undo("M")
    store.undo("K")
    move(store, bodies[2].body_id, replace(bodies[2].vertebra, level=Level.L3), "M")
    with pytest.raises(StaleCase, match="changed since by M"):
        store.redo("K")
    levels = [body.vertebra.level for body in store.case(series_id, "K").bodies]
    assert levels == [Level.T11, Level.T12, Level.L3]


def test_an_added_vertebra_can_be_undone_and_redone(store: Store) -> None:
    series_id = screened_case(store)
    body_id = add(store, series_id, vertebra(Level.T10, SPACING_MM), "K")
    store.undo("K")
    assert body_id not in {body.body_id for body in store.case(series_id, "K").bodies}
    store.redo("K")
    assert store.case(series_id, "K").bodies[0].body_id == body_id


def test_an_added_vertebra_that_was_graded_goes_with_two_undos_and_comes_back_with_two_redos(
    store: Store,
) -> None:
    series_id = screened_case(store)
    add(store, series_id, vertebra(Level.T10, SPACING_MM), "K")
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    store.undo("K")
    store.undo("K")
    assert len(store.case(series_id, "K").bodies) == 3
    store.redo("K")
    store.redo("K")
    case = store.case(series_id, "K")
    assert [reading.grade for reading in case.readings.values()] == [ReadGrade.MILD]
    assert len(case.bodies) == 4


@pytest.mark.parametrize("what", ["read", "moved"])
def test_an_added_vertebra_that_another_reader_used_stays(store: Store, what: str) -> None:
    series_id = screened_case(store)
    body_id = add(store, series_id, vertebra(Level.T10, SPACING_MM), "K")
    if what == "read":
        say(store, store.case(series_id, "M"), 0, ReadGrade.MILD, reader="M")
    else:
        move(store, body_id, vertebra(Level.T10, 31.0), "M")
    with pytest.raises(StaleCase, match="graded since" if what == "read" else "changed since by M"):
        store.undo("K")
    assert store.case(series_id, "K").bodies[0].body_id == body_id


def test_a_removal_is_not_done_again_once_another_reader_graded_the_body(store: Store) -> None:
    """The body was passed over, and those below it were renamed all the same: two had one name."""
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    store.edit_bodies(series_id, removed(case, case.bodies[1].body_id), "K")
    store.undo("K")
    say(store, store.case(series_id, "M"), 1, ReadGrade.MILD, reader="M")
    with pytest.raises(ReadByOthers, match="Another reader graded"):
        store.redo("K")
    levels = [body.vertebra.level for body in store.case(series_id, "K").bodies]
    assert levels == [body.vertebra.level for body in case.bodies]


def test_points_that_a_program_filled_in_stand_in_no_undos_way(store: Store) -> None:
    series_id = screened_case(store)
    bare = replace(vertebra(Level.T10, SPACING_MM, whole=False), whole=True)
    body_id = add(store, series_id, bare, "K")
    move(store, body_id, replace(bare, level=Level.T9), "K")
    store.record_screening(series_id, screening([vertebra(Level.T10, SPACING_MM), *spine(Level.T11, 3)]))
    store.undo("K")
    assert store.case(series_id, "K").bodies[0].vertebra.level is Level.T10
    store.redo("K")
    assert store.case(series_id, "K").bodies[0].vertebra.level is Level.T9


class StoreAgainstStack(RuleBasedStateMachine):
    """Two readers grade, undo, redo and restart; a list of acts says what must stand."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = make_store(Path(tempfile.mkdtemp(prefix="vfscreen-undo-")))
        self.store: Store | None = None
        self.done: dict[str, list[tuple[str, str, ReadGrade | None]]] = {"K": [], "M": []}
        self.undone: dict[str, list[tuple[str, str, ReadGrade | None]]] = {"K": [], "M": []}
        self.stored_rows = 0

    @initialize()
    def make_cases(self) -> None:
        self.store = open_store(self.folder, clock=Ticking())
        self.series = [screened_case(self.store, name, count=2) for name in ("one", "two")]

    def opened(self) -> Store:
        assert self.store is not None
        return self.store

    readers = st.sampled_from(["K", "M"])

    @rule(
        reader=readers,
        which=st.integers(0, 1),
        place=st.integers(0, 1),
        grade=st.sampled_from([*ReadGrade, None]),
    )
    def grade(self, reader: str, which: int, place: int, grade: ReadGrade | None) -> None:
        case = self.opened().case(self.series[which], reader)
        body = case.bodies[place]
        reading = new_reading(case, body, reader, Mode.READ, Answer(grade), datetime.now(UTC))
        assert self.opened().store_reading(reading).phase is Phase.FIRST
        self.done[reader].append((case.series_id, body.body_id, grade))
        self.undone[reader].clear()
        self.stored_rows += 1

    @rule(reader=readers)
    def undo(self, reader: str) -> None:
        result = self.opened().undo(reader)
        if not self.done[reader]:
            assert result is None
            return
        act = self.done[reader].pop()
        self.undone[reader].append(act)
        self.stored_rows += 1
        assert result is not None
        assert (result.series_id, result.body_id) == act[:2]
        assert (result.reading.grade if result.reading else None) == self.standing(reader).get(act[1])

    @rule(reader=readers)
    def redo(self, reader: str) -> None:
        result = self.opened().redo(reader)
        if not self.undone[reader]:
            assert result is None
            return
        act = self.undone[reader].pop()
        self.done[reader].append(act)
        self.stored_rows += 1
        assert result is not None
        assert (result.series_id, result.body_id) == act[:2]
        assert (result.reading.grade if result.reading else None) == act[2]

    @rule()
    def restart(self) -> None:
        self.opened().close()
        self.store = open_store(self.folder, clock=Ticking())

    def standing(self, reader: str) -> dict[str, ReadGrade]:
        """What the acts that stand leave at each body."""
        last = {body_id: grade for _, body_id, grade in self.done[reader]}
        return {body_id: grade for body_id, grade in last.items() if grade is not None}

    @invariant()
    def what_stands_is_what_the_acts_say(self) -> None:
        if self.store is None:
            return
        for reader in ("K", "M"):
            found = {
                body_id: reading.grade
                for series_id in self.series
                for body_id, reading in self.store.case(series_id, reader).readings.items()
            }
            assert found == self.standing(reader)
        history = [reading for *_, reading in self.store.all_readings()]
        assert len(history) == self.stored_rows
        superseded = [reading.supersedes for reading in history if reading.supersedes is not None]
        assert len(superseded) == len(set(superseded))

    def teardown(self) -> None:
        if self.store is not None:
            assert self.store.check() == []
            self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestStoreAgainstStack = StoreAgainstStack.TestCase
TestStoreAgainstStack.settings = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
