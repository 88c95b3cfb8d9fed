"""Asks whether the localiser still finds and measures bodies that collapsed: simulated on patients it has not seen.

Marked bodies of five cases are broken by `models.simulate` (wedge, biconcave, crush; a quarter, two fifths or
three fifths of the height; one body, two neighbours or three), on a 1.5 mm grid, and the weights that never saw the
patient look for all bodies. About six minutes; needs the weights of `benchmarks/localiser.py --train` and
`VFSCREEN_CASES`. Writes `benchmarks/results/localiser_collapse.json`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import MATCH_MM, ROOT, say, weights_without
from models.localiser import load_localiser
from models.localiser.truth import CASES, TrueBody, ct_path, read_truth, read_volume
from models.simulate import Deformity, Field, field_of, healthy_places
from vfscreen.anatomy import ASSESSED
from vfscreen.genant import SixPoints, three_heights
from vfscreen.ports import Localiser
from vfscreen.volume import Volume, plane_points, resample, sample

Float = NDArray[np.float64]

BROKEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hcc002", ("T10", "L1")),
    ("lidc0005", ("T8", "T12")),
    ("hcc006", ("T11", "L2")),
    ("qin0028", ("T7", "T11")),
    ("qin0055", ("T6", "T12")),
)
"""Cases, and the bodies of each that are broken."""
SHAPES = {"wedge": (1.0, 0.55, 0.1), "biconcave": (0.3, 1.0, 0.2), "crush": (1.0, 1.0, 0.9)}
"""Which share of the loss the anterior, middle and posterior height bear."""
SHARES = (0.25, 0.4, 0.6)
SEVERAL = ((2, "wedge", 0.4), (3, "crush", 0.3))
"""How many neighbours are broken together, and how."""
STEP_MM = 1.5
EDGE_MM = 15.0
"""Bodies whose centre comes nearer than this to the edge of the view are not asked for."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One simulated spine: what was broken, which bodies were lost, how the heights of the broken ones were read."""

    case: str
    levels: list[str]
    shape: str
    share: float
    bodies: int
    lost: list[str]
    true_heights_mm: list[list[float]]
    heights_mm: list[list[float] | None]


def break_and_find(
    localiser: Localiser,
    case: str,
    grid: Volume,
    bodies: list[TrueBody],
    chosen: list[int],
    shape: str,
    share: float,
) -> Broken:
    """Breaks the chosen bodies of a volume and looks for all of them."""
    fields = _fields(bodies, chosen, shape, share)
    everywhere = plane_points(grid.affine[:3, 3], np.eye(3), grid.shape, (STEP_MM,) * 3)
    healthy, _ = healthy_places(fields, everywhere)
    hu = np.clip(sample(grid, healthy), -1024, 3071)
    located = localiser.locate(Volume(np.ascontiguousarray(hu.astype(np.int16)), grid.affine))
    centres = np.array([found.centre_lps_mm for found in located.vertebrae]).reshape(-1, 3)
    lost, heights, true, counted = [], [], [], 0
    for k, body in enumerate(bodies):
        place = _moved(fields, body.centre_lps_mm[None])[0]
        if not grid.contains(place, EDGE_MM):
            continue  # the spine above a wedge turns forwards, and its top may leave the view
        counted += 1
        away = np.linalg.norm(centres - place, axis=1)
        near = int(away.argmin()) if len(away) and away.min() <= MATCH_MM else None
        if near is None:
            lost.append(str(body.level))
        if k in chosen and body.points_lps_mm is not None:
            true.append([round(float(h), 1) for h in three_heights(_moved(fields, body.points_lps_mm))])
            found = None if near is None else located.vertebrae[near].heights
            heights.append(None if found is None else [round(float(h), 1) for h in found.array()])
    levels = [str(bodies[k].level) for k in chosen]
    return Broken(case, levels, shape, share, counted, lost, true, heights)


def _fields(bodies: list[TrueBody], chosen: list[int], shape: str, share: float) -> list[Field]:
    fields: list[Field] = []
    for k in chosen:
        points = bodies[k].points_lps_mm
        assert points is not None
        moved = _moved(fields, points)
        lost = [float(h * share * part) for h, part in zip(three_heights(moved), SHAPES[shape], strict=True)]
        fields.append(field_of(SixPoints.from_array(moved), Deformity((lost[0], lost[1], lost[2]))))
    return fields


def _moved(fields: list[Field], places: Float) -> Float:
    for one in fields:
        places = one.forward(places)
    return places


def results_of(cases: Path) -> list[Broken]:
    """Breaks every chosen body in every shape, and together with its neighbours below."""
    results = []
    for turn, (name, levels) in enumerate(BROKEN):
        entry = next(entry for entry in CASES if entry.name == name)
        localiser = load_localiser(weights_without(entry.patient))
        grid = resample(read_volume(ct_path(cases, name)), STEP_MM)
        bodies = [body for body in read_truth(cases, entry).bodies if body.whole and body.level in ASSESSED]
        for place, level in enumerate(levels):
            first = next(k for k, body in enumerate(bodies) if str(body.level) == level)
            for number, shape in enumerate(SHAPES):
                share = SHARES[(turn + place + number) % len(SHARES)]
                results.append(break_and_find(localiser, name, grid, bodies, [first], shape, share))
            for count, shape, share in SEVERAL:
                chosen = [k for k in range(first, first + count) if k < len(bodies)]
                results.append(break_and_find(localiser, name, grid, bodies, chosen, shape, share))
            say(f"{name} {level}: lost {[one.lost for one in results[-5:]]}")
    return results


def main() -> int:
    """Runs the simulation from the command line."""
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    results = results_of(Path(os.environ["VFSCREEN_CASES"]))
    pairs = [
        (np.array(found), np.array(true))
        for one in results
        for found, true in zip(one.heights_mm, one.true_heights_mm, strict=True)
        if found is not None
    ]
    errors = np.abs([found - true for found, true in pairs])
    figures = {
        "spines": len(results),
        "bodies": sum(one.bodies for one in results),
        "lost": sum(len(one.lost) for one in results),
        "broken": sum(len(one.levels) for one in results),
        "broken_lost": sum(level in one.lost for one in results for level in one.levels),
        "broken_height_error_median_mm": float(np.median(errors)),
        "broken_height_error_p95_mm": float(np.percentile(errors, 95)),
    }
    kept = {"figures": figures, "spines": [asdict(one) for one in results]}
    target = ROOT / "benchmarks" / "results" / "localiser_collapse.json"
    target.write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
