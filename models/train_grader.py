"""Makes the bundled grader: `python -m models.train_grader` (needs the development cases, see VFSCREEN_CASES).

Bank of simulated and real crops, one network for each fold of left-out patients (to fit the decision on), one on all
patients. About an hour on one core; whatever is finished in the work folder is not made again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from models.grader.bank_file import read_examples, write_examples
from models.grader.cases import GradedCase, bank_of, mask_examples, read_graded_case, test_set_of
from models.grader.config import COMPACT, read_config
from models.grader.examples import Example
from models.grader.folds import Workshop
from models.grader.stored import save_grader
from models.grader.suggest import BUNDLED
from models.grader.training import Step
from models.localiser.truth import CASES, digests_of
from vfscreen.model_files import ModelCard, ModelKind, TrainingData

logger = logging.getLogger(__name__)

OWN_MARKS = Path("benchmarks/marks")
SIMULATED_PER_BODY, ASKED_PER_BODY = 11, 6
"""Simulated examples made from each healthy body: to train on, and to ask networks that have not seen the patient."""

OTHER_SEEDS = 1000

DATA = (
    TrainingData("LIDC-IDRI 0001, 0005, 0314 (TCIA; Armato et al. 2011)", "CC BY 3.0", 3),
    TrainingData(
        "VerSe'19/20 005, 006, 007, 008, 014 (Sekuboyina et al. 2021, Loeffler et al. 2020)",
        "CC BY-SA 4.0",
        5,
        "published grades; the only real fractures: four of grade 1, three of grade 2",
    ),
    TrainingData(
        "VerSe'19/20 004, 010: masks alone",
        "CC BY-SA 4.0",
        2,
        "published grades and outlines of twelve bodies: two of grade 2, two of grade 3",
    ),
    TrainingData("ACRIN-NSCLC-FDG-PET 001 (TCIA; Kinahan et al. 2019)", "CC BY 3.0", 1, "4.25 mm slices"),
    TrainingData(
        "CMB-CRC-01068 (TCIA; Biobank CMB-CRC)", "CC BY 4.0", 1, "two series, one with a lung kernel"
    ),
    TrainingData("HCC-TACE-Seg 002, 006, 007, 011 (TCIA; Moawad et al. 2021)", "CC BY 4.0", 4),
    TrainingData(
        "QIN Lung CT 0009, 0014, 0028, 0055 (TCIA; Goldgof et al. 2015)", "CC BY 3.0", 4, "low dose"
    ),
)
NOTES = (
    "Intended use: research, and the preparation of labels by people who read the pictures themselves. It must not be "
    "used for diagnosis, for triage without a reader, as proof that there is no fracture, for children, or for bodies "
    "with metal, cement, tumour or infection. All fractures in training are simulated but for eleven bodies; healthy "
    "ones outside VerSe were read by no radiologist. Known failures: mild fractures (the evenly concave grade-1 bodies "
    "of verse005 are called normal); a level that is named wrongly shifts what is expected of a body; points more than "
    "about 2 mm off; slices over 3 mm; upper thoracic bodies behind the shoulders. Figures are those of networks of "
    "the same recipe on patients they never saw; case by case in docs/grader.md and benchmarks/results/grader.json."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains and writes weights and card; exits 2 with a sentence where the cases are missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=COMPACT)
    parser.add_argument(
        "--work", type=Path, default=Path(".work/grader"), help="bank, checkpoints, fold networks"
    )
    parser.add_argument(
        "--own-marks", type=Path, default=OWN_MARKS, help="six points of cases that came without"
    )
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--metrics", type=Path, help="benchmarks/results/grader.json, whose figures go on the card"
    )
    chosen = parser.parse_args(arguments)
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    torch.set_num_threads(1)
    cases = Path(os.environ["VFSCREEN_CASES"])
    bank = read_bank(cases, chosen.own_marks, chosen.work / "bank")
    asked = read_asked(cases, chosen.own_marks, chosen.work / "asked")
    workshop = Workshop(bank, asked, read_config(chosen.config), chosen.seed, chosen.work, say_step)
    shipped = workshop.shipped()
    simulated = [one.simulated for part in bank.values() for one in part]
    metrics = measured_figures(chosen.metrics) if chosen.metrics else {}
    card = ModelCard(
        id=f"grader-compact-3-{chosen.seed}",
        kind=ModelKind.GRADER,
        architecture="",
        licence="CC BY-SA 4.0",
        data=DATA,
        metrics={"simulated_share_of_examples": sum(simulated) / len(simulated), **metrics},
        training_patients=tuple(sorted(bank)),
        training_files=digests_of(cases, (entry for entry in CASES if entry.patient in bank)),
        notes=NOTES,
    )
    save_grader(shipped, chosen.weights, card)
    return 0


def measured_figures(results: Path) -> dict[str, Any]:
    """Reads what the benchmark measured on left-out patients, by name, as a card keeps it."""
    figures: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))["figures"]
    simulated = {f"simulated_{name}": value for name, value in figures.pop("simulated").items()}
    return figures | simulated


def read_bank(cases: Path, own_marks: Path, folder: Path) -> dict[str, list[Example]]:
    """Reads the bank by patient, making what is missing; test-only cases and cases without grades are left out."""
    bank = _by_patient(
        cases, own_marks, folder, lambda case, number: bank_of(case, SIMULATED_PER_BODY, number)
    )
    for example in mask_examples(cases):
        bank.setdefault(example.patient, []).append(example)
    return bank


def read_asked(cases: Path, own_marks: Path, folder: Path) -> dict[str, list[Example]]:
    """Reads what the networks are asked that left a patient out, making what is missing: other seeds, even losses."""
    return _by_patient(
        cases, own_marks, folder, lambda case, number: test_set_of(case, ASKED_PER_BODY, OTHER_SEEDS + number)
    )


def _by_patient(
    cases: Path, own_marks: Path, folder: Path, make: Callable[[GradedCase, int], list[Example]]
) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for number, entry in enumerate(CASES):
        if not entry.trained:
            continue
        path = folder / f"{entry.name}.npz"
        if path.is_file():
            found[entry.patient] += read_examples(path)
            continue
        case = read_graded_case(cases, entry, own_marks)
        examples = make(case, number) if case is not None else []
        if examples:
            write_examples(path, examples)
        logger.info("%s/%s: %d examples", folder.name, entry.name, len(examples))
        found[entry.patient] += examples
    return {patient: part for patient, part in found.items() if part}


def say_step(name: str, step: Step) -> None:
    """Tells how a training is going, now and then, and at once if the embeddings have collapsed."""
    if step.step % 100 == 0 or step.collapsed:
        logger.info(
            "%s %d/%d: loss %.3f, contrast %.3f, grades %.3f, heights %.4f%s",
            name, step.step, step.steps, step.loss, step.supcon, step.cross_entropy, step.regression,
            ", COLLAPSED" if step.collapsed else "",
        )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
