"""Fits the uncertainty of the heights, and asks how well it holds for a patient whose answers did not fit it.

Every patient's bodies are measured by the weights that never saw the patient; half the interval of a height is to be
`a * clarity ** -b * exp(c * apart)` of the two signs that `models.localiser.measure` reads. The constants are the
quantile regression of the errors against marks in slices up to 3 mm, on all patients (those of `measure.py`) and once
without each patient. Under a minute; needs the weights of `benchmarks/localiser.py --train` and `VFSCREEN_CASES`.
Writes `benchmarks/results/localiser_uncertainty.json`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import MATCH_MM, ROOT, say, weights_without
from benchmarks.localiser_tables import BAD_MM, MEASURABLE_MM
from models.localiser.endplates import find_points
from models.localiser.locate import find_bodies
from models.localiser.measure import (
    BY_APART,
    BY_CLARITY,
    PLAIN_MM,
    UNRELIABLE_SHARE,
    Signs,
    signs_of,
    uncertainty_mm,
)
from models.localiser.truth import CASES, CaseEntry, ct_path, read_truth, read_volume
from models.localiser.weights import nets_of, read_localiser
from vfscreen.genant import three_heights
from vfscreen.volume import slice_distance_mm

Float = NDArray[np.float64]

QUANTILE = 0.96
"""A hundredth over the promise: constants fitted to a sample hold a little worse elsewhere."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One marked body as measured. Shapes: error_mm (3,), of the three heights; height_mm is their mean."""

    patient: str
    error_mm: Float
    height_mm: float
    signs: Signs


def measured_bodies(cases: Path, entry: CaseEntry) -> Iterator[Measured]:
    """Yields the marked bodies of a case, measured by weights that never saw the patient."""
    volume = read_volume(ct_path(cases, entry.name))
    marked = [one for one in read_truth(cases, entry).bodies if one.whole and one.points_lps_mm is not None]
    if not marked or slice_distance_mm(volume) > MEASURABLE_MM:
        return
    nets = nets_of(read_localiser(weights_without(entry.patient)))
    found = find_bodies(nets, volume)
    if found is None:
        return
    outlines = find_points(nets.points, volume, found.centres)
    heights = three_heights(outlines.points)
    for body in marked:
        away = np.linalg.norm(found.centres - body.centre_lps_mm, axis=1)
        k = int(away.argmin())
        if away[k] <= MATCH_MM and body.points_lps_mm is not None:
            error = np.abs(heights[k] - three_heights(body.points_lps_mm))
            yield Measured(entry.patient, error, float(heights[k].mean()), signs_of(outlines, k))


def fitted(bodies: list[Measured]) -> Float:
    """The constants (a, b, c) whose quantile loss on these bodies is least."""
    clarity, apart = _signs(bodies)
    errors = np.array([one.error_mm for one in bodies])

    def cost(parameters: Float) -> float:
        rest = errors - _interval(parameters, clarity, apart)[:, None]
        return float(np.maximum(QUANTILE * rest, (QUANTILE - 1) * rest).mean())

    shipped = np.array([np.log(PLAIN_MM), BY_CLARITY, BY_APART])
    starts = (shipped, shipped + np.array([-0.1, -0.02, 0.0]))
    best = min((minimize(cost, start, method="Nelder-Mead") for start in starts), key=lambda one: one.fun)
    return np.asarray(best.x)


def _signs(bodies: list[Measured]) -> tuple[Float, Float]:
    return np.array([one.signs.clarity for one in bodies]), np.array([one.signs.apart_mm for one in bodies])


def _interval(parameters: Float, clarity: Float, apart_mm: Float) -> Float:
    return np.asarray(np.exp(parameters[0]) * clarity ** -parameters[1] * np.exp(parameters[2] * apart_mm))


def judged(bodies: list[Measured], interval_mm: Float) -> dict[str, float]:
    """How many heights lie within their interval, and how many of the wrong bodies are flagged for it."""
    errors = np.array([one.error_mm for one in bodies])
    wrong = errors.max(1) > BAD_MM
    flagged = interval_mm > UNRELIABLE_SHARE * np.array([one.height_mm for one in bodies])
    return {
        "within": float((errors <= interval_mm[:, None]).mean()),
        "wrong": int(wrong.sum()),
        "wrong_flagged": int((wrong & flagged).sum()),
        "flagged": int(flagged.sum()),
    }


def figures_of(bodies: list[Measured]) -> dict[str, Any]:
    """The figures of the shipped constants, of refitted ones, and of those that never saw the patient."""
    clarity, apart = _signs(bodies)
    patients = np.array([one.patient for one in bodies])
    left_out = np.zeros(len(bodies))
    for patient in np.unique(patients):
        own = patients == patient
        constants = fitted([one for one in bodies if one.patient != patient])
        left_out[own] = _interval(constants, clarity[own], apart[own])
    everyone = fitted(bodies)
    return {
        "bodies": len(bodies),
        "patients": len(np.unique(patients)),
        "constants": [float(np.exp(everyone[0])), float(everyone[1]), float(everyone[2])],
        "shipped": judged(bodies, np.array([uncertainty_mm(one.signs) for one in bodies])),
        "patient_left_out": judged(bodies, left_out),
    }


def main() -> int:
    """Prints the figures."""
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    cases = Path(os.environ["VFSCREEN_CASES"])
    bodies = [one for entry in CASES if entry.trained for one in measured_bodies(cases, entry)]
    figures = figures_of(bodies)
    target = ROOT / "benchmarks" / "results" / "localiser_uncertainty.json"
    target.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
