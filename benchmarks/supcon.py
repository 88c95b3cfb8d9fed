"""What the contrastive loss costs beside pytorch-metric-learning's: batch 4096 x 2 views x 128, forward and backward.

Time: both in turn in one process, one thread, medians. Memory: each alone in a process of its own, how far the peak of
its resident set rises above what it held before the first step (inputs included in what it held). About two minutes,
and 6 GB of memory for the other's masks.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor

from models.losses import ordinal_supcon, supcon

VIEWS, WIDTH, GRADES = 2 * 4096, 128, 4
TEMPERATURE = 0.07
REPEATS = 5
SEED = 0
AGREE = 1e-4

Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, Loss] = {
    "ours": lambda features, grades: supcon(features, grades, TEMPERATURE),
    "ordinal": lambda features, grades: ordinal_supcon(features, grades, TEMPERATURE),
    "pml": SupConLoss(TEMPERATURE),
}


def batch() -> tuple[Tensor, Tensor]:
    """Returns features (8192, 128) that want gradients, and balanced grades (8192,)."""
    features = torch.randn(VIEWS, WIDTH, generator=torch.Generator().manual_seed(SEED))
    return features.requires_grad_(), torch.arange(VIEWS) % GRADES


def step(loss: Loss, features: Tensor, grades: Tensor) -> tuple[float, Tensor]:
    """Runs forward and backward; returns the loss and the gradient."""
    value = loss(features, grades)
    (gradient,) = torch.autograd.grad(value, features)
    return float(value.detach()), gradient


def seconds_in_turn() -> dict[str, float]:
    """Returns the median seconds of a step of each loss.

    Raises:
        RuntimeError: the two plain losses do not agree, so that there is nothing to compare.
    """
    features, grades = batch()
    said = {name: step(loss, features, grades) for name, loss in LOSSES.items()}  # the first is not timed
    apart = float((said["ours"][1] - said["pml"][1]).abs().max() / said["pml"][1].abs().max())
    if abs(said["ours"][0] / said["pml"][0] - 1) > AGREE or apart > AGREE:
        raise RuntimeError(f"the losses differ: {said['ours'][0]} and {said['pml'][0]}, gradients by {apart}")
    taken: dict[str, list[float]] = {name: [] for name in LOSSES}
    for turn in range(REPEATS):
        for name, loss in LOSSES.items():
            started = time.perf_counter()
            step(loss, features, grades)
            taken[name].append(time.perf_counter() - started)
        print(
            f"turn {turn + 1}: {', '.join(f'{name} {t[-1]:.2f} s' for name, t in taken.items())}",
            file=sys.stderr,
        )
    return {name: median(values) for name, values in taken.items()}


def peak_rise_mb(name: str) -> float:
    """Returns by how many megabytes the peak resident set rises during two steps of a loss, in this process."""
    features, grades = batch()
    small = torch.randn(8, WIDTH).requires_grad_()
    step(LOSSES[name], small, torch.arange(8) % GRADES)  # libraries load what they load
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        step(LOSSES[name], features, grades)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024


def rise_in_a_process(name: str) -> float:
    """Measures the memory of a loss in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(f"{name}: {float(done.stdout):.0f} MB", file=sys.stderr)
    return float(done.stdout)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory-of", choices=LOSSES, help="measure one loss's memory here and print it")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.memory_of:
        print(peak_rise_mb(chosen.memory_of))
        return
    rise_mb = {
        name: rise_in_a_process(name) for name in LOSSES
    }  # first: a child's peak begins at its parent's
    seconds = seconds_in_turn()
    figures = {
        "time_ratio_to_pml": round(seconds["ours"] / seconds["pml"], 3),
        "memory_ratio_to_pml": round(rise_mb["ours"] / rise_mb["pml"], 3),
        "ordinal_time_ratio_to_pml": round(seconds["ordinal"] / seconds["pml"], 3),
        "ordinal_memory_ratio_to_pml": round(rise_mb["ordinal"] / rise_mb["pml"], 3),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_rise_mb": {name: round(value) for name, value in rise_mb.items()},
        "agree_within": AGREE,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
