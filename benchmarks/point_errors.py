"""Measures how localisers that had left the patient out misplace the six points, and fits `LOCALISER_ERROR` to that.

What is true is what the grader's bank calls true: marks, moved half of the way to the half level on the CT. Bodies that
the reader was not sure of count too; slices over 3 mm do not. Under a minute; needs the weights of
`benchmarks/localiser.py --train` and `VFSCREEN_CASES`. Writes `benchmarks/results/point_errors.json`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import ROOT, matched, say, weights_without
from benchmarks.localiser_tables import MEASURABLE_MM
from models.grader.cases import read_graded_case
from models.grader.view import LOCALISER_ERROR, PointError, with_error
from models.localiser import load_localiser
from models.localiser.truth import CASES, CaseEntry
from models.train_grader import OWN_MARKS
from vfscreen.genant import axes_of
from vfscreen.volume import slice_distance_mm

Float = NDArray[np.float64]

DRAWS = 20000
SLIP_SHARE = 0.15
"""How often `with_error` lets a front wall slip."""


def residuals_of(cases: Path, entry: CaseEntry) -> Iterator[tuple[Float, Float]]:
    """Yields of each body the points' error and the true points, both (6, 2): posterior and superior mm."""
    case = read_graded_case(cases, entry, OWN_MARKS)
    if case is None or slice_distance_mm(case.volume) > MEASURABLE_MM:
        return
    true = [one for one in case.vertebrae if one.points is not None]
    located = load_localiser(weights_without(entry.patient)).locate(case.volume)
    found = [one for one in located.vertebrae if one.points is not None]
    pairs = matched([one.centre_lps_mm for one in true], [one.centre_lps_mm for one in found])
    for k, j in pairs.items():
        own, said = true[k].points, found[j].points
        assert own is not None and said is not None
        axes = axes_of(own)
        plane = np.stack([axes.posterior, axes.superior], 1)
        yield (said.array() - own.array()) @ plane, (own.array() - axes.origin) @ plane


def fitted(errors: Float) -> PointError:
    """The error whose variances, and whose likeness within an endplate, are those of errors (n, 6, 2)."""
    along, up = errors[..., 0], errors[..., 1] - errors[..., 1].mean(0)
    whole = (up**2).mean()
    pairs = [(a, b) for plate in ((0, 1, 2), (3, 4, 5)) for a in plate for b in plate if a < b]
    shared = max(float(np.mean([(up[:, a] * up[:, b]).mean() for a, b in pairs])), 0.0)
    inner = [1, 2, 4, 5]
    steady = ((along[:, inner] - along[:, inner].mean(0)) ** 2).mean()
    front = ((along[:, [0, 3]] - along[:, [0, 3]].mean(0)) ** 2).mean()
    # A wall slips, in SLIP_SHARE, by a draw that is even from -wall to wall / 2: its mean square is wall ** 2 / 4.
    wall = np.sqrt(max(front - steady, 0.0) / (SLIP_SHARE / 4))
    return PointError(
        single_mm=round(float(np.sqrt(3 * (whole - shared))), 2),
        plate_mm=round(float(np.sqrt(3 * shared)), 2),
        along_mm=round(float(np.sqrt(3 * steady)), 2),
        wall_mm=round(float(wall), 2),
    )


def height_errors(errors: Float, true: Float) -> Float:
    """Of what the heights differ, (n, 3), where points at `true` are moved by `errors`, both (n, 6, 2)."""

    def heights(points: Float) -> Float:
        return np.asarray(np.linalg.norm(points[:, :3] - points[:, 3:], axis=-1))

    return heights(true + errors) - heights(true)


def figures_of(errors: Float, true: Float) -> dict[str, Any]:
    """What was seen, the error fitted to it, and how well heights moved by `LOCALISER_ERROR` look like those seen."""
    rng = np.random.default_rng(0)
    chosen = true[rng.integers(len(true), size=DRAWS)]
    drawn = with_error(chosen[:, None].astype(np.float32), rng, LOCALISER_ERROR)[:, 0] - chosen
    return {
        "bodies": len(errors),
        "fitted": asdict(fitted(errors)),
        "shipped": asdict(LOCALISER_ERROR),
        "heights_seen_mm": _told(height_errors(errors, true)),
        "heights_drawn_mm": _told(height_errors(drawn, chosen)),
    }


def _told(errors: Float) -> dict[str, float]:
    size = np.abs(errors)
    told = {
        "median": np.median(size),
        "p95": np.percentile(size, 95),
        "sd": errors.std(),
        "mean": errors.mean(),
    }
    return {name: round(float(value), 2) for name, value in told.items()}


def main() -> int:
    """Prints the figures."""
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    cases = Path(os.environ["VFSCREEN_CASES"])
    seen = [pair for entry in CASES if entry.trained for pair in residuals_of(cases, entry)]
    figures = figures_of(np.array([error for error, _ in seen]), np.array([true for _, true in seen]))
    target = ROOT / "benchmarks" / "results" / "point_errors.json"
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
