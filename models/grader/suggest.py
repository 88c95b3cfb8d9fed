"""The grader as the rest of the program sees it: a volume and bodies in, suggestions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.grader.crop import VIEW_SHAPE, Crop, cut_crop, neighbours_of
from models.grader.net import GraderNet
from models.grader.stored import read_grader
from models.grader.trained import TrainedGrader, loaded_net, say
from vfscreen.findings import TOO_THICK, Suggestion, Vertebra
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
        crops = [
            cut_crop(volume, vertebrae[i], *neighbours_of(vertebrae[i], vertebrae), shape=VIEW_SHAPE)
            for i in measured
        ]
        # Slices that overlap are thicker than the volume's steps tell: who read the series flagged its bodies.
        flagged = np.array([TOO_THICK in vertebrae[i].flags for i in measured], bool)
        suggestions: list[Suggestion | None] = [None] * len(vertebrae)
        for place, suggestion in zip(measured, self.suggest(crops, flagged), strict=True):
            suggestions[place] = suggestion
        return suggestions

    def suggest(self, crops: Sequence[Crop], thick: NDArray[np.bool_]) -> list[Suggestion]:
        """Returns one suggestion a crop; `thick` (n,) says which are from slices known to be too thick for heights."""
        said = say(self.net, crops)
        probabilities = self.trained.decision.probabilities(said.evidence)
        sets = self.trained.decision.sets(probabilities, thick | said.evidence.too_thick())
        suggestions = []
        for row, conformal_set, embedding in zip(probabilities, sets, said.embedding, strict=True):
            normal, mild, moderate, severe = (float(value) for value in row)
            suggestions.append(
                Suggestion(
                    self.name,
                    (normal, mild, moderate, severe),
                    conformal_set,
                    np.ascontiguousarray(embedding),
                )
            )
        return suggestions


def load_grader(weights: Path | None = None) -> CompactGrader:
    """Loads a grader; None is the bundled one.

    Raises:
        WeightsDamaged: the weights are not what their card says, or of another architecture.
    """
    trained, card = read_grader(weights or BUNDLED)
    return CompactGrader(card.id, trained, loaded_net(trained))
