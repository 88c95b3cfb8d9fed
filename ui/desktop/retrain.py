"""Retraining as the page shows it: where it stands, in words and figures. No Qt, no thread."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from ui import words
from vfscreen.gate import Compared
from vfscreen.retraining import Conclusion
from vfscreen.snapshot import Snapshot, patients_by_grade
from vfscreen.training import TrainingProgress


class Stage(Enum):
    """Where a retraining stands."""

    IDLE = auto()
    PREPARING = auto()
    TRAINING = auto()
    COMPARING = auto()
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of both models, as the table shows it."""

    words: str
    champion: str
    challenger: str
    difference: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Retraining:
    """Everything that the page shows of a retraining. `steps` and `losses` are the live curve, point by point."""

    stage: Stage = Stage.IDLE
    doing: str = ""
    share: float = 0.0
    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    champion: str = ""
    challenger: str = ""
    accepted: bool = False
    verdict: str = ""
    table: tuple[Row, ...] = field(default=())

    @property
    def running(self) -> bool:
        """Whether a retraining is under way."""
        return self.stage in (Stage.PREPARING, Stage.TRAINING, Stage.COMPARING)


def labels_in_words(snapshot: Snapshot) -> tuple[str, str]:
    """Says how much there is to train on, and how much is kept aside."""
    counts = patients_by_grade(snapshot.train)
    grades = "   ".join(f"grade {grade}: {counts[grade]}" for grade in counts)
    bodies = words.counted(len(snapshot.train), "graded vertebra", "graded vertebrae")
    patients = words.counted(len({label.pseudonym for label in snapshot.train}), "patient")
    aside = words.counted(len({label.pseudonym for label in snapshot.held_out}), "patient")
    return (
        f"To train on: {bodies} of {patients}.   Patients with {grades}.",
        f"Kept aside to compare on, never trained on: {aside}.",
    )


def progressed(state: Retraining, told: TrainingProgress) -> Retraining:
    """Takes in what the trainer says."""
    steps, losses = state.steps, state.losses
    if told.loss is not None and (not steps or told.step > steps[-1]):
        steps, losses = (*steps, told.step), (*losses, told.loss)
    doing = told.doing + (f" {told.step}/{told.steps}" if told.steps else "")
    return replace(
        state,
        stage=Stage.TRAINING,
        doing=doing[:1].upper() + doing[1:],
        share=told.share,
        steps=steps,
        losses=losses,
    )


def concluded(state: Retraining, conclusion: Conclusion) -> Retraining:
    """Takes in what the gate decided."""
    decision = conclusion.decision
    return replace(
        state,
        stage=Stage.DONE,
        doing="",
        share=1.0,
        challenger=conclusion.challenger.card.id,
        accepted=decision.accepted,
        verdict=f"{decision.reason}\n{conclusion.in_use} is in use.",
        table=tuple(_row(measure) for measure in decision.compared),
    )


def _row(measure: Compared) -> Row:
    if measure.champion is None or measure.challenger is None or measure.low is None or measure.high is None:
        return Row(measure.words, "–", "–", "cannot be compared", measure.passed)
    difference = measure.challenger - measure.champion
    return Row(
        measure.words,
        f"{measure.champion:.2f}",
        f"{measure.challenger:.2f}",
        f"{difference:+.2f}  ({measure.low:+.2f} to {measure.high:+.2f})",
        measure.passed,
    )
