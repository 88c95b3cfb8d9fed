"""What comes out of the door: one series with its facts and whatever must be said about it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from vfscreen.findings import SeriesFacts
from vfscreen.volume import Volume


@dataclass(frozen=True, slots=True)
class LoadedSeries:
    """One series, read.

    `warnings` travel to every finding; `others` describe the series of the same study that were not chosen;
    `files` are those that hold the voxels, in the order of the slices (one for NIfTI and the like).
    """

    volume: Volume
    facts: SeriesFacts
    warnings: tuple[str, ...]
    others: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def source(self) -> Path:
        """The file, or the deepest folder that holds all slices."""
        if len(self.files) == 1:
            return self.files[0]
        return Path(os.path.commonpath([file.parent for file in self.files]))


THICK_MM = 3.0
_ROUNDING_MM = 0.05


def thickness_warning(thickness_mm: float) -> tuple[str, ...]:
    """Says so where slices are too thick, along the spine, for heights to be trusted."""
    if thickness_mm <= THICK_MM + _ROUNDING_MM:
        return ()
    return (f"slices are {thickness_mm:.1f} mm thick: heights are not reliable",)
