"""One process or several: what torchrun says of them, and contrast over the views of all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

WAIT = timedelta(hours=12)
"""Ranks wait for each other while patches are cut, which takes hours for a whole data set."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those that train together, and the device it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Says whether this rank evaluates, writes and tells."""
        return self.rank == 0

    def wait(self) -> None:
        """Waits until all ranks have come here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined(use_gpu: bool) -> Iterator[Ranks]:
    """Joins the ranks that torchrun started, each with its own GPU where GPUs are used; else this process is alone."""
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if use_gpu else torch.device("cpu")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if use_gpu:
        torch.cuda.set_device(device)
    if count == 1:
        yield Ranks(0, 1, device)
        return
    dist.init_process_group("nccl" if use_gpu else "gloo", timeout=WAIT)
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def gathered(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns features and labels of all ranks, this rank's gradients intact; alone, what came in.

    Every rank computes the same loss from them, and backwards each receives the sum of all ranks' gradients of its own
    features; the mean over ranks that DistributedDataParallel takes then is the gradient of that one loss.

    Shapes: features (n, d), labels (n,), n alike on all ranks; returns (ranks * n, d) and (ranks * n,).
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return features, labels
    everyone = [torch.empty_like(labels) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, labels.contiguous())
    rows: Tensor = _Gather.apply(features)  # type: ignore[no-untyped-call]  # torch leaves `apply` untyped
    return rows, torch.cat(everyone)


class _Gather(torch.autograd.Function):
    """All ranks' rows one below the other; backwards, the sum of what all ranks say of this rank's rows."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        parts = [torch.empty_like(features) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, features.contiguous())
        ctx.rows = len(features)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].contiguous()
        dist.all_reduce(summed)
        first = dist.get_rank() * ctx.rows
        return summed[first : first + ctx.rows]
