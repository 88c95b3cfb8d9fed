"""Fits what a healthy body looks like by level, on the marked bodies that were read as normal.

Needs the development cases (environment variable VFSCREEN_CASES). Prints the coefficients for
`vfscreen.genant.EXPECTED`, the residual SD (each patient left out in turn), and the number of bodies and patients.
Test-only cases are left out. Bodies with a published Genant grade above 0, unsure marks and bodies cut by the view too.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level, level_of
from vfscreen.genant import EXPECTED_CENTRE, POINT_NAMES, Heights, SixPoints, heights_of

OWN_MARKS = Path(__file__).parent / "marks"
TEST_ONLY = {"ricord_80m"}
SAME_PATIENT = {"cmbcrc01068_sag": "cmbcrc01068_lungkernel", "acrin001_a": "acrin001_b"}
RIDGE = 1e-3
"""Keeps the quadratic calm at the ends, where few bodies are marked."""


@dataclass(frozen=True, slots=True)
class HealthyBody:
    """One body read as normal, with its patient. Units: mm."""

    patient: str
    level: Level
    heights: Heights


def published_fractures(case: Path) -> set[Level]:
    """Returns the levels of a VerSe case with a published grade above 0."""
    table = case / "grades.csv"
    if not table.exists():
        return set()
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {level_of(row["level"]) for row in rows if row["genant_grade"] not in ("", "0")}


def healthy_bodies(cases: Path) -> list[HealthyBody]:
    """Reads every sure, whole, normal body from the marks beside the training cases and from our own."""
    bodies = []
    for path in sorted([*(cases / "marks").glob("*.json"), *OWN_MARKS.glob("*.json")]):
        if path.stem in TEST_ONLY:
            continue
        fractured = published_fractures(cases / path.stem)
        for mark in json.loads(path.read_text(encoding="utf-8"))["vertebrae"]:
            points = mark.get("points_lps_mm") or {}
            if not (mark.get("whole") and mark.get("sure", True)) or any(
                points.get(name) is None for name in POINT_NAMES
            ):
                continue
            level = level_of(mark["level"])
            if level in fractured or mark.get("genant_impression") not in (0, "0"):
                continue
            heights = heights_of(SixPoints.from_array(np.array([points[name] for name in POINT_NAMES])))
            bodies.append(HealthyBody(SAME_PATIENT.get(path.stem, path.stem), level, heights))
    return bodies


def design(levels: list[Level]) -> NDArray[np.float64]:
    """Returns the rows 1, x, x squared of the levels' places; shape (n, 3)."""
    x = np.array([float(level - 6) - EXPECTED_CENTRE for level in levels])
    return np.stack([np.ones_like(x), x, x**2], 1)


def fit(rows: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares with a whiff of ridge on the slope terms."""
    penalty = RIDGE * np.diag([0.0, 1.0, 1.0])
    return np.asarray(np.linalg.solve(rows.T @ rows + penalty, rows.T @ target))


def left_out_sd(bodies: list[HealthyBody], target: NDArray[np.float64]) -> float:
    """Returns the SD of the residuals, each patient predicted from the others."""
    rows, patients = design([body.level for body in bodies]), np.array([body.patient for body in bodies])
    residuals = np.concatenate(
        [
            target[patients == who]
            - rows[patients == who] @ fit(rows[patients != who], target[patients != who])
            for who in np.unique(patients)
        ]
    )
    return float(residuals.std())


def within_patient(bodies: list[HealthyBody], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fits the growth of a height from level to level with one factor a patient."""
    patients = sorted({body.patient for body in bodies})
    own = np.array([[body.patient == who for who in patients] for body in bodies], float)
    rows = np.concatenate([design([body.level for body in bodies])[:, 1:], own], 1)
    solution = np.linalg.lstsq(rows, values, rcond=None)[0]
    return np.array([float(np.mean(solution[2:])), *solution[:2]])


def main() -> int:
    """Prints the fit; exits 2 with a sentence where the cases are missing."""
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    bodies = healthy_bodies(Path(os.environ["VFSCREEN_CASES"]))
    heights = np.log([body.heights.array() for body in bodies])
    rows = design([body.level for body in bodies])
    anterior, middle = heights[:, 0] - heights[:, 2], heights[:, 1] - heights[:, 2]
    figures = {
        "log_anterior": [round(float(v), 5) for v in fit(rows, anterior)],
        "log_middle": [round(float(v), 5) for v in fit(rows, middle)],
        "log_posterior": [round(float(v), 5) for v in within_patient(bodies, heights[:, 2])],
        "sd_anterior": round(left_out_sd(bodies, anterior), 4),
        "sd_middle": round(left_out_sd(bodies, middle), 4),
        "bodies": len(bodies),
        "patients": sorted({body.patient for body in bodies}),
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
