"""Which layout, if any, a folder has."""

from __future__ import annotations

from pathlib import Path

from vfscreen.layouts.labelled import LabelledSet
from vfscreen.layouts.published import is_published_layout, read_published_layout
from vfscreen.layouts.verse import is_verse_layout, read_verse_layout


def find_layout(folder: Path, grades: Path | None = None) -> LabelledSet | None:
    """Reads a folder as the data set that it is laid out as; None where it is laid out like none that is known.

    `grades` is VerSe's grade table where it does not lie in the folder.

    Raises:
        UnreadableFile: its grades cannot be read.
    """
    if not folder.is_dir():
        return None
    if is_published_layout(folder):
        return read_published_layout(folder)
    if is_verse_layout(folder):
        return read_verse_layout(folder, grades)
    return None
