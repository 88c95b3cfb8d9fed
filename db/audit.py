"""The audit: append-only, each line bound by a hash to the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.codec import reading_to_json
from db.schema import EventRow, ReaderRow, ReadingRow

FIRST_CHAIN = "0" * 64
PROGRAM = "vfscreen"
"""Who did what no person did."""

READING_STORED = "reading stored"


def record(
    session: Session, time: datetime, who: str, what: str, about: str, details: dict[str, Any]
) -> None:
    """Appends a line."""
    kept = json.loads(json.dumps(details))
    last = session.scalar(select(EventRow.chain).order_by(EventRow.id.desc()).limit(1)) or FIRST_CHAIN
    chain = link(last, time, who, what, about, kept)
    session.add(EventRow(time=time, who=who, what=what, about=about, details=kept, chain=chain))
    session.flush()


def record_reading(session: Session, row: ReadingRow, reader: str) -> None:
    """Appends what a reader said, so that a reading changed behind our back is found out."""
    record(session, row.time, reader, READING_STORED, row.body_id, reading_to_json(row))


def link(last: str, time: datetime, who: str, what: str, about: str, details: dict[str, Any]) -> str:
    """Returns the sha256 over the last chain value and one line, in hexadecimal."""
    line = [last, time.astimezone(UTC).isoformat(), who, what, about, details]
    text = json.dumps(line, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def broken_links(events: Iterable[EventRow]) -> list[str]:
    """Returns a sentence for the first line that does not follow from those before it; empty if all do."""
    last = FIRST_CHAIN
    for number, row in enumerate(events, start=1):
        if row.id != number:
            return [f"The audit lacks line {number}."]
        if row.chain != link(last, row.time, row.who, row.what, row.about, row.details):
            return [f"The audit was changed at line {number} ({row.what}, {row.time:%Y-%m-%d %H:%M})."]
        last = row.chain
    return []


def changed_readings(session: Session) -> list[str]:
    """Returns a sentence for each reading that is not what the audit says was stored."""
    told = {
        row.details["reading"]: (row.who, row.about, row.details)
        for row in session.scalars(select(EventRow).where(EventRow.what == READING_STORED))
    }
    wrong = []
    for row, name in session.execute(select(ReadingRow, ReaderRow.name).join(ReaderRow)):
        expected = (name, row.body_id, json.loads(json.dumps(reading_to_json(row))))
        if told.pop(row.id, None) != expected:
            wrong.append(f"Reading {row.id} is not what the audit says was stored.")
    return wrong + [
        f"Reading {number} is in the audit and no longer in the store." for number in sorted(told)
    ]
