"""The training loop that all nets of the localiser share: deterministic by seed, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast a net is trained."""

    steps: int
    learning_rate: float
    weight_decay: float = 1e-4
    seed: int = 1


def in_bfloat16(net: nn.Module, x: Tensor) -> Tensor:
    """Runs a net in half the bits, which trains two to six times faster on CPUs that know bfloat16; returns float32."""
    if x.dim() == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16):
        out: Tensor = net(x)
    return out.float()


Draw = Callable[[np.random.Generator], Tensor]
"""Draws a batch with the generator, runs the net on it and returns the loss."""


def train(
    net: nn.Module,
    draw_loss: Draw,
    recipe: Recipe,
    checkpoint: Path,
    tell: Callable[[str], None],
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> list[float]:
    """Trains with AdamW, a short warm-up and a cosine; goes on from the checkpoint if there is one.

    Every step draws with its own generator (seed, step), so a resumed run sees what an unbroken one would.
    Returns: the mean loss of every hundred steps.
    """
    optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.08, cycle_momentum=False
    )
    first, history = _resume(checkpoint, net, optimiser, plan)
    began = saved = time.monotonic()
    recent: list[float] = []
    net.train()
    for step in range(first, recipe.steps):
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout too is drawn anew at every step
        loss = draw_loss(np.random.default_rng((recipe.seed, step)))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own stub has no types here
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        plan.step()
        recent.append(float(loss.detach()))
        if len(recent) == 100 or step == recipe.steps - 1:
            history.append(float(np.mean(recent)))
            recent = []
            pace = (time.monotonic() - began) / (step + 1 - first)
            tell(
                f"{checkpoint.stem}: step {step + 1}/{recipe.steps}, loss {history[-1]:.4f}, {pace:.2f} s a step"
            )
        if time.monotonic() - saved > checkpoint_seconds or step == recipe.steps - 1:
            _save(checkpoint, net, optimiser, plan, step + 1, history)
            saved = time.monotonic()
    net.eval()
    return history


def _save(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    plan: torch.optim.lr_scheduler.LRScheduler,
    step: int,
    history: list[float],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    torch.save(
        {
            "net": net.state_dict(),
            "optimiser": optimiser.state_dict(),
            "plan": plan.state_dict(),
            "step": step,
            "history": history,
        },
        half,
    )
    half.replace(path)


def _resume(
    path: Path,
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    plan: torch.optim.lr_scheduler.LRScheduler,
) -> tuple[int, list[float]]:
    if not path.is_file():
        return 0, []
    kept = torch.load(path, weights_only=True)
    net.load_state_dict(kept["net"])
    optimiser.load_state_dict(kept["optimiser"])
    plan.load_state_dict(kept["plan"])
    return int(kept["step"]), list(kept["history"])
