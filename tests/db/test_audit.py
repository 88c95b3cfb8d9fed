"""The audit: complete, chained, and a witness of the readings."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db.opening import OpenFile
from db.store import Store
from tests.db.made_cases import say, screened_case
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade


def tamper(file: Path, table: str, statement: str) -> None:
    """Changes what is append-only, as someone with a database browser would: triggers dropped first."""
    with closing(sqlite3.connect(file)) as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER {table}_no_{verb}")
        connection.execute(statement)
        connection.commit()


def graded_store(store: Store) -> Store:
    """A store with a case, three readings, an undo and a reveal."""
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    for place in range(3):
        say(store, case, place, ReadGrade.MILD)
    store.undo("K")
    store.reveal(series_id, "K", Mode.SCREEN)
    return store


def test_the_audit_tells_what_happened_in_order(store: Store) -> None:
    graded_store(store).record_event("K", "model kept", "grader-1", {"why": "no better", "margin": 0.02})
    events = store.events()
    assert [event.what for event in events] == [
        "series taken in", "screened", "reading stored", "reading stored", "reading stored",
        "reading stored", "undo", "opinion shown", "model kept",
    ]  # fmt: skip
    assert events[-1].details == {"why": "no better", "margin": 0.02}
    assert len({event.chain for event in events}) == len(events)
    assert all(earlier.time <= later.time for earlier, later in itertools.pairwise(events[6:]))


def test_a_sound_store_has_nothing_wrong(store: Store) -> None:
    assert store.check() == []
    assert graded_store(store).check() == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE event SET who = 'M' WHERE id = 3", "The audit was changed at line 3 (reading stored"),
        ("DELETE FROM event WHERE id = 2", "The audit lacks line 2."),
        ("UPDATE event SET details = '{}' WHERE id = 8", "The audit was changed at line 8 (opinion shown"),
    ],
)
def test_a_changed_audit_is_found(store: Store, statement: str, sentence: str) -> None:
    tamper(graded_store(store).file, "event", statement)
    assert any(wrong.startswith(sentence) for wrong in store.check())


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE reading SET grade = 3 WHERE id = 1", "Reading 1 is not what the audit says was stored."),
        (
            "UPDATE reading SET phase = 'final' WHERE id = 2",
            "Reading 2 is not what the audit says was stored.",
        ),
        ("DELETE FROM reading WHERE id = 4", "Reading 4 is in the audit and no longer in the store."),
    ],
)
def test_a_changed_reading_is_found(store: Store, statement: str, sentence: str) -> None:
    tamper(graded_store(store).file, "reading", statement)
    assert store.check() == [sentence]


def test_a_row_that_points_nowhere_is_found(store: Store) -> None:
    graded_store(store)
    with closing(sqlite3.connect(store.file)) as connection:  # foreign keys are off there
        connection.execute("UPDATE body SET series_id = 'gone' WHERE rowid = 1")
        connection.commit()
    assert store.check() == ["Row 1 of body points to nothing in series."]


def test_a_damaged_file_is_found(store: Store, opened: OpenFile) -> None:
    graded_store(store)
    with opened.writing.begin() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'ix_body_series_id'")
    opened.reading.dispose()
    (first, *_) = store.check()
    assert first.startswith("The file is damaged")
