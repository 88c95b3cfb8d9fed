"""What each convention of reference height says of real bodies whose grade was published: losses by grade. Seconds.

The marked VerSe cases (environment variable VFSCREEN_CASES), measured from the marks; grades are VerSe'19's. Normal
bodies of these cases helped to make the program's table, fractured ones did not. Writes the table between the marks
in `docs/reference_heights.md`.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from models.localiser.truth import CASES, read_truth
from vfscreen.anatomy import Level, level_of
from vfscreen.findings import Vertebra
from vfscreen.genant import Grade, Reference, SixPoints, heights_of
from vfscreen.spine_morphometry import measure_all

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference_heights.md"
BEGIN, END = "<!-- made by benchmarks/reference_conventions.py -->", "<!-- end of it -->"
MARKS_MM = 0.8
"""Half the 95 % interval of one marked height: repeats differ by 0.4 mm (SD)."""


def published_grades(case: Path) -> dict[Level, Grade]:
    """Returns the grades that stand beside a case."""
    with (case / "grades.csv").open(encoding="utf-8") as file:
        return {
            level_of(row["level"]): Grade(int(row["genant_grade"]))
            for row in csv.DictReader(file)
            if row["genant_grade"]
        }


def marked_bodies(cases: Path) -> dict[str, list[Vertebra]]:
    """Returns the whole marked bodies of every case that has both marks and grades, from the head down."""
    found = {}
    for entry in CASES:
        if entry.truth != "marks" or not (cases / entry.name / "grades.csv").exists():
            continue
        found[entry.name] = [
            Vertebra(
                body.level,
                True,
                True,
                body.centre_lps_mm,
                1.0,
                heights=heights_of(SixPoints.from_array(body.points_lps_mm)),
                uncertainty_mm=MARKS_MM,
            )
            for body in read_truth(cases, entry).bodies
            if body.whole and body.points_lps_mm is not None
        ]
    return found


def losses_by_grade(cases: Path) -> dict[str, dict[str, list[float]]]:
    """Returns every loss, by convention and published grade."""
    found: dict[str, dict[str, list[float]]] = {str(one): {} for one in Reference}
    for name, bodies in marked_bodies(cases).items():
        grades = published_grades(cases / name)
        for convention in Reference:
            for body, (said, _) in zip(bodies, measure_all(bodies, convention), strict=True):
                if said is not None and body.level in grades:
                    of_grade = found[str(convention)].setdefault(str(int(grades[body.level])), [])
                    of_grade.append(round(said.loss_percent, 1))
    return found


def table_of(found: dict[str, dict[str, list[float]]]) -> str:
    """One row a convention: median and range of the losses of each grade, and the normal bodies that reach 20 %."""
    grades = sorted({grade for losses in found.values() for grade in losses})
    counts = {grade: len(next(iter(found.values()))[grade]) for grade in grades}
    head = " | ".join(f"grade {grade} (n {counts[grade]})" for grade in grades)
    lines = [
        f"| `reference` | {head} | normal bodies at 20 % or more |",
        "|---" * (len(grades) + 2) + "|",
    ]
    for convention, losses in found.items():
        cells = [
            f"{np.median(losses[grade]):.0f} ({min(losses[grade]):.0f}-{max(losses[grade]):.0f})"
            for grade in grades
        ]
        false = sum(loss >= 20 for loss in losses["0"])
        lines.append(f"| `{convention}` | {' | '.join(cells)} | {false} |")
    return "\n".join(lines)


def main() -> int:
    """Prints the losses; exits 2 with a sentence where the cases are missing."""
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    found = losses_by_grade(Path(os.environ["VFSCREEN_CASES"]))
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table_of(found)}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
