"""Copying a live SQLite file whole: SQLite's own online copy, checked before it gets its name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from db.faults import faults_named
from vfscreen.errors import StoreDamaged


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copies a database into one file; writers go on meanwhile. What was at `target` stays until the copy is good.

    Raises:
        DiskFull, StoreReadOnly, StoreUnreachable: the target cannot be written.
        StoreDamaged: the copy is not sound, hence neither is the source.
    """
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with faults_named(target), closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            answer = soundness(copy)
        if answer:
            raise StoreDamaged(
                f"The copy is not sound ({answer})",
                str(target),
                "Run `vfscreen doctor`; nothing was replaced.",
            )
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def soundness(connection: sqlite3.Connection) -> str:
    """Returns what is wrong with a file in SQLite's words; empty if nothing is."""
    answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if answer != "ok":
        return " ".join(answer.split())
    return "foreign keys" if connection.execute("PRAGMA foreign_key_check").fetchone() else ""


def copy_before_migration(source: sqlite3.Connection, file: Path, number: int) -> Path:
    """Keeps the file as an older program left it, beside it; an earlier such copy is not overwritten."""
    kept = file.with_name(f"{file.stem}-schema-{number}{file.suffix}")
    if not kept.exists():
        copy_database(source, kept)
    return kept
