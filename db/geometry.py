"""Bodies and the versions of their geometry. What a person placed is never replaced by what a program finds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.audit import record
from db.codec import geometry_values
from db.people import new_act
from db.schema import ActKind, BodyRow, GeometryRow, ReadingRow
from db.series import series_row
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


def add_geometry(
    session: Session, body_id: str, vertebra: Vertebra, source: GeometrySource, who: str, now: datetime
) -> int:
    """Adds a version and shows it from now on; by a reader it is an act that can be undone."""
    body = body_row(session, body_id)
    act_id = new_act(session, who, ActKind.DO, now).id if source is GeometrySource.READER else None
    version = append_version(session, body, vertebra, source, who, now, act_id=act_id)
    record(session, now, who, "geometry added", body_id, {"version": version, "source": source})
    return version


def add_body(
    session: Session, series_id: str, vertebra: Vertebra, source: GeometrySource, who: str, now: datetime
) -> str:
    """Adds a body with its first version; by a reader it is an act that can be undone."""
    series_row(session, series_id)
    act_id = new_act(session, who, ActKind.DO, now).id if source is GeometrySource.READER else None
    body = insert_body(session, series_id, vertebra, source, who, now, act_id=act_id)
    record(session, now, who, "body added", body.id, {"series": series_id, "source": source})
    return body.id


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
) -> int:
    """Adds the next version; the body shows it unless `shown` is false."""
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
    """Returns the bodies of a series with the geometry that is shown, in no order."""
    wanted = (
        select(BodyRow, GeometryRow)
        .join(
            GeometryRow,
            (GeometryRow.body_id == BodyRow.id) & (GeometryRow.version == BodyRow.present_version),
        )
        .where(BodyRow.series_id == series_id)
    )
    if not gone_too:
        wanted = wanted.where(BodyRow.gone_at.is_(None))
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
