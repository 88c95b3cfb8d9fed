"""How good the grader is on patients it never saw: the figures and tables of `docs/grader.md`.

Without arguments it makes figures and tables from `benchmarks/results/grader.json`. `--train` makes that file: it needs
the development cases (VFSCREEN_CASES) and half an hour to an hour on one core, for the bank and a network for every
fold of left-out patients. What lies in `--work` (`python -m models.train_grader` leaves it there) is not made again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from grader_tables import figures_of, write_tables

from models.grader.calibrate import UNBROKEN_PERCENT
from models.grader.cases import graded_masks, read_graded_case, real_examples
from models.grader.config import COMPACT, read_config
from models.grader.examples import Example, reader_example
from models.grader.folds import FOLDS, Workshop
from models.grader.stored import read_grader
from models.grader.suggest import BUNDLED
from models.grader.trained import TrainedGrader, loaded_net, say
from models.grader.view import misplaced
from models.localiser.truth import CASES
from models.train_grader import OWN_MARKS, read_bank, say_step
from vfscreen.anatomy import level_of
from vfscreen.findings import Verdict, Vertebra, verdict_of
from vfscreen.genant import ReadGrade, SixPoints, axes_of, grade_of_loss

RESULTS = Path("benchmarks/results/grader.json")
LOCALISER_RESULTS = Path("benchmarks/results/localiser.json")
PAGE = Path("docs/grader.md")
DRAWS = 5
"""How often the real bodies are scored with points as wrong as a localiser's."""

TEST_ONLY = ("ricord_80m",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures as one JSON object on the last line; exits 2 with a sentence where something is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--config", type=Path, default=COMPACT)
    parser.add_argument("--work", type=Path, default=Path(".work/grader"))
    parser.add_argument("--own-marks", type=Path, default=OWN_MARKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="the first is the shipped one's")
    chosen = parser.parse_args(arguments)
    if chosen.train:
        if "VFSCREEN_CASES" not in os.environ:
            print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
            return 2
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
        torch.set_num_threads(1)
        results = evaluated(Path(os.environ["VFSCREEN_CASES"]), chosen)
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    if not RESULTS.is_file():
        print(f"{RESULTS} is not there; --train makes it.", file=sys.stderr)
        return 2
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    write_tables(PAGE, results)
    print(json.dumps(results["figures"]))
    return 0


def evaluated(cases: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Trains what is missing and scores every patient by a grader that has not seen the patient."""
    bank = read_bank(cases, chosen.own_marks, chosen.work / "bank")
    config, graded = read_config(chosen.config), graded_masks(cases)
    first, *others = [Workshop(bank, config, seed, chosen.work, graded, say_step) for seed in chosen.seeds]
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    results = {
        "commit": head.stdout.strip(),
        "seed": first.seed,
        "config": config.to_mapping(),
        "folds": {name: list(patients) for name, patients in FOLDS.items()},
        **scored_patients(first),
        "shipped_on_test_only": list(test_only_rows(cases, chosen.own_marks, first.seed)),
        "masks": [
            {"use": use, "mask": one.patient, "grade": int(one.grade), "loss": round(one.loss_percent, 1)}
            for use in ("train", "test only")
            for one in graded_masks(cases, use)
        ],
        "chain": list(chain_rows(cases, chosen.own_marks, first)),
        "other_seeds": {str(one.seed): figures_of(scored_patients(one)) for one in others},
    }
    return results | {"figures": figures_of(results)}


def scored_patients(workshop: Workshop) -> dict[str, Any]:
    """Scores every patient's real and simulated bodies by the grader of the fold that left the patient out."""
    real: list[dict[str, Any]] = []
    simulated: list[dict[str, Any]] = []
    decisions = {}
    for fold in FOLDS:
        grader = workshop.scored(fold)
        decisions[fold] = grader.decision.to_mapping()
        examples = workshop.of_fold(fold)
        bodies = [one for one in examples if not one.simulated]
        real += [row | {"fold": fold} for row in scored_bodies(grader, bodies, 0)]
        made = [one for one in examples if one.simulated]
        simulated += [row | {"fold": fold} for row in scored(grader, made, 1)]
    return {"decisions": decisions, "real": real, "simulated": simulated}


def scored_bodies(grader: TrainedGrader, bodies: Sequence[Example], seed: int) -> list[dict[str, Any]]:
    """Scores real bodies by their marks, and by points as wrong as a localiser's, `DRAWS` times."""
    rows = [row_of(*pair) for pair in zip(bodies, said_of(grader, bodies), strict=True)]
    for draw in range(DRAWS):
        for row, moved in zip(rows, scored(grader, bodies, seed + 10 + draw), strict=True):
            row.setdefault("misplaced_verdicts", []).append(moved["verdict"])
            row.setdefault("misplaced_measured", []).append(moved["measured"])
    return rows


def scored(grader: TrainedGrader, examples: Sequence[Example], seed: int) -> list[dict[str, Any]]:
    """Scores examples whose points are as wrong as a localiser's."""
    if not examples:
        return []
    crops = misplaced([one.crop for one in examples], np.random.default_rng(seed), grader.config.points)
    moved = [
        Example(
            crop, one.shares, one.losses_percent, one.patient, one.body, one.simulated, one.own_loss_percent
        )
        for crop, one in zip(crops, examples, strict=True)
    ]
    rows = [row_of(*pair) for pair in zip(moved, said_of(grader, moved), strict=True)]
    for row in rows:
        if "loss" in row:
            row["read_as"] = int(grade_of_loss(row["loss"] / grader.decision.reader_scale))
    return rows


def said_of(grader: TrainedGrader, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    """Yields what the grader says of each example."""
    said = say(loaded_net(grader), [one.crop for one in examples])
    chances = grader.decision.probabilities(said.evidence)
    sets = grader.decision.sets(chances, said.evidence.too_thick())
    for number, (row, conformal_set) in enumerate(zip(chances, sets, strict=True)):
        yield {
            "probabilities": [round(float(value), 4) for value in row],
            "set": [int(grade) for grade in conformal_set],
            "verdict": str(verdict_of(conformal_set)),
            "regressed": round(float(said.evidence.regressed_percent[number].max()), 1),
            "measured": round(float(said.evidence.measured_percent[number].max()), 1),
        }


def row_of(example: Example, said: dict[str, Any]) -> dict[str, Any]:
    """Puts what is known of an example beside what was said of it."""
    lengths = np.linalg.norm(example.crop.points_mm[0, :3] - example.crop.points_mm[0, 3:], axis=1)
    known = {
        "body": example.body,
        "patient": example.patient,
        "grade": int(example.grade),
        "thickness_mm": round(example.crop.thickness_mm, 2),
        "min_over_max": round(float(lengths.min() / lengths.max()), 3),
    }
    if example.simulated:
        known |= {
            "loss": round(float(example.losses_percent.max()), 1),
            "common": bool(example.own_loss_percent < UNBROKEN_PERCENT),
        }
    return known | said


def test_only_rows(cases: Path, own_marks: Path, seed: int) -> Iterator[dict[str, Any]]:
    """Yields what the shipped grader says of the cases that nothing was trained, chosen or calibrated on."""
    if not BUNDLED.is_file():
        return
    grader, _ = read_grader(BUNDLED)
    for entry in CASES:
        if entry.name in TEST_ONLY:
            case = read_graded_case(cases, entry, own_marks)
            if case is not None:
                yield from scored_bodies(grader, real_examples(case), seed)


def chain_rows(cases: Path, own_marks: Path, workshop: Workshop) -> Iterator[dict[str, Any]]:
    """Yields what the whole chain says of every body whose grade is known.

    Points and names are those that a localiser which had left the patient out found (`LOCALISER_RESULTS`); test-only
    cases are seen by the shipped weights. A body that was not found, or not measured, is `not_assessed`.
    """
    if not LOCALISER_RESULTS.is_file():
        return
    found = {
        case["name"]: case for case in json.loads(LOCALISER_RESULTS.read_text(encoding="utf-8"))["cases"]
    }
    fold_of = {patient: fold for fold, patients in FOLDS.items() for patient in patients}
    graders = {fold: workshop.scored(fold) for fold in FOLDS}
    for entry in CASES:
        case = read_graded_case(cases, entry, own_marks)
        if case is None or entry.name not in found or not (entry.trained or BUNDLED.is_file()):
            continue
        grader = graders[fold_of[entry.patient]] if entry.trained else read_grader(BUNDLED)[0]
        bodies = {body["level"]: body for body in found[entry.name]["bodies"]}
        seen = {level: located(body) for level, body in bodies.items() if body["points_lps_mm"]}
        for level, grade in case.grades.items():
            if str(level) not in bodies:
                continue
            row = {
                "body": f"{entry.name}/{level}",
                "patient": entry.patient,
                "grade": int(grade),
                "found_as": bodies[str(level)]["found_level"],
                "verdict": str(Verdict.NOT_ASSESSED),
            }
            if str(level) in seen:
                shares = ReadGrade(float(grade)).soft()
                body = reader_example(
                    case.volume, seen[str(level)], list(seen.values()), shares, entry.patient, row["body"]
                )
                row |= next(said_of(grader, [body]))
            yield row


def located(body: dict[str, Any]) -> Vertebra:
    """Builds a body as the localiser found it."""
    points = SixPoints.from_array(np.array(body["points_lps_mm"]))
    axes = axes_of(points)
    return Vertebra(level_of(body["found_level"]), True, True, axes.origin, 1.0, points, axes)


if __name__ == "__main__":
    raise SystemExit(main())
