"""How good the whole chain is on broken bodies of patients it never saw: CT in, localiser, grader, verdict out.

Every healthy body of every development case is broken in its scan (`benchmarks/broken_scans.py`), with losses even from
0 to 60 %, and once left as it is as a control. Localiser and grader, trained without the patient, are given the scan
and nothing else. Points, names and what is lost on the way are therefore those of the program, where
`benchmarks/grader.py` draws the points' error. Scans in thin slices are asked as they are, and again averaged to thick
slices; scans that were made in thick slices are counted apart, for a warp draws out their blur. Without arguments it
makes figures and table from `benchmarks/results/grader_chain.json`. `--train` makes that file in about an hour and a
half on one core, side by side with `--jobs`; it needs VFSCREEN_CASES, what `benchmarks/localiser.py --train` and
`benchmarks/grader.py --train` left in `.work`, and goes on where the last run stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grader import SEED_OF_POINTS, row_of, said_of
from grader_figures import FLAGGED, counted, figures_of_simulated, with_intervals
from grader_prevalence import tell_by_both_cuts

from benchmarks.broken_scans import BrokenScan, broken_scans, thickened
from benchmarks.localiser import MATCH_MM, ROOT, say, weights_without
from benchmarks.localiser_tables import between_marks
from models.grader.bank_file import read_examples, write_examples
from models.grader.calibrate import evidence_of
from models.grader.cases import read_graded_case
from models.grader.config import COMPACT, read_config
from models.grader.crop import cut_crop, neighbours_of
from models.grader.decision import Evidence
from models.grader.examples import Example, shares_of_loss
from models.grader.folds import Workshop
from models.grader.trained import TrainedGrader, loaded_net
from models.grader.trained import say as say_of
from models.localiser import load_localiser
from models.localiser.truth import CASES, CaseEntry
from models.train_grader import OWN_MARKS, read_asked, read_bank, say_step
from vfscreen.findings import Verdict, Vertebra
from vfscreen.ports import Localiser
from vfscreen.volume import slice_distance_mm

Row = dict[str, Any]

RESULTS = ROOT / "benchmarks" / "results" / "grader_chain.json"
PAGE = ROOT / "docs" / "grader.md"
WORK = ROOT / ".work" / "grader"
THIN, THICKENED, THICK = "thin", "thickened", "thick"
"""Scans in thin slices, the same averaged to thick ones, and scans that were made in thick slices."""
WORDS = {THIN: "thin slices", THICKENED: "averaged to 3 mm", THICK: "scanned in thick slices, blur drawn out"}
THINNEST_MM, MADE_THICK_MM = 2.0, 3.0
PER_BODY = {THIN: 2, THICK: 1}
"""How often each body is broken: few cases are thin."""
SEEDS_FROM = 5000
"""Apart from the seeds of the bank and of what the networks are asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures as one JSON object on the last line; exits 2 with a sentence where something is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    if chosen.train:
        if "VFSCREEN_CASES" not in os.environ:
            say("set VFSCREEN_CASES to the folder of the development cases")
            return 2
        torch.set_num_threads(1)
        cases = Path(os.environ["VFSCREEN_CASES"])
        find_side_by_side(cases, chosen.jobs)
        RESULTS.write_text(json.dumps({"rows": scored_chain(cases)}, indent=0) + "\n", encoding="utf-8")
    if not RESULTS.is_file():
        say(f"{RESULTS} is not there; --train makes it")
        return 2
    figures = figures_of(json.loads(RESULTS.read_text(encoding="utf-8"))["rows"])
    between_marks(PAGE, "grader_chain", table(figures))
    print(json.dumps(figures))
    return 0


def find_side_by_side(cases: Path, jobs: int) -> None:
    """Breaks and finds the bodies of every case, in `jobs` processes."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        for done in [
            pool.submit(find_broken, cases, number, entry)
            for number, entry in enumerate(CASES)
            if entry.trained and not _lost_file(entry).is_file()
        ]:
            say(done.result())


def find_broken(cases: Path, number: int, entry: CaseEntry) -> str:
    """Breaks the bodies of a case one by one, and keeps what the localiser that never saw the patient found of them."""
    torch.set_num_threads(1)
    case = read_graded_case(cases, entry, OWN_MARKS)
    found: dict[str, list[Example]] = {}
    lost: list[Row] = []
    if case is not None and case.healthy:
        localiser = load_localiser(weights_without(entry.patient))
        kind = THIN if slice_distance_mm(case.volume) <= THINNEST_MM else THICK
        for broken in broken_scans(case, PER_BODY[kind], SEEDS_FROM + number):
            asked = {kind: broken}
            if kind == THIN:
                asked[THICKENED] = replace(broken, scan=thickened(broken.scan, MADE_THICK_MM))
            for name, one in asked.items():
                example = found_in(one, localiser, entry)
                if example is not None:
                    found.setdefault(name, []).append(example)
                else:
                    lost.append(_lost_row(one, entry, name))
    for name, examples in found.items():
        write_examples(_kept(entry, name), examples)
    _lost_file(entry).write_text(json.dumps(lost), encoding="utf-8")
    return f"{entry.name}: {sum(map(len, found.values()))} bodies found and measured, {len(lost)} not"


def found_in(broken: BrokenScan, localiser: Localiser, entry: CaseEntry) -> Example | None:
    """Cuts out the broken body as the localiser found and named it; None if it was not found, or has no points."""
    vertebrae = localiser.locate(broken.scan).vertebrae
    own = min(vertebrae, key=lambda one: _away(one, broken), default=None)
    if own is None or own.points is None or _away(own, broken) > MATCH_MM:
        return None
    return Example(
        cut_crop(broken.scan, own, *neighbours_of(own, vertebrae)),
        shares_of_loss(float(broken.outcome.losses_percent.max())),
        broken.outcome.losses_percent,
        entry.patient,
        f"{entry.name}/{broken.body.level}",
        simulated=True,
        own_loss_percent=float(broken.outcome.own_losses_percent.max()),
        control=broken.control,
    )


def _away(one: Vertebra, broken: BrokenScan) -> float:
    return float(np.linalg.norm(one.centre_lps_mm - broken.centre_lps_mm))


def _lost_row(broken: BrokenScan, entry: CaseEntry, kind: str) -> Row:
    return {
        "kind": kind,
        "body": f"{entry.name}/{broken.body.level}",
        "patient": entry.patient,
        "losses_percent": [round(float(loss), 1) for loss in broken.outcome.losses_percent],
        "control": broken.control,
    }


def _kept(entry: CaseEntry, kind: str) -> Path:
    return WORK / "chain" / f"{entry.name}-{kind}.npz"


def _lost_file(entry: CaseEntry) -> Path:
    return WORK / "chain" / f"{entry.name}.json"


def scored_chain(cases: Path) -> list[Row]:
    """Scores what was found by the graders that never saw the patient; a row a body."""
    workshop = Workshop(
        read_bank(cases, OWN_MARKS, WORK / "bank"),
        read_asked(cases, OWN_MARKS, WORK / "asked"),
        read_config(COMPACT),
        0,
        WORK,
        say_step,
    )
    examples: dict[str, list[Example]] = {}
    kinds: dict[str, list[str]] = {}
    lost: list[Row] = []
    for entry in CASES:
        for kind in WORDS:
            if entry.trained and _kept(entry, kind).is_file():
                some = read_examples(_kept(entry, kind))
                examples.setdefault(entry.patient, []).extend(some)
                kinds.setdefault(entry.patient, []).extend([kind] * len(some))
        if entry.trained:
            lost += json.loads(_lost_file(entry).read_text(encoding="utf-8"))
    graders = {who: workshop.scored(who) for who in sorted(examples)}
    asked = {who: [one for one in workshop.questions(who) if one.simulated] for who in graders}
    asked = {who: part for who, part in asked.items() if part}
    drawn = {who: evidence_of(graders[who], part, SEED_OF_POINTS) for who, part in asked.items()}
    rows: list[Row] = []
    for who, grader in graders.items():
        said = said_of(grader, examples[who])
        found = [
            {"kind": kind, **row_of(one, words)}
            for kind, one, words in zip(kinds[who], examples[who], said, strict=True)
        ]
        # The others' crops have drawn errors, as those that the shipped decision was fitted on.
        heard, bodies = drawn | {who: _evidence(grader, examples[who])}, asked | {who: examples[who]}
        tell_by_both_cuts(found, heard, bodies, who, grader.decision.reader_scale)
        rows += found
    return rows + [not_assessed(row, graders[row["patient"]]) for row in lost if row["patient"] in graders]


def _evidence(grader: TrainedGrader, examples: Sequence[Example]) -> Evidence:
    return say_of(loaded_net(grader), [one.crop for one in examples]).evidence


def not_assessed(row: Row, grader: TrainedGrader) -> Row:
    """A body that was lost on the way: said to be unbroken, which is a miss if it was not."""
    loss = max(row["losses_percent"])
    said: Row = {"balanced_grade": 0, "probabilities": [1.0, 0.0, 0.0, 0.0]}
    return {
        "kind": row["kind"],
        "body": row["body"],
        "patient": row["patient"],
        "grade": int(np.argmax(shares_of_loss(loss))),
        "loss": loss,
        "control": row["control"],
        "genant": {"grade": int(np.argmax(shares_of_loss(loss))), **said},
        "as_read": {
            "grade": int(np.argmax(shares_of_loss(loss / grader.decision.reader_scale))),
            **said,
        },
        "set": [],
        "verdict": str(Verdict.NOT_ASSESSED),
        "regressed": 0.0,
        "measured": 0.0,
    }


def figures_of(rows: list[Row]) -> Row:
    """The figures by how the scans were made, and those of thin and thickened ones together."""
    groups = {"": [row for row in rows if row["kind"] != THICK]}
    groups |= {kind: [row for row in rows if row["kind"] == kind] for kind in WORDS}
    return {kind or "sharp": _figures(part) for kind, part in groups.items()}


def _figures(rows: list[Row]) -> Row:
    """The figures of `grader_figures`, and how many bodies of each grade (by Genant's cuts) were flagged."""
    away = [
        row["measured"] - row["loss"]
        for row in rows
        if not row["control"] and row["verdict"] != Verdict.NOT_ASSESSED
    ]
    return {
        "bodies": len(rows),
        "patients": len({row["patient"] for row in rows}),
        "not_assessed": sum(row["verdict"] == Verdict.NOT_ASSESSED for row in rows),
        **{f"grade{grade}_flagged": counted(rows, grade, FLAGGED) for grade in (3, 2, 1, 0)},
        "controls_flagged": counted([row for row in rows if row["control"]], 0, FLAGGED),
        "loss_by_points": {"mean": round(float(np.mean(away)), 1), "sd": round(float(np.std(away)), 1)},
        "simulated": with_intervals(rows, figures_of_simulated),
    }


def table(figures: Row) -> str:
    """One row a figure, one column a way the scans were made, beside the figure where the points' error is drawn."""
    drawn = json.loads((ROOT / "benchmarks" / "results" / "grader.json").read_text(encoding="utf-8"))
    beside = drawn["figures"]["simulated"]
    both = figures["sharp"]
    columns = [both, *(figures[kind] for kind in WORDS)]
    rows = [
        f"| figure | thin and averaged, 95 % over patients | {' | '.join(WORDS.values())} | points' error drawn |",
        "|---|---|" + "---|" * (len(WORDS) + 1),
        "| bodies, patients | "
        + " | ".join(f"{one['bodies']}, {one['patients']}" for one in columns)
        + " | – |",
    ]
    for name, one in both["simulated"].items():
        others = " | ".join(f"{figures[kind]['simulated'][name]['value']:.3f}" for kind in WORDS)
        rows.append(
            f"| {name.replace('_', ' ')} | {one['value']:.3f}, {one['low']:.3f} to {one['high']:.3f} | {others} "
            f"| {beside[name]['value']:.3f} |"
        )
    flagged = {f"grade {grade} by Genant's cuts flagged": f"grade{grade}_flagged" for grade in (3, 2, 1, 0)}
    for words, name in {**flagged, "controls flagged": "controls_flagged"}.items():
        told = " | ".join(f"{one[name]['hits']}/{one[name]['count']}" for one in columns)
        rows.append(f"| {words} | {told} | – |")
    losses = " | ".join(
        f"{one['loss_by_points']['mean']:+.1f} ± {one['loss_by_points']['sd']:.1f}" for one in columns
    )
    rows.append(f"| loss by points less the true one: mean ± SD, points | {losses} | – |")
    rows.append("| not assessed | " + " | ".join(str(one["not_assessed"]) for one in columns) + " | – |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
