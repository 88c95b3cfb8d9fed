"""Leaving patients out: which go together, and the networks that have not seen them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file, save_file

from models.grader.calibrate import decision_from
from models.grader.config import GraderConfig
from models.grader.decision import Decision
from models.grader.examples import Example
from models.grader.readers import GradedLoss, reader_scale
from models.grader.trained import TrainedGrader
from models.grader.training import Step, train

FOLDS: dict[str, tuple[str, ...]] = {
    "A": ("verse005", "verse006", "verse014", "qin0009", "hcc002", "lidc0005", "verse010"),
    "B": ("verse007", "lidc0001", "lidc0314", "hcc006", "hcc007", "qin0014"),
    "C": ("verse008", "cmbcrc01068", "acrin001", "hcc011", "qin0028", "qin0055", "verse004"),
}
"""Patients that are left out together; every patient of the bank is in one fold, none in two. Of the last ones of A and
C there are only masks."""

Bank = Mapping[str, Sequence[Example]]


def patients_of(left_out: str) -> tuple[str, ...]:
    """Returns the patients that a fold leaves out, or the one of this name; none for an empty name."""
    return FOLDS.get(left_out, (left_out,) if left_out else ())


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all trainings of one recipe share: bank (by patient), settings, seed, folder of finished networks.

    `asked` are other simulated bodies of the same patients: what the networks that left a patient out are asked.
    """

    bank: Bank
    asked: Bank
    config: GraderConfig
    seed: int
    folder: Path
    report: Callable[[str, Step], None] = lambda name, step: None

    def without(self, left_out: str = "") -> TrainedGrader:
        """Trains on all patients but those of a fold, or but one patient, or reads the network if it is there."""
        hidden = patients_of(left_out)
        name = f"without-{left_out}" if left_out else "on-all"
        finished = self.folder / f"{name}-{self.recipe()}.safetensors"
        if finished.is_file():
            return TrainedGrader(load_file(finished), self.config)
        seen = [one for patient, part in self.bank.items() if patient not in hidden for one in part]
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = finished.with_suffix(".checkpoint")
        trained = train(
            seen,
            self.config,
            self.seed,
            report=lambda step: self.report(name, step),
            checkpoint=checkpoint,
        )
        save_file(trained.weights, finished)
        checkpoint.unlink(missing_ok=True)
        return trained

    def recipe(self) -> str:
        """Returns a short digest of all that makes a network: settings, seed, and every label of the bank."""
        labels = {
            patient: [(one.body, one.shares, one.losses_percent.tolist()) for one in part]
            for patient, part in sorted(self.bank.items())
        }
        words = json.dumps([self.config.to_mapping(), self.seed, labels], sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()[:12]

    def questions(self, left_out: str) -> list[Example]:
        """Lists what is asked of a fold's patients, or of one: their simulated bodies, then their real ones."""
        patients = patients_of(left_out)
        simulated = [one for patient in patients for one in self.asked.get(patient, ())]
        real = [one for patient in patients for one in self.bank.get(patient, ()) if not one.simulated]
        return [*simulated, *real]

    def decision(self, hidden: str = "") -> Decision:
        """Fits the decision on each fold's patients by the network that left them out, without the hidden ones."""
        out = patients_of(hidden)
        asked = {fold: [one for one in self.questions(fold) if one.patient not in out] for fold in FOLDS}
        parts = [(self.without(fold), part) for fold, part in asked.items() if part]
        read = [
            GradedLoss(one.patient, one.grade, float(one.losses_percent.max()))
            for patient, part in self.bank.items()
            if patient not in out
            for one in part
            if not one.simulated
        ]
        return decision_from(parts, self.seed, reader_scale(read))

    def scored(self, left_out: str) -> TrainedGrader:
        """Returns a grader that can be scored on a fold or a patient: nothing of it was fitted to answers on those.

        The decision's seven numbers come from the folds' networks on the other patients; some of those networks had the
        scored patients among their training patients, their answers on them are not used.
        """
        return replace(self.without(left_out), decision=self.decision(left_out))

    def shipped(self) -> TrainedGrader:
        """Returns the grader trained on all patients, its decision fitted on left-out ones."""
        return replace(self.without(), decision=self.decision())
