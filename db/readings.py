"""Readings: appended, never changed; each supersedes the reader's last one of the same body and phase."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from db.audit import record_reading
from db.codec import ANSWER_COLUMNS, reading_of
from db.geometry import body_row
from db.people import new_act, reader_id
from db.schema import (
    ActKind,
    ActRow,
    BodyRow,
    GeometryRow,
    PatientRow,
    ReaderRow,
    ReadingRow,
    SeriesRow,
    StudyRow,
)  # fmt: skip
from db.shown import order_known, revealed
from vfscreen.errors import NoSuchThing, ReadByOthers, StaleCase
from vfscreen.findings import Phase, Reading
from vfscreen.reading import check_reading, is_withdrawn


def is_head() -> ColumnElement[bool]:
    """The condition that no later reading supersedes a row of `reading`."""
    later = aliased(ReadingRow)
    return ~exists().where(later.supersedes == ReadingRow.id)


def is_settled() -> ColumnElement[bool]:
    """The condition that a row of `reading` settles its body (see `vfscreen.reading.is_answered`)."""
    return (
        ReadingRow.grade.is_not(None)
        | ReadingRow.not_assessable.is_not(None)
        | ReadingRow.other_deformity.is_not(None)
    )


def is_said() -> ColumnElement[bool]:
    """The condition that a row of `reading` is not withdrawn (see `vfscreen.reading.is_withdrawn`)."""
    return is_settled() | ReadingRow.flag | (ReadingRow.note != "")


def is_read(session: Session, body_id: str) -> bool:
    """Says whether a reading of a body stands, whoever gave it."""
    return bool(session.scalar(_standing(body_id)))


def check_unread_by_others(session: Session, body_id: str, reader: int) -> None:
    """Refuses to take a body away of which a reading stands that another reader gave.

    Raises:
        ReadByOthers: there is one.
    """
    if session.scalar(_standing(body_id).where(ReadingRow.reader_id != reader)):
        raise ReadByOthers(
            "Another reader graded this vertebra, so it is not taken away",
            body_id,
            "Say with X that it cannot be graded, or flag it.",
        )


def _standing(body_id: str) -> Select[int]:
    return select(func.count()).where(ReadingRow.body_id == body_id, is_head(), is_said())


def store(session: Session, readings: Sequence[Reading], now: datetime) -> list[Reading]:
    """Appends the readings of one key press (several for "all remaining normal") as one act.

    Raises:
        NoSuchThing: a body or geometry version that is not there.
        StaleCase: it contradicts what this reader was shown, or the body was called none since.
        ValueError: a reading that contradicts itself, or readings of several readers.
    """
    if len({reading.reader for reading in readings}) != 1:
        raise ValueError("one act is one reader's")
    act = new_act(session, readings[0].reader, ActKind.DO, now)
    return [_append(session, reading, act) for reading in readings]


def _append(session: Session, reading: Reading, act: ActRow) -> Reading:
    check_reading(reading)
    body = body_row(session, reading.body_id)
    _check_is_shown(session, body)
    if session.get(GeometryRow, (body.id, reading.geometry_version)) is None:
        raise NoSuchThing(
            "This vertebra has no such geometry",
            f"{body.id} version {reading.geometry_version}",
            "Open the case again.",
        )
    revealed_at = revealed(session, body.series_id, act.reader_id)
    _check_phase(session, reading, revealed_at)
    _check_order(session, reading, body.series_id, act.reader_id)
    last = head(session, act.reader_id, body.id, reading.phase)
    body.gone_at = None  # what somebody reads is shown
    values = {name: getattr(reading, name) for name in ANSWER_COLUMNS}
    row = ReadingRow(
        act_id=act.id,
        reader_id=act.reader_id,
        body_id=body.id,
        time=reading.time,
        revealed_at=revealed_at,
        supersedes=None if last is None else last.id,
        **values,
    )
    return insert(session, row, reading.reader)


def insert(session: Session, row: ReadingRow, reader: str) -> Reading:
    """Writes a row and its line of the audit."""
    session.add(row)
    session.flush()
    record_reading(session, row, reader)
    return reading_of(row, reader)


def _check_phase(session: Session, reading: Reading, revealed_at: datetime | None) -> None:
    right = Phase.FIRST if revealed_at is None else Phase.FINAL
    if reading.phase is right:
        return
    said = "was already shown" if right is Phase.FINAL else "was not yet shown"
    raise StaleCase(
        f"This cannot be a {reading.phase} read, the model's opinion on the case {said}",
        reading.body_id,
        "Open the case again, then grade.",
    )


def _check_is_shown(session: Session, body: BodyRow) -> None:
    if session.get_one(GeometryRow, (body.id, body.present_version)).removed:
        raise StaleCase(
            "Somebody took this vertebra away since it was shown",
            body.id,
            "Open the case again.",
        )


def _check_order(session: Session, reading: Reading, series_id: str, reader: int) -> None:
    if not reading.order_known and order_known(session, series_id, reader):
        raise StaleCase(
            "This cannot be a read in unknown order, the worklist by suspicion was already shown",
            reading.body_id,
            "Open the case again, then grade.",
        )


def head(session: Session, reader: int, body_id: str, phase: Phase) -> ReadingRow | None:
    """Returns a reader's last reading of a body in a phase, withdrawn or not."""
    mine = (ReadingRow.reader_id == reader, ReadingRow.body_id == body_id, ReadingRow.phase == phase)
    return session.scalars(select(ReadingRow).where(*mine, is_head())).one_or_none()


def present(session: Session, reader: int, body_id: str, name: str) -> Reading | None:
    """Returns what stands at a body for a reader: the final reading, else the first, withdrawn ones left out."""
    for phase in (Phase.FINAL, Phase.FIRST):
        row = head(session, reader, body_id, phase)
        reading = None if row is None else reading_of(row, name)
        if reading is not None and not is_withdrawn(reading):
            return reading
    return None


def heads_of_series(session: Session, series_id: str, reader: str) -> list[Reading]:
    """Returns a reader's unsuperseded readings of a series, withdrawn ones left out, in no order."""
    number = reader_id(session, reader)
    wanted = (
        select(ReadingRow)
        .join(BodyRow, BodyRow.id == ReadingRow.body_id)
        .where(BodyRow.series_id == series_id, ReadingRow.reader_id == number, is_head())
    )
    readings = [reading_of(row, reader) for row in session.scalars(wanted)]
    return [reading for reading in readings if not is_withdrawn(reading)]


def graded_since(session: Session, reader: str, since: datetime) -> int:
    """Counts the bodies with a present grade (or reason) that this reader gave since a time."""
    wanted = (
        select(func.count(func.distinct(ReadingRow.body_id)))
        .join(ReaderRow)
        .where(ReaderRow.name == reader, ReadingRow.time >= since, is_head(), is_settled())
    )
    return session.scalar(wanted) or 0


def every_reading(session: Session) -> list[tuple[str, str, str, Reading]]:
    """Returns (series id, pseudonym, level as it is named now, reading) of every reading ever stored, oldest first.

    The level is empty where a reader took the body away: it is no vertebra.
    """
    wanted = (
        select(ReadingRow, ReaderRow.name, GeometryRow, SeriesRow.id, PatientRow.pseudonym)
        .join(ReaderRow, ReaderRow.id == ReadingRow.reader_id)
        .join(BodyRow, BodyRow.id == ReadingRow.body_id)
        .join(
            GeometryRow,
            (GeometryRow.body_id == ReadingRow.body_id) & (GeometryRow.version == BodyRow.present_version),
        )
        .join(SeriesRow, SeriesRow.id == BodyRow.series_id)
        .join(StudyRow, StudyRow.id == SeriesRow.study_id)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
        .order_by(ReadingRow.id)
    )
    return [
        (series_id, pseudonym, "" if shown.removed else str(shown.level), reading_of(row, name))
        for row, name, shown, series_id, pseudonym in session.execute(wanted)
    ]
