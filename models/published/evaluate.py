"""What a network says of patches it is not trained on, and the figures that the paper gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.published.bank import StoredPatch
from models.published.channels import plain_view
from models.published.net import PublishedNet
from models.scores import auroc, macro_f1

Float = NDArray[np.float64]
BATCH = 8
BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """The paper's figures: macro-F1 over four grades; of any fracture specificity, sensitivity (P(0) < 0.5), AUROC."""

    macro_f1: float
    specificity: float
    sensitivity: float
    auroc: float


def probabilities(
    net: PublishedNet, patches: Sequence[StoredPatch], side: int, device: torch.device
) -> Float:
    """Returns the probabilities of the four grades, (n, 4); the network is left in evaluation."""
    net.eval()
    said = []
    with torch.inference_mode():
        for start in range(0, len(patches), BATCH):
            views = np.stack([plain_view(one.read(), side) for one in patches[start : start + BATCH]])
            logits = net(torch.from_numpy(views).to(device)).logits
            said.append(logits.double().softmax(1).cpu().numpy())
    return np.concatenate(said)


def figures_of(grades: NDArray[np.int_], chances: Float) -> Figures:
    """Scores probabilities (n, 4) against grades (n,); NaN where one of both sides is not there."""
    fractured, called = grades > 0, chances.argmax(1) > 0
    return Figures(
        macro_f1=macro_f1(grades, chances.argmax(1)),
        specificity=_share(~called[~fractured]),
        sensitivity=_share(called[fractured]),
        auroc=auroc(fractured, 1 - chances[:, 0]),
    )


def with_intervals(
    patients: Sequence[str], grades: NDArray[np.int_], chances: Float, seed: int
) -> dict[str, dict[str, float]]:
    """Returns each figure as value, low and high: 95 % intervals over bootstrapped patients."""
    rng = np.random.default_rng(seed)
    who = np.array(patients)
    places = [np.flatnonzero(who == patient) for patient in np.unique(who)]
    drawn = []
    for _ in range(BOOTSTRAPS):
        chosen = np.concatenate([places[one] for one in rng.integers(len(places), size=len(places))])
        drawn.append(asdict(figures_of(grades[chosen], chances[chosen])))
    found = {}
    for name, value in asdict(figures_of(grades, chances)).items():
        spread = np.array([one[name] for one in drawn])
        known = spread[np.isfinite(spread)]
        low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
        found[name] = {"value": value, "low": float(low), "high": float(high)}
    return found


def _share(said: NDArray[np.bool_]) -> float:
    return float(said.mean()) if len(said) else float("nan")
