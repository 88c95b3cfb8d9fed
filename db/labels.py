"""The bodies whose first readings may train or test a grader."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.codec import facts_of, reading_of, vertebra_of
from db.geometry import present_bodies
from db.readings import is_head
from db.schema import BodyRow, GeometryRow, PatientRow, ReaderRow, ReadingRow, SeriesRow, StudyRow
from vfscreen.cases import LabelledBody
from vfscreen.findings import Phase, Reading, Vertebra


def labelled_bodies(session: Session) -> list[LabelledBody]:
    """Returns every body with a grade in an unsuperseded first reading, of both modes and all readers.

    Withdrawn readings, bodies that could not be graded, and other deformities without a grade are left out: none of
    them is a grade 0. So are bodies that a reader took away as no vertebra. Where readers saw different geometry, that
    of the newest reading stands.
    """
    readings = _graded_first_readings(session)
    all_series = _series(session)
    found = []
    for series_id, by_body in readings.items():
        series, patient = all_series[series_id]
        shown = sorted(
            (vertebra_of(geometry) for _, geometry in present_bodies(session, series_id)),
            key=lambda vertebra: (vertebra.level.rank, -float(vertebra.centre_lps_mm[2])),
        )
        ids = {vertebra.body_id for vertebra in shown}
        for body_id, said in by_body.items():
            if body_id not in ids:
                continue  # its reader took it away: it is no vertebra
            found.append(
                LabelledBody(
                    body_id=body_id,
                    series_id=series_id,
                    pseudonym=patient.pseudonym,
                    split=patient.split,
                    files=tuple(Path(file) for file in series.files),
                    facts=facts_of(series.facts),
                    vertebra=said.read_on,
                    neighbours=_neighbours(body_id, shown),
                    readings=tuple(said.readings),
                )
            )
    return found


@dataclass(slots=True)
class _Said:
    """The first readings of a body, oldest first, and the geometry of the newest."""

    readings: list[Reading]
    read_on: Vertebra


def _graded_first_readings(session: Session) -> dict[str, dict[str, _Said]]:
    """Returns what was said by series and body."""
    wanted = (
        select(BodyRow.series_id, ReadingRow, ReaderRow.name, GeometryRow)
        .join(BodyRow, BodyRow.id == ReadingRow.body_id)
        .join(ReaderRow, ReaderRow.id == ReadingRow.reader_id)
        .join(
            GeometryRow,
            (GeometryRow.body_id == ReadingRow.body_id)
            & (GeometryRow.version == ReadingRow.geometry_version),
        )
        .where(ReadingRow.phase == Phase.FIRST, ReadingRow.grade.is_not(None), is_head())
        .order_by(ReadingRow.id)
    )
    found: dict[str, dict[str, _Said]] = defaultdict(dict)
    for series_id, row, name, geometry in session.execute(wanted):
        read_on = vertebra_of(geometry)
        said = found[series_id].setdefault(row.body_id, _Said([], read_on))
        said.readings.append(reading_of(row, name))
        said.read_on = read_on
    return found


def _series(session: Session) -> dict[str, tuple[SeriesRow, PatientRow]]:
    """Returns every series by its id, and whose it is."""
    wanted = (
        select(SeriesRow, PatientRow)
        .join(StudyRow, StudyRow.id == SeriesRow.study_id)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
    )
    return {series.id: (series, patient) for series, patient in session.execute(wanted)}


def _neighbours(body_id: str, shown: list[Vertebra]) -> tuple[Vertebra, ...]:
    """Returns the bodies next above and below, as far as they are there; what has been read is always shown."""
    place = [vertebra.body_id for vertebra in shown].index(body_id)
    return tuple(shown[max(place - 1, 0) : place] + shown[place + 1 : place + 2])
