"""Graders on disk: what is read is what was written, and nothing else is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from models.grader.config import GraderConfig
from models.grader.decision import Decision
from models.grader.net import GraderNet, NetConfig
from models.grader.stored import read_grader, save_grader
from models.grader.suggest import load_grader
from models.grader.trained import TrainedGrader
from vfscreen.errors import WeightsDamaged
from vfscreen.model_files import ModelCard, ModelKind, card_path, read_card, write_card

CONFIG = GraderConfig(net=NetConfig((8, 16, 16, 24), 48))
CARD = ModelCard(id="grader-for-a-test", kind=ModelKind.GRADER, architecture="", licence="CC0")


def untrained() -> TrainedGrader:
    torch.manual_seed(0)
    return TrainedGrader(GraderNet(CONFIG.net).state_dict(), CONFIG, Decision(promise=0.9))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    weights = tmp_path / "grader.safetensors"
    save_grader(untrained(), weights, CARD)
    return weights


def test_a_grader_comes_back_as_it_went(stored: Path) -> None:
    trained, card = read_grader(stored)
    assert card.id == CARD.id
    assert trained.config == CONFIG
    assert trained.decision == Decision(promise=0.9)
    for name, value in untrained().weights.items():
        assert torch.equal(trained.weights[name], value)


def test_a_changed_byte_is_found(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(bytes(content))
    with pytest.raises(WeightsDamaged, match="not those of the card"):
        load_grader(stored)


def test_a_truncated_file_is_refused_even_if_its_card_was_renewed(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:-100])
    write_card(stored, read_card(stored))
    with pytest.raises(WeightsDamaged, match="do not fit"):
        load_grader(stored)


def test_weights_of_another_architecture_are_refused(stored: Path) -> None:
    content = json.loads(card_path(stored).read_text(encoding="utf-8"))
    content["architecture"] = "somebody/else/9"
    card_path(stored).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsDamaged, match="somebody/else/9"):
        load_grader(stored)


def test_weights_that_do_not_fit_their_settings_are_refused(stored: Path) -> None:
    content = json.loads(card_path(stored).read_text(encoding="utf-8"))
    content["config"]["grader"]["net"]["feature"] = 64
    card_path(stored).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsDamaged, match="do not fit"):
        load_grader(stored)


def test_a_card_without_settings_is_refused(stored: Path) -> None:
    content = json.loads(card_path(stored).read_text(encoding="utf-8"))
    del content["config"]["decision"]
    card_path(stored).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsDamaged, match="lacks its settings"):
        load_grader(stored)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_finite_numbers_are_refused_though_their_card_fits(
    tmp_path: Path, value: float
) -> None:
    trained = untrained()
    name = next(iter(trained.weights))
    trained.weights[name].view(-1)[0] = value
    weights = tmp_path / "grader.safetensors"
    save_grader(trained, weights, CARD)
    with pytest.raises(WeightsDamaged, match="no finite numbers") as told:
        load_grader(weights)
    assert name in told.value.what
