"""Evaluates the localiser on patients it has not seen: recall, precision, centres, names, heights, seconds, memory.

    python benchmarks/localiser.py           scores with the weights in .work/localiser/left_out
    python benchmarks/localiser.py --train   makes those weights first (an hour and a half on two cores; resumable)

Needs the development cases (`VFSCREEN_CASES`). Every scored patient is left out, alone, of the training of the weights
that score it; `ricord_80m` and `neg_head_medify` are test only and scored with the bundled weights. Writes
`benchmarks/results/localiser.json`, the tables between the marks in `docs/localiser.md`, and the figures into the card
of the bundled weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.localiser_off_spine import found_beside
from benchmarks.localiser_tables import (
    between_marks,
    case_table,
    figure_table,
    figures_of,
    reference_table,
    worst_table,
)
from models.localiser import BUNDLED, load_localiser
from models.localiser.material import prepare
from models.localiser.recipe import NAME, card_of, plan_of, train_nets
from models.localiser.sources import development_sources
from models.localiser.truth import CASES, CaseEntry, TrueBody, ct_path, read_truth, read_volume
from models.localiser.weights import write_localiser
from vfscreen.anatomy import ASSESSED
from vfscreen.findings import Vertebra
from vfscreen.genant import three_heights
from vfscreen.model_files import read_card, write_card
from vfscreen.ports import Localiser
from vfscreen.volume import slice_distance_mm

Float = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT_WORK = ROOT / ".work" / "localiser" / "left_out"
RESULTS = ROOT / "benchmarks" / "results" / "localiser.json"
MATCH_MM = 10.0
PATIENTS: tuple[str, ...] = tuple(dict.fromkeys(entry.patient for entry in CASES if entry.trained))
"""Each is left out once, with all series."""
HEAD = "neg_head_medify"
SEED = 1
FIRST = ROOT / "benchmarks" / "results" / "localiser_first.json"
"""Figures of the version before, on the same cases."""
MASK_COLUMNS = ("H_ant_mm", "H_mid_mm", "H_post_mm")
CLEAR_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class BodyResult:
    """One true body and what was found for it. Units: mm; None where nothing was found, marked or measured."""

    level: str
    sure: bool
    found_level: str | None
    level_certain: bool | None
    centre_error_mm: float | None
    heights_mm: list[float] | None
    true_heights_mm: list[float] | None
    uncertainty_mm: float | None
    flags: list[str]
    points_lps_mm: list[list[float]] | None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case.

    `false` are whole bodies found in the marked stretch that are none, `ends` those beyond it; `found_beside` counts
    the bodies found in pieces from beside the spine; `seconds` is what `locate` took, `peak_gb` the most memory that
    the process held while it read and located the case (0 where the system does not tell).
    """

    name: str
    left_out: str | None
    truth: str
    levels_known: bool
    slice_mm: float
    bodies: list[BodyResult]
    false: list[str]
    ends: list[str]
    refusals: list[str]
    warnings: list[str]
    seconds: float
    peak_gb: float
    voxels: int
    found_beside: dict[str, int]


def score_case(cases: Path, entry: CaseEntry, localiser: Localiser, left_out: str | None) -> CaseResult:
    """Locates the bodies of one case and compares them with its truth."""
    _forget_peak()
    volume = read_volume(ct_path(cases, entry.name))
    truth = read_truth(cases, entry)
    began = time.perf_counter()
    located = localiser.locate(volume)
    seconds, peak_gb = time.perf_counter() - began, _peak_gb()
    wanted = [body for body in truth.bodies if body.whole and body.level in ASSESSED]
    pairs = matched(
        [body.centre_lps_mm for body in wanted], [found.centre_lps_mm for found in located.vertebrae]
    )
    bodies = [
        _body_result(body, located.vertebrae[pairs[k]] if k in pairs else None)
        for k, body in enumerate(wanted)
    ]
    taken = {id(located.vertebrae[k]) for k in pairs.values()}
    spare = [found for found in located.vertebrae if id(found) not in taken and found.whole]
    top = max(body.centre_lps_mm[2] for body in wanted)
    bottom = min(body.centre_lps_mm[2] for body in wanted)
    inner = [str(found.level) for found in spare if bottom < found.centre_lps_mm[2] < top]
    outer = [str(found.level) for found in spare if str(found.level) not in inner]
    return CaseResult(
        entry.name, left_out, entry.truth, entry.levels_known, slice_distance_mm(volume),
        bodies, inner, outer, [f"{r.where}: {r.reason}" for r in located.refusals], list(located.warnings),
        seconds, peak_gb, int(volume.voxels.size), found_beside(cases, entry, localiser),
    )  # fmt: skip


def _forget_peak() -> None:
    """Asks Linux to forget the process's peak memory."""
    if CLEAR_PEAK.exists():
        CLEAR_PEAK.write_text("5")


def _peak_gb() -> float:
    """The process's peak memory since it was forgotten."""
    if not CLEAR_PEAK.exists():
        return 0.0
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e6 for line in lines if line.startswith("VmHWM"))


def mask_bodies(cases: Path, results: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The results of cases with heights from their mask, compared with those instead of marks."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in results:
        path = cases / case["name"] / "heights_from_mask.csv"
        if path.is_file() and case["left_out"] is not None:
            with path.open(newline="", encoding="utf-8") as file:
                rows = {row["level"]: row for row in csv.DictReader(file)}
            found[case["name"]] = [
                body | {"true_heights_mm": [float(rows[body["level"]][name]) for name in MASK_COLUMNS]}
                for body in case["bodies"]
                if body["level"] in rows
            ]
    return found


def matched(true: Sequence[Float] | Float, found: Sequence[Float]) -> dict[int, int]:
    """Pairs true places (n, 3) and found ones, nearest first, within MATCH_MM; each is used once."""
    if not len(true) or not found:
        return {}
    away = np.linalg.norm(np.asarray(true)[:, None] - np.asarray(found)[None], axis=2)
    pairs: dict[int, int] = {}
    for flat in np.argsort(away, axis=None):
        k, j = divmod(int(flat), len(found))
        if away[k, j] <= MATCH_MM and k not in pairs and j not in pairs.values():
            pairs[k] = j
    return pairs


def _body_result(body: TrueBody, found: Vertebra | None) -> BodyResult:
    true = None if body.points_lps_mm is None else [float(h) for h in three_heights(body.points_lps_mm)]
    if found is None:
        return BodyResult(str(body.level), body.sure, None, None, None, None, true, None, [], None)
    points = None if found.points is None else found.points.array()
    return BodyResult(
        str(body.level),
        body.sure,
        str(found.level),
        found.level_certain,
        float(np.linalg.norm(found.centre_lps_mm - body.centre_lps_mm)),
        None if points is None else [round(float(h), 2) for h in three_heights(points)],
        true,
        found.uncertainty_mm,
        list(found.flags),
        None if points is None else [[round(float(x), 2) for x in point] for point in points],
    )


def weights_without(patient: str) -> Path:
    """Where the weights lie that never saw this patient."""
    return LEFT_OUT_WORK / patient / "localiser.safetensors"


def train_without(cases: Path, patients: tuple[str, ...] = PATIENTS) -> None:
    """Trains without each patient whose weights are not there yet, taking up checkpoints."""
    torch.set_num_threads(1)
    sources = development_sources(cases)
    material, plan = prepare(sources, SEED, say), plan_of(SEED)
    for patient in patients:
        if not weights_without(patient).is_file():
            say(f"without {patient}")
            chosen = [case for case in material if case.entry.patient != patient]
            nets = train_nets(chosen, plan, LEFT_OUT_WORK / patient, say)
            kept = [source for source in sources if source.entry.patient != patient]
            write_localiser(weights_without(patient), nets, card_of(f"{NAME}-without-{patient}", kept, plan))


def train_side_by_side(cases: Path, jobs: int) -> None:
    """Trains without every patient, in `jobs` processes."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        done = [pool.submit(train_without, cases, PATIENTS[part::jobs]) for part in range(jobs)]
        for one in done:
            one.result()


def evaluate(cases: Path) -> list[CaseResult]:
    """Scores every patient with the weights that never saw it, then the test-only case."""
    results = []
    for patient in PATIENTS:
        localiser = load_localiser(weights_without(patient))
        for entry in CASES:
            if entry.patient == patient:
                results.append(score_case(cases, entry, localiser, patient))
                say(f"{entry.name}: {results[-1].seconds:.1f} s")
    bundled = load_localiser(BUNDLED)
    results += [score_case(cases, entry, bundled, None) for entry in CASES if not entry.trained]
    return results


def head_is_empty(cases: Path) -> bool:
    """Says whether nothing is found on the head."""
    volume = read_volume(ct_path(cases, HEAD))
    return not load_localiser(BUNDLED).locate(volume).vertebrae


def _tell_card(figures: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Writes what the evaluation found into the card of the bundled weights."""
    told = {
        name: _rounded(value) for name, value in figures.items() if not name.startswith(("seconds", "peak"))
    }
    cases = [result["name"] for result in results if result["left_out"] is not None]
    metrics = {"leave_one_patient_out": told, "cases": cases, "test_only": [HEAD, *_test_only()]}
    write_card(BUNDLED, replace(read_card(BUNDLED), metrics=metrics))


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 3) if isinstance(value, float) else value


def _test_only() -> list[str]:
    return [entry.name for entry in CASES if not entry.trained]


def say(words: str) -> None:
    """Tells how far it is."""
    print(words, file=sys.stderr, flush=True)


def _commit() -> str:
    answer = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def main() -> int:
    """Runs the evaluation from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true", help="make those weights first")
    parser.add_argument("--jobs", type=int, default=2, help="how many trainings at a time")
    chosen = parser.parse_args()
    if "VFSCREEN_CASES" not in os.environ:
        say("set VFSCREEN_CASES to the folder of the development cases")
        return 2
    cases = Path(os.environ["VFSCREEN_CASES"])
    torch.set_num_threads(1)
    if chosen.train:
        train_side_by_side(cases, chosen.jobs)
    if not all(weights_without(patient).is_file() for patient in PATIENTS):
        say("the weights of the patients left out are not there yet: run it with --train")
        return 2
    results = [asdict(result) for result in evaluate(cases)]
    figures = figures_of(results) | {
        "head_is_empty": head_is_empty(cases),
        "peak_gb": max(result["peak_gb"] for result in results),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    kept = {"commit": _commit(), "match_mm": MATCH_MM, "figures": figures, "cases": results}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    first = json.loads(FIRST.read_text())
    tables = (
        figure_table({"now": figures, "first version": first}),
        f"Against each reference:\n\n{reference_table(results, mask_bodies(cases, results))}",
        f"Case by case:\n\n{case_table(results)}",
        f"The worst heights:\n\n{worst_table(results)}",
    )
    between_marks(ROOT / "docs" / "localiser.md", "localiser", "\n\n".join(tables))
    _tell_card(figures, results)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
