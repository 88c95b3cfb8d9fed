"""One key, one vertebra, stored: grading without a window, on a real store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ui.department import LEVELS
from tests.ui.test_room import level
from ui import words
from ui.composition import House
from ui.desktop import grading
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Chooser, Tone
from vfscreen.errors import DiskFull, FirstReadLocked
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase, Reading
from vfscreen.genant import ReadGrade, Shape


def stored(room: ReadingRoom, name: str) -> Reading:
    """What the store itself holds of a level."""
    assert room.case is not None
    case = room.store.case(room.case.series_id, room.reader)
    body = next(body for body in case.bodies if str(body.vertebra.level) == name)
    return case.readings[body.body_id]


def test_a_grade_is_stored_said_with_its_time_and_goes_on(room: ReadingRoom) -> None:
    grading.grade(room, ReadGrade.BORDERLINE)
    reading = stored(room, "T9")
    assert (reading.grade, reading.phase, reading.order_known) == (ReadGrade.BORDERLINE, Phase.FIRST, False)
    assert room.said == f"✓ Stored {reading.time.astimezone():%H:%M:%S}  T9 = ½"
    assert room.tone is Tone.STORED
    assert level(room) == "T10"


def test_it_stays_if_the_reader_does_not_want_to_go_on_by_itself(room: ReadingRoom) -> None:
    room.goes_on = False
    grading.grade(room, ReadGrade.NORMAL)
    assert level(room) == "T9"


def test_the_worklist_row_follows_each_grade(room: ReadingRoom) -> None:
    assert room.case is not None
    for count, _ in enumerate(LEVELS, 1):
        grading.grade(room, ReadGrade.NORMAL)
        shown = next(row for row in room.rows if row.series_id == room.case.series_id)
        kept = next(
            row for row in room.store.worklist(room.reader, room.mode) if row.series_id == room.case.series_id
        )
        assert shown == kept
        assert shown.graded == count


def test_a_shape_named_before_the_grade_is_stored_with_it(room: ReadingRoom) -> None:
    grading.set_shape(room, Shape.WEDGE)
    grading.toggle_sure(room)
    grading.grade(room, ReadGrade.MODERATE)
    assert (stored(room, "T9").shape, stored(room, "T9").sure) == (Shape.WEDGE, False)


def test_a_shape_named_after_the_grade_supersedes_it_and_the_same_key_takes_it_away(
    room: ReadingRoom,
) -> None:
    grading.grade(room, ReadGrade.MILD)
    room.step_body(-1)
    grading.set_shape(room, Shape.CRUSH)
    assert (stored(room, "T9").grade, stored(room, "T9").shape) == (ReadGrade.MILD, Shape.CRUSH)
    grading.set_shape(room, Shape.CRUSH)
    assert stored(room, "T9").shape is None


def test_a_normal_vertebra_takes_no_shape(room: ReadingRoom) -> None:
    grading.set_shape(room, Shape.WEDGE)
    grading.grade(room, ReadGrade.NORMAL)
    assert stored(room, "T9").shape is None
    room.step_body(-1)
    grading.set_shape(room, Shape.WEDGE)
    assert stored(room, "T9").shape is None
    assert room.said.startswith("Choose the grade first")


def test_a_draft_does_not_travel_to_another_vertebra(room: ReadingRoom) -> None:
    grading.set_shape(room, Shape.WEDGE)
    room.step_body(1)
    grading.grade(room, ReadGrade.MILD)
    assert stored(room, "T10").shape is None


def test_cannot_grade_is_stored_before_the_reason_is_chosen(room: ReadingRoom) -> None:
    grading.cannot_grade(room)
    assert stored(room, "T9").not_assessable is NotAssessable.NOT_SAID
    assert room.chooser is Chooser.NOT_ASSESSABLE
    grading.choose(room, 2)
    assert stored(room, "T9").not_assessable is NotAssessable.METAL_OR_CEMENT
    assert (room.chooser, level(room)) == (None, "T10")


def test_silence_leaves_the_reason_unsaid_and_goes_on(room: ReadingRoom) -> None:
    grading.other_deformity(room)
    grading.choose(room, 9)
    assert room.chooser is Chooser.OTHER_DEFORMITY
    grading.close_chooser(room)
    assert stored(room, "T9").other_deformity is OtherDeformity.NOT_SAID
    assert level(room) == "T10"


def test_flag_and_note_need_no_grade_and_survive_one(room: ReadingRoom) -> None:
    grading.toggle_flag(room)
    grading.set_note(room, "beside a rib")
    assert (stored(room, "T9").flag, stored(room, "T9").grade) == (True, None)
    grading.grade(room, ReadGrade.SEVERE)
    assert (stored(room, "T9").flag, stored(room, "T9").note) == (True, "beside a rib")


def test_all_remaining_levels_are_graded_0_after_a_question_and_taken_back_by_one_undo(
    room: ReadingRoom,
) -> None:
    grading.grade(room, ReadGrade.SEVERE)
    grading.ask_bulk(room)
    assert room.said == "Grade 5 levels as 0? Enter = yes, Esc = no."
    grading.finish(room)
    assert room.levels_to_go() == 0
    assert (stored(room, "L2").grade, stored(room, "L2").bulk) == (ReadGrade.NORMAL, True)
    assert not stored(room, "T9").bulk
    grading.undo(room)
    assert room.levels_to_go() == 5


def test_all_remaining_levels_are_none_where_each_has_its_grade(room: ReadingRoom) -> None:
    grading.ask_bulk(room)
    grading.finish(room)
    grading.ask_bulk(room)
    assert (room.said, room.asked) == ("All 6 levels graded.", "")


def test_a_refusal_names_the_vertebra_not_its_number_in_the_store(room: ReadingRoom) -> None:
    grading.ask_bulk(room)
    grading.finish(room)
    room.toggle_opinion()
    with pytest.raises(FirstReadLocked) as refused:
        grading.undo(room)
    assert room.in_words(refused.value) == (
        "The first read is kept, the model was shown since. T9. Grade again: a final read is stored."
    )


def test_undo_goes_back_to_its_vertebra_and_redo_does_it_again(room: ReadingRoom) -> None:
    grading.grade(room, ReadGrade.MILD)
    room.step_body(3)
    grading.undo(room)
    assert (level(room), room.reading(), room.said) == ("T9", None, "Undone: T9 is not graded")
    grading.redo(room)
    assert stored(room, "T9").grade is ReadGrade.MILD
    assert room.said == "Done again: T9 = 1"


def test_undo_crosses_studies(room: ReadingRoom) -> None:
    assert room.case is not None
    first = room.case.series_id
    grading.grade(room, ReadGrade.MILD)
    room.open(room.rows[1].series_id)
    grading.undo(room)
    assert (room.case.series_id, level(room)) == (first, "T9")


def test_nothing_to_undo_is_said(room: ReadingRoom) -> None:
    grading.undo(room)
    assert room.said == "Nothing to undo."
    grading.redo(room)
    assert room.said == "Nothing to redo."


def test_a_grade_after_the_reveal_is_a_final_read_and_the_first_is_kept(room: ReadingRoom) -> None:
    for _ in LEVELS:
        grading.grade(room, ReadGrade.MILD)
    room.toggle_opinion()
    assert level(room) == "L2"
    grading.grade(room, ReadGrade.MODERATE)
    assert room.case is not None and room.here is not None
    assert room.case.first_readings[room.here].grade is ReadGrade.MILD
    assert stored(room, "L2").phase is Phase.FINAL
    assert "First read 1 kept. Final read 2 stored." in room.said


class FullDisk:
    """A real store on a disk that has no room for readings, until it has."""

    def __init__(self, house: House) -> None:
        self._store = house.store
        self.full = True

    def __getattr__(self, verb: str) -> object:
        return getattr(self._store, verb)

    def store_reading(self, reading: Reading) -> Reading:
        if self.full:
            raise DiskFull("the disk is full", "cases.db", "free some room")
        return self._store.store_reading(reading)


def test_a_grade_that_cannot_be_written_is_kept_said_and_blocks_leaving(
    room: ReadingRoom, house: House
) -> None:
    disk = FullDisk(house)
    room.store = disk  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    grading.grade(room, ReadGrade.SEVERE)
    assert room.said == (
        "Not stored: the disk is full. The grade is kept in memory; free some room, then press any grade key."
    )
    assert room.tone is Tone.FAILURE
    assert level(room) == "T9"
    assert not room.open(room.rows[1].series_id)
    assert not grading.finish(room)
    room.step_body(1)
    assert room.said.startswith("Not stored")
    disk.full = False
    grading.grade(room, ReadGrade.NORMAL)
    assert stored(room, "T9").grade is ReadGrade.SEVERE
    assert stored(room, "T10").grade is ReadGrade.NORMAL
    assert room.may_leave()


@pytest.mark.parametrize("verb", [grading.cannot_grade, grading.other_deformity, grading.toggle_flag])
def test_without_an_open_study_no_verb_does_anything(house: House, verb: object) -> None:
    from vfscreen.findings import Mode

    empty = ReadingRoom(house.store, "Dr K", Mode.READ, lambda _case: None)
    assert callable(verb)
    verb(empty)
    assert house.store.all_readings() == []


def test_an_unstored_first_reading_keeps_the_opinion_hidden(room: ReadingRoom, house: House) -> None:
    disk = FullDisk(house)
    room.store = disk  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    room.change_mode(Mode.SCREEN)
    grading.grade(room, ReadGrade.SEVERE)
    room.toggle_opinion()
    assert not room.opinion_shown()
    assert room.said == words.GRADE_UNSTORED
    disk.full = False
    grading.grade(room, ReadGrade.SEVERE)
    assert stored(room, "T9").grade is ReadGrade.SEVERE


def test_a_stale_unstored_reading_is_given_up_by_name(room: ReadingRoom, house: House) -> None:
    disk = FullDisk(house)
    room.store = disk  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    grading.grade(room, ReadGrade.SEVERE)
    disk.full = False
    assert room.case is not None
    house.store.reveal(room.case.series_id, room.reader, Mode.SCREEN)  # another window showed the opinion
    grading.grade(room, ReadGrade.SEVERE)
    assert room.unstored is None
    assert room.said.startswith("Not stored: T9 = 3. This cannot be a first read")
    grading.grade(room, ReadGrade.MILD)
    assert (stored(room, "T9").grade, stored(room, "T9").phase) == (ReadGrade.MILD, Phase.FINAL)


def test_undo_and_redo_wait_for_an_unstored_reading(room: ReadingRoom, house: House) -> None:
    grading.grade(room, ReadGrade.MILD)
    disk = FullDisk(house)
    room.store = disk  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    grading.grade(room, ReadGrade.SEVERE)
    grading.undo(room)
    grading.redo(room)
    assert (level(room), room.tone) == ("T10", Tone.FAILURE)
    assert stored(room, "T9").grade is ReadGrade.MILD
    disk.full = False
    grading.undo(room)
    assert (room.unstored, room.said) == (None, "Undone: T10 is not graded")
    assert stored(room, "T9").grade is ReadGrade.MILD


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda room: room.go_to(room.case.bodies[2].body_id),
        lambda room: room.step_slice(1),
        lambda room: room.say("Imported."),
        lambda room: room.reload(),
    ],
    ids=["rail", "wheel", "another sentence", "screened"],
)
def test_the_bulk_question_ends_with_its_sentence(
    room: ReadingRoom, elsewhere: Callable[[ReadingRoom], None]
) -> None:
    grading.ask_bulk(room)
    question = room.said
    elsewhere(room)
    assert room.said != question
    grading.finish(room)
    assert room.levels_to_go() == len(LEVELS)


def test_a_reload_chooses_again_when_its_vertebra_is_gone(room: ReadingRoom) -> None:
    room.here = "a body of an earlier screening"
    room.reload()
    assert level(room) == LEVELS[0]
