"""The grader as the rest of the program sees it: a volume and bodies in, suggestions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.grader.crop import cut_crop, neighbours_of
from models.grader.net import GraderNet
from models.grader.stored import read_grader
from models.grader.trained import TrainedGrader, loaded_net, say
from vfscreen.findings import Suggestion, Vertebra
from vfscreen.volume import Volume

BUNDLED = Path(__file__).parent.parent / "weights" / "grader.safetensors"


@dataclass(frozen=True, slots=True)
class CompactGrader:
    """The compact network with its decision, as a `vfscreen.ports.Grader`."""

    name: str
    trained: TrainedGrader
    net: GraderNet

    def grade(self, volume: Volume, vertebrae: Sequence[Vertebra]) -> list[Suggestion | None]:
        """Returns one suggestion a vertebra; None for those without points."""
        measured = [i for i, one in enumerate(vertebrae) if one.points is not None]
        crops = [cut_crop(volume, vertebrae[i], *neighbours_of(vertebrae[i], vertebrae)) for i in measured]
        said = say(self.net, crops)
        probabilities = self.trained.decision.probabilities(said.evidence)
        sets = self.trained.decision.sets(probabilities, said.evidence)
        suggestions: list[Suggestion | None] = [None] * len(vertebrae)
        for place, row, conformal_set, embedding in zip(
            measured, probabilities, sets, said.embedding, strict=True
        ):
            normal, mild, moderate, severe = (float(value) for value in row)
            suggestions[place] = Suggestion(
                self.name, (normal, mild, moderate, severe), conformal_set, np.ascontiguousarray(embedding)
            )
        return suggestions


def load_grader(weights: Path | None = None) -> CompactGrader:
    """Loads a grader; None is the bundled one.

    Raises:
        WeightsDamaged: the weights are not what their card says, or of another architecture.
    """
    trained, card = read_grader(weights or BUNDLED)
    return CompactGrader(card.id, trained, loaded_net(trained))
