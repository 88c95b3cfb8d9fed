"""Asks whether the localiser still finds and measures bodies that collapsed: simulated on patients it has not seen.

Of every case whose bodies have six points one body, two and three neighbours are broken in the scan by
`models.simulate`, each with a shape and a loss of its own (a fifth to three fifths of the height), and the weights that
never saw the patient look for all bodies. About twenty minutes, side by side with `--jobs`; needs the weights of
`benchmarks/localiser.py --train` and `VFSCREEN_CASES`. Writes `benchmarks/results/localiser_collapse.json` and the
table in `docs/localiser.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.broken_scans import deformed_scan
from benchmarks.localiser import ROOT, matched, say, weights_without
from benchmarks.localiser_tables import between_marks
from models.localiser import load_localiser
from models.localiser.truth import CASES, CaseEntry, TrueBody, ct_path, read_truth, read_volume
from models.simulate import Deformity, Field, field_of
from vfscreen.anatomy import ASSESSED
from vfscreen.genant import SixPoints, three_heights
from vfscreen.ports import Localiser
from vfscreen.volume import Volume

Float = NDArray[np.float64]

TOGETHER = (1, 1, 2, 2, 2, 3, 3)
"""How many neighbours are broken on each spine made of a case."""
SHAPES = {"wedge": (1.0, 0.55, 0.1), "biconcave": (0.3, 1.0, 0.2), "crush": (1.0, 1.0, 0.9)}
"""Which share of the loss the anterior, middle and posterior height bear."""
SHARES = (0.2, 0.6)
EDGE_MM = 15.0
"""Bodies whose centre comes nearer than this to the edge of the view are not asked for."""
SEED = 9000
RESULTS = ROOT / "benchmarks" / "results" / "localiser_collapse.json"


@dataclass(frozen=True, slots=True)
class Break:
    """What is done to one body."""

    level: str
    shape: str
    share: float


@dataclass(frozen=True, slots=True)
class Broken:
    """One simulated spine: what was broken, how many bodies were asked for, which were lost, the answer's warnings and
    refusals, how the heights of the broken ones were read."""

    case: str
    breaks: list[Break]
    bodies: int
    lost: list[str]
    said: list[str]
    true_heights_mm: list[list[float]]
    heights_mm: list[list[float] | None]


def break_and_find(
    localiser: Localiser, case: str, volume: Volume, bodies: list[TrueBody], breaks: dict[int, Break],
    rng: np.random.Generator,
) -> Broken:  # fmt: skip
    """Breaks bodies of a volume, by their place among `bodies`, and looks for all of them."""
    fields: list[Field] = []
    for k, one in breaks.items():
        points = bodies[k].points_lps_mm
        assert points is not None
        fields.append(_field(_moved(fields, points), one, rng))
    places = _moved(fields, np.stack([body.centre_lps_mm for body in bodies]))
    scan = deformed_scan(volume, fields, places)
    located = localiser.locate(scan)
    pairs = matched(places, [found.centre_lps_mm for found in located.vertebrae])
    lost, heights, true, counted = [], [], [], 0
    for k, (body, place) in enumerate(zip(bodies, places, strict=True)):
        if not scan.contains(place, EDGE_MM):
            continue  # the spine above a wedge turns forwards, and its top may leave the view
        counted += 1
        near = pairs.get(k)
        if near is None:
            lost.append(str(body.level))
        if k in breaks and body.points_lps_mm is not None:
            true.append([round(float(h), 1) for h in three_heights(_moved(fields, body.points_lps_mm))])
            found = None if near is None else located.vertebrae[near].heights
            heights.append(None if found is None else [round(float(h), 1) for h in found.array()])
    said = [*located.warnings, *(f"{one.where}: {one.reason}" for one in located.refusals)]
    return Broken(case, list(breaks.values()), counted, lost, said, true, heights)


def _field(points: Float, how: Break, rng: np.random.Generator) -> Field:
    lost = [
        float(h * how.share * part) for h, part in zip(three_heights(points), SHAPES[how.shape], strict=True)
    ]
    deformity = Deformity(
        (lost[0], lost[1], lost[2]),
        superior_share=float(rng.uniform(0.2, 0.9)),
        crowding=float(rng.uniform(0.0, 0.35)),
    )
    return field_of(SixPoints.from_array(points), deformity)


def _moved(fields: list[Field], places: Float) -> Float:
    for one in fields:
        places = one.forward(places)
    return places


def broken_spines(cases: Path, number: int) -> list[Broken]:
    """Breaks one, two and three neighbours of a case, by its number in `CASES`."""
    torch.set_num_threads(1)
    entry: CaseEntry = CASES[number]
    rng = np.random.default_rng(SEED + number)
    volume = read_volume(ct_path(cases, entry.name))
    bodies = [body for body in read_truth(cases, entry).bodies if body.whole and body.level in ASSESSED]
    localiser = load_localiser(weights_without(entry.patient))
    results = []
    for count in TOGETHER:
        starts = [
            k
            for k in range(len(bodies) - count + 1)
            if all(body.points_lps_mm is not None for body in bodies[k : k + count])
        ]
        if starts:
            first = int(rng.choice(starts))
            breaks = {
                k: Break(
                    str(bodies[k].level), str(rng.choice(list(SHAPES))), round(float(rng.uniform(*SHARES)), 2)
                )
                for k in range(first, first + count)
            }
            results.append(break_and_find(localiser, entry.name, volume, bodies, breaks, rng))
    return results


def figures_of(results: list[Broken]) -> dict[str, Any]:
    """What was lost, and how the broken bodies were measured."""
    pairs = [
        (np.array(found), np.array(true))
        for one in results
        for found, true in zip(one.heights_mm, one.true_heights_mm, strict=True)
        if found is not None
    ]
    errors = np.abs([found - true for found, true in pairs])
    return {
        "cases": len({one.case for one in results}),
        "spines": len(results),
        "bodies": sum(one.bodies for one in results),
        "lost": sum(len(one.lost) for one in results),
        "broken": sum(len(one.breaks) for one in results),
        "broken_lost": sum(each.level in one.lost for one in results for each in one.breaks),
        "broken_without_points": sum(found is None for one in results for found in one.heights_mm),
        "broken_height_error_median_mm": round(float(np.median(errors)), 2),
        "broken_height_error_p95_mm": round(float(np.percentile(errors, 95)), 2),
    }


def table(results: list[Broken]) -> str:
    """One row a number of neighbours, and in words every spine that lost a body."""
    rows = [
        "| neighbours broken | spines | bodies | lost | broken ones lost | broken ones without points "
        "| their heights, mm median, 95th |",
        "|---|---|---|---|---|---|---|",
    ]
    for count in sorted({len(one.breaks) for one in results}):
        part = [one for one in results if len(one.breaks) == count]
        told = figures_of(part)
        rows.append(
            f"| {count} | {told['spines']} | {told['bodies']} | {told['lost']} | {told['broken_lost']} "
            f"| {told['broken_without_points']} | {told['broken_height_error_median_mm']:.1f}, "
            f"{told['broken_height_error_p95_mm']:.1f} |"
        )
    for one in results:
        if one.lost:
            how = ", ".join(f"{each.level} {each.shape} {100 * each.share:.0f} %" for each in one.breaks)
            said = "; ".join(one.said) or "nothing"
            rows.append(f"\n`{one.case}` ({how}): lost {', '.join(one.lost)}; said of it: {said}.")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the simulation from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    cases = Path(os.environ["VFSCREEN_CASES"])
    results: list[Broken] = []
    with ProcessPoolExecutor(chosen.jobs, get_context("spawn")) as pool:
        numbers = [number for number, entry in enumerate(CASES) if entry.trained]
        for one in [pool.submit(broken_spines, cases, number) for number in numbers]:
            results += one.result()
            say(
                f"{results[-1].case}: lost {[spine.lost for spine in results if spine.case == results[-1].case]}"
            )
    figures = figures_of(results)
    kept = {"figures": figures, "spines": [asdict(one) for one in results]}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    between_marks(ROOT / "docs" / "localiser.md", "localiser_collapse", table(results))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
