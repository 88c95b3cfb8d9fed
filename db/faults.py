"""SQLite's complaints in the words of `KnownError`; the one place that knows its codes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from vfscreen.errors import (
    DiskFull,
    KnownError,
    StoreDamaged,
    StoreLocked,
    StoreReadOnly,
    StoreUnreachable,
)  # fmt: skip

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
"""The second is an extended code: the log's index, which readers need too, found no room."""

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_UNREACHABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


def known_error(error: sqlite3.Error, file: Path) -> KnownError | None:
    """Returns the world's fault behind an SQLite error, or None if the fault is ours.

    Source: sqlite.org/rescode.html; the low byte of an extended code is the primary one.
    """
    extended = getattr(error, "sqlite_errorcode", 0)  # Python's own errors carry no code
    code = extended & 0xFF
    where = str(file)
    if code in _LOCKED:
        return StoreLocked(
            "The label file is busy", where, "Another program is writing to it. Try again in a moment."
        )
    if not _FULL.isdisjoint({code, extended}):
        return DiskFull("The disk is full", where, "Free some room.")
    if code in _DAMAGED:
        return StoreDamaged(
            "The label file is damaged",
            where,
            "Restore the last backup with `vfscreen restore`; the damaged file is kept beside it.",
        )
    if code in _READ_ONLY or (code in _UNREACHABLE and _is_write_protected(file)):
        return StoreReadOnly(
            "The label file may not be written", where, "Ask for write permission to the file and its folder."
        )
    if code in _UNREACHABLE:
        return StoreUnreachable(
            "The label file cannot be reached", where, "See whether its disk or network drive is connected."
        )
    return None


def _is_write_protected(file: Path) -> bool:
    """Says whether a file is there, in a folder that takes no log beside it: not even readers can open it then."""
    return file.exists() and not os.access(file.parent, os.W_OK)


@contextmanager
def faults_named(file: Path) -> Iterator[None]:
    """Turns the world's faults into `KnownError`; everything else passes as the bug that it is."""
    try:
        yield
    except DBAPIError as error:
        found = known_error(error.orig, file) if isinstance(error.orig, sqlite3.Error) else None
        if found is None:
            raise
        raise found from error
    except sqlite3.Error as error:
        found = known_error(error, file)
        if found is None:
            raise
        raise found from error
