"""Rows to the core's values and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np

from db.schema import EventRow, GeometryRow, PredictionRow, ReadingRow, TrainingRunRow
from vfscreen.cases import Event, TrainingRun
from vfscreen.findings import Finding, Reading, SeriesFacts, Suggestion, Vertebra
from vfscreen.genant import Axes, Grade, Heights, Morphometry, SixPoints

EMBEDDING = np.dtype("<f4")
"""How an embedding lies in the store."""

_FACT_NAMES = frozenset(field.name for field in fields(SeriesFacts))


def facts_to_json(facts: SeriesFacts) -> dict[str, Any]:
    """Writes the facts of a series."""
    return asdict(facts) | {"spacing_mm": list(facts.spacing_mm)}


def facts_of(stored: dict[str, Any]) -> SeriesFacts:
    """Reads the facts of a series; what a newer program added is left out."""
    known = {name: value for name, value in stored.items() if name in _FACT_NAMES}
    first, second, third = known["spacing_mm"]
    return SeriesFacts(**(known | {"spacing_mm": (first, second, third)}))


def geometry_values(vertebra: Vertebra) -> dict[str, Any]:
    """Returns the columns of a geometry that say where the body is and what it is called."""
    axes, heights = vertebra.axes, vertebra.heights
    return {
        "level": vertebra.level,
        "level_certain": vertebra.level_certain,
        "whole": vertebra.whole,
        "confidence": float(vertebra.confidence),
        "uncertainty_mm": None if vertebra.uncertainty_mm is None else float(vertebra.uncertainty_mm),
        "centre_lps_mm": np.asarray(vertebra.centre_lps_mm, float).tolist(),
        "points_lps_mm": None if vertebra.points is None else vertebra.points.array().tolist(),
        "axes": None if axes is None else [axes.origin.tolist(), *axes.matrix().tolist()],
        "heights_mm": None if heights is None else heights.array().tolist(),
        "flags": list(vertebra.flags),
    }


def vertebra_of(row: GeometryRow) -> Vertebra:
    """Reads one version of a body."""
    return Vertebra(
        level=row.level,
        level_certain=row.level_certain,
        whole=row.whole,
        centre_lps_mm=np.array(row.centre_lps_mm),
        confidence=row.confidence,
        points=None if row.points_lps_mm is None else SixPoints.from_array(np.array(row.points_lps_mm)),
        axes=None if row.axes is None else Axes(*(np.array(vector) for vector in row.axes)),
        heights=None if row.heights_mm is None else Heights(*row.heights_mm),
        uncertainty_mm=row.uncertainty_mm,
        flags=tuple(row.flags),
        body_id=row.body_id,
    )


def prediction_values(finding: Finding) -> dict[str, Any]:
    """Returns the columns of a prediction that say what was measured and suggested; empty for what was not."""
    values: dict[str, Any] = {}
    measured, suggested = finding.morphometry, finding.suggestion
    if measured is not None:
        values |= {
            "reference": measured.reference,
            "loss_percent": float(measured.loss_percent),
            "band_percent": float(measured.band_percent),
            "shape": measured.shape,
            "measured_grade": int(measured.grade),
            "reference_table": measured.table,
            "normal_percent": measured.normal_percent,
        }
    if suggested is not None:
        values |= {f"probability_{grade}": float(p) for grade, p in enumerate(suggested.probabilities)}
        values |= {
            "conformal_set": [int(grade) for grade in suggested.conformal_set],
            "embedding": np.asarray(suggested.embedding, EMBEDDING).tobytes(),
        }
    return values


def finding_of(row: PredictionRow, geometry: GeometryRow) -> Finding:
    """Reads what the program said of one geometry of a body."""
    return Finding(vertebra_of(geometry), _morphometry_of(row), _suggestion_of(row))


def _morphometry_of(row: PredictionRow) -> Morphometry | None:
    if (
        row.reference is None
        or row.loss_percent is None
        or row.band_percent is None
        or row.shape is None
        or row.measured_grade is None
    ):
        return None
    return Morphometry(
        row.reference,
        row.loss_percent,
        row.band_percent,
        row.shape,
        Grade(row.measured_grade),
        row.reference_table or "",
        row.normal_percent,
    )


def _suggestion_of(row: PredictionRow) -> Suggestion | None:
    p0, p1, p2, p3 = row.probability_0, row.probability_1, row.probability_2, row.probability_3
    if p0 is None or p1 is None or p2 is None or p3 is None or row.embedding is None:
        return None
    return Suggestion(
        row.model,
        (p0, p1, p2, p3),
        tuple(Grade(grade) for grade in row.conformal_set or ()),
        np.frombuffer(row.embedding, EMBEDDING).astype(np.float32),
    )


ANSWER_COLUMNS = (
    "geometry_version", "grade", "shape", "not_assessable", "other_deformity", "sure", "flag", "note", "bulk",
    "phase", "mode", "order_known",
)  # fmt: skip
"""What a reading says and how it came about: what an undo or redo brings back."""


def reading_of(row: ReadingRow, reader: str) -> Reading:
    """Reads a reading."""
    said = {name: getattr(row, name) for name in ANSWER_COLUMNS}
    return Reading(
        reader=reader,
        body_id=row.body_id,
        time=row.time,
        revealed_at=row.revealed_at,
        supersedes=row.supersedes,
        reading_id=row.id,
        **said,
    )


def reading_to_json(row: ReadingRow) -> dict[str, Any]:
    """Writes a reading as the audit keeps it."""
    said = {name: getattr(row, name) for name in ANSWER_COLUMNS}
    return said | {
        "grade": None if row.grade is None else row.grade.value,
        "reading": row.id,
        "act": row.act_id,
        "supersedes": row.supersedes,
        "time": row.time.isoformat(),
        "revealed_at": None if row.revealed_at is None else row.revealed_at.isoformat(),
    }


def training_run_of(row: TrainingRunRow) -> TrainingRun:
    """Reads a retraining."""
    return TrainingRun(
        started=row.started,
        ended=row.ended,
        champion=row.champion,
        challenger=row.challenger,
        outcome=row.outcome,
        reason=row.reason,
        figures=row.figures,
        run_id=row.id,
    )


def event_of(row: EventRow) -> Event:
    """Reads a line of the audit."""
    return Event(row.time, row.who, row.what, row.about, row.details, row.chain)
