"""TotalSegmentator's usual output: a folder with one file a structure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vfscreen.anatomy import Level
from vfscreen.errors import MaskMismatch
from vfscreen.intake.volume_file import kind_of
from vfscreen.masks.grid import onto_grid
from vfscreen.masks.label_file import read_label_file
from vfscreen.masks.names import level_named
from vfscreen.volume import Volume

_INNER = "segmentations"
"""The folder inside a case's folder, as TotalSegmentator's own data set has it."""


def structures_in(folder: Path) -> dict[Level, Path]:
    """Returns the file of each vertebra in a folder, by their names; other files are passed over.

    Raises:
        MaskMismatch: two files are of the same vertebra.
    """
    found: dict[Level, Path] = {}
    for path in sorted(folder.iterdir()):
        level = level_named(path.name.split(".")[0]) if kind_of(path) is not None else None
        if level is None or path.name.lower().startswith("vertebrae_s1"):
            continue  # the first sacral body is a part of the file `sacrum`
        if level in found:
            raise MaskMismatch(
                f"two files of {level}: {found[level].name} and {path.name}", str(folder), "keep one of them"
            )
        found[level] = path
    inner = folder / _INNER
    return structures_in(inner) if not found and inner.is_dir() else found


def read_structures(files: Mapping[Level, Path], ct: Volume) -> tuple[Volume, float, tuple[str, ...]]:
    """Reads the files as one mask of levels on the CT's grid; returns it, its voxels' largest side and what to say.

    A voxel of two structures belongs to the upper one.

    Raises:
        MaskMismatch: a file lies on another grid, or holds no labels. RefusedInput: one cannot be read.
    """
    labels = np.zeros(ct.shape, np.int16)
    said: list[str] = []
    coarsest_mm = 0.0
    for level in sorted(files, key=lambda one: one.rank):
        structure = read_label_file(files[level])
        coarsest_mm = max(coarsest_mm, float(structure.spacing_mm.max()))
        placed, warnings = onto_grid(structure, ct, str(files[level]))
        labels[(placed.voxels > 0) & (labels == 0)] = int(level)
        said += warnings
    return Volume(labels, ct.affine), coarsest_mm, tuple(dict.fromkeys(said))
