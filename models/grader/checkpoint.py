"""Where an interrupted training goes on: weights, the optimiser's moments and the step, as safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_WEIGHT, _MOMENT, _STEP = "weight:", "moment:", "step"


def write_checkpoint(path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Writes a checkpoint beside the old one, then replaces it."""
    tensors = {_WEIGHT + name: value.contiguous() for name, value in net.state_dict().items()}
    for number, parameter in enumerate(net.parameters()):
        for name, value in optimiser.state[parameter].items():
            tensors[f"{_MOMENT}{number}:{name}"] = value.detach().clone()
    tensors[_STEP] = torch.tensor(step)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    save_file(tensors, unfinished)
    unfinished.replace(path)


def read_checkpoint(path: Path, net: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Puts a checkpoint's state into net and optimiser and returns its step; 0 if there is no checkpoint."""
    if not path.is_file():
        return 0
    tensors: dict[str, Tensor] = load_file(path)
    net.load_state_dict(
        {name.removeprefix(_WEIGHT): value for name, value in tensors.items() if name.startswith(_WEIGHT)}
    )
    for number, parameter in enumerate(net.parameters()):
        prefix = f"{_MOMENT}{number}:"
        optimiser.state[parameter] = {
            name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)
        }
    return int(tensors[_STEP])
