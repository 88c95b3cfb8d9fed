"""Training the published system: balanced two-view batches, contrast and cross-entropy, the best epoch by validation.

The released code chooses its epoch on the test list; here the test patients are looked at once, after the choice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from models.grader.checkpoint import read_checkpoint, write_checkpoint
from models.losses import has_collapsed
from models.published.augment import random_view
from models.published.bank import StoredPatch
from models.published.batches import balanced_epoch
from models.published.config import Augmentation, PublishedConfig, TrainingConfig
from models.published.evaluate import Figures, figures_of, probabilities
from models.published.loss import Answers, joint_loss
from models.published.net import PublishedNet
from models.published.ranks import Ranks
from vfscreen.durable import write_durably

Place = tuple[int, int]
"""A patch's place in the list, and the seed of its two views."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """How an epoch went: its mean losses, the alarm of collapsed embeddings, and the figures on validation."""

    epoch: int
    supcon: float
    cross_entropy: float
    collapsed: bool
    validation: Figures


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a training keeps what it needs to go on: the last state, the best weights, what each epoch gave."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """Weights and momentum after the last epoch."""
        return self.folder / "last.safetensors"

    @property
    def best(self) -> Path:
        """The weights of the epoch with the highest macro-F1 on validation."""
        return self.folder / "best.safetensors"

    @property
    def history(self) -> Path:
        """One JSON line an epoch."""
        return self.folder / "epochs.jsonl"


class TwoViews(Dataset[tuple[Tensor, int]]):
    """Patches as two random views each; asked for by place and seed, so that workers do not change what is drawn."""

    def __init__(self, patches: Sequence[StoredPatch], side: int, settings: Augmentation) -> None:
        self.patches = patches
        self.side = side
        self.settings = settings

    def __len__(self) -> int:
        return len(self.patches)

    def __getitem__(self, place: Place) -> tuple[Tensor, int]:
        """Returns views (2, 3, side, side, side) and the grade."""
        number, seed = place
        rng = np.random.default_rng((seed, number))
        patch = self.patches[number].read()
        views = [random_view(patch, self.side, rng, self.settings) for _ in range(2)]
        return torch.from_numpy(np.stack(views)), int(self.patches[number].grade)


def train(
    config: PublishedConfig,
    training: Sequence[StoredPatch],
    validation: Sequence[StoredPatch],
    place: Workplace,
    ranks: Ranks,
    seed: int,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> PublishedNet:
    """Trains to the last epoch, or goes on where it was stopped; returns the network of the best epoch by validation.

    Raises:
        NotEnoughLabels: a grade has no training example.
        FloatingPointError: the loss is no number any more.
    """
    torch.manual_seed(seed)
    net = PublishedNet(config.net, config.training.head).to(ranks.device)
    shared = _shared(net, ranks)
    optimiser = torch.optim.SGD(
        net.parameters(),
        config.training.learning_rate,
        momentum=config.training.momentum,
        weight_decay=config.training.weight_decay,
    )
    done = read_checkpoint(place.checkpoint, net, optimiser)
    best = _best_so_far(place)
    views = TwoViews(training, config.net.side, config.augmentation)
    grades = [int(patch.grade) for patch in training]
    for epoch in range(done, config.training.epochs):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(epoch, config.training)
        batches = _batches(views, grades, config.training, (seed, epoch, ranks.rank))
        losses = _one_epoch(shared, optimiser, batches, config.training, ranks)
        if ranks.leads:
            chances = probabilities(net, validation, config.net.side, ranks.device)
            figures = figures_of(np.array([int(one.grade) for one in validation]), chances)
            best = _keep(place, net, optimiser, Epoch(epoch + 1, *losses, figures), best)
            report(Epoch(epoch + 1, *losses, figures))
        ranks.wait()
    net.load_state_dict(load_file(place.best, device=str(ranks.device)))
    return net.eval()


def learning_rate(epoch: int, settings: TrainingConfig) -> float:
    """Returns the rate of an epoch (from 0): a tenth of the one before after every milestone."""
    passed = sum(epoch >= milestone for milestone in settings.milestones)
    return settings.learning_rate * settings.decay**passed


def _shared(net: PublishedNet, ranks: Ranks) -> nn.Module:
    """Wraps the network for several ranks; on GPUs they share the statistics of normalisation too."""
    if ranks.count == 1:
        return net
    if ranks.device.type == "cpu":
        return nn.parallel.DistributedDataParallel(net)
    nn.SyncBatchNorm.convert_sync_batchnorm(net)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return nn.parallel.DistributedDataParallel(net, device_ids=[ranks.device.index])


def _batches(
    views: TwoViews, grades: Sequence[int], settings: TrainingConfig, seeds: tuple[int, int, int]
) -> Iterator[tuple[Tensor, Tensor]]:
    rng = np.random.default_rng(seeds)
    drawn = [
        [(int(place), int(rng.integers(2**31))) for place in batch]
        for batch in balanced_epoch(grades, settings.per_grade, rng)
    ]
    loader: DataLoader[Any] = DataLoader(views, batch_sampler=drawn, num_workers=settings.workers)
    for pairs, labels in loader:  # (n, 2, 3, side, side, side), (n,)
        yield torch.cat([pairs[:, 0], pairs[:, 1]]), torch.cat([labels, labels])


def _one_epoch(
    shared: nn.Module,
    optimiser: torch.optim.SGD,
    batches: Iterator[tuple[Tensor, Tensor]],
    settings: TrainingConfig,
    ranks: Ranks,
) -> tuple[float, float, bool]:
    """Takes one epoch's steps; returns the mean losses, and whether the last batch had collapsed."""
    shared.train()
    contrasts, probes, collapsed = [], [], False
    for views, labels in batches:
        answers: Answers = shared(views.to(ranks.device, non_blocking=True))
        losses = joint_loss(answers, labels.to(ranks.device), settings)
        if not math.isfinite(float(losses.total.detach())):
            raise FloatingPointError("the loss is no number any more; nothing of this epoch was kept")
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        optimiser.step()
        contrasts.append(float(losses.contrast.detach()))
        probes.append(float(losses.cross_entropy.detach()))
        collapsed = has_collapsed(answers.embedding, contrasts[-1])
    return float(np.mean(contrasts)), float(np.mean(probes)), collapsed


def _best_so_far(place: Workplace) -> float:
    if not place.history.is_file():
        return -math.inf
    lines = place.history.read_text(encoding="utf-8").splitlines()
    return max((float(json.loads(line)["validation"]["macro_f1"]) for line in lines), default=-math.inf)


def _keep(
    place: Workplace, net: PublishedNet, optimiser: torch.optim.SGD, epoch: Epoch, best: float
) -> float:
    """Writes what the epoch gave, the best weights first, the checkpoint last; returns the best macro-F1 so far."""
    if epoch.validation.macro_f1 > best:
        best = epoch.validation.macro_f1
        write_durably(
            place.best, save({name: value.contiguous() for name, value in net.state_dict().items()})
        )
    said = place.history.read_text(encoding="utf-8") if place.history.is_file() else ""
    write_durably(place.history, (said + json.dumps(asdict(epoch)) + "\n").encode())
    write_checkpoint(place.checkpoint, net, optimiser, epoch.epoch)
    return best
