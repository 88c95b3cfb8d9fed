"""Training the grader: grade-balanced batches of two views, contrastive, grade and loss heads together.

The same function makes the bundled weights, the folds of the benchmark and a department's own model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax, smooth_l1_loss

from models.grader.checkpoint import read_checkpoint, write_checkpoint
from models.grader.config import GraderConfig, TrainingConfig
from models.grader.examples import Example
from models.grader.net import GraderNet, Heads
from models.grader.trained import TrainedGrader
from models.grader.view import Views, training_views
from models.losses import has_collapsed, ordinal_supcon, supcon
from models.sampler import balanced_batches, two_views

WARM_UP = 0.05
GRACE = 0.25
"""A network that has learned nothing yet looks collapsed: the alarm is on after this share of the steps."""

REGRESSION_BETA = 0.02
"""Errors of a height loss under 2 percent count by their square, larger ones by their size."""

SLIP_BETA_MM = 0.3

MOST_REPEATS = 20
CHECKPOINT_EVERY = 100


class TrainingCancelled(Exception):
    """The training was stopped on request; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far the training is, and its losses: the weighted sum, and each alone; `collapsed` is the alarm."""

    step: int
    steps: int
    loss: float
    supcon: float
    cross_entropy: float
    regression: float
    slip: float
    collapsed: bool


def train(
    bank: Sequence[Example],
    config: GraderConfig,
    seed: int,
    report: Callable[[Step], None] = lambda step: None,
    cancelled: Callable[[], bool] = lambda: False,
    start: TrainedGrader | None = None,
    checkpoint: Path | None = None,
) -> TrainedGrader:
    """Trains a grader on a bank of examples, from new weights or from those of `start`.

    The same bank, settings and seed give the same weights on the same machine. The decision (calibration, cuts) is
    that of `start`, or the plain one; `models.grader.calibrate` fits it on patients that were not trained on.
    With a `checkpoint` file the training goes on where an interrupted one stopped.

    Raises:
        TrainingCancelled: `cancelled` said so between two steps.
        ValueError: the bank is empty.
    """
    settings = config.training
    torch.manual_seed(seed)
    net = GraderNet(config.net)
    if start is not None:
        net.load_state_dict(start.weights)
    net.train()
    optimiser = torch.optim.AdamW(
        net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    done = read_checkpoint(checkpoint, net, optimiser) if checkpoint is not None else 0

    places = with_real_share(bank, settings.real_share)
    grades = [int(bank[place].grade) for place in places]
    batches = balanced_batches(grades, settings.per_grade, np.random.default_rng(seed))
    for step in range(settings.steps):
        batch = two_views(places[next(batches)])
        if step < done:
            continue
        if cancelled():
            raise TrainingCancelled
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, settings)
        chosen = [bank[place] for place in batch]
        views = training_views(
            [one.crop for one in chosen], np.random.default_rng((seed, step)), config.points
        )
        losses = joint_loss(net(views), views, chosen, settings)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        report(losses.step(step + 1, settings.steps))
        if checkpoint is not None and (step + 1) % CHECKPOINT_EVERY == 0:
            write_checkpoint(checkpoint, net, optimiser, step + 1)
    weights = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
    if start is not None:
        return TrainedGrader(weights, config, start.decision)
    return TrainedGrader(weights, config)


@dataclass(frozen=True, slots=True)
class JointLoss:
    """The losses of one batch, each (); `features` (n, 128) are its embeddings."""

    total: Tensor
    supcon: Tensor
    cross_entropy: Tensor
    regression: Tensor
    slip: Tensor
    features: Tensor

    def step(self, step: int, steps: int) -> Step:
        """Says them as numbers."""
        contrast = float(self.supcon.detach())
        return Step(
            step,
            steps,
            float(self.total.detach()),
            contrast,
            float(self.cross_entropy.detach()),
            float(self.regression.detach()),
            float(self.slip.detach()),
            step > GRACE * steps and has_collapsed(self.features, contrast),
        )


def joint_loss(
    heads: Heads, views: Views, examples: Sequence[Example], settings: TrainingConfig
) -> JointLoss:
    """Adds up contrast, cross-entropy to soft grades, the error of known height losses, and that of the slips."""
    shares = torch.tensor([one.shares for one in examples], dtype=torch.float32)  # (n, 4)
    grades = torch.tensor([int(one.grade) for one in examples])  # (n,)
    wanted = torch.from_numpy(np.stack([one.losses_percent for one in examples]).astype(np.float32) / 100)
    known = torch.isfinite(wanted)  # (n, 3)
    if settings.reach_grades > 0:
        contrast = ordinal_supcon(heads.embedding, grades, settings.temperature, settings.reach_grades)
    else:
        contrast = supcon(heads.embedding, grades, settings.temperature)
    cross_entropy = -(shares * log_softmax(heads.logits, 1)).sum(1).mean()
    error = smooth_l1_loss(heads.loss_share, torch.nan_to_num(wanted), beta=REGRESSION_BETA, reduction="none")
    regression = (error * known).sum() / known.sum().clamp(min=1)
    slip = smooth_l1_loss(heads.slips_mm, views.slips_mm, beta=SLIP_BETA_MM)
    total = (
        settings.supcon_weight * contrast
        + settings.cross_entropy_weight * cross_entropy
        + settings.regression_weight * regression
        + settings.slip_weight * slip
    )
    return JointLoss(total, contrast, cross_entropy, regression, slip, heads.embedding)


def learning_rate(step: int, settings: TrainingConfig) -> float:
    """Rises over the first steps, then falls along a cosine."""
    warm = max(1, round(WARM_UP * settings.steps))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, settings.steps - warm)
    return settings.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def with_real_share(bank: Sequence[Example], real_share: float) -> NDArray[np.intp]:
    """Lists the places of a bank, those of readers' examples repeated until they make up their share of a grade.

    None is repeated more than `MOST_REPEATS` times, so that a single body cannot be learned by heart too soon.

    Raises:
        ValueError: the bank is empty.
    """
    if not bank:
        raise ValueError("there is nothing to train on")
    places: list[int] = []
    for grade in range(4):
        real = [i for i, one in enumerate(bank) if one.grade == grade and not one.simulated]
        simulated = [i for i, one in enumerate(bank) if one.grade == grade and one.simulated]
        wanted = real_share * len(simulated) / (1 - real_share)
        repeats = min(MOST_REPEATS, max(1, math.ceil(wanted / len(real)))) if real else 0
        places += simulated + real * repeats
    return np.array(places, np.intp)
