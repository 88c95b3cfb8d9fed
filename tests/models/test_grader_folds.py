"""Left-out patients stay left out, and what was trained once is not trained again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.grader.config import GraderConfig, TrainingConfig
from models.grader.decision import PLAIN
from models.grader.examples import Example
from models.grader.folds import FOLDS, Workshop
from models.grader.net import NetConfig
from models.grader.training import Step
from models.localiser.truth import CASES

SMALL = GraderConfig(net=NetConfig((8, 8, 8, 8), 16), training=TrainingConfig(steps=2, per_grade=2))


@pytest.fixture
def workshop(demo_examples: list[Example], tmp_path: Path) -> Workshop:
    bank = {
        "verse005": [replace(one, patient="verse005") for one in demo_examples[:12]],
        "lidc0001": [replace(one, patient="lidc0001") for one in demo_examples[12:]],
    }
    return Workshop(bank, bank, SMALL, 0, tmp_path)


def test_every_patient_is_in_one_fold_and_test_only_ones_in_none() -> None:
    counts = Counter(patient for patients in FOLDS.values() for patient in patients)
    assert set(counts.values()) == {1}
    known = {entry.patient: entry.trained for entry in CASES} | {"verse004": True, "verse010": True}
    assert all(known[patient] for patient in counts)


def test_a_network_is_trained_without_its_fold_and_then_kept(workshop: Workshop) -> None:
    seen: list[tuple[str, Step]] = []
    watched = replace(workshop, report=lambda name, step: seen.append((name, step)))
    first = watched.without("A")
    assert {name for name, _ in seen} == {"without-A"}
    again = watched.without("A")
    assert len(seen) == SMALL.training.steps
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    other = {"lidc0001": workshop.bank["lidc0001"]}
    alone = replace(workshop, bank=other, asked=other, folder=workshop.folder / "alone")
    same = alone.without("A")
    assert all(torch.equal(first.weights[name], same.weights[name]) for name in first.weights)


def test_another_recipe_is_another_network(workshop: Workshop) -> None:
    other = replace(workshop, seed=1)
    assert other.recipe() != workshop.recipe()
    fewer = replace(workshop, bank={"lidc0001": workshop.bank["lidc0001"]})
    assert fewer.recipe() != workshop.recipe()


def test_the_decision_that_scores_a_fold_does_not_know_its_labels(workshop: Workshop) -> None:
    turned = [replace(one, shares=(0.0, 0.0, 0.0, 1.0)) for one in workshop.bank["verse005"]]
    decision = workshop.decision(hidden="A")
    parts = {**workshop.bank, "verse005": turned}
    for network in workshop.folder.glob("*.safetensors"):
        renamed = network.name.replace(workshop.recipe(), replace(workshop, bank=parts).recipe())
        (workshop.folder / renamed).write_bytes(network.read_bytes())
    assert replace(workshop, bank=parts, asked=parts).decision(hidden="A") == decision


def test_one_patient_is_left_out_alone(workshop: Workshop) -> None:
    grader = workshop.scored("verse005")
    bank = {"lidc0001": workshop.bank["lidc0001"]}
    alone = replace(workshop, bank=bank, asked=bank, folder=workshop.folder / "alone")
    same = alone.without()
    assert all(torch.equal(grader.weights[name], same.weights[name]) for name in same.weights)
    assert grader.decision == workshop.decision("verse005")


def test_what_is_shipped_was_decided_on_left_out_patients(workshop: Workshop) -> None:
    shipped = workshop.shipped()
    assert shipped.decision != PLAIN
    assert shipped.decision == workshop.decision()
    kept = {path.name.rsplit("-", 1)[0] for path in workshop.folder.glob("*.safetensors")}
    assert kept == {"on-all", "without-A", "without-B"}  # no patient of fold C is there
