"""Model files and retrainings as the store mirrors them, and the audit as it is read out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.audit import PROGRAM, record
from db.codec import event_of, training_run_of
from db.schema import EventRow, ModelFileRow, TrainingRunRow
from vfscreen.cases import Event, ModelRow, TrainingRun
from vfscreen.errors import WeightsDamaged


def add_model(session: Session, model: ModelRow, now: datetime) -> None:
    """Mirrors a model file; one that is known already stays as it is.

    Raises:
        WeightsDamaged: a model of that id is known with another sha256.
    """
    known = session.get(ModelFileRow, model.model_id)
    if known is not None:
        if known.sha256 != model.sha256:
            raise WeightsDamaged(
                "Another file once had this model's name",
                model.model_id,
                "Give the new model a name of its own.",
            )
        return
    session.add(
        ModelFileRow(
            id=model.model_id,
            kind=model.kind,
            sha256=model.sha256,
            parent=model.parent,
            card=model.card,
            added_at=now,
        )
    )
    record(session, now, PROGRAM, "model added", model.model_id, {"sha256": model.sha256})


def models(session: Session) -> list[ModelRow]:
    """Returns the mirrored model files, oldest first."""
    rows = session.scalars(select(ModelFileRow).order_by(ModelFileRow.added_at, ModelFileRow.id))
    return [ModelRow(row.id, row.kind, row.sha256, row.parent, row.card) for row in rows]


def record_training(session: Session, run: TrainingRun, now: datetime) -> int:
    """Keeps how a retraining went and returns its number."""
    row = TrainingRunRow(
        started=run.started,
        ended=run.ended,
        champion=run.champion,
        challenger=run.challenger,
        outcome=run.outcome,
        reason=run.reason,
        figures=run.figures,
    )
    session.add(row)
    session.flush()
    details = {"run": row.id, "outcome": run.outcome, "reason": run.reason}
    record(session, now, PROGRAM, "retrained", run.challenger, details)
    return row.id


def training_runs(session: Session) -> list[TrainingRun]:
    """Returns all retrainings, newest first."""
    rows = session.scalars(select(TrainingRunRow).order_by(TrainingRunRow.id.desc()))
    return [training_run_of(row) for row in rows]


def events(session: Session) -> list[Event]:
    """Returns the audit, oldest first."""
    return [event_of(row) for row in session.scalars(select(EventRow).order_by(EventRow.id))]
