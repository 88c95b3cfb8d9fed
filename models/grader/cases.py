"""The development cases as the grader uses them: marked bodies with the grade that is known of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.grader.crop import in_axes, losses_of, neighbours_of
from models.grader.examples import Example, reader_example, simulated_examples
from models.grader.readers import GradedLoss
from models.localiser.truth import CaseEntry, TrueCase, ct_path, read_truth, read_volume
from vfscreen.anatomy import ASSESSED, Level, level_of
from vfscreen.findings import Vertebra
from vfscreen.genant import POINT_NAMES, Grade, ReadGrade, SixPoints, axes_of, heights_of
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.volume import Volume


@dataclass(frozen=True, slots=True)
class GradedCase:
    """A scan with its measured bodies; `grades` holds those that are known: published, or read as normal by hand."""

    entry: CaseEntry
    volume: Volume
    vertebrae: tuple[Vertebra, ...]
    grades: dict[Level, Grade]

    @property
    def healthy(self) -> list[Vertebra]:
        """The bodies of grade 0, from which fractures are simulated."""
        return [one for one in self.vertebrae if self.grades.get(one.level) is Grade.NORMAL]


def read_graded_case(cases: Path, entry: CaseEntry, own_marks: Path) -> GradedCase | None:
    """Reads a scan with its bodies: marked with the data, by us (`own_marks`), or read off a mask; None without.

    Without published grades the marks' impressions count.
    """
    marks = next((path for path in _marks(cases, entry, own_marks) if path.is_file()), None)
    vertebrae: tuple[Vertebra, ...] = ()
    impressions: dict[Level, Grade] = {}
    if marks is not None:
        content = json.loads(marks.read_text(encoding="utf-8"))["vertebrae"]
        vertebrae, impressions = _marked(content, entry.levels_known), _impressions(content)
    elif entry.truth == "mask":
        mask = read_volume(cases / entry.name / "mask.nii.gz")
        vertebrae = tuple(_masked(read_truth(cases, entry), mask))
    grades = _published(cases / entry.name / "grades.csv") or impressions
    if not vertebrae or not grades:
        return None
    return GradedCase(entry, read_volume(ct_path(cases, entry.name)), vertebrae, grades)


def graded_masks(cases: Path, use: str = "train") -> list[GradedLoss]:
    """Measures the bodies with published grades of which there is a mask but no CT; `use` as in their table."""
    with (cases / "masks_only" / "grades.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["use"] == use]
    found = []
    for name in sorted({row["mask"] for row in rows}):
        mask = read_volume(cases / "masks_only" / f"{name}.nii.gz")
        bodies = bodies_of_mask(mask, tuple(int(level) for level in ASSESSED))
        points = {
            Level(body.label): points_of_mask(mask, body.label, body.centre_lps_mm)
            for body in bodies
            if body.whole
        }
        vertebrae = [_vertebra(level, six, True) for level, six in points.items() if six is not None]
        grades = {
            level_of(row["level"]): Grade(int(row["genant_grade"])) for row in rows if row["mask"] == name
        }
        for one in vertebrae:
            if one.level in grades and one.axes is not None:
                sets = [one, *neighbours_of(one, vertebrae)]
                local = in_axes(one.axes, [body.points if body is not None else None for body in sets])
                above, below = (body.level if body is not None else None for body in sets[1:])
                loss = float(losses_of(local, (one.level, above, below)).max())
                found.append(GradedLoss(name, grades[one.level], loss))
    return found


def real_examples(case: GradedCase) -> list[Example]:
    """Cuts out every body whose grade is known."""
    return [
        reader_example(
            case.volume,
            one,
            case.vertebrae,
            ReadGrade(float(case.grades[one.level])).soft(),
            case.entry.patient,
            f"{case.entry.name}/{one.level}",
        )
        for one in case.vertebrae
        if one.level in case.grades
    ]


def bank_of(case: GradedCase, per_body: int, seed: int) -> list[Example]:
    """Makes a case's share of the bank: `per_body` simulated examples a healthy body, and the real ones."""
    count = per_body * len(case.healthy)
    simulated = simulated_examples(case.volume, case.vertebrae, case.healthy, case.entry.patient, count, seed)
    return [*simulated, *real_examples(case)]


def _marks(cases: Path, entry: CaseEntry, own_marks: Path) -> Iterator[Path]:
    yield cases / "marks" / f"{entry.name}.json"
    yield own_marks / f"{entry.name}.json"


def _marked(content: Sequence[dict[str, Any]], levels_known: bool) -> tuple[Vertebra, ...]:
    found = []
    for mark in content:
        places = mark.get("points_lps_mm") or {}
        if mark["whole"] and all(places.get(name) is not None for name in POINT_NAMES):
            points = SixPoints.from_array(np.array([places[name] for name in POINT_NAMES], float))
            found.append(_vertebra(level_of(mark["level"]), points, levels_known))
    return tuple(found)


def _masked(truth: TrueCase, mask: Volume) -> Iterator[Vertebra]:
    for body in truth.bodies:
        points = points_of_mask(mask, int(body.level), body.centre_lps_mm) if body.whole else None
        if points is not None:
            yield _vertebra(body.level, points, truth.entry.levels_known)


def _vertebra(level: Level, points: SixPoints, level_certain: bool) -> Vertebra:
    axes = axes_of(points)
    return Vertebra(
        level=level,
        level_certain=level_certain,
        whole=True,
        centre_lps_mm=axes.origin,
        confidence=1.0,
        points=points,
        axes=axes,
        heights=heights_of(points),
    )


def _published(table: Path) -> dict[Level, Grade]:
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8") as file:
        return {
            level_of(row["level"]): Grade(int(row["genant_grade"]))
            for row in csv.DictReader(file)
            if row["genant_grade"]
        }


def _impressions(content: Sequence[dict[str, Any]]) -> dict[Level, Grade]:
    return {
        level_of(mark["level"]): Grade(int(mark["genant_impression"]))
        for mark in content
        if mark.get("genant_impression") in (0, 1, 2, 3)
    }
