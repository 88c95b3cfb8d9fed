"""Asks whether bodies that really collapsed are found and measured: masks of fractured spines, painted as CT.

Of ten masks there is no CT (`masks_only` of the development cases); on each a plausible scan is painted by
`benchmarks/painted_scans.py`, three patients and scanners a mask (`--looks`), and the bundled weights, which never saw
these masks, look for all bodies. About five minutes of one core; needs `VFSCREEN_CASES`. Writes
`benchmarks/results/localiser_painted.json` and the tables in `docs/localiser.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser import MATCH_MM, ROOT, say
from benchmarks.localiser_painted_tables import (
    PaintedBody,
    PaintedScan,
    figures_of,
    fracture_table,
    grade_table,
    summary,
)
from benchmarks.localiser_tables import between_marks
from benchmarks.painted_scans import Look, draw_look, paint_scan
from benchmarks.painted_spine import MaskedSpine, read_spine
from models.localiser import BUNDLED, load_localiser
from models.localiser.truth import TrueBody
from vfscreen.findings import Vertebra
from vfscreen.genant import SixPoints, heights_of
from vfscreen.model_files import read_card
from vfscreen.ports import Localiser

Float = NDArray[np.float64]

MASKS = (
    "healthivert0007", "malekosh001", "verse004", "verse010", "verse018",
    "verse022", "verse023", "verse047", "verse067", "verse093",
)  # fmt: skip
LOOKS = 3
SEED = 11


def score_scan(spine: MaskedSpine, number: int, localiser: Localiser) -> PaintedScan:
    """Paints one scan and compares what is found with the mask."""
    rng = np.random.default_rng((SEED, MASKS.index(spine.name), number))
    look = draw_look(rng, spine.osteoporotic)
    located = localiser.locate(paint_scan(spine, look, rng))
    pairs = _pairs(spine.bodies, located.vertebrae)
    bodies = [
        _compared(body, spine.grades.get(body.level), pairs.get(k))
        for k, body in enumerate(spine.bodies)
        if body.whole  # one that the mask's own box cuts is not asked for
    ]
    taken = {id(found) for found in pairs.values()}
    heights_z = [body.centre_lps_mm[2] for body in spine.bodies]
    false = [
        str(found.level)
        for found in located.vertebrae
        if found.whole and id(found) not in taken and min(heights_z) < found.centre_lps_mm[2] < max(heights_z)
    ]
    told = [f"{refusal.where}: {refusal.reason}" for refusal in located.refusals]
    return PaintedScan(spine.name, _told_look(look), bodies, false, told)


def _told_look(look: Look) -> dict[str, Any]:
    return {
        "slice_mm": look.slice_mm,
        "spongy_hu": round(look.spongy_hu),
        "blur_mm": round(look.blur_mm, 2),
        "noise_hu": round(look.noise_hu),
        "sharp": look.sharpen > 0,
    }


def _pairs(true: Sequence[TrueBody], found: Sequence[Vertebra]) -> dict[int, Vertebra]:
    """Pairs each true body with at most one found, all together as near as can be, within MATCH_MM."""
    if not found:
        return {}
    own = np.array([one.centre_lps_mm for one in found])
    away = np.linalg.norm(np.array([body.centre_lps_mm for body in true])[:, None] - own[None], axis=2)
    rows, columns = linear_sum_assignment(np.minimum(away, 2 * MATCH_MM))
    return {int(k): found[j] for k, j in zip(rows, columns, strict=True) if away[k, j] <= MATCH_MM}


def _compared(body: TrueBody, grade: int | None, found: Vertebra | None) -> PaintedBody:
    assert body.points_lps_mm is not None  # `read_spine` keeps no other
    true = _heights(SixPoints.from_array(body.points_lps_mm))
    if found is None:
        return PaintedBody(str(body.level), grade, None, None, None, None, None, None, true, None, [])
    return PaintedBody(
        str(body.level),
        grade,
        str(found.level),
        found.level_certain,
        found.whole,
        round(found.confidence, 3),
        round(float(np.linalg.norm(found.centre_lps_mm - body.centre_lps_mm)), 2),
        None if found.points is None else _heights(found.points),
        true,
        found.uncertainty_mm,
        list(found.flags),
    )


def _heights(points: SixPoints) -> list[float]:
    return [round(float(height), 2) for height in heights_of(points).array()]


def main() -> int:
    """Runs the question from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--looks", type=int, default=LOOKS, help="how many patients and scanners are painted on each mask"
    )
    looks: int = parser.parse_args().looks
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    torch.set_num_threads(1)
    folder, localiser = Path(os.environ["VFSCREEN_CASES"]) / "masks_only", load_localiser()
    scans = []
    for name in MASKS:
        spine = read_spine(folder, name)
        for number in range(looks):
            scans.append(score_scan(spine, number, localiser))
            lost = [body.level for body in scans[-1].bodies if body.found_level is None]
            say(f"{name} {number}: lost {lost}, false {scans[-1].false}")
    figures = figures_of(scans)
    weights = read_card(BUNDLED).id
    kept = {"weights": weights, "figures": figures, "scans": [asdict(scan) for scan in scans]}
    results = ROOT / "benchmarks" / "results"
    (results / "localiser_painted.json").write_text(json.dumps(kept, indent=1) + "\n")
    real = json.loads((results / "localiser.json").read_text())["figures"]
    tables = (
        summary(weights, figures),
        grade_table(figures, real),
        f"Every body of grade 2 or 3:\n\n{fracture_table(scans)}",
    )
    between_marks(ROOT / "docs" / "localiser.md", "localiser_painted", "\n\n".join(tables))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
