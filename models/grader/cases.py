"""The development cases as the grader uses them: marked bodies with the grade that is known of each."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.grader.examples import Example, reader_example, simulated_examples
from models.grader.mask_points import points_of_mask
from models.localiser.truth import CASES, CaseEntry, TrueCase, ct_path, read_truth, read_volume
from vfscreen.anatomy import Level, level_of
from vfscreen.findings import Vertebra
from vfscreen.genant import Grade, ReadGrade, SixPoints, axes_of, heights_of
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


def graded_entries() -> list[CaseEntry]:
    """Lists the cases whose bodies can have six points: marked by hand, or with a mask to read them off."""
    return [entry for entry in CASES if entry.truth in ("marks", "mask")]


def read_graded_case(cases: Path, entry: CaseEntry) -> GradedCase:
    """Reads a scan with its bodies. Without published grades the marks' impressions count; without either, none."""
    mask = read_volume(cases / entry.name / "mask.nii.gz") if entry.truth == "mask" else None
    vertebrae = tuple(_vertebrae(read_truth(cases, entry), mask))
    published = _published(cases / entry.name / "grades.csv")
    grades = published or _impressions(cases / "marks" / f"{entry.name}.json")
    return GradedCase(entry, read_volume(ct_path(cases, entry.name)), vertebrae, grades)


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


def _vertebrae(truth: TrueCase, mask: Volume | None) -> Iterator[Vertebra]:
    for body in truth.bodies:
        points = None
        if body.points_lps_mm is not None:
            points = SixPoints.from_array(body.points_lps_mm)
        elif mask is not None and body.whole:
            points = points_of_mask(mask, int(body.level), body.centre_lps_mm)
        if points is not None:
            yield Vertebra(
                level=body.level,
                level_certain=truth.entry.levels_known,
                whole=True,
                centre_lps_mm=body.centre_lps_mm,
                confidence=1.0,
                points=points,
                axes=axes_of(points),
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


def _impressions(marks: Path) -> dict[Level, Grade]:
    if not marks.is_file():
        return {}
    return {
        level_of(mark["level"]): Grade(int(mark["genant_impression"]))
        for mark in json.loads(marks.read_text(encoding="utf-8"))["vertebrae"]
        if mark.get("genant_impression") in (0, 1, 2, 3)
    }
