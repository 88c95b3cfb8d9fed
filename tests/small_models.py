"""A small grader on disk with weights drawn at random: real files for what only needs some grader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from models.grader.config import GraderConfig
from models.grader.net import GraderNet, NetConfig
from models.grader.stored import save_grader
from models.grader.trained import TrainedGrader
from vfscreen.model_files import ModelCard, ModelKind

SMALL = NetConfig(widths=(8, 8, 16, 16), feature=32)


def write_small_grader(folder: Path, model_id: str, seed: int = 0) -> Path:
    """Writes a grader of random weights that learns fast, with its card; returns where the weights are."""
    torch.manual_seed(seed)
    usual = GraderConfig(net=SMALL)
    config = replace(usual, training=replace(usual.training, per_grade=2, learning_rate=1e-2))
    weights = folder / f"{model_id}.safetensors"
    card = ModelCard(model_id, ModelKind.GRADER, "", "CC-BY-SA-4.0")
    save_grader(TrainedGrader(GraderNet(SMALL).state_dict(), config), weights, card)
    return weights
