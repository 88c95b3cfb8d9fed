"""Backups of the store: whole and checked, dated, thinned as they grow old; and the way back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Hashable, Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from db.copying import copy_database, soundness
from db.faults import faults_named
from db.opening import FILE_NAME, identity, is_cut_short, make_folder
from vfscreen.errors import KnownError, NoSuchThing, StoreDamaged

KEEP_ALL = timedelta(days=2)
DAILY, WEEKLY, MONTHLY = 12, 10, 9
_NAME = re.compile(r"vfscreen-(\d{8}-\d{6})\.sqlite")
_STAMP = "%Y%m%d-%H%M%S"


def back_up(source: sqlite3.Connection, file: Path, target: Path, now: datetime) -> Path:
    """Writes a checked copy and returns its path; into a folder (a name without ending), named after the moment.

    Raises:
        KnownError: the target is a store, or a file that is no backup, or cannot be written; the copy is not sound.
    """
    if target.is_dir() or not target.suffix:
        target = target / f"vfscreen-{now.astimezone(UTC).strftime(_STAMP)}.sqlite"
    if target.exists():
        _check_may_replace(target, file)
    _make(target.parent)
    copy_database(source, target)
    return target


def _check_may_replace(target: Path, file: Path) -> None:
    """Lets an older backup be replaced, and nothing else that somebody keeps."""
    if target.samefile(file) or target.name == FILE_NAME:
        raise KnownError("A backup cannot take a store's own place", str(target), "Choose another file.")
    try:
        with closing(_opened(target)) as older:
            _check_is_backup(older, target)
    except StoreDamaged as error:
        raise KnownError(
            "Another file is there, which is no backup",
            str(target),
            "Choose another name; it was left alone.",
        ) from error


def back_up_dated(
    source: sqlite3.Connection, file: Path, folder: Path, now: datetime, not_within: timedelta
) -> Path | None:
    """Adds a dated copy to the folder and thins it; None if the newest copy is younger than `not_within`."""
    _make(folder)
    newest = max(dated(folder), default=None)
    if newest is not None and now - newest < not_within:
        return None
    written = back_up(source, file, folder, now)
    thin(folder, now)
    return written


def _make(folder: Path) -> None:
    make_folder(folder, "The folder of the backups", "Choose another.")


def dated(folder: Path) -> dict[datetime, Path]:
    """Returns the dated copies in a folder by their time."""
    found = {}
    for path in folder.glob("vfscreen-*.sqlite"):
        match = _NAME.fullmatch(path.name)
        if match:
            found[datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)] = path
    return found


def thin(folder: Path, now: datetime) -> list[Path]:
    """Deletes the dated copies that are no longer worth their room and returns their paths; no other file."""
    copies = dated(folder)
    kept = worth_keeping(copies, now)
    gone = [path for time, path in sorted(copies.items()) if time not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def worth_keeping(times: Iterable[datetime], now: datetime) -> set[datetime]:
    """Chooses the copies to keep: all of two days, then the last of 12 days, of 10 weeks, of 9 months.

    Source: the thinning of Anki's backups (rslib/src/collection/backup.rs).
    """
    newest_first = sorted(times, reverse=True)
    kept = {time for time in newest_first if now - time <= KEEP_ALL}
    older = [time for time in newest_first if time not in kept]
    for count, period in _PERIODS:
        last = _last_of_each(older, period, count)
        kept |= last
        older = [time for time in older if not last or time < min(last)]
    return kept


_PERIODS: tuple[tuple[int, Callable[[datetime], Hashable]], ...] = (
    (DAILY, lambda time: time.date()),
    (WEEKLY, lambda time: time.isocalendar()[:2]),
    (MONTHLY, lambda time: (time.year, time.month)),
)


def _last_of_each(
    newest_first: list[datetime], period: Callable[[datetime], Hashable], count: int
) -> set[datetime]:
    last: dict[Hashable, datetime] = {}
    for time in newest_first:
        last.setdefault(period(time), time)
    return set(islice(last.values(), count))


def restore(source: Path, folder: Path, now: datetime) -> Path | None:
    """Puts a backup in the store's place; the store that was there is kept beside it and its new path returned.

    Raises:
        NoSuchThing: there is no such backup.
        StoreDamaged, StoreTooNew: the backup is not one that this program can open; nothing was changed.
        StoreLocked: the store is open in another window or process.
    """
    if not source.is_file():
        raise NoSuchThing("There is no such backup", str(source), "See the folder of the backups.")
    _make(folder)
    file = folder / FILE_NAME
    if file.exists() and file.samefile(source):
        raise KnownError("A store cannot be restored from itself", str(source), "Choose a backup.")
    incoming = folder / f".{FILE_NAME}.restored"
    try:
        with closing(_opened(source)) as backup:
            _check_sound(backup, source)
            copy_database(backup, incoming)  # before the old one goes: the disk may be full
        aside = _set_aside(file, now)
        incoming.rename(file)
    finally:
        incoming.unlink(missing_ok=True)
    return aside


def _opened(source: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)


def _check_sound(backup: sqlite3.Connection, source: Path) -> None:
    _check_is_backup(backup, source)
    with faults_named(source):
        answer = soundness(backup)
    if answer:
        raise StoreDamaged(f"The backup is damaged ({answer})", str(source), "Choose an older backup.")


def _check_is_backup(backup: sqlite3.Connection, source: Path) -> None:
    """Refuses other programs' files, and what is no database at all, in words that speak of a backup."""
    try:
        with faults_named(source):
            number = identity(backup, source)
    except StoreDamaged:
        number = 0
    if number == 0:
        raise StoreDamaged("This is no backup of a store", str(source), "Choose another one.")


def _set_aside(file: Path, now: datetime) -> Path | None:
    """Renames the store with its log, if nobody else has it open; None if there is neither.

    The file itself goes last, and a log without its file goes too: beside another file it would be a stranger's.
    """
    if file.exists() and not is_cut_short(file):  # SQLite throws away the log of an emptied one
        _check_alone(file)
    aside = file.with_name(f"{file.stem}-before-restore-{now.astimezone(UTC).strftime(_STAMP)}{file.suffix}")
    there = [ending for ending in ("-wal", "-shm", "") if file.with_name(file.name + ending).exists()]
    for ending in there:
        file.with_name(file.name + ending).rename(aside.with_name(aside.name + ending))
    return aside if there else None


def _check_alone(file: Path) -> None:
    """Refuses while another process has the store open; one that is damaged is open nowhere."""
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                with faults_named(file):
                    raise
