"""What the reading room asks for: the worklist and one case, for one reader."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.codec import facts_of, finding_of, vertebra_of
from db.geometry import present_bodies
from db.people import reader_id
from db.predictions import is_of_present_points, standing
from db.readings import heads_of_series, is_head, is_said, is_settled
from db.schema import (
    BodyRow,
    GeometryRow,
    PatientRow,
    PredictionRow,
    ReadingRow,
    RevealRow,
    ScreeningRow,
    SeriesRow,
    StudyRow,
)  # fmt: skip
from db.screenings import last_screening
from db.series import series_row
from db.shown import order_known, revealed
from vfscreen.anatomy import ASSESSED, Level, level_in_words
from vfscreen.cases import Body, Case, CaseRow, CaseState
from vfscreen.findings import Finding, Mode, Phase, Refusal

SUGGESTED_FROM = 0.5
"""A level is listed as suggested where P(grade >= 2) reaches this."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one reader said of one body, as far as the worklist shows it."""

    answered: bool
    unreadable: bool
    flagged: bool


@dataclass(frozen=True, slots=True)
class _Screened:
    """What the worklist needs of a case's last screening."""

    grader: str
    warnings: list[str]
    looked: bool


_Named = tuple[Level, bool]
"""A level, and whether that name is certain."""


@dataclass(frozen=True, slots=True)
class _Thought:
    """What a grader thinks of one body."""

    grader: str
    level: Level
    triage_probability: float


def worklist(session: Session, reader: str, mode: Mode, model: str | None) -> list[CaseRow]:
    """Returns the cases in the reader's order; suspicion is handed out in screen mode alone."""
    levels = _gradable_levels(session)
    said = _said(session, reader)
    screenings = _last_screenings(session)
    thoughts = _thoughts(session, screenings, model) if mode is Mode.SCREEN else {}
    shown = _shown(session, reader)
    rows = []
    for series_id, description, warnings, date, pseudonym in _series(session):
        bodies = levels.get(series_id, {})
        screening = screenings.get(series_id)
        thought = thoughts.get(series_id, [])
        worst = max(thought, key=lambda one: one.triage_probability, default=None)
        answers = [said[body_id] for body_id in bodies if body_id in said]
        rows.append(
            CaseRow(
                series_id=series_id,
                pseudonym=pseudonym,
                study_date=date,
                description=description,
                levels=_span(list(bodies.values())),
                state=_state(answers, len(bodies), screened=screening is not None),
                graded=sum(answer.answered for answer in answers),
                bodies=len(bodies),
                warnings=_together(warnings, screening.warnings if screening else []),
                suspicion=_suspicion(worst, screening, len(bodies)) if mode is Mode.SCREEN else None,
                suspected_by="" if worst is None else worst.grader,
                suggested_levels=_suggested(thought) if series_id in shown else "",
            )
        )
    if mode is Mode.READ:
        return sorted(rows, key=lambda row: _lot(reader, row.series_id))
    return sorted(rows, key=lambda row: (row.suspicion is not None, -(row.suspicion or 0.0)))


def _suspicion(worst: _Thought | None, screening: _Screened | None, bodies: int) -> float | None:
    """Returns 0 for a case that was looked at and has no body to grade, None where no grader has said anything."""
    if worst is not None:
        return worst.triage_probability
    return 0.0 if screening is not None and screening.looked and bodies == 0 else None


def _lot(reader: str, series_id: str) -> bytes:
    """A random place that stays the same for one reader and series (label-studio#702)."""
    return hashlib.sha256(f"{reader}\n{series_id}".encode()).digest()


def _series(session: Session) -> list[tuple[str, str, list[str], str, str]]:
    """Returns (series, description, warnings, study date, pseudonym), oldest first."""
    wanted = (
        select(
            SeriesRow.id,
            SeriesRow.facts["description"].as_string(),
            SeriesRow.warnings,
            StudyRow.date,
            PatientRow.pseudonym,
        )
        .join(StudyRow, StudyRow.id == SeriesRow.study_id)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
        .order_by(SeriesRow.added_at, SeriesRow.id)
    )
    return list(session.execute(wanted))


def _gradable_levels(session: Session) -> dict[str, dict[str, _Named]]:
    """Returns by series and body the levels that readers grade (see `vfscreen.reading.is_gradable`)."""
    wanted = (
        select(BodyRow.series_id, BodyRow.id, GeometryRow.level, GeometryRow.level_certain)
        .join(
            GeometryRow,
            (GeometryRow.body_id == BodyRow.id) & (GeometryRow.version == BodyRow.present_version),
        )
        .where(
            BodyRow.gone_at.is_(None),
            ~GeometryRow.removed,
            GeometryRow.whole,
            GeometryRow.level.in_(ASSESSED),
        )
    )
    found: dict[str, dict[str, _Named]] = defaultdict(dict)
    for series_id, body_id, level, certain in session.execute(wanted):
        found[series_id][body_id] = (level, certain)
    return found


def _said(session: Session, reader: str) -> dict[str, _Said]:
    """Returns by body what the reader's present readings say; a final one goes before a first one."""
    wanted = select(
        ReadingRow.body_id,
        ReadingRow.phase,
        is_settled(),
        ReadingRow.not_assessable.is_not(None),
        ReadingRow.flag,
    ).where(ReadingRow.reader_id == reader_id(session, reader), is_head(), is_said())
    found: dict[str, _Said] = {}
    for body_id, phase, answered, unreadable, flagged in session.execute(wanted):
        if phase is Phase.FINAL or body_id not in found:
            found[body_id] = _Said(answered, unreadable, flagged)
    return found


def _last_screenings(session: Session) -> dict[str, _Screened]:
    """Returns by series its last screening."""
    newest = select(func.max(ScreeningRow.id)).group_by(ScreeningRow.series_id)
    wanted = select(
        ScreeningRow.series_id, ScreeningRow.grader, ScreeningRow.warnings, ScreeningRow.seconds
    ).where(ScreeningRow.id.in_(newest))
    return {
        series_id: _Screened(grader, warnings, looked=bool(seconds))  # a refusal took no time
        for series_id, grader, warnings, seconds in session.execute(wanted)
    }


def _thoughts(
    session: Session, screenings: dict[str, _Screened], model: str | None
) -> dict[str, list[_Thought]]:
    """Returns by series what is thought of each body that is shown: by the grader in use, else by the last one.

    What was thought of its points as they are now goes before what was thought of others.
    """
    wanted = (
        select(
            BodyRow.series_id,
            BodyRow.id,
            PredictionRow.model,
            GeometryRow.level,
            PredictionRow.probability_2 + PredictionRow.probability_3,
            is_of_present_points(),
        )
        .join(BodyRow, BodyRow.id == PredictionRow.body_id)
        .join(
            GeometryRow,
            (GeometryRow.body_id == BodyRow.id) & (GeometryRow.version == BodyRow.present_version),
        )
        .where(
            PredictionRow.id.in_(standing()),
            BodyRow.gone_at.is_(None),
            ~GeometryRow.removed,
            PredictionRow.probability_2.is_not(None),
        )
    )
    found: dict[str, dict[str, tuple[tuple[bool, bool], _Thought]]] = defaultdict(dict)
    for series_id, body_id, grader, level, probability, as_now in session.execute(wanted):
        of_last = series_id in screenings and grader == screenings[series_id].grader
        rank = (bool(as_now), grader == model)
        best = found[series_id].get(body_id)
        if (grader == model or of_last) and (best is None or rank > best[0]):
            found[series_id][body_id] = (rank, _Thought(grader, level, float(probability or 0.0)))
    return {series_id: [thought for _, thought in thoughts.values()] for series_id, thoughts in found.items()}


def _shown(session: Session, reader: str) -> set[str]:
    """Returns the series whose opinion this reader was shown."""
    number = reader_id(session, reader)
    return set(session.scalars(select(RevealRow.series_id).where(RevealRow.reader_id == number)))


def _state(answers: list[_Said], bodies: int, *, screened: bool) -> CaseState:
    if any(answer.flagged for answer in answers):
        return CaseState.LOOK_AGAIN
    if bodies == 0:
        return CaseState.CANNOT_READ if screened else CaseState.NEW
    answered = [answer for answer in answers if answer.answered]
    if len(answered) == bodies:
        return CaseState.CANNOT_READ if all(answer.unreadable for answer in answered) else CaseState.DONE
    return CaseState.BEGUN if answers else CaseState.NEW


def _span(names: list[_Named]) -> str:
    """Names a stretch of the spine, "T4-L5", or "T4?-L5?" where it is not certain."""
    if not names:
        return ""
    top, bottom = min(names, key=lambda name: name[0].rank), max(names, key=lambda name: name[0].rank)
    return level_in_words(*top) if top == bottom else f"{level_in_words(*top)}-{level_in_words(*bottom)}"


def _suggested(thoughts: list[_Thought]) -> str:
    levels = [thought.level for thought in thoughts if thought.triage_probability >= SUGGESTED_FROM]
    return " ".join(str(level) for level in sorted(levels, key=lambda level: level.rank))


def _together(*warnings: list[str]) -> tuple[str, ...]:
    """Joins lists of warnings, each sentence once."""
    return tuple(dict.fromkeys(sentence for some in warnings for sentence in some))


def case(session: Session, series_id: str, reader: str, model: str | None) -> Case:
    """Returns everything about one case.

    Raises:
        NoSuchThing: there is none with that id.
    """
    row = series_row(session, series_id)
    screening = last_screening(session, series_id)
    pairs = sorted(
        present_bodies(session, series_id), key=lambda pair: (pair[1].level.rank, -pair[1].centre_lps_mm[2])
    )
    points_by = _points_by(session, pairs)
    readings = heads_of_series(session, series_id, reader)
    first = {reading.body_id: reading for reading in readings if reading.phase is Phase.FIRST}
    final = {reading.body_id: reading for reading in readings if reading.phase is Phase.FINAL}
    number = reader_id(session, reader)
    return Case(
        series_id=series_id,
        source=Path(row.source),
        files=tuple(Path(file) for file in row.files),
        facts=facts_of(row.facts),
        warnings=_together(row.warnings, screening.warnings if screening else []),
        bodies=tuple(
            Body(
                body.id,
                geometry.version,
                geometry.source,
                vertebra_of(geometry),
                geometry.who,
                points_by=points_by[body.id],
            )
            for body, geometry in pairs
        ),
        findings=_findings(session, series_id, (screening.grader if screening else None, model)),
        readings=first | final,
        first_readings=first,
        revealed_at=None if number is None else revealed(session, series_id, number),
        order_known=order_known(session, series_id, number),
        refusals=() if screening is None else tuple(Refusal(**refusal) for refusal in screening.refusals),
    )


def _points_by(session: Session, shown: list[tuple[BodyRow, GeometryRow]]) -> dict[str, str]:
    """Returns by body who made the oldest version with the points that are shown."""
    points = {body.id: geometry.points_lps_mm for body, geometry in shown}
    versions = (
        select(GeometryRow.body_id, GeometryRow.who, GeometryRow.points_lps_mm)
        .where(GeometryRow.body_id.in_(points))
        .order_by(GeometryRow.version)
    )
    found: dict[str, str] = {}
    for body_id, who, points_lps_mm in session.execute(versions):
        if points_lps_mm == points[body_id]:
            found.setdefault(body_id, who)
    return found


def _findings(session: Session, series_id: str, graders: tuple[str | None, ...]) -> dict[str, Finding]:
    """Returns by body what stands of it; of its points as they are now before of others, then the later grader's."""
    wanted = (
        select(PredictionRow, GeometryRow, is_of_present_points())
        .join(BodyRow, BodyRow.id == PredictionRow.body_id)
        .join(
            GeometryRow,
            (GeometryRow.body_id == PredictionRow.body_id)
            & (GeometryRow.version == PredictionRow.geometry_version),
        )
        .where(
            BodyRow.series_id == series_id,
            BodyRow.gone_at.is_(None),
            PredictionRow.model.in_(graders),
            PredictionRow.id.in_(standing().where(BodyRow.series_id == series_id)),
        )
    )
    found: dict[str, tuple[tuple[bool, int], Finding]] = {}
    for prediction, geometry, as_now in session.execute(wanted):
        rank = (bool(as_now), graders.index(prediction.model))
        if prediction.body_id not in found or rank > found[prediction.body_id][0]:
            found[prediction.body_id] = (rank, finding_of(prediction, geometry))
    return {body_id: finding for body_id, (_, finding) in found.items()}
