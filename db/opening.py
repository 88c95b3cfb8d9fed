"""Opening the store's file: pragmas, journal mode, migrations, a quick check. Nothing else makes connections."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from db.copying import copy_before_migration
from db.drives import on_network_drive
from db.faults import faults_named
from db.schema import SCHEMA_NUMBER
from vfscreen.errors import StoreDamaged, StoreReadOnly, StoreTooNew, StoreUnreachable

FILE_NAME = "vfscreen.sqlite"
APPLICATION_ID = 0x76667363  # "vfsc", so that no other program's SQLite file is taken for ours
BUSY_S = 10.0
QUICK_CHECK_BELOW_BYTES = 64 * 2**20
"""A file larger than this is not read through at opening (about 0.1 s a 64 MB); `doctor` and every backup do it."""

PAGE_BYTES = 4096

NETWORK_NOTE = "The label file is on a network drive. Using the slower, safe way of writing."


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open store: its file, an engine whose transactions only read, one whose transactions write, what to say."""

    file: Path
    reading: Engine
    writing: Engine
    notes: tuple[str, ...]


def open_file(folder: Path, *, busy_s: float = BUSY_S) -> OpenFile:
    """Opens the store in a data folder, made if it is not there, and brings its schema up to date.

    Raises:
        StoreTooNew, StoreDamaged, StoreLocked, StoreReadOnly, StoreUnreachable, DiskFull: as they say.
    """
    make_folder(folder, "The data folder", "Choose another with --data.")
    file = folder / FILE_NAME
    _check_not_emptied(file)
    network = on_network_drive(folder)
    reading = _engine(file, busy_s)
    writing = reading.execution_options(writes=True)
    try:
        with faults_named(file):
            _migrate(writing, file)
            _set_journal_mode(reading, "DELETE" if network else "WAL")
            _quick_check(reading, file)
    except BaseException:
        reading.dispose()
        raise
    return OpenFile(file, reading, writing, (NETWORK_NOTE,) if network else ())


def make_folder(folder: Path, what: str, todo: str) -> None:
    """Makes a folder, if it is not there.

    Raises:
        StoreReadOnly, StoreUnreachable: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fault = StoreReadOnly if isinstance(error, PermissionError) else StoreUnreachable
        raise fault(f"{what} cannot be made", str(folder), todo) from error


def _check_not_emptied(file: Path) -> None:
    """Looks before SQLite does: it takes an emptied file for a new one, and throws away the log beside it.

    Raises:
        StoreDamaged: the file lost its content, or its log is there without it.
        StoreReadOnly: the folder may not be entered.
    """
    if not os.access(file.parent, os.X_OK):
        raise StoreReadOnly(
            "The data folder may not be entered",
            str(file.parent),
            "Ask for the right to it, or choose another.",
        )
    while file.exists() and file.stat().st_size == 0 and _is_new(file):
        time.sleep(0.05)  # another process is making it
    log = file.with_name(f"{file.name}-wal")
    if file.exists() and is_cut_short(file):
        raise StoreDamaged("The label file is damaged, it is cut short", str(file), RESTORE_OR_REMOVE)
    if not file.exists() and log.exists():
        raise StoreDamaged("The label file is gone, its log is still there", str(log), RESTORE_OR_REMOVE)


def _is_new(file: Path) -> bool:
    return abs(time.time() - file.stat().st_mtime) < BUSY_S


def is_cut_short(file: Path) -> bool:
    """Says whether a file is empty or ends in the middle of a page, which SQLite does not complain of."""
    size = file.stat().st_size
    return size == 0 or size % PAGE_BYTES > 0


RESTORE_OR_REMOVE = (
    "Restore the last backup with `vfscreen restore`; only if nothing was ever stored here, remove the file."
)


def _engine(file: Path, busy_s: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)),
        connect_args={"timeout": busy_s, "isolation_level": None},  # transactions are begun below, by us
    )

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA fullfsync = ON")  # macOS: a plain fsync does not reach the disk
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A deferred writer would find out too late that another process wrote in between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def raw_connection(connection: Connection) -> sqlite3.Connection:
    """Returns the sqlite3 connection below SQLAlchemy's, for what only SQLite can do."""
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def identity(connection: sqlite3.Connection, file: Path) -> int:
    """Returns the schema number of a file, 0 for an empty one.

    Raises:
        StoreDamaged: it is a database of another program.
        StoreTooNew: it is that of a newer vfscreen.
    """
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if not ours and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise StoreDamaged(
            "This is not a label file of vfscreen", str(file), "Move it away or choose another folder."
        )
    if number > SCHEMA_NUMBER:
        raise StoreTooNew(
            f"This label file was made by a newer vfscreen (schema {number}, this one knows {SCHEMA_NUMBER})",
            str(file),
            "Update vfscreen; nothing was changed.",
        )
    return number


def _set_journal_mode(engine: Engine, wanted: str) -> None:
    """Switches the journal; leaves it if it already is so, since switching needs the file alone."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        if str(cursor.execute("PRAGMA journal_mode").fetchone()[0]).upper() != wanted:
            cursor.execute(f"PRAGMA journal_mode = {wanted}")
        cursor.close()
    finally:
        raw.close()


def _migrate(writing: Engine, file: Path) -> None:
    with writing.connect() as connection:
        number = identity(raw_connection(connection), file)
        if number == SCHEMA_NUMBER:
            return  # alembic is not even imported: half a second at every start
        if number > 0:
            copy_before_migration(raw_connection(connection), file, number)
        with connection.begin():
            if identity(raw_connection(connection), file) == SCHEMA_NUMBER:
                return  # another process was faster
            from db.migrating import upgrade

            upgrade(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_NUMBER}")


def _quick_check(reading: Engine, file: Path) -> None:
    if file.stat().st_size > QUICK_CHECK_BELOW_BYTES:
        return
    with reading.connect() as connection:
        answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if answer != "ok":
        raise StoreDamaged(
            f"The label file is damaged ({' '.join(answer.split())})",
            str(file),
            "Restore the last backup with `vfscreen restore`; the damaged file is kept beside it.",
        )
