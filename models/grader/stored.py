"""Graders on disk: safetensors with the model card that says what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from models.grader.config import GraderConfig
from models.grader.decision import Decision
from models.grader.net import GraderNet
from models.grader.trained import TrainedGrader
from vfscreen.durable import write_durably
from vfscreen.errors import WeightsDamaged
from vfscreen.model_files import ModelCard, ModelKind, card_path, checked, write_card

ARCHITECTURE = "vfscreen/compact-grader/2"
"""Views, network and decision of this program; another number means that old weights cannot be read."""


def save_grader(trained: TrainedGrader, weights: Path, card: ModelCard) -> ModelCard:
    """Writes weights and card; settings, decision, architecture and sha256 are filled in. Returns the card."""
    write_durably(weights, save({name: value.contiguous() for name, value in trained.weights.items()}))
    settings = {"grader": trained.config.to_mapping(), "decision": trained.decision.to_mapping()}
    return write_card(
        weights, replace(card, kind=ModelKind.GRADER, architecture=ARCHITECTURE, config=settings)
    )


def read_grader(weights: Path) -> tuple[TrainedGrader, ModelCard]:
    """Reads a grader whose bytes are those of its card.

    Raises:
        WeightsDamaged: they are not, or they belong to another architecture.
    """
    found = checked(weights, ModelKind.GRADER)
    card = found.card
    if card.architecture != ARCHITECTURE:
        raise WeightsDamaged(
            f"this grader is built as {card.architecture}, not as {ARCHITECTURE}",
            str(weights),
            "choose a model made with this version",
        )
    try:
        config = GraderConfig.from_mapping(card.config["grader"])
        decision = Decision.from_mapping(card.config["decision"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsDamaged(
            f"a grader's card lacks its settings ({error})", str(card_path(weights)), "choose another file"
        ) from error
    try:
        tensors = load(found.content)
        GraderNet(config.net).load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsDamaged(
            "the weights do not fit the network of their card", str(weights), "choose another file"
        ) from error
    wrong = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if wrong:
        raise WeightsDamaged(
            f"weights of this grader are no finite numbers ({wrong[0]})", str(weights), "choose another file"
        )
    return TrainedGrader(tensors, config, decision), card
