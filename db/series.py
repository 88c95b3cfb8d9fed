"""Taking series in: once each, under a pseudonym, with the patient's split drawn once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.audit import PROGRAM, record
from db.codec import facts_to_json
from db.schema import BodyRow, GeometryRow, PatientRow, ScreeningRow, SeriesRow, StudyRow
from vfscreen.cases import GeometrySource, NewSeries, Split
from vfscreen.errors import NoSuchThing
from vfscreen.findings import SeriesFacts
from vfscreen.split import Shares, draw_split


def add_series(
    session: Session, new: NewSeries, shares: Shares, always_train: frozenset[str], now: datetime
) -> tuple[str, bool]:
    """Takes a series in unless its UID or sha256 is known; returns its id and whether it is new."""
    known = _known(session, new.facts)
    if known is not None:
        if _was_moved(known, new):
            known.source, known.files = _places(new)
        return known.id, False
    series_id = uuid4().hex
    facts = new.facts
    patient = _patient(session, facts, series_id, shares, always_train, now)
    source, files = _places(new)
    session.add(
        SeriesRow(
            id=series_id,
            study_id=_study(session, patient, facts, series_id).id,
            uid=facts.uid or None,
            sha256=facts.sha256 or None,
            source=source,
            files=files,
            facts=facts_to_json(facts),
            warnings=list(new.warnings),
            added_at=now,
        )
    )
    record(session, now, PROGRAM, "series taken in", series_id, {"patient": patient.pseudonym})
    return series_id, True


def _places(new: NewSeries) -> tuple[str, list[str]]:
    return str(Path(new.source).absolute()), [str(Path(file).absolute()) for file in new.files]


def _was_moved(known: SeriesRow, new: NewSeries) -> bool:
    """Says whether a known series now lies elsewhere; part of it, or a second copy, is no new place."""
    whole = known.facts["slices"] == new.facts.slices and len(known.files) == len(new.files)
    return whole and not all(_is_there(Path(file)) for file in known.files)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # in a folder that was closed meanwhile it is there for nobody
        return False


def _known(session: Session, facts: SeriesFacts) -> SeriesRow | None:
    same = []
    if facts.uid:
        same.append(SeriesRow.uid == facts.uid)
    if facts.sha256:
        same.append(SeriesRow.sha256 == facts.sha256)
    return session.scalars(select(SeriesRow).where(or_(*same))).first() if same else None


def _patient(
    session: Session,
    facts: SeriesFacts,
    series_id: str,
    shares: Shares,
    always_train: frozenset[str],
    now: datetime,
) -> PatientRow:
    """Finds or makes the patient. One that a bundled model was trained on trains, whatever was drawn before."""
    pseudonym = facts.pseudonym or facts.sha256 or facts.uid or series_id
    trained_on = not always_train.isdisjoint({pseudonym, facts.uid, facts.sha256} - {""})
    patient = session.scalars(select(PatientRow).where(PatientRow.pseudonym == pseudonym)).first()
    if patient is None:
        split = Split.TRAIN if trained_on else draw_split(pseudonym, shares)
        patient = PatientRow(pseudonym=pseudonym, split=split, added_at=now)
        session.add(patient)
        session.flush()
    elif trained_on and patient.split is not Split.TRAIN:
        details = {
            "from": patient.split,
            "to": Split.TRAIN,
            "why": "a bundled model was trained on this patient",
        }
        patient.split = Split.TRAIN
        record(session, now, PROGRAM, "split changed", pseudonym, details)
    return patient


def _study(session: Session, patient: PatientRow, facts: SeriesFacts, series_id: str) -> StudyRow:
    key = facts.study_uid or facts.study_date or series_id
    same = select(StudyRow).where(StudyRow.patient_id == patient.id, StudyRow.key == key)
    study = session.scalars(same).first()
    if study is None:
        study = StudyRow(patient_id=patient.id, key=key, date=facts.study_date)
        session.add(study)
        session.flush()
    return study


def series_row(session: Session, series_id: str) -> SeriesRow:
    """Returns a series.

    Raises:
        NoSuchThing: none has that id.
    """
    row = session.get(SeriesRow, series_id)
    if row is None:
        raise NoSuchThing("There is no such case", series_id, "See the worklist for those there are.")
    return row


def queue(session: Session, localiser: str, grader: str) -> list[str]:
    """Returns the series that these two models have not screened together yet, oldest first.

    Where a mask gave the bodies, no localiser is waited for.
    """
    masked = (
        select(GeometryRow.version)
        .join(BodyRow, BodyRow.id == GeometryRow.body_id)
        .where(BodyRow.series_id == SeriesRow.id, GeometryRow.source == GeometrySource.MASK)
    )
    seen = select(ScreeningRow.id).where(
        ScreeningRow.series_id == SeriesRow.id,
        ScreeningRow.grader == grader,
        or_(ScreeningRow.localiser == localiser, masked.exists()),
    )
    unseen = select(SeriesRow.id).where(~seen.exists()).order_by(SeriesRow.added_at, SeriesRow.id)
    return list(session.scalars(unseen))
