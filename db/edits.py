"""What a reader changes in the bodies of a series with one act: names, points, bodies missed, bodies that are none."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from db.audit import record
from db.codec import vertebra_of
from db.geometry import append_version, body_row, insert_body
from db.people import new_act
from db.readings import check_unread_by_others
from db.schema import ActKind, GeometryRow
from db.series import series_row
from vfscreen.cases import BodyEdit, GeometrySource
from vfscreen.errors import StaleCase

_BY = GeometrySource.READER


def edit_bodies(session: Session, series_id: str, edit: BodyEdit, who: str, now: datetime) -> tuple[str, ...]:
    """Does an edit as one act, which one undo takes back; returns the ids of the bodies that were added.

    Every change is a new version of its body; the old ones stay, and so do the readings, with their bodies.

    Raises:
        NoSuchThing: a body or series that is not there.
        StaleCase: a body was changed since it was shown.
        ReadByOthers: a body that another reader graded is called none.
        ValueError: an edit that changes nothing.
    """
    if not (edit.changed or edit.added or edit.removed):
        raise ValueError("an edit changes something")
    series_row(session, series_id)
    act = new_act(session, who, ActKind.DO, now)
    for body_id in (*edit.changed, *edit.removed):
        _check_seen(session, body_id, edit.seen[body_id])
    for body_id, vertebra in edit.changed.items():
        append_version(session, body_row(session, body_id), vertebra, _BY, who, now, act_id=act.id)
    for body_id in edit.removed:
        _remove(session, body_id, act.reader_id, act.id, who, now)
    added = tuple(
        insert_body(session, series_id, vertebra, _BY, who, now, act_id=act.id).id for vertebra in edit.added
    )
    details = {
        "act": act.id,
        "changed": {body_id: str(vertebra.level) for body_id, vertebra in edit.changed.items()},
        "added": list(added),
        "removed": list(edit.removed),
    }
    record(session, now, who, "bodies edited", series_id, details)
    return added


def _check_seen(session: Session, body_id: str, version: int) -> None:
    if body_row(session, body_id).present_version != version:
        raise StaleCase(
            "This vertebra was changed since it was shown", body_id, "Look again, then change it."
        )


def _remove(session: Session, body_id: str, reader: int, act_id: int, who: str, now: datetime) -> None:
    check_unread_by_others(session, body_id, reader)
    body = body_row(session, body_id)
    shown = vertebra_of(session.get_one(GeometryRow, (body.id, body.present_version)))
    append_version(session, body, shown, _BY, who, now, act_id=act_id, removed=True)
