"""A data set with grades, as its layout tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vfscreen.anatomy import Level
from vfscreen.findings import Refusal
from vfscreen.genant import Grade

GRADES = {str(int(grade)): grade for grade in Grade}


@dataclass(frozen=True, slots=True)
class LabelledScan:
    """One CT of a data set with what its makers say of it.

    `patient` is the set's own name of the patient, whose scans stay on one side of every split; `part` is the set's
    own split ("training", "validation", "test"), empty where it has none. Without a mask or centroids they are None.
    """

    name: str
    patient: str
    ct: Path
    mask: Path | None = None
    centroids: Path | None = None
    grades: Mapping[Level, Grade] = field(default_factory=dict)
    part: str = ""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A data set: who graded it, its scans in the order of their names, and what about it is wrong."""

    reader: str
    scans: tuple[LabelledScan, ...]
    faults: tuple[Refusal, ...] = ()


def level_of_label(label: object) -> Level | None:
    """Returns the vertebra of a VerSe label (20, "20") or name ("L1"); None for the sacrum and whatever is none."""
    text = str(label).strip().upper()
    level: Level | None = Level.__members__.get(text)
    if level is None and text.isdecimal() and int(text) in list(Level):
        level = Level(int(text))
    return None if level is Level.SACRUM else level


def read_grades(
    said: Iterable[tuple[object, object]], where: str
) -> tuple[dict[Level, Grade], list[Refusal]]:
    """Turns (label, grade) pairs into grades by level; labels and grades that are none become faults."""
    grades: dict[Level, Grade] = {}
    faults = []
    for label, grade in said:
        level, known = level_of_label(label), GRADES.get(_whole(grade))
        if level is None:
            faults.append(
                Refusal(where, f"no vertebra has the label {label}", "labels run from 1 to 25, and 28")
            )
        elif known is None:
            faults.append(Refusal(where, f"{level} has the grade {grade}", "grades are 0, 1, 2 and 3"))
        else:
            grades[level] = known
    return grades, faults


def _whole(grade: object) -> str:
    """Writes a grade as a table may hold it: 2, "2", "2.0"."""
    return str(grade).strip().removesuffix(".0")
