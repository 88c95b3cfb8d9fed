"""VerSe's Genant grades, as tables hold them: JSON by vertebra, CSV by vertebra, CSV by subject.

The name of the original supplement is not fixed: a table is the one `.json` or `.csv` in the set's folder whose name
speaks of grades or of vertebrae.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfscreen.errors import UnreadableFile
from vfscreen.layouts.labelled import level_of_label

Pairs = Sequence[tuple[object, object]]
_SUBJECT = re.compile(r"(?:verse|gl)\d+", re.IGNORECASE)
_NAMED = re.compile(r"grad|genant|fracture|vertebra", re.IGNORECASE)
_LEVEL_COLUMN = re.compile(r"(?P<level>[CTL]\d{1,2})(?:[_ ].*grad.*)?", re.IGNORECASE)
_SUBJECT_COLUMNS = ("subject", "subject_id", "verse_id", "id", "case", "image", "scan", "mask")
_LABEL_COLUMNS = ("label", "level", "vertebra")
_GRADE_COLUMNS = ("grade", "genant_grade", "genant")


@dataclass(frozen=True, slots=True)
class GradeTable:
    """Pairs of label and grade by subject ("verse012"), as they stand in the table at `where`."""

    where: str
    grades: Mapping[str, Pairs]


def find_grade_table(folder: Path) -> Path | None:
    """Returns the grade table at the top of a folder; None where there is none."""
    tables = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".json", ".csv"))
    return next((path for path in tables if _NAMED.search(path.stem)), None)


def read_grade_table(path: Path) -> GradeTable:
    """Reads a table of grades in any of its forms.

    JSON: `{"sub-verse012_20": 1}`, or such mappings by split. CSV by vertebra: columns for subject, label (20 or L1)
    and grade. CSV by subject: a column for the subject and one for each level ("L1" or "L1_fracture-grading").

    Raises:
        UnreadableFile: it is none of these.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(json.loads(text)) if path.suffix.lower() == ".json" else _csv_rows(text)
        grades: dict[str, list[tuple[object, object]]] = defaultdict(list)
        for subject, label, grade in rows:
            grades[subject].append((label, grade))
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            f"this is no table of grades ({error})".replace("\n", " "),
            str(path),
            "see docs/reproduce.md for its forms",
        ) from error
    return GradeTable(str(path), grades)


def _json_rows(content: Any) -> Iterator[tuple[str, object, object]]:
    if not isinstance(content, dict):
        raise ValueError("its top is no mapping")
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _json_rows(value)
        else:
            name, _, label = str(key).removesuffix(".nii.gz").rpartition("_")
            yield _subject(name), label, value


def _csv_rows(text: str) -> Iterator[tuple[str, object, object]]:
    table = csv.DictReader(text.splitlines())
    columns = {str(name).strip().lower(): str(name) for name in table.fieldnames or ()}
    subject = _one_of(columns, _SUBJECT_COLUMNS)
    if subject is None:
        raise ValueError("it has no column for the subject")
    label, grade = _one_of(columns, _LABEL_COLUMNS), _one_of(columns, _GRADE_COLUMNS)
    levels = {
        name: match["level"] for name in columns.values() if (match := _LEVEL_COLUMN.fullmatch(name.strip()))
    }
    if label is None or grade is None:
        if not any(level_of_label(level) for level in levels.values()):
            raise ValueError("it has no columns for label and grade, and none called after a level")
        for row in table:
            for name, level in levels.items():
                if _is_grade(row[name]):
                    yield _subject(row[subject]), level, row[name]
        return
    for row in table:
        if _is_grade(row[grade]):
            yield _subject(row[subject]), row[label], row[grade]


def _one_of(columns: Mapping[str, str], wanted: Iterable[str]) -> str | None:
    return next((columns[name] for name in wanted if name in columns), None)


def _is_grade(cell: str | None) -> bool:
    """A vertebra out of view has an empty cell, or NaN."""
    return bool(cell) and str(cell).strip().lower() not in ("", "nan", "na", "-")


def _subject(name: object) -> str:
    """Takes "sub-verse012", "verse012_CT-iso", "12" to "verse012"."""
    text = str(name).strip()
    match = _SUBJECT.search(text)
    if match is not None:
        return match[0].lower()
    if text.isdecimal():
        return f"verse{int(text):03d}"
    raise ValueError(f"{text!r} names no subject of VerSe")
