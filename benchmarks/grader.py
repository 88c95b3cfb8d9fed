"""How good the grader is on patients it never saw: the figures and tables of `docs/grader.md`.

Without arguments it makes figures and tables from `benchmarks/results/grader.json`. `--train` makes that file: it
needs the development cases (VFSCREEN_CASES) and an hour on one core, for the bank, a network for every patient left
out alone, and one for every fold. What lies in `--work` (`python -m models.train_grader` leaves it there) is not made
again. The rows of the proof take ten minutes a seed more; they are trained as long as `--minutes` says, and go on
where the last run stopped.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from grader_prevalence import tell_by_both_cuts
from grader_proof import proof_of, train_rows
from grader_rows import Proof
from grader_tables import figures_of, write_tables

from models.grader.calibrate import evidence_of
from models.grader.cases import GradedCase, mask_examples, read_graded_case, real_examples
from models.grader.config import COMPACT, read_config
from models.grader.crop import neighbours_of
from models.grader.draw import Plan
from models.grader.examples import Example, deformed_crop, reader_example
from models.grader.folds import Workshop
from models.grader.stored import read_grader
from models.grader.suggest import BUNDLED
from models.grader.trained import TrainedGrader, loaded_net, say
from models.grader.view import LOCALISER_ERROR, misplaced
from models.localiser.truth import CASES
from models.simulate import Deformity, field_of
from models.train_grader import OWN_MARKS, read_asked, read_bank, say_step
from vfscreen.anatomy import level_of
from vfscreen.findings import Verdict, Vertebra, verdict_of
from vfscreen.genant import ReadGrade, SixPoints, axes_of

RESULTS = Path("benchmarks/results/grader.json")
LOCALISER_RESULTS = Path("benchmarks/results/localiser.json")
PAGE = Path("docs/grader.md")
DRAWS = 5
"""How often the real bodies are scored with points as wrong as a localiser's."""

Graders = Mapping[str, TrainedGrader]
"""By patient, the grader that never saw that patient."""

TEST_ONLY = ("ricord_80m",)
SEED_OF_POINTS = 1
WARPED = 6
"""About how many healthy bodies of a case are warped without a loss."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures as one JSON object on the last line; exits 2 with a sentence where something is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--config", type=Path, default=COMPACT)
    parser.add_argument("--work", type=Path, default=Path(".work/grader"))
    parser.add_argument("--own-marks", type=Path, default=OWN_MARKS)
    parser.add_argument("--seed", type=int, default=0, help="the shipped one's")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="how long to go on training the proof's rows"
    )
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
    asked = read_asked(cases, chosen.own_marks, chosen.work / "asked")
    config = read_config(chosen.config)
    proof = Proof(bank, asked, config, chosen.work / "proof")
    train_rows(proof, chosen.minutes)
    first = Workshop(bank, asked, config, chosen.seed, chosen.work, say_step)
    graders = {who: first.scored(who) for who in sorted(bank)}
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    results = {
        "commit": head.stdout.strip(),
        "seed": first.seed,
        "config": config.to_mapping(),
        **scored_patients(first, graders),
        **scored_cases(cases, chosen.own_marks, graders),
        "masks": [*outline_rows(first, graders), *test_only_outlines(cases)],
        "proof": proof_of(proof),
    }
    return results | {"figures": figures_of(results)}


def scored_patients(workshop: Workshop, graders: Graders) -> dict[str, Any]:
    """Scores every patient's real and simulated bodies by the grader that never saw the patient."""
    real: list[dict[str, Any]] = []
    simulated: list[dict[str, Any]] = []
    made = {who: [one for one in workshop.questions(who) if one.simulated] for who in graders}
    made = {who: examples for who, examples in made.items() if examples}
    heard = {who: evidence_of(graders[who], examples, SEED_OF_POINTS) for who, examples in made.items()}
    for who, grader in graders.items():
        bodies = [one for one in workshop.questions(who) if not (one.simulated or one.crop.blank)]
        real += scored_bodies(grader, bodies, 0)
        rows = scored(grader, made.get(who, ()), SEED_OF_POINTS)
        if rows:
            tell_by_both_cuts(rows, heard, made, who, grader.decision.reader_scale)
        simulated += rows
    decisions = {who: grader.decision.to_mapping() for who, grader in graders.items()}
    return {"decisions": decisions, "real": real, "simulated": simulated}


def outline_rows(workshop: Workshop, graders: Graders) -> Iterator[dict[str, Any]]:
    """Yields what a grader that never saw the patient says of bodies of which there is only a mask."""
    for who, grader in graders.items():
        blank = [one for one in workshop.questions(who) if one.crop.blank]
        for one, said in zip(blank, said_of(grader, blank), strict=True):
            yield row_of(one, said) | {"use": "train"}


def test_only_outlines(cases: Path) -> Iterator[dict[str, Any]]:
    """Yields what the shipped grader says of the masks that nothing was trained, chosen or calibrated on."""
    examples = mask_examples(cases, "test only")
    for one, said in zip(examples, said_of(read_grader(BUNDLED)[0], examples), strict=True):
        yield row_of(one, said) | {"use": "test only"}


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
    crops = misplaced([one.crop for one in examples], np.random.default_rng(seed), LOCALISER_ERROR)
    moved = [replace(one, crop=crop) for crop, one in zip(crops, examples, strict=True)]
    return [row_of(*pair) for pair in zip(moved, said_of(grader, moved), strict=True)]


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
            "control": example.control,
        }
    return known | said


def scored_cases(cases: Path, own_marks: Path, graders: Graders) -> dict[str, list[dict[str, Any]]]:
    """Scores what needs the CT again: the whole chain, bodies warped without a loss, and the test-only cases.

    Every trained case is seen by the grader that never saw its patient, the others by the shipped one.
    """
    found = {
        case["name"]: case for case in json.loads(LOCALISER_RESULTS.read_text(encoding="utf-8"))["cases"]
    }
    rows: dict[str, list[dict[str, Any]]] = {"chain": [], "warped": [], "shipped_on_test_only": []}
    for entry in CASES:
        case = read_graded_case(cases, entry, own_marks)
        if case is None or not (entry.trained or entry.name in TEST_ONLY):
            continue
        grader = graders[entry.patient] if entry.trained else read_grader(BUNDLED)[0]
        if entry.name in found:
            rows["chain"] += chain_rows(case, grader, found[entry.name]["bodies"])
        if entry.trained:
            rows["warped"] += warped_rows(case, grader)
        else:
            rows["shipped_on_test_only"] += scored_bodies(grader, real_examples(case), 0)
    return rows


def chain_rows(
    case: GradedCase, grader: TrainedGrader, found: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields what the whole chain says of every body whose grade is known.

    Points and names are those that a localiser which had left the patient out found (`LOCALISER_RESULTS`). A body that
    was not found, or not measured, is `not_assessed`.
    """
    bodies = {body["level"]: body for body in found}
    seen = {level: located(body) for level, body in bodies.items() if body["points_lps_mm"]}
    for level, grade in case.grades.items():
        if str(level) not in bodies:
            continue
        row = {
            "body": f"{case.entry.name}/{level}",
            "patient": case.entry.patient,
            "grade": int(grade),
            "found_as": bodies[str(level)]["found_level"],
            "verdict": str(Verdict.NOT_ASSESSED),
        }
        if str(level) in seen:
            shares = ReadGrade(float(grade)).soft()
            body = reader_example(
                case.volume, seen[str(level)], list(seen.values()), shares, case.entry.patient, row["body"]
            )
            row |= next(said_of(grader, [body]))
        yield row


def warped_rows(case: GradedCase, grader: TrainedGrader) -> Iterator[dict[str, Any]]:
    """Yields what is said of healthy bodies as they are, and again after a warp that moves all but their heights.

    Discs and neighbours are turned, the same resampling is gone through, nothing is painted: a network that reads
    resampling would tell the two apart.
    """
    rng = np.random.default_rng(0)
    for body in case.healthy[:: max(1, len(case.healthy) // WARPED)]:
        if body.points is None:
            continue
        around = neighbours_of(body, case.vertebrae)
        tilts = tuple(float(value) for value in rng.uniform(3, 6, 2) * rng.choice((-1, 1), 2))
        turned = field_of(body.points, Deformity(tilts_deg=(tilts[0], tilts[1])))
        warped = deformed_crop(case.volume, (body, *around), Plan((turned,), size=1.0, density_share=1.0))
        if warped is None:
            continue
        plain = reader_example(
            case.volume, body, case.vertebrae, (1.0, 0.0, 0.0, 0.0), case.entry.patient, ""
        )
        before, after = said_of(grader, [plain, replace(plain, crop=warped)])
        yield {
            "body": f"{case.entry.name}/{body.level}",
            "patient": case.entry.patient,
            "plain": 1 - before["probabilities"][0],
            "warped": 1 - after["probabilities"][0],
            "plain_percent": before["regressed"],
            "warped_percent": after["regressed"],
        }


def located(body: dict[str, Any]) -> Vertebra:
    """Builds a body as the localiser found it."""
    points = SixPoints.from_array(np.array(body["points_lps_mm"]))
    axes = axes_of(points)
    return Vertebra(level_of(body["found_level"]), True, True, axes.origin, 1.0, points, axes)


if __name__ == "__main__":
    raise SystemExit(main())
