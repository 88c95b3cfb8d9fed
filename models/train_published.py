"""Repeats the paper: `torchrun --nproc-per-node 2 -m models.train_published CONFIG DATA`.

DATA is the published data set or VerSe, in its own layout. Patches are cut once, then the network is trained, its
epoch chosen by the validation patients, and the test patients are looked at once. A second run goes on where the first
was stopped. Without a GPU only `--smoke` runs: the same steps on a tiny input, two epochs, to show that they work.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.published.bank import StoredPatch, cut_missing, of_split, stored_patches
from models.published.config import PublishedConfig, read_config
from models.published.evaluate import probabilities, with_intervals
from models.published.ranks import Ranks, joined
from models.published.training import Epoch, Workplace, train
from vfscreen.cases import Split
from vfscreen.durable import write_durably
from vfscreen.errors import KnownError, NothingToScreen
from vfscreen.findings import Refusal
from vfscreen.layouts import LabelledSet, find_layout

logger = logging.getLogger(__name__)

NO_GPU = "there is no GPU here, and on a CPU this training would take years: run it where there is one, or with --smoke"
RESULTS = "results.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for on the command line."""

    config: PublishedConfig
    data: Path
    grades: Path | None
    work: Path
    seed: int
    smoke: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepares, trains, tests, and prints the figures as JSON; 2 where it cannot be done here, with a sentence."""
    order = _order(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr, force=True)
    if not (order.smoke or torch.cuda.is_available()):
        print(NO_GPU, file=sys.stderr)
        return 2
    try:
        with joined(use_gpu=not order.smoke) as ranks:
            results = repeat(order, ranks)
    except KnownError as error:
        print(error, file=sys.stderr)
        return 2
    if results is not None:
        print(json.dumps(results))
    return 0


def repeat(order: Order, ranks: Ranks) -> dict[str, Any] | None:
    """Runs the whole experiment on these ranks; the leading one returns the test figures.

    Raises:
        KnownError: the data set is not one of the known layouts, or too small to split.
    """
    found = find_layout(order.data, order.grades)
    if found is None:
        raise NothingToScreen(
            "neither the published data set nor VerSe",
            str(order.data),
            "see docs/reproduce.md for the layouts",
        )
    side, split = order.config.net.side, order.config.split
    patches = order.work / "patches"
    refused = [*_told(found, ranks), *cut_missing(found.scans[ranks.rank :: ranks.count], patches, side)]
    for refusal in refused:
        logger.warning("%s: %s", refusal.where, refusal.reason)
    ranks.wait()
    stored = stored_patches(found.scans, patches, side, split)
    training, validation, test = (of_split(stored, one) for one in (Split.TRAIN, Split.HELD_OUT, Split.TEST))
    place = Workplace(order.work / f"{order.config.training.head}-seed{order.seed}-side{side}")
    net = train(order.config, training, validation, place, ranks, order.seed, _say)
    if not ranks.leads:
        return None
    chances = probabilities(net, test, side, ranks.device)
    results = _results(order, found, {"training": training, "validation": validation, "test": test}, chances)
    write_durably(place.folder / RESULTS, json.dumps(results, indent=1).encode())
    return results


def _results(
    order: Order,
    found: LabelledSet,
    parts: dict[str, Sequence[StoredPatch]],
    chances: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> dict[str, Any]:
    test = parts["test"]
    grades = np.array([int(one.grade) for one in test])
    return {
        "data": found.reader,
        "smoke": order.smoke,
        "seed": order.seed,
        "head": str(order.config.training.head),
        "gather": order.config.training.gather,
        "patients": {name: len({one.patient for one in part}) for name, part in parts.items()},
        "vertebrae": {name: len(part) for name, part in parts.items()},
        "test_by_grade": np.bincount(grades, minlength=4).tolist(),
        "test": with_intervals([one.patient for one in test], grades, chances, order.seed),
    }


def _told(found: LabelledSet, ranks: Ranks) -> tuple[Refusal, ...]:
    return found.faults if ranks.leads else ()


def _say(epoch: Epoch) -> None:
    figures = epoch.validation
    logger.info(
        "epoch %d: contrast %.3f, cross-entropy %.3f%s; validation macro-F1 %.3f, specificity %.3f, sensitivity %.3f",
        epoch.epoch, epoch.supcon, epoch.cross_entropy, ", COLLAPSED" if epoch.collapsed else "",
        figures.macro_f1, figures.specificity, figures.sensitivity,
    )  # fmt: skip


def _order(arguments: Sequence[str] | None) -> Order:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="models/configs/published.toml")
    parser.add_argument("data", type=Path, help="the folder of the published data set, or of VerSe")
    parser.add_argument("--grades", type=Path, help="VerSe's grade table, where it lies elsewhere")
    parser.add_argument(
        "--work", type=Path, default=Path(".work/published"), help="patches, checkpoints, results"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="tiny, on the CPU, two epochs")
    chosen = parser.parse_args(arguments)
    config = read_config(chosen.config)
    return Order(
        config.smoke() if chosen.smoke else config,
        chosen.data,
        chosen.grades,
        chosen.work,
        chosen.seed,
        chosen.smoke,
    )


if __name__ == "__main__":
    raise SystemExit(main())
