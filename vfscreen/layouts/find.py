"""Which layout, if any, a folder has."""

from __future__ import annotations

from pathlib import Path

from vfscreen.intake.survey import why_missing
from vfscreen.layouts.labelled import LabelledSet
from vfscreen.layouts.published import is_published_layout, read_published_layout
from vfscreen.layouts.verse import is_verse_layout, read_verse_layout


def find_layout(folder: Path, grades: Path | None = None) -> LabelledSet | None:
    """Reads a folder as the data set that it is laid out as; None where it is laid out like none that is known.

    `grades` is VerSe's grade table where it does not lie in the folder.

    Raises:
        UnreadableFile: its grades cannot be read.
    """
    if why_missing(folder) or not folder.is_dir():
        return None
    if is_published_layout(folder):
        return read_published_layout(folder)
    if is_verse_layout(folder):
        return read_verse_layout(folder, grades)
    return None


_PAPERS = (".yaml", ".json", ".csv", ".txt", ".md", ".png", ".xlsx", ".pdf")
"""What comes with a data set and is no picture of its own."""


def files_beside(folder: Path, found: LabelledSet) -> list[Path]:
    """Lists the files in a data set's folder that are no part of it: other people's CT that lie there too."""
    used = {path for scan in found.scans for path in (scan.ct, scan.mask, scan.centroids)}
    named = {fault.where for fault in found.faults}
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in used and str(path) not in named and path.suffix not in _PAPERS
    ]
