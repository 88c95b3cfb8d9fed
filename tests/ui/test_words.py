"""The sentences: exact, and never an exclamation mark."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from db.faults import known_error
from tests.ui.department import READER
from ui import words
from ui.desktop.room import ReadingRoom
from ui.desktop.worklist import Show, listed, suspicion_in_words
from vfscreen.cases import CaseRow, CaseState
from vfscreen.errors import DiskFull
from vfscreen.findings import Mode, Suggestion
from vfscreen.genant import Grade, Morphometry, Reference, Shape

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def suggestion(*chosen: Grade) -> Suggestion:
    """A suggestion with this conformal set; 2 is the most probable grade."""
    return Suggestion("g", (0.1, 0.2, 0.6, 0.1), chosen, np.zeros(128, np.float32))


def test_what_was_stored_is_said_with_its_time() -> None:
    assert words.stored("T11", "0", NOON) == f"✓ Stored {NOON.astimezone():%H:%M:%S}  T11 = 0"


def test_a_suggestion_is_a_grade_or_unsure_never_a_percentage() -> None:
    assert words.suggestion(suggestion(Grade.MODERATE)) == "suggests 2"
    assert words.suggestion(suggestion(Grade.NORMAL, Grade.MILD)) == "unsure"
    assert words.suggestion(suggestion()) == words.suggestion(None) == "no suggestion"
    assert words.suggestion_sign(suggestion(Grade.SEVERE)) == "2"
    assert words.suggestion_sign(suggestion(Grade.NORMAL, Grade.MILD)) == "?"
    assert words.suggestion_sign(None) == "–"


def test_a_loss_near_the_cut_is_called_within_reading_error() -> None:
    near = Morphometry(Reference.EXPECTED_BY_LEVEL, 22.4, 6.0, Shape.WEDGE, Grade.MILD)
    far = Morphometry(Reference.OWN_POSTERIOR, 31.0, 6.0, Shape.WEDGE, Grade.MODERATE)
    assert words.loss(near) == "22 ± 6 % against what is usual at this level, within reading error"
    assert words.loss(far) == "31 ± 6 % against its posterior height"


def test_our_own_fault_counts_the_grades_that_are_safe() -> None:
    assert words.broke(0) == "Something of ours broke. Your grades are safe."
    assert words.broke(1) == "Something of ours broke. Your 1 grade is safe."
    assert words.broke(412) == "Something of ours broke. Your 412 grades are safe."


def test_a_known_error_is_three_sentences() -> None:
    assert (
        words.known(DiskFull("the disk is full", "/d", "free some room"))
        == "The disk is full. /d. Free some room."
    )


def test_a_reading_that_the_store_could_not_write_is_said_in_one_sentence() -> None:
    full = sqlite3.OperationalError()
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    error = known_error(full, Path("vfscreen.sqlite"))
    assert error is not None
    assert words.not_stored(error) == (
        "Not stored: the disk is full. The grade is kept in memory; free some room, then press any grade key."
    )


def test_an_import_is_summed_up() -> None:
    assert words.imported(1, 0, 0) == "1 series taken in."
    assert words.imported(2, 1, 3) == "2 series taken in, 1 known already, 3 refused."


def test_no_sentence_shouts() -> None:
    texts = [value for name, value in vars(words).items() if name.isupper() and isinstance(value, str)]
    assert texts and not any("!" in text or "successfully" in text.lower() for text in texts)


def row(number: int, state: CaseState, suspicion: float | None = None) -> CaseRow:
    """A line of the worklist."""
    return CaseRow(
        f"s{number}", f"case-{number}", "2026-05-04", "chest", "T1-L2", state, 0, 14, (), suspicion
    )


def test_the_worklist_keeps_its_numbers_when_it_is_narrowed() -> None:
    rows = [row(1, CaseState.DONE), row(2, CaseState.NEW), row(3, CaseState.LOOK_AGAIN)]
    assert [case.cells[0] for case in listed(rows, Mode.READ, Show.TO_DO)] == ["2"]
    assert [case.cells[0] for case in listed(rows, Mode.READ, Show.LOOK_AGAIN)] == ["3"]
    assert [case.cells[0] for case in listed(rows, Mode.READ, Show.ALL, "CASE-1")] == ["1"]


def test_suspicion_is_a_word() -> None:
    shown = [suspicion_in_words(row(1, CaseState.NEW, share)) for share in (None, 0.05, 0.3, 0.8)]
    assert shown == ["not seen", "low", "some", "high"]


def test_read_mode_never_shows_suspicion() -> None:
    cells = listed([row(1, CaseState.NEW, 0.9)], Mode.READ, Show.ALL)[0].cells
    assert cells == ("1", "case-1", "T1-L2", "○ New")


def test_the_room_reads_for_the_reader_it_was_told(room: ReadingRoom) -> None:
    assert room.reader == READER
