"""Readers and their acts: one act is one key press, and what one undo takes back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import ActKind, ActRow, ReaderRow


def reader_id(session: Session, name: str) -> int | None:
    """Returns the number of a reader, None if that name never did anything."""
    return session.scalar(select(ReaderRow.id).where(ReaderRow.name == name))


def reader_row(session: Session, name: str, now: datetime) -> ReaderRow:
    """Finds or makes a reader.

    Raises:
        ValueError: an empty name.
    """
    if not name.strip():
        raise ValueError("a reader has a name")
    row = session.scalars(select(ReaderRow).where(ReaderRow.name == name)).first()
    if row is None:
        row = ReaderRow(name=name, added_at=now)
        session.add(row)
        session.flush()
    return row


def new_act(
    session: Session, reader: str, kind: ActKind, now: datetime, target: ActRow | None = None
) -> ActRow:
    """Appends an act of a reader."""
    row = ActRow(
        reader_id=reader_row(session, reader, now).id,
        kind=kind,
        target_id=None if target is None else target.id,
        time=now,
    )
    session.add(row)
    session.flush()
    return row
