"""Grading: each verb here is one key. The reading is on disk when the verb returns, or it says that it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ui import words
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change, Chooser, Draft, Tone
from ui.desktop.worklist import renewed
from vfscreen.cases import Undone
from vfscreen.errors import KnownError, StaleCase
from vfscreen.findings import NotAssessable, OtherDeformity, Phase, Reading
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import (
    Answer,
    answer_of,
    completion_sentence,
    first_kept_sentence,
    is_answered,
    is_gradable,
    new_reading,
    next_ungraded,
    sign_of,
    ungraded_bodies,
)

CANNOT_GRADE = (
    NotAssessable.CUT_OFF,
    NotAssessable.METAL_OR_CEMENT,
    NotAssessable.MOTION,
    NotAssessable.OTHER,
)
DEFORMITIES = (
    OtherDeformity.SCHMORL_OR_ENDPLATE,
    OtherDeformity.SCHEUERMANN,
    OtherDeformity.CONGENITAL,
    OtherDeformity.TUMOUR_SUSPECTED,
    OtherDeformity.OLD_SURGERY,
)


def grade(room: ReadingRoom, value: ReadGrade) -> None:
    """Stores a grade for the vertebra here and goes on to the next ungraded one."""
    if not _may_grade(room):
        return
    known = answer_of(room.reading())
    shape = room.draft.shape or known.shape
    answer = Answer(
        grade=value,
        shape=shape if value is not ReadGrade.NORMAL else None,
        sure=room.draft.sure and known.sure if room.reading() is not None else room.draft.sure,
        flag=known.flag,
        note=known.note,
    )
    if _store(room, answer):
        go_on(room)


def cannot_grade(room: ReadingRoom) -> None:
    """Stores that the vertebra here cannot be graded, and asks why; silence leaves "reason not said"."""
    if not _may_grade(room):
        return
    known = answer_of(room.reading())
    kept = Answer(not_assessable=NotAssessable.NOT_SAID, flag=known.flag, note=known.note)
    if _store(room, kept):
        _open_chooser(room, Chooser.NOT_ASSESSABLE)


def other_deformity(room: ReadingRoom) -> None:
    """Stores that the vertebra here is deformed by something else, and asks by what."""
    if not _may_grade(room):
        return
    known = answer_of(room.reading())
    kept = Answer(other_deformity=OtherDeformity.NOT_SAID, flag=known.flag, note=known.note)
    if _store(room, kept):
        _open_chooser(room, Chooser.OTHER_DEFORMITY)


def choose(room: ReadingRoom, number: int) -> None:
    """Answers the open chooser with its line `number`, counted from 1, and goes on; other numbers do nothing."""
    known = answer_of(room.reading())
    chosen: Answer | None = None
    if room.chooser is Chooser.NOT_ASSESSABLE and 1 <= number <= len(CANNOT_GRADE):
        chosen = replace(known, not_assessable=CANNOT_GRADE[number - 1])
    elif room.chooser is Chooser.OTHER_DEFORMITY and 1 <= number <= len(DEFORMITIES):
        chosen = replace(known, other_deformity=DEFORMITIES[number - 1])
    if chosen is not None and _store(room, chosen):
        close_chooser(room)


def close_chooser(room: ReadingRoom) -> None:
    """Closes the chooser and goes on; what was stored when it opened stays."""
    if room.chooser is not None:
        room.chooser = None
        go_on(room)


def set_shape(room: ReadingRoom, shape: Shape) -> None:
    """Names the shape of a graded deformity; before the grade it is kept for it."""
    reading = room.reading()
    if reading is None or not is_answered(reading):
        room.draft = replace(room.draft, shape=None if room.draft.shape is shape else shape)
        room.tell(Change.BODY)
    elif reading.grade in (None, ReadGrade.NORMAL):
        room.say(words.GRADE_FIRST)
    else:
        known = answer_of(reading)
        _store(room, replace(known, shape=None if known.shape is shape else shape))


def toggle_sure(room: ReadingRoom) -> None:
    """Turns sure to not sure and back."""
    reading = room.reading()
    if reading is None or not is_answered(reading):
        room.draft = replace(room.draft, sure=not room.draft.sure)
        room.tell(Change.BODY)
    else:
        known = answer_of(reading)
        _store(room, replace(known, sure=not known.sure))


def toggle_flag(room: ReadingRoom) -> None:
    """Flags the vertebra here for a second look, or takes the flag away."""
    known = answer_of(room.reading())
    _store(room, replace(known, flag=not known.flag))


def set_note(room: ReadingRoom, note: str) -> None:
    """Keeps a note with the vertebra here."""
    known = answer_of(room.reading())
    if note != known.note:
        _store(room, replace(known, note=note))


def ask_bulk(room: ReadingRoom) -> None:
    """Asks whether all levels that are left are 0."""
    left = room.levels_to_go()
    if left:
        room.ask("bulk", words.bulk_question(left))
    elif room.case is not None:
        room.say(completion_sentence(room.case))


def grade_rest_normal(room: ReadingRoom) -> None:
    """Stores 0 for every level that is left, marked as given in bulk."""
    case = room.case
    if case is None or not nothing_waits(room):
        return
    now = datetime.now(UTC)
    rest = Answer(grade=ReadGrade.NORMAL, bulk=True)
    readings = [new_reading(case, body, room.reader, room.mode, rest, now) for body in ungraded_bodies(case)]
    try:
        stored = room.store.store_readings(readings)  # one transaction, and one undo
    except StaleCase as error:
        room.reload()
        room.say(words.bulk_lost(len(readings), room.in_words(error)), Tone.FAILURE)
        return
    for kept in stored:
        _take_in(room, kept)
    go_on(room)


def undo(room: ReadingRoom) -> None:
    """Takes the last act back and goes to its vertebra, in another study if need be."""
    if not nothing_waits(room):
        return
    try:
        undone = room.store.undo(room.reader)
    except StaleCase:
        room.reload()  # so that what was changed since is seen
        raise
    if undone is None:
        room.say(words.NOTHING_TO_UNDO)
    else:
        _arrive(room, undone, "Undone")


def redo(room: ReadingRoom) -> None:
    """Does the last undone act again, and goes to its vertebra."""
    if not nothing_waits(room):
        return
    try:
        redone = room.store.redo(room.reader)
    except StaleCase:
        room.reload()  # so that what was changed since is seen
        raise
    if redone is None:
        room.say(words.NOTHING_TO_REDO)
    else:
        _arrive(room, redone, "Done again")


def _arrive(room: ReadingRoom, touched: Undone, what: str) -> None:
    if room.case is None or room.case.series_id != touched.series_id:
        if not room.open(touched.series_id):
            return
    else:
        room.reload()
    room.chooser = None
    shown = set() if room.case is None else {body.body_id for body in room.case.bodies}
    if touched.body_id in shown and not shown <= touched.edited:  # names of all: one stays where one is
        room.go_to(touched.body_id)
    room.load_rows()
    body = room.body()
    level = "" if body is None else words.level(body.vertebra)
    if not touched.edited:
        room.say(words.taken_back(what, level, sign_of(room.reading())))
    else:
        room.end_tool()
        room.say(f"{what}: {words.spine(room.case)}")
        room.tell(Change.GEOMETRY)


def go_on(room: ReadingRoom) -> None:
    """Goes to the next ungraded vertebra; when none is left, says so."""
    if room.case is None:
        return
    following = next_ungraded(room.case, room.here)
    room.draft = Draft()
    if following is not None and not room.goes_on:
        room.tell(Change.BODY)
    elif following is None:
        done = completion_sentence(room.case)
        sentence = words.all_graded(done, room.case.revealed_at is not None)
        room.say(words.joined([room.said if room.tone is Tone.STORED else "", sentence]), Tone.STORED)
        room.tell(Change.BODY)
    else:
        room.go_to(following.body_id)


def finish(room: ReadingRoom) -> bool:
    """Enter: leaves the study for the next one. Asks once if levels are empty. True once it was left."""
    if room.asked == "bulk":
        room.asked = ""
        grade_rest_normal(room)
        return False
    if not room.may_leave():
        return False
    if room.case is not None and ungraded_bodies(room.case) and room.asked != "leave":
        room.ask("leave", words.leave_anyway(completion_sentence(room.case)))
        return False
    room.asked = ""
    following = room.next_open_row()
    if following is None:
        room.say(words.LAST_STUDY if room.rows else words.EMPTY_LIST)
        return False
    return room.open(following.series_id)


def nothing_waits(room: ReadingRoom) -> bool:
    """Says whether every reading is on disk; one that is still unstored is tried again first."""
    return room.unstored is None or _write(room, room.unstored)


def _may_grade(room: ReadingRoom) -> bool:
    """Says whether the vertebra here takes a grade, and none before it is unstored."""
    if not nothing_waits(room):
        return False
    body = room.body()
    return body is not None and is_gradable(body.vertebra)


def _store(room: ReadingRoom, answer: Answer) -> bool:
    body = room.body()
    if room.case is None or body is None or not nothing_waits(room):
        return False
    return _write(room, new_reading(room.case, body, room.reader, room.mode, answer, datetime.now(UTC)))


def _write(room: ReadingRoom, reading: Reading) -> bool:
    """Stores a reading; if that fails it is kept, and stays on the screen until it is on disk."""
    room.asked = ""
    try:
        kept = room.store.store_reading(reading)
    except StaleCase as error:
        lost = words.lost(_level_of(room, reading), sign_of(reading), room.in_words(error))
        room.unstored = None  # it contradicts what was shown since, and no retry would mend that
        room.reload()
        room.say(lost, Tone.FAILURE)
        return False
    except KnownError as error:
        room.unstored = reading
        room.say(words.not_stored(error), Tone.FAILURE)
        room.tell(Change.BODY)
        return False
    room.unstored = None
    _take_in(room, kept)
    return True


def _level_of(room: ReadingRoom, reading: Reading) -> str:
    bodies = () if room.case is None else room.case.bodies
    return next((words.level(body.vertebra) for body in bodies if body.body_id == reading.body_id), "")


def _take_in(room: ReadingRoom, kept: Reading) -> None:
    case = room.case
    if case is None:
        return
    firsts = case.first_readings
    if kept.phase is Phase.FIRST:
        firsts = firsts | {kept.body_id: kept}
    room.case = replace(case, readings=case.readings | {kept.body_id: kept}, first_readings=firsts)
    body = next(body for body in case.bodies if body.body_id == kept.body_id)
    sentence = words.stored(words.level(body.vertebra), sign_of(kept), kept.time)
    if kept.phase is Phase.FINAL:
        sentence = words.joined([sentence, first_kept_sentence(firsts.get(kept.body_id), kept)])
    room.draft = Draft()
    room.say(sentence, Tone.STORED)
    room.rows = renewed(room.rows, room.case)
    room.count_today()
    room.tell(Change.BODY | Change.ROWS)


def _open_chooser(room: ReadingRoom, chooser: Chooser) -> None:
    room.chooser = chooser
    room.tell(Change.BODY | Change.STATE)
