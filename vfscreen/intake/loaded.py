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

    `warnings` are told with every screening: what was chosen, what was left out, what is doubtful. `files` are those
    that hold the voxels, in the order of the slices (one for NIfTI and the like).
    """

    volume: Volume
    facts: SeriesFacts
    warnings: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def source(self) -> Path:
        """The file, or the deepest folder that holds all slices."""
        if len(self.files) == 1:
            return self.files[0]
        return Path(os.path.commonpath([file.parent for file in self.files]))
