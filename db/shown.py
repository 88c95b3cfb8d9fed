"""What a reader was shown of the program's opinion: on a case, and in the order of the worklist. Append-only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.audit import record
from db.people import reader_id, reader_row
from db.schema import OrderShownRow, RevealRow
from db.series import series_row
from vfscreen.findings import Mode


def reveal(session: Session, series_id: str, reader: str, mode: Mode, now: datetime) -> datetime:
    """Records that the opinion on a case was shown; the first time counts."""
    series_row(session, series_id)
    number = reader_row(session, reader, now).id
    earlier = revealed(session, series_id, number)
    if earlier is not None:
        return earlier
    session.add(RevealRow(series_id=series_id, reader_id=number, mode=mode, time=now))
    record(session, now, reader, "opinion shown", series_id, {"mode": mode})
    return now


def revealed(session: Session, series_id: str, reader: int) -> datetime | None:
    """Returns when the opinion on a series was first shown to a reader."""
    row = session.get(RevealRow, (series_id, reader))
    return None if row is None else row.time


def not_in_order_yet(session: Session, series_ids: Collection[str], reader: str) -> list[str]:
    """Returns those series that this reader never saw in a list ordered by suspicion, in the order given."""
    shown = select(OrderShownRow.series_id).where(OrderShownRow.reader_id == reader_id(session, reader))
    known = set(session.scalars(shown))
    return [series_id for series_id in series_ids if series_id not in known]


def show_order(session: Session, series_ids: Collection[str], reader: str, now: datetime) -> None:
    """Records that a reader saw these series ordered by suspicion; the first time counts."""
    new = not_in_order_yet(session, series_ids, reader)
    if not new:
        return
    number = reader_row(session, reader, now).id
    session.add_all(OrderShownRow(series_id=series_id, reader_id=number, time=now) for series_id in new)
    record(session, now, reader, "order by suspicion shown", "worklist", {"series": new})


def order_known(session: Session, series_id: str, reader: int | None) -> bool:
    """Says whether a reader ever saw a series in a list ordered by suspicion."""
    return reader is not None and session.get(OrderShownRow, (series_id, reader)) is not None
