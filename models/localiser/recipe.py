"""The recipe of the bundled weights: how long each net is trained, and what the card says of the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from models.localiser.locate import Nets
from models.localiser.material import Material, Tell, draws_of
from models.localiser.sources import CaseSource
from models.localiser.training import Recipe, train
from models.localiser.truth import CaseEntry
from models.localiser.weights import ARCHITECTURE, new_nets
from vfscreen.errors import NotEnoughLabels
from vfscreen.model_files import ModelCard, ModelKind, TrainingData, sha256_of

CPU = torch.device("cpu")
NAME = "localiser-7"
"""The id of what this recipe makes of the development data; a changed recipe gets a new one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each net is trained; the stack net first on plain views, then on hard ones."""

    tube: Recipe
    stack: Recipe
    hard: Recipe
    level: Recipe
    points: Recipe


def plan_of(seed: int, share: float = 1.0) -> Plan:
    """The recipe of the bundled weights; `share` shortens it."""
    return Plan(
        Recipe(round(2200 * share), 2e-3, 1e-4, seed),
        Recipe(round(2400 * share), 3e-3, 1e-4, seed),
        Recipe(round(1000 * share), 1.5e-3, 1e-4, seed + 1),
        Recipe(round(2000 * share), 2e-3, 1e-3, seed),
        Recipe(round(2800 * share), 3e-3, 1e-3, seed),
    )


def train_nets(
    material: list[Material], plan: Plan, work: Path, tell: Tell, device: torch.device = CPU
) -> Nets:
    """Trains (or goes on training) the four nets, one after the other; returns them on the CPU.

    Raises:
        NotEnoughLabels: no body has six points.
    """
    if not any(case.bodies for case in material):
        raise NotEnoughLabels(
            "no body of these cases has six points",
            f"{len(material)} cases",
            "add cases with marks, or with masks of two or more neighbouring vertebrae",
        )
    nets = new_nets(plan.tube.seed)
    draws = draws_of(material, nets, device)
    train(nets.tube.to(device), draws.tube, plan.tube, work / "tube.pt", tell)
    train(nets.stack.to(device), draws.stack, plan.stack, work / "stack.pt", tell)
    train(nets.stack, draws.hard, plan.hard, work / "hard.pt", tell)
    train(nets.level.to(device), draws.level, plan.level, work / "level.pt", tell)
    train(nets.points.to(device), draws.points, plan.points, work / "points.pt", tell)
    for net in (nets.tube, nets.stack, nets.level, nets.points):
        net.to(CPU)
    return nets


def card_of(name: str, sources: list[CaseSource], plan: Plan) -> ModelCard:
    """Describes the weights: architecture, data and licences, recipe, what is known to fail."""
    entries = [source.entry for source in sources]
    licences = {entry.licence for entry in entries}
    return ModelCard(
        id=name,
        kind=ModelKind.LOCALISER,
        architecture=ARCHITECTURE,
        licence="CC BY-SA 4.0"
        if any("SA" in licence for licence in licences)
        else " and ".join(sorted(licences)),
        config={
            "recipe": "python -m models.train_localiser CASES",
            "seed": plan.tube.seed,
            "steps": {
                "tube": plan.tube.steps,
                "stack": plan.stack.steps,
                "hard": plan.hard.steps,
                "level": plan.level.steps,
                "points": plan.points.steps,
            },
        },
        data=tuple(TrainingData(entry.name, entry.licence, 1, _note(entry)) for entry in entries),
        training_patients=tuple(sorted({entry.patient for entry in entries})),
        training_files=tuple(sorted(sha256_of(source.ct) for source in sources)),
        notes=NOTES if name == NAME else "Research use only. Not for diagnostic use.",
    )


NOTES = (
    "The demo case (LIDC-IDRI-0001) is among the training cases and counts in no evaluation of these weights. Known "
    "to fail: in short or narrow views names are often uncertain; a missing T12 is named in six of ten made spines; "
    "of neighbours that are broken together one may be taken for part of a disc. Figures of patients left out: "
    "docs/localiser.md. Research use only. Not for diagnostic use."
)


def _note(entry: CaseEntry) -> str:
    names = "" if entry.levels_known else "; level names in doubt, not used for names"
    truths = {
        "marks": "six points by eye",
        "own marks": "points by eye, this project",
        "mask": "vertebra mask",
    }
    return truths[entry.truth] + names
