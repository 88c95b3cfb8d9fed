"""One study a path: the door for `screen`, and for the files of a case that is known already."""

from __future__ import annotations

from pathlib import Path

from vfscreen.errors import UnreadableFile
from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.volume_file import kind_of, read_volume_file


def read_study(path: Path) -> LoadedSeries:
    """Reads the one study at `path`.

    Raises:
        RefusedInput: it cannot be screened.
    """
    if not path.exists():
        raise UnreadableFile("there is no such file or folder", str(path), "check the path")
    if kind_of(path) is not None:
        return read_volume_file(path)
    raise UnreadableFile("no CT that can be read", str(path), "give a NIfTI, NRRD or MetaImage file")
