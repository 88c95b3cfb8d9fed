"""Retraining as a use case: are there enough labels, what the trainer is told, and what becomes of its model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vfscreen.cases import ModelRow, TrainingRun
from vfscreen.gate import Decision, GateRule, check_held_out, judge, not_enough
from vfscreen.model_files import ModelFile, ModelKind, card_to_json, checked
from vfscreen.model_shelf import Shelf, activate, bundled_model, in_use, model_called
from vfscreen.ports import CaseStore
from vfscreen.snapshot import Snapshot, patients_by_grade, snapshot_of, write_snapshot
from vfscreen.training import Depth, Trained, TrainingOrder


@dataclass(frozen=True, slots=True)
class Needs:
    """How many graded patients a training takes: in all, and with at least one body of each grade 0-3."""

    patients: int = 10
    patients_a_grade: int = 10
    gate: GateRule = field(default_factory=GateRule)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training that may begin: what the trainer is told, the labels it gets, and the models concerned."""

    order: TrainingOrder
    snapshot: Snapshot
    champion: ModelFile
    started: datetime


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a training ended: the new model, what the gate said of it, which model is in use now."""

    challenger: ModelFile
    decision: Decision
    in_use: str
    run_id: int


def check_enough(snapshot: Snapshot, needs: Needs) -> None:
    """Makes sure that there is enough to train on and to compare with.

    Raises:
        NotEnoughLabels: what is missing, with the counts.
    """
    patients = len({label.pseudonym for label in snapshot.train})
    if patients < needs.patients:
        raise not_enough("patients for training are graded", patients, needs.patients)
    for grade, found in patients_by_grade(snapshot.train).items():
        if found < needs.patients_a_grade:
            raise not_enough(f"patients for training have grade {grade}", found, needs.patients_a_grade)
    truth = np.array([label.shares for label in snapshot.held_out], float).reshape(-1, 4)
    check_held_out([label.pseudonym for label in snapshot.held_out], truth, needs.gate)


def prepare(
    store: CaseStore,
    shelf: Shelf,
    folder: Path,
    needs: Needs,
    *,
    depth: Depth = Depth.RETRAIN,
    steps: int | None = None,
    threads: int = 1,
) -> Prepared:
    """Takes a snapshot of the labels to `folder` and writes the order for the trainer.

    Raises:
        NotEnoughLabels: too few labels; nothing was written.
        WeightsDamaged, NoSuchThing: there is no whole model to start from or to compare with.
    """
    snapshot = snapshot_of(store.labelled_bodies())
    check_enough(snapshot, needs)
    champion = in_use(shelf, ModelKind.GRADER).model
    path = write_snapshot(snapshot, folder)
    started = datetime.now(UTC)
    order = TrainingOrder(
        snapshot=path,
        start=bundled_model(shelf, ModelKind.GRADER).weights,
        champion=champion.weights,
        output=shelf.local,
        challenger=f"grader-{started:%Y%m%d-%H%M%S}-{snapshot.digest[:8]}",
        depth=depth,
        steps=steps,
        threads=threads,
    )
    return Prepared(order, snapshot, champion, started)


def conclude(
    store: CaseStore, shelf: Shelf, prepared: Prepared, trained: Trained, rule: GateRule, who: str
) -> Conclusion:
    """Lets the gate decide on a trained model, records the run, and puts the model to use only if the gate says so.

    Raises:
        NotEnoughLabels: too few held-out bodies could be read to compare on; the model in use stays.
        WeightsDamaged: the new model's file is not whole; the model in use stays.
    """
    challenger = model_called(shelf, prepared.order.challenger)
    checked(challenger.weights, ModelKind.GRADER)
    old, new = prepared.champion.card.id, challenger.card.id
    decision = judge(trained.champion, trained.challenger, rule)
    used = in_use(shelf, ModelKind.GRADER)
    present = used.model.card.id
    if used.warning:
        decision = replace(decision, reason=f"{decision.reason} {used.warning}")
    if decision.accepted and present != old:
        reason = f"It was compared with {old}, but {present} was put to use meanwhile. {decision.reason}"
        decision = replace(decision, accepted=False, reason=reason)
    store.add_model(model_row(challenger))
    run = TrainingRun(
        started=prepared.started,
        ended=datetime.now(UTC),
        champion=old,
        challenger=new,
        outcome="accepted" if decision.accepted else "refused",
        reason=decision.reason,
        figures=decision.to_json()
        | {"snapshot": prepared.snapshot.digest, "left_out": list(trained.left_out)},
    )
    run_id = store.record_training(run)
    details = {"run": run_id, "champion": old, "reason": decision.reason, "sha256": challenger.card.sha256}
    store.record_event(who, "model accepted" if decision.accepted else "model refused", new, details)
    if decision.accepted:  # last: a model in use without its run in the store could not be accounted for
        activate(shelf, new)
    return Conclusion(challenger, decision, new if decision.accepted else present, run_id)


def record_failure(store: CaseStore, prepared: Prepared, outcome: str, reason: str) -> int:
    """Records a training that was cancelled or failed; nothing else changed."""
    return store.record_training(
        TrainingRun(
            started=prepared.started,
            ended=datetime.now(UTC),
            champion=prepared.champion.card.id,
            challenger=prepared.order.challenger,
            outcome=outcome,
            reason=reason,
        )
    )


def override(store: CaseStore, shelf: Shelf, model_id: str, who: str, why: str) -> ModelFile:
    """Puts a model to use against the gate's word; the audit keeps who did it and why.

    Raises:
        NoSuchThing, WeightsDamaged: as `activate`.
    """
    before = in_use(shelf, ModelKind.GRADER).model.card.id
    model = activate(shelf, model_id).model
    store.add_model(model_row(model))
    store.record_event(
        who, "gate overridden", model_id, {"before": before, "why": why, "sha256": model.card.sha256}
    )
    return model


def model_row(model: ModelFile) -> ModelRow:
    """Describes a model file as the store mirrors it."""
    card = model.card
    return ModelRow(card.id, str(card.kind), card.sha256, card.parent, card_to_json(card))
