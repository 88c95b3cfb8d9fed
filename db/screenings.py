"""Keeping what the program found: bodies matched with the known ones, geometry versioned, predictions appended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.audit import PROGRAM, record
from db.codec import geometry_values, prediction_values
from db.geometry import (
    append_version,
    body_row,
    insert_body,
    mark_gone,
    present_bodies,
    touched_by_people,
)  # fmt: skip
from db.schema import BodyRow, GeometryRow, PredictionRow, ScreeningRow
from db.series import series_row
from vfscreen.cases import GeometrySource
from vfscreen.findings import Finding, Screening, Vertebra
from vfscreen.matching import match_bodies


def record_screening(
    session: Session, series_id: str, screening: Screening, source: GeometrySource, now: datetime
) -> list[tuple[str, int]]:
    """Keeps a screening. Bodies that it did not find are shown no longer, unless a person touched them.

    A refusal, on which no time was spent, leaves the bodies that were known before. Returns the body's id and the
    geometry version of each finding, in their order.
    """
    series_row(session, series_id)
    localiser, grader = screening.models.get("localiser", ""), screening.models.get("grader", "")
    row = ScreeningRow(
        series_id=series_id,
        localiser=localiser,
        grader=grader,
        refusals=[
            {"where": refusal.where, "reason": refusal.reason, "todo": refusal.todo}
            for refusal in screening.refusals
        ],
        warnings=list(screening.warnings),
        seconds={name: float(value) for name, value in screening.seconds.items()},
        time=now,
    )
    session.add(row)
    session.flush()
    known = present_bodies(session, series_id, gone_too=True)
    found = [finding.vertebra for finding in screening.findings]
    matches = match_bodies(
        _centres([geometry.centre_lps_mm for _, geometry in known]),
        _centres([vertebra.centre_lps_mm for vertebra in found]),
    )
    kept_as = []
    for finding, index in zip(screening.findings, matches, strict=True):
        if index is None:
            body = insert_body(session, series_id, finding.vertebra, source, localiser, now)
            version = 1
        else:
            body, shown = known[index]
            version = _version_for(session, body, shown, finding.vertebra, source, localiser, now)
        session.add(_prediction(finding, body.id, version, grader, now, screening_id=row.id))
        kept_as.append((body.id, version))
    if screening.seconds:  # a refused series was not looked at: that takes nothing away
        missed = [body for index, (body, _) in enumerate(known) if index not in matches]
        kept = touched_by_people(session, series_id)
        mark_gone((body for body in missed if body.id not in kept), now)
    details = {"localiser": localiser, "grader": grader, "bodies": len(found)}
    record(session, now, PROGRAM, "screened", series_id, details)
    return kept_as


def _centres(
    centres_lps_mm: list[list[float]] | list[np.ndarray[tuple[int], np.dtype[np.float64]]],
) -> np.ndarray:
    return np.array(centres_lps_mm, float).reshape(-1, 3)


def _version_for(
    session: Session,
    body: BodyRow,
    shown: GeometryRow,
    vertebra: Vertebra,
    source: GeometrySource,
    localiser: str,
    now: datetime,
) -> int:
    """Returns the version that a prediction was made on: an equal one if there is one, else a new one.

    It is shown, unless somebody of more weight placed the one that is: a reader goes before a mask before a program,
    and points of any before none. A name that a reader gave stays.
    """
    body.gone_at = None
    may_show = _may_show(source, shown, vertebra)
    versions = session.scalars(
        select(GeometryRow).where(GeometryRow.body_id == body.id).order_by(GeometryRow.version.desc())
    ).all()
    if may_show and _named_by_reader(shown, {row.version: row for row in versions}):
        vertebra = replace(vertebra, level=shown.level, level_certain=shown.level_certain)
    values = geometry_values(vertebra)
    for row in versions:
        if not row.removed and all(getattr(row, name) == value for name, value in values.items()):
            body.present_version = row.version if may_show else body.present_version
            return row.version
    return append_version(session, body, vertebra, source, localiser, now, shown=may_show)


_WEIGHT = {GeometrySource.LOCALISER: 0, GeometrySource.MASK: 1, GeometrySource.READER: 2}


def _may_show(source: GeometrySource, shown: GeometryRow, vertebra: Vertebra) -> bool:
    has, had = vertebra.points is not None, shown.points_lps_mm is not None
    if has == had or source is shown.source or shown.removed:
        return _WEIGHT[source] >= _WEIGHT[shown.source]
    return has


def _named_by_reader(shown: GeometryRow, versions: dict[int, GeometryRow]) -> bool:
    """Says whether a reader made a version, or one that it came from."""
    row: GeometryRow | None = shown
    while row is not None and row.source is not GeometrySource.READER:
        row = None if row.replaces is None else versions[row.replaces]
    return row is not None


def record_finding(session: Session, body_id: str, version: int, finding: Finding, now: datetime) -> None:
    """Keeps what the grader said of one body that was moved or added; nothing if it said nothing."""
    body_row(session, body_id)
    if finding.suggestion is not None:
        session.add(_prediction(finding, body_id, version, finding.suggestion.model, now))


def _prediction(
    finding: Finding,
    body_id: str,
    version: int,
    model: str,
    now: datetime,
    *,
    screening_id: int | None = None,
) -> PredictionRow:
    return PredictionRow(
        screening_id=screening_id,
        body_id=body_id,
        geometry_version=version,
        model=model,
        time=now,
        **prediction_values(finding),
    )


def last_screening(session: Session, series_id: str) -> ScreeningRow | None:
    """Returns the last screening of a series."""
    newest = select(ScreeningRow).where(ScreeningRow.series_id == series_id).order_by(ScreeningRow.id.desc())
    return session.scalars(newest.limit(1)).first()
