"""VerSe's two layouts: by subject (rawdata, derivatives), and that of the MICCAI challenges (all files together).

Source: anjany/verse, README, and the wikis of the OSF projects nqjyw (2019) and t98fz (2020).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vfscreen.findings import Refusal
from vfscreen.layouts.labelled import LabelledScan, LabelledSet, read_grades
from vfscreen.layouts.verse_grades import GradeTable, find_grade_table, read_grade_table

READER = "VerSe (Löffler et al. 2020)"
_SUBJECT = r"(?P<subject>(?:verse|gl)\d+)"
_SERIES = re.compile(
    rf"(?:sub-)?{_SUBJECT}(?:_(?:split-)?(?P<series>(?:verse|gl)\d+))?(?P<rest>[_.].*)", re.IGNORECASE
)
_PARTS = ("training", "validation", "test")


class _Kind(Enum):
    """What a file of VerSe is, by the end of its name; the first that fits is it."""

    CENTROIDS = "ctd.json"
    MASK_BY_SUBJECT = "_msk.nii.gz"
    MASK_OF_CHALLENGE = "_seg.nii.gz"
    CT = ".nii.gz"


@dataclass(frozen=True, slots=True)
class _File:
    """One file: `series` names the scan (the subject itself where it has but one), `part` the set's own split."""

    path: Path
    kind: _Kind
    subject: str
    series: str
    part: str


def is_verse_layout(folder: Path) -> bool:
    """Says whether the folder holds CTs named as VerSe names them, with masks or centroids beside them."""
    kinds = {file.kind for file in _files(folder)}
    return _Kind.CT in kinds and len(kinds) > 1


def read_verse_layout(folder: Path, grades: Path | None = None) -> LabelledSet:
    """Reads which CT has which mask, centroids and grades; `grades` is the table where it lies elsewhere.

    A series that comes twice (VerSe 2020 repeats some of 2019) is taken once. A CT without mask, a mask without CT
    and a line of the grade table without CT are faults.

    Raises:
        UnreadableFile: the grade table is none.
    """
    table_path = grades or find_grade_table(folder)
    table = read_grade_table(table_path) if table_path else GradeTable("", {})
    files = sorted(_files(folder), key=lambda file: (file.subject, file.series, file.path))
    scans, faults = [], []
    for series in dict.fromkeys((file.subject, file.series) for file in files):
        scan, wrong = _scan([file for file in files if (file.subject, file.series) == series], table)
        faults += wrong
        if scan is not None:
            scans.append(scan)
    known = {file.subject for file in files} | {file.series for file in files}
    faults += [
        Refusal(f"{table.where}: {name}", "graded, but there is no such CT", "copy the scans of this subject")
        for name in sorted(table.grades.keys() - known)
    ]
    return LabelledSet(READER, tuple(scans), tuple(faults))


def _scan(files: Sequence[_File], table: GradeTable) -> tuple[LabelledScan | None, list[Refusal]]:
    """Puts the files of one series together."""
    cts = [file for file in files if file.kind is _Kind.CT]
    masks = [file.path for file in files if file.kind in (_Kind.MASK_BY_SUBJECT, _Kind.MASK_OF_CHALLENGE)]
    if not cts:
        todo = "copy the CT of the same name"
        return None, [Refusal(str(file.path), "there is no CT to this file", todo) for file in files]
    first = cts[0]
    faults = [Refusal(str(again.path), f"the same series as {first.path}: taken once") for again in cts[1:]]
    if not masks:
        faults.append(Refusal(str(first.path), "there is no mask of this CT", "copy the mask of the series"))
    said = table.grades.get(first.series, table.grades.get(first.subject, ()))
    grades, wrong = read_grades(said, f"{table.where}: {first.subject}")
    centroids = [file.path for file in files if file.kind is _Kind.CENTROIDS]
    scan = LabelledScan(
        name=first.series,
        patient=first.subject,
        ct=first.path,
        mask=masks[0] if masks else None,
        centroids=centroids[0] if centroids else None,
        grades=grades,
        part=first.part,
    )
    return scan, faults + wrong


def _files(folder: Path) -> Iterator[_File]:
    for path in folder.rglob("*"):
        match = _SERIES.fullmatch(path.name)
        kind = next((kind for kind in _Kind if path.name.lower().endswith(kind.value)), None)
        if match is None or kind is None or not path.is_file():
            continue
        subject = match["subject"].lower()
        yield _File(path, kind, subject, (match["series"] or subject).lower(), _part_of(path, folder))


def _part_of(path: Path, folder: Path) -> str:
    """Finds the set's own split in the names of the folders ("training", "01_training")."""
    names = "/".join((folder.name, *path.relative_to(folder).parts[:-1])).lower()
    return next((part for part in _PARTS if part in names), "")
