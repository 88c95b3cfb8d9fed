"""Examples on disk, so that a bank is made once: one npz a case. They hold CT and are never given away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.grader.crop import Crop
from models.grader.examples import Example
from vfscreen.anatomy import Level

_NO_LEVEL = 0


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Writes examples; an interrupted write leaves no file of this name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        planes=np.stack([one.crop.planes for one in examples]),
        points_mm=np.stack([one.crop.points_mm for one in examples]),
        levels=np.array([[int(level or _NO_LEVEL) for level in one.crop.levels] for one in examples]),
        thickness_mm=np.array([one.crop.thickness_mm for one in examples]),
        shares=np.array([one.shares for one in examples]),
        losses_percent=np.stack([one.losses_percent for one in examples]),
        own_loss_percent=np.array([one.own_loss_percent for one in examples]),
        simulated=np.array([one.simulated for one in examples]),
        control=np.array([one.control for one in examples]),
        patients=np.array([one.patient for one in examples]),
        bodies=np.array([one.body for one in examples]),
    )
    unfinished.replace(path)


def read_examples(path: Path) -> list[Example]:
    """Reads what `write_examples` wrote."""
    with np.load(path, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files}
    examples = []
    for i in range(len(content["planes"])):
        own, above, below = (int(value) for value in content["levels"][i])
        first, second, third, fourth = (float(value) for value in content["shares"][i])
        examples.append(
            Example(
                Crop(
                    content["planes"][i],
                    content["points_mm"][i],
                    (Level(own), Level(above) if above else None, Level(below) if below else None),
                    float(content["thickness_mm"][i]),
                ),
                (first, second, third, fourth),
                content["losses_percent"][i],
                str(content["patients"][i]),
                str(content["bodies"][i]),
                bool(content["simulated"][i]),
                float(content["own_loss_percent"][i]),
                bool(content["control"][i]),
            )
        )
    return examples
