"""The embeddings of graded bodies, for a reader who may know their grades."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.codec import EMBEDDING, vertebra_of
from db.people import reader_id
from db.predictions import standing
from db.readings import is_head
from db.schema import (
    BodyRow,
    GeometryRow,
    PatientRow,
    PredictionRow,
    ReadingRow,
    RevealRow,
    SeriesRow,
    StudyRow,
)  # fmt: skip
from vfscreen.anatomy import Level
from vfscreen.errors import NoSuchThing
from vfscreen.findings import Phase, Vertebra
from vfscreen.genant import ReadGrade
from vfscreen.neighbours import GradedBody, GradedEmbeddings


def graded_embeddings(session: Session, model: str, reader: str) -> GradedEmbeddings:
    """Returns what a model made of every graded body that this reader may be shown, in the order of their ids.

    Those are the bodies of series whose opinion the reader was shown: of any other, grade and likeness would be an
    opinion before the first reading. A body's grades are those that train: every reader's last first reading. A body
    that the model could not assess when it looked last, or that is shown no longer, is not among them.
    """
    number = reader_id(session, reader)
    grades = _first_grades(session, number)
    bodies, parts = [], []
    for body_id, version, series_id, pseudonym, level, embedding in _last(session, model, number):
        if body_id in grades and embedding is not None:
            found = tuple(sorted(grades[body_id], key=lambda grade: grade.value))
            bodies.append(GradedBody(body_id, version, series_id, pseudonym, level, found))
            parts.append(embedding)
    vectors = np.frombuffer(b"".join(parts), EMBEDDING).astype(np.float32, copy=False)
    return GradedEmbeddings(model, tuple(bodies), vectors.reshape(len(bodies), -1 if bodies else 0))


def vertebrae(session: Session, wanted: Iterable[tuple[str, int]]) -> list[Vertebra]:
    """Returns versions of bodies (body id, version), in their order.

    Raises:
        NoSuchThing: there is no such version.
    """
    return [_vertebra(session, body_id, version) for body_id, version in wanted]


def _vertebra(session: Session, body_id: str, version: int) -> Vertebra:
    row = session.get(GeometryRow, (body_id, version))
    if row is None:
        raise NoSuchThing(
            "This vertebra has no such geometry", f"{body_id} version {version}", "Open the case again."
        )
    return vertebra_of(row)


def _first_grades(session: Session, reader: int | None) -> dict[str, list[ReadGrade]]:
    """Returns by body the grades of all readers' last first readings, in the series shown to this one."""
    wanted = (
        select(ReadingRow.body_id, ReadingRow.grade)
        .join(BodyRow, BodyRow.id == ReadingRow.body_id)
        .join(RevealRow, RevealRow.series_id == BodyRow.series_id)
        .where(
            RevealRow.reader_id == reader,
            ReadingRow.phase == Phase.FIRST,
            ReadingRow.grade.is_not(None),
            is_head(),
        )
    )
    found: dict[str, list[ReadGrade]] = defaultdict(list)
    for body_id, grade in session.execute(wanted):
        if grade is not None:
            found[body_id].append(grade)
    return found


def _last(
    session: Session, model: str, reader: int | None
) -> list[tuple[str, int, str, str, Level, bytes | None]]:
    """Returns what a model says of each body in the series shown to a reader, where it says something.

    That is: body, geometry version, series, pseudonym, level and embedding.
    """
    wanted = (
        select(
            BodyRow.id,
            PredictionRow.geometry_version,
            BodyRow.series_id,
            PatientRow.pseudonym,
            GeometryRow.level,
            PredictionRow.embedding,
        )
        .join(BodyRow, BodyRow.id == PredictionRow.body_id)
        .join(GeometryRow, _is_present())
        .join(SeriesRow, SeriesRow.id == BodyRow.series_id)
        .join(StudyRow, StudyRow.id == SeriesRow.study_id)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
        .join(RevealRow, RevealRow.series_id == BodyRow.series_id)
        .where(
            RevealRow.reader_id == reader,
            PredictionRow.id.in_(standing().where(PredictionRow.model == model)),
            PredictionRow.embedding.is_not(None),
            BodyRow.gone_at.is_(None),
            ~GeometryRow.removed,
        )
        .order_by(BodyRow.id)
    )
    return list(session.execute(wanted))


def _is_present() -> ColumnElement[bool]:
    """The condition that a row of `geometry` is the one that its body shows."""
    return (GeometryRow.body_id == BodyRow.id) & (GeometryRow.version == BodyRow.present_version)
