"""What each part of the grader brings: its rows, trained at a fixed budget, and what they say of left-out patients.

A row is the shipped recipe with parts taken out. What a network of a row, fold and seed says is kept in a folder, so
that a run goes on where the last one stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from grader_figures import Float

from models.grader.config import GraderConfig
from models.grader.decision import Evidence
from models.grader.examples import Example
from models.grader.folds import FOLDS
from models.grader.trained import Said, loaded_net, say
from models.grader.training import Step, train
from models.grader.view import misplaced

STEPS, PER_GRADE = 200, 4
"""The budget of every network of a row: a quarter of the shipped one's."""

LABELLED = 400
"""How many labelled bodies of the training patients are there to be neighbours."""

NEAREST = 15
VOTE_TEMPERATURE = 0.1

ALONE = {"sees_losses": False, "ordered": False}
CE_ALONE = {"supcon_weight": 0.0, "reach_grades": 0.0, "regression_weight": 0.0, "slip_weight": 0.0}
JOINT = {**CE_ALONE, "supcon_weight": 1.0}


@dataclass(frozen=True, slots=True)
class Part:
    """A row: changes to the shipped settings, and which evidence its decision hears beside the network's grades.

    `trained_as` names the row whose networks it shares, if it needs none of its own.
    """

    name: str
    net: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    trained_as: str | None = None
    hears_network_losses: bool = False
    hears_points: bool = False
    asks_neighbours: bool = False


PARTS = (
    Part("outline alone, cross-entropy", {**ALONE, "sees_ct": False}, CE_ALONE),
    Part("CT alone, cross-entropy", {**ALONE, "sees_outlines": False}, CE_ALONE),
    Part("CT and outline, cross-entropy", ALONE, CE_ALONE),
    Part("CT and outline, SupCon and a probe", {**ALONE, "probe": True}, JOINT),
    Part("the same, at a third of the rate", {**ALONE, "probe": True}, {**JOINT, "learning_rate": 3e-4}),
    Part("CT and outline, SupCon and cross-entropy", ALONE, JOINT),
    Part("+ ordinal", {"sees_losses": False}, {**JOINT, "reach_grades": 0.5}),
    Part("+ heights and slips", {"sees_losses": False}, {"supcon_weight": 1.0}, hears_network_losses=True),
    Part("+ neighbours", trained_as="+ heights and slips", hears_network_losses=True, asks_neighbours=True),
    Part("+ morphometry (as shipped)", hears_network_losses=True, hears_points=True),
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a row's network says of the bodies it is asked, in their order; `votes` (n, 4) are its neighbours'."""

    evidence: Evidence
    votes: Float
    collapsed: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """Where the rows' answers are kept, and what they are made from: bank and questions by patient."""

    bank: Mapping[str, Sequence[Example]]
    asked: Mapping[str, Sequence[Example]]
    config: GraderConfig
    folder: Path

    def settings_of(self, part: Part) -> GraderConfig:
        """The shipped settings, changed as the row asks, at the proof's budget."""
        budget = {"steps": STEPS, "per_grade": PER_GRADE}
        return replace(
            self.config,
            net=replace(self.config.net, **part.net),
            training=replace(self.config.training, **{**part.training, **budget}),
        )

    def questions(self, fold: str) -> list[Example]:
        """The bodies that a fold's networks are asked: simulated ones, then real ones with CT."""
        simulated = [one for patient in FOLDS[fold] for one in self.asked.get(patient, ())]
        real = [one for patient in FOLDS[fold] for one in self.bank.get(patient, ()) if not one.simulated]
        return [*simulated, *(one for one in real if not one.crop.blank)]

    def path(self, part: Part, fold: str, seed: int) -> Path:
        """Where the answers lie: named after all that makes them."""
        labels = [(one.body, one.losses_percent.round(3).tolist()) for one in self.questions(fold)]
        words = json.dumps([self.settings_of(part).to_mapping(), LABELLED, NEAREST, labels], sort_keys=True)
        name = part.trained_as or part.name
        slug = "-".join("".join(c if c.isalnum() else " " for c in name).split())
        return self.folder / f"{slug}-{fold}-{seed}-{hashlib.sha256(words.encode()).hexdigest()[:10]}.npz"

    def answers(self, part: Part, fold: str, seed: int) -> Answers:
        """Reads a row's answers for a fold and seed, training its network if there are none."""
        if part.trained_as is not None:
            shared = next(one for one in PARTS if one.name == part.trained_as)
            return self.answers(shared, fold, seed)
        path = self.path(part, fold, seed)
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part.npz")
            np.savez(unfinished, **self._asked(part, fold, seed))
            unfinished.replace(path)
        with np.load(path) as file:
            evidence = Evidence(file["logits"], file["regressed"], file["measured"], file["thickness"])
            return Answers(evidence, file["votes"], bool(file["collapsed"]))

    def done(self, part: Part, fold: str, seed: int) -> bool:
        """Says whether the answers are there."""
        return part.trained_as is not None or self.path(part, fold, seed).is_file()

    def _asked(self, part: Part, fold: str, seed: int) -> dict[str, Any]:
        left_out = set(FOLDS[fold])
        seen = [one for who, some in self.bank.items() if who not in left_out for one in some]
        alarms: list[bool] = []

        def listen(step: Step) -> None:
            alarms.append(step.collapsed)

        settings = self.settings_of(part)
        net = loaded_net(train(seen, settings, seed, listen))
        rng = np.random.default_rng(len(left_out))
        crops = misplaced([one.crop for one in self.questions(fold)], rng, settings.points)
        said = say(net, crops)
        simulated = [one for one in seen if one.simulated]
        chosen = np.random.default_rng(seed).choice(len(simulated), min(LABELLED, len(simulated)), False)
        labelled = [simulated[place] for place in chosen]
        known = say(net, misplaced([one.crop for one in labelled], rng, settings.points))
        return {
            "logits": said.evidence.logits,
            "regressed": said.evidence.regressed_percent,
            "measured": said.evidence.measured_percent,
            "thickness": said.evidence.thickness_mm,
            "votes": votes_of(said, known, np.array([one.shares for one in labelled])),
            "collapsed": alarms[-1],
        }


def votes_of(said: Said, known: Said, shares: Float) -> Float:
    """The grades of each body's nearest labelled ones, (n, 4), those that are more alike counting for more."""
    alike = said.embedding.astype(float) @ known.embedding.astype(float).T
    nearest = np.argsort(-alike, axis=1)[:, :NEAREST]
    weights = np.exp((np.take_along_axis(alike, nearest, 1) - 1) / VOTE_TEMPERATURE)
    votes: Float = (weights[..., None] * shares[nearest]).sum(1) / weights.sum(1)[:, None]
    return votes


def heard(part: Part, answers: Answers) -> Evidence:
    """The evidence that a row's decision hears; what it does not hear is the same for all bodies."""
    evidence = answers.evidence
    logits = evidence.logits
    if part.asks_neighbours:
        exact = np.exp(logits - logits.max(1, keepdims=True))
        logits = np.log(np.maximum((exact / exact.sum(1, keepdims=True) + answers.votes) / 2, 1e-6))
    nothing = np.zeros_like(evidence.measured_percent)
    return Evidence(
        logits,
        evidence.regressed_percent if part.hears_network_losses else nothing,
        evidence.measured_percent if part.hears_points else nothing,
        evidence.thickness_mm,
    )
