"""How good the whole chain is on broken bodies of patients it never saw: CT in, localiser, grader, verdict out.

Every healthy body of every development case is broken once in its scan (`benchmarks/broken_scans.py`), with losses
even from 0 to 60 %, and once left as it is as a control. Localiser and grader, trained without the patient, are given
the scan and nothing else. Points, names and what is lost on the way are therefore those of the program, where
`benchmarks/grader.py` draws the points' error. Without arguments it makes figures and table from
`benchmarks/results/grader_chain.json`. `--train` makes that file in about an hour on one core, side by side with
`--jobs`; it needs VFSCREEN_CASES, what `benchmarks/localiser.py --train` and `benchmarks/grader.py --train` left in
`.work`, and goes on where the last run stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grader import SEED_OF_POINTS, row_of, said_of
from grader_figures import FLAGGED, counted, figures_of_simulated, with_intervals
from grader_prevalence import tell_by_both_cuts

from benchmarks.broken_scans import BrokenScan, broken_scans
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

Row = dict[str, Any]

RESULTS = ROOT / "benchmarks" / "results" / "grader_chain.json"
PAGE = ROOT / "docs" / "grader.md"
WORK = ROOT / ".work" / "grader"
PER_BODY = 1
SLICES_MM = {"up to 2 mm": (0.0, 2.0), "2 to 3 mm": (2.0, 3.1), "over 3 mm": (3.1, 99.0)}
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
            if entry.trained and not _kept(entry).with_suffix(".json").is_file()
        ]:
            say(done.result())


def find_broken(cases: Path, number: int, entry: CaseEntry) -> str:
    """Breaks the bodies of a case one by one, and keeps what the localiser that never saw the patient found of them."""
    torch.set_num_threads(1)
    case = read_graded_case(cases, entry, OWN_MARKS)
    found: list[Example] = []
    lost: list[Row] = []
    if case is not None and case.healthy:
        localiser = load_localiser(weights_without(entry.patient))
        for broken in broken_scans(case, PER_BODY, SEEDS_FROM + number):
            example = found_in(broken, localiser, entry)
            if example is not None:
                found.append(example)
            else:
                lost.append(_lost_row(broken, entry))
    if found:
        write_examples(_kept(entry), found)
    _kept(entry).with_suffix(".json").write_text(json.dumps(lost), encoding="utf-8")
    return f"{entry.name}: {len(found)} bodies found and measured, {len(lost)} not"


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


def _lost_row(broken: BrokenScan, entry: CaseEntry) -> Row:
    return {
        "body": f"{entry.name}/{broken.body.level}",
        "patient": entry.patient,
        "losses_percent": [round(float(loss), 1) for loss in broken.outcome.losses_percent],
        "control": broken.control,
    }


def _kept(entry: CaseEntry) -> Path:
    return WORK / "chain" / f"{entry.name}.npz"


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
    lost: list[Row] = []
    for entry in CASES:
        if entry.trained and _kept(entry).is_file():
            examples.setdefault(entry.patient, []).extend(read_examples(_kept(entry)))
        if entry.trained:
            lost += json.loads(_kept(entry).with_suffix(".json").read_text(encoding="utf-8"))
    graders = {who: workshop.scored(who) for who in sorted(examples)}
    asked = {who: [one for one in workshop.questions(who) if one.simulated] for who in graders}
    asked = {who: part for who, part in asked.items() if part}
    drawn = {who: evidence_of(graders[who], part, SEED_OF_POINTS) for who, part in asked.items()}
    rows: list[Row] = []
    for who, grader in graders.items():
        found = [row_of(*pair) for pair in zip(examples[who], said_of(grader, examples[who]), strict=True)]
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
    """The figures of `grader_figures`, and how many bodies of each grade (by Genant's cuts) were flagged."""
    return {
        "bodies": len(rows),
        "patients": len({row["patient"] for row in rows}),
        "not_assessed": sum(row["verdict"] == Verdict.NOT_ASSESSED for row in rows),
        **{f"grade{grade}_flagged": counted(rows, grade, FLAGGED) for grade in (3, 2, 1, 0)},
        "controls_flagged": counted([row for row in rows if row["control"]], 0, FLAGGED),
        "loss_by_points": {words: _loss_error(rows, *limits) for words, limits in SLICES_MM.items()},
        "simulated": with_intervals(rows, figures_of_simulated),
    }


def _loss_error(rows: list[Row], thinnest_mm: float, thickest_mm: float) -> Row:
    """How the loss that the found points show differs from the true one, in points of per cent; controls left out."""
    away = [
        row["measured"] - row["loss"]
        for row in rows
        if not row["control"]
        and row["verdict"] != Verdict.NOT_ASSESSED
        and thinnest_mm < row["thickness_mm"] <= thickest_mm
    ]
    return {"bodies": len(away), "mean": round(float(np.mean(away)), 1), "sd": round(float(np.std(away)), 1)}


def table(figures: Row) -> str:
    """One row a figure, beside the same figure where the points' error is drawn."""
    drawn = json.loads((ROOT / "benchmarks" / "results" / "grader.json").read_text(encoding="utf-8"))
    beside = drawn["figures"]["simulated"]
    rows = ["| figure | whole chain | 95 % over patients | points' error drawn |", "|---|---|---|---|"]
    for name, one in figures["simulated"].items():
        rows.append(
            f"| {name.replace('_', ' ')} | {one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f} "
            f"| {beside[name]['value']:.3f} |"
        )
    for grade in (3, 2, 1, 0):
        one = figures[f"grade{grade}_flagged"]
        rows.append(
            f"| grade {grade} by Genant's cuts flagged | {one['hits']}/{one['count']} "
            f"| {one['low']:.3f} to {one['high']:.3f} | – |"
        )
    one = figures["controls_flagged"]
    rows.append(
        f"| controls flagged | {one['hits']}/{one['count']} | {one['low']:.3f} to {one['high']:.3f} | – |"
    )
    for words, one in figures["loss_by_points"].items():
        rows.append(
            f"| loss by points less the true one, slices {words}: mean ± SD, points ({one['bodies']} bodies) "
            f"| {one['mean']:+.1f} ± {one['sd']:.1f} | – | – |"
        )
    rows.append(f"| not assessed | {figures['not_assessed']}/{figures['bodies']} | – | – |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
