"""Bodies and the versions of their geometry. What a person placed is never replaced by what a program finds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.codec import geometry_values
from db.schema import BodyRow, GeometryRow, ReadingRow
from vfscreen.cases import GeometrySource
from vfscreen.errors import NoSuchThing
from vfscreen.findings import Vertebra


def body_row(session: Session, body_id: str) -> BodyRow:
    """Returns a body.

    Raises:
        NoSuchThing: none has that id.
    """
    row = session.get(BodyRow, body_id)
    if row is None:
        raise NoSuchThing("There is no such vertebra", body_id, "Open the case again.")
    return row


def insert_body(
    session: Session,
    series_id: str,
    vertebra: Vertebra,
    source: GeometrySource,
    who: str,
    now: datetime,
    *,
    act_id: int | None = None,
) -> BodyRow:
    """Makes a body and its version 1."""
    body = BodyRow(id=uuid4().hex, series_id=series_id, present_version=1, added_at=now)
    session.add(body)
    session.flush()
    values = geometry_values(vertebra)
    session.add(
        GeometryRow(body_id=body.id, version=1, source=source, who=who, time=now, act_id=act_id, **values)
    )
    session.flush()
    return body


def append_version(
    session: Session,
    body: BodyRow,
    vertebra: Vertebra,
    source: GeometrySource,
    who: str,
    now: datetime,
    *,
    act_id: int | None = None,
    shown: bool = True,
    removed: bool = False,
) -> int:
    """Adds the next version; the body shows it unless `shown` is false. `removed` says that it is no vertebra."""
    newest = session.scalar(select(func.max(GeometryRow.version)).where(GeometryRow.body_id == body.id)) or 0
    session.add(
        GeometryRow(
            body_id=body.id,
            version=newest + 1,
            source=source,
            who=who,
            time=now,
            replaces=body.present_version,
            act_id=act_id,
            removed=removed,
            **geometry_values(vertebra),
        )
    )
    if shown:
        body.present_version, body.gone_at = newest + 1, None
    session.flush()
    return newest + 1


def present_bodies(
    session: Session, series_id: str, *, gone_too: bool = False
) -> list[tuple[BodyRow, GeometryRow]]:
    """Returns the bodies of a series with the geometry that is shown, in no order; `gone_too` adds the rest."""
    wanted = (
        select(BodyRow, GeometryRow)
        .join(
            GeometryRow,
            (GeometryRow.body_id == BodyRow.id) & (GeometryRow.version == BodyRow.present_version),
        )
        .where(BodyRow.series_id == series_id)
    )
    if not gone_too:
        wanted = wanted.where(BodyRow.gone_at.is_(None), ~GeometryRow.removed)
    return list(session.execute(wanted))


def touched_by_people(session: Session, series_id: str) -> set[str]:
    """Returns the bodies of a series that somebody read, placed or moved."""
    read = select(ReadingRow.body_id).join(BodyRow, BodyRow.id == ReadingRow.body_id)
    placed = select(GeometryRow.body_id).join(BodyRow, BodyRow.id == GeometryRow.body_id)
    in_series = BodyRow.series_id == series_id
    by_people = GeometryRow.source != GeometrySource.LOCALISER
    return {
        *session.scalars(read.where(in_series)),
        *session.scalars(placed.where(in_series, by_people)),
    }


def mark_gone(bodies: Iterable[BodyRow], now: datetime) -> None:
    """Stops showing bodies; their rows stay."""
    for body in bodies:
        body.gone_at = body.gone_at or now
