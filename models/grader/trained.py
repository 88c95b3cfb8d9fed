"""A trained grader as a value: weights, settings and decision; and what it says of crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.grader.config import GraderConfig
from models.grader.crop import Crop
from models.grader.decision import PLAIN, Decision, Evidence
from models.grader.net import GraderNet, Heads
from models.grader.view import Views, plain_views

Float = NDArray[np.float64]
BATCH = 32


@dataclass(frozen=True, slots=True)
class TrainedGrader:
    """Weights by name, the settings they were trained with, and how their words are turned into probabilities."""

    weights: dict[str, Tensor]
    config: GraderConfig
    decision: Decision = PLAIN


@dataclass(frozen=True, slots=True)
class Said:
    """What a network says of n bodies, and what their points say.

    Shapes: evidence of n bodies; embedding (n, 128) float32, L2-normalised.
    """

    evidence: Evidence
    embedding: NDArray[np.float32]


def loaded_net(trained: TrainedGrader) -> GraderNet:
    """Builds the network with its weights, ready for inference."""
    net = GraderNet(trained.config.net)
    net.load_state_dict(trained.weights)
    return net.eval()


def say(net: GraderNet, crops: Sequence[Crop]) -> Said:
    """Runs the network on plain views and their mirror images, and measures the points."""
    logits, lost, embedding = [], [], []
    for start in range(0, len(crops), BATCH):
        heads = _heads(net, plain_views(crops[start : start + BATCH]).with_mirror())
        logits.append(_mean_of_both(heads.logits))
        lost.append(_mean_of_both(heads.loss_share))
        embedding.append(torch.nn.functional.normalize(_mean_of_both(heads.embedding), dim=1))
    if not crops:
        return Said(Evidence.none(), np.zeros((0, 128), np.float32))
    evidence = Evidence(
        torch.cat(logits).double().numpy(),
        100 * torch.cat(lost).double().numpy(),
        np.stack([crop.losses_percent() for crop in crops]),
        np.array([crop.thickness_mm for crop in crops]),
    )
    return Said(evidence, torch.cat(embedding).numpy())


def _mean_of_both(said: Tensor) -> Tensor:
    """Averages what was said of the views and of their mirror images. Shapes: (2 n, k) to (n, k)."""
    views, mirrored = said.chunk(2)
    return (views + mirrored) / 2


def _heads(net: GraderNet, views: Views) -> Heads:
    with torch.inference_mode():
        heads: Heads = net(views)
        return heads


def probabilities(trained: TrainedGrader, crops: Sequence[Crop]) -> Float:
    """Returns the probabilities of the four grades, (n, 4)."""
    return trained.decision.probabilities(say(loaded_net(trained), crops).evidence)
