"""The localiser's four nets as one safetensors file of half floats with its card."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from models.localiser.level_net import LevelNet
from models.localiser.locate import Nets
from models.localiser.points_net import PointsNet
from models.localiser.stack_net import StackNet
from models.localiser.tube_net import TubeNet
from vfscreen.durable import write_durably
from vfscreen.errors import WeightsDamaged
from vfscreen.model_files import CheckedWeights, ModelCard, ModelKind, checked, write_card

ARCHITECTURE = "tube-stack-level-points/2"


def new_nets(seed: int) -> Nets:
    """Makes untrained nets."""
    torch.manual_seed(seed)
    return Nets(TubeNet(), StackNet(), LevelNet(), PointsNet())


def _parts(nets: Nets) -> dict[str, nn.Module]:
    return {"tube": nets.tube, "stack": nets.stack, "level": nets.level, "points": nets.points}


def write_localiser(path: Path, nets: Nets, card: ModelCard) -> ModelCard:
    """Writes weights (half floats) and card; returns the card with its sha256."""
    tensors: dict[str, Tensor] = {}
    for name, net in _parts(nets).items():
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                tensors[f"{name}.{key}"] = value.half().contiguous()
    write_durably(path, save(tensors))
    return write_card(path, card)


def read_localiser(path: Path) -> CheckedWeights:
    """Reads the file and checks it against its card.

    Raises:
        WeightsDamaged: sha256, kind or architecture are not what the card says.
    """
    content = checked(path, ModelKind.LOCALISER)
    if content.card.architecture != ARCHITECTURE:
        raise WeightsDamaged(
            f"this localiser is of architecture {content.card.architecture}", str(path), "choose another file"
        )
    return content


def nets_of(content: CheckedWeights) -> Nets:
    """Builds the nets, ready to use.

    Raises:
        WeightsDamaged: tensors are missing or of another shape.
    """
    tensors = load(content.content)
    nets = new_nets(0)
    try:
        for name, net in _parts(nets).items():
            own = {
                key.removeprefix(f"{name}."): value.float()
                for key, value in tensors.items()
                if key.startswith(f"{name}.")
            }
            counters = {
                key: value for key, value in net.state_dict().items() if not value.is_floating_point()
            }
            net.load_state_dict(own | counters)
            net.eval()
    except RuntimeError as error:
        raise WeightsDamaged(
            "the weights do not fit the architecture",
            content.card.id,
            "install vfscreen again, or choose another model",
        ) from error
    return nets
