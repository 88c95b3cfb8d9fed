"""What SupCon with a detached probe needs so that its embeddings do not collapse: rate or temperature.

The proof's row (`benchmarks/grader_rows.py`) on the patients of one fold's others, as it is, at a third of the rate,
and at three times the temperature. Prints the contrastive loss, mean of every tenth of the run, beside the plateau of
a full collapse (ln of the other embeddings), and how often the alarm rang. A minute and a half on one core; needs
`VFSCREEN_CASES` and the bank in `.work/grader`, or makes it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from grader_rows import PARTS, Proof

from models.grader.config import read_config
from models.grader.folds import FOLDS
from models.grader.training import Step, train
from models.train_grader import OWN_MARKS, read_bank

ROW, FOLD, PIECES = "CT and outline, SupCon and a probe", "A", 10
VARIANTS = {"as it is": {}, "a third of the rate": {"learning_rate": 3e-4}, "warmer": {"temperature": 0.3}}
WORK = Path(".work/grader")


def main() -> int:
    """Prints one line a variant, and all as JSON on the last."""
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    bank = read_bank(Path(os.environ["VFSCREEN_CASES"]), OWN_MARKS, WORK / "bank")
    seen = [one for who, part in bank.items() if who not in FOLDS[FOLD] for one in part]
    row = next(part for part in PARTS if part.name == ROW)
    plain = Proof(bank, {}, read_config(), WORK).settings_of(row)
    figures = {}
    for name, changes in VARIANTS.items():
        steps: list[Step] = []
        settings = replace(plain, training=replace(plain.training, **changes))
        train(seen, settings, 0, steps.append)
        others = 2 * 4 * settings.training.per_grade - 1
        pieces = np.array_split([step.supcon for step in steps], PIECES)
        figures[name] = {
            "plateau": round(float(np.log(others)), 2),
            "contrast": [round(float(piece.mean()), 2) for piece in pieces],
            "alarms": sum(step.collapsed for step in steps),
        }
        print(f"{name}: {figures[name]}", file=sys.stderr)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
