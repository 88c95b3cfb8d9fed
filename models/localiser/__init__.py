"""Finds, measures and names the vertebral bodies of a CT."""

from __future__ import annotations

from pathlib import Path

from vfscreen.ports import Localiser

BUNDLED = Path(__file__).resolve().parent.parent / "weights" / "localiser.safetensors"


def load_localiser(weights: Path | None = None) -> Localiser:
    """Loads a localiser from its weights (the bundled ones by default), checked against their card.

    Raises:
        WeightsDamaged: the weights are not what the card beside them says.
    """
    # torch is heavy: whoever only asks where the weights lie does not load it
    from models.localiser.locate import SpineLocaliser
    from models.localiser.weights import nets_of, read_localiser

    content = read_localiser(BUNDLED if weights is None else weights)
    return SpineLocaliser(content.card.id, nets_of(content))
