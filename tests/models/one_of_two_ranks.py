"""One of two processes that train a linear network together; the first writes losses and gradients to a file.

It imports no MONAI, which would take most of the test's time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.published.config import TrainingConfig
from models.published.loss import Answers, joint_loss
from models.published.ranks import joined

ROWS, WIDTH = 16, 6


class Linear(nn.Module):
    """Stands where the published network stands: rows in, logits and embedding out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.project = nn.Linear(WIDTH, 8)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, rows: Tensor) -> Answers:
        return Answers(self.head(rows), normalize(self.project(rows), dim=1))


def batch() -> tuple[Tensor, Tensor]:
    """Returns the rows and grades of both ranks together."""
    return torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(3)), torch.arange(ROWS) % 4


def main(out: Path) -> None:
    """Takes one backward pass on this rank's half, with contrast over both ranks and over its own."""
    rows, grades = batch()
    with joined(use_gpu=False) as ranks:
        own = slice(ranks.rank * ROWS // 2, (ranks.rank + 1) * ROWS // 2)
        found: dict[str, Tensor] = {}
        for gather in (True, False):
            net = Linear()
            shared = nn.parallel.DistributedDataParallel(net)  # it averages for as long as it lives
            losses = joint_loss(shared(rows[own]), grades[own], TrainingConfig(gather=gather))
            torch.autograd.backward(losses.total)
            name = "gathered" if gather else "local"
            found[f"{name} contrast"] = losses.contrast.detach()
            found |= {f"{name} {key}": value.grad.clone() for key, value in net.named_parameters()}
        if ranks.leads:
            torch.save(found, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
