"""Undo and redo. Nothing is deleted: an act that takes another back is appended, with rows that restore what was.

What can be undone is a query over the acts, so it survives a restart and crosses studies. Acts are taken back
last first; a new act ends what could be done again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.audit import record
from db.codec import ANSWER_COLUMNS
from db.geometry import body_row
from db.people import new_act, reader_id
from db.readings import check_unread_by_others, head, insert, is_read, present
from db.schema import ActKind, ActRow, GeometryRow, ReadingRow
from db.shown import revealed
from vfscreen.cases import GeometrySource, Undone
from vfscreen.errors import FirstReadLocked, StaleCase
from vfscreen.findings import Phase


def undo(session: Session, reader: str, now: datetime) -> Undone | None:
    """Takes the reader's last standing act back; None if there is none.

    Raises:
        FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
        StaleCase: somebody changed a vertebra of it since; nothing is taken back then, so that no two have one name.
    """
    number = reader_id(session, reader)
    standing = (
        select(ActRow)
        .where(ActRow.reader_id == number, ActRow.kind == ActKind.DO, ~_is_undone())
        .order_by(ActRow.id.desc())
    )
    target = session.scalars(standing.limit(1)).first()
    return None if target is None else _move(session, target, reader, ActKind.UNDO, now)


def redo(session: Session, reader: str, now: datetime) -> Undone | None:
    """Does the act again that was undone last; None if there is none, or a new act came in between.

    Raises:
        FirstReadLocked: it gave a first reading of a case whose opinion was shown since.
        StaleCase: somebody changed a vertebra of it since; nothing is done then, so that no two have one name.
        ReadByOthers: it called a body none that another reader graded since; nothing is done then either.
    """
    number = reader_id(session, reader)
    taking_back = aliased(ActRow)
    newest_act = select(func.max(ActRow.id)).where(ActRow.reader_id == number, ActRow.kind == ActKind.DO)
    undone = (
        select(ActRow)
        .join(taking_back, taking_back.target_id == ActRow.id)
        .where(
            ActRow.reader_id == number,
            taking_back.kind == ActKind.UNDO,
            taking_back.id > newest_act.scalar_subquery(),
            _is_undone(),
        )
        .order_by(taking_back.id.desc())
    )
    target = session.scalars(undone.limit(1)).first()
    return None if target is None else _move(session, target, reader, ActKind.REDO, now)


def _is_undone() -> ColumnElement[bool]:
    """The condition that the last act upon a row of `act` took it back."""
    last, later = aliased(ActRow), aliased(ActRow)
    is_last = ~exists().where(later.target_id == last.target_id, later.id > last.id)
    return exists().where(last.target_id == ActRow.id, last.kind == ActKind.UNDO, is_last)


def _move(session: Session, target: ActRow, reader: str, kind: ActKind, now: datetime) -> Undone:
    versions = session.scalars(select(GeometryRow).where(GeometryRow.act_id == target.id)).all()
    for version in versions:
        _check_unchanged_since(session, version, kind)
        if version.removed and kind is ActKind.REDO:
            check_unread_by_others(session, version.body_id, target.reader_id)
    act = new_act(session, reader, kind, now, target)
    rows = session.scalars(select(ReadingRow).where(ReadingRow.act_id == target.id).order_by(ReadingRow.id))
    read = [_move_reading(session, row, act, reader, now) for row in rows.all()]
    edited = [_move_geometry(session, row, act, now) for row in sorted(versions, key=_what_it_was_about)]
    first = body_row(session, (*read, *edited)[0])
    record(session, now, reader, str(kind), first.id, {"act": target.id})
    return Undone(
        first.series_id,
        first.id,
        present(session, target.reader_id, first.id, reader),
        edited=frozenset(edited),
    )


def _move_reading(session: Session, done: ReadingRow, act: ActRow, reader: str, now: datetime) -> str:
    """Appends a row that says again what stood before (undo) or after (redo) a reading; returns its body."""
    series_id = body_row(session, done.body_id).series_id
    if done.phase is Phase.FIRST and revealed(session, series_id, act.reader_id) is not None:
        raise FirstReadLocked(
            "The first read is kept, the model was shown since",
            done.body_id,
            "Grade again: a final read is stored.",
        )
    source = done
    if act.kind is ActKind.UNDO and done.supersedes is not None:
        source = session.get_one(ReadingRow, done.supersedes)
    values = {name: getattr(source, name) for name in ANSWER_COLUMNS}
    if act.kind is ActKind.UNDO and done.supersedes is None:
        values |= _NOTHING_SAID
    last = head(session, act.reader_id, done.body_id, done.phase)
    row = ReadingRow(
        act_id=act.id,
        reader_id=act.reader_id,
        body_id=done.body_id,
        time=now,
        revealed_at=source.revealed_at,
        supersedes=None if last is None else last.id,
        **values,
    )
    insert(session, row, reader)
    return done.body_id


_NOTHING_SAID = {
    "grade": None, "shape": None, "not_assessable": None, "other_deformity": None,
    "sure": True, "flag": False, "note": "", "bulk": False,
}  # fmt: skip


def _what_it_was_about(row: GeometryRow) -> tuple[bool, bool, int]:
    """Sorts what one act did to bodies: one taken away or added goes before those that were renamed for its sake."""
    return not row.removed, row.replaces is not None, row.level.rank


def _check_unchanged_since(session: Session, done: GeometryRow, kind: ActKind) -> None:
    body = body_row(session, done.body_id)
    if done.replaces is None and kind is ActKind.REDO:
        return
    expected = done.version if kind is ActKind.UNDO else done.replaces
    shown = row = session.get_one(GeometryRow, (body.id, body.present_version))
    while row.version != expected:  # points that a program filled in change nothing that a person did
        if row.source is GeometrySource.READER or row.replaces is None:
            raise StaleCase(f"This vertebra was changed since by {shown.who}", body.id, _CHANGE_BY_HAND)
        row = session.get_one(GeometryRow, (body.id, row.replaces))
    if done.replaces is None and is_read(session, body.id):
        raise StaleCase("This vertebra was graded since", body.id, _CHANGE_BY_HAND)


_CHANGE_BY_HAND = "Look again, and change it by hand."


def _move_geometry(session: Session, done: GeometryRow, act: ActRow, now: datetime) -> str:
    """Shows the version before (undo) or after (redo) again."""
    body = body_row(session, done.body_id)
    if done.replaces is None:
        body.gone_at = None if act.kind is ActKind.REDO else now
    elif act.kind is ActKind.UNDO:
        body.present_version = done.replaces
    else:
        body.present_version = done.version
    return body.id
