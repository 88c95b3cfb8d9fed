"""The trainer: a child process of low priority that makes a challenger from a snapshot and scores it and the champion.

One line in: a `TrainingOrder`. Lines out: {"progress": ...} with the live loss, then one of {"result"}, {"error"},
{"bug"}. It ends at once when its input closes, and may be killed at any moment: the challenger's card is written last,
and a model without its card is none.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from time import perf_counter

import numpy as np
import torch

from models.child import Pipe, claim_pipe, end_at_once, failure_of
from models.department import bank_of, readable, real_examples
from models.grader.calibrate import calibrate
from models.grader.config import GraderConfig
from models.grader.examples import Example
from models.grader.stored import read_grader, save_grader
from models.grader.trained import TrainedGrader, probabilities
from models.grader.training import Step, train
from vfscreen.errors import NotEnoughLabels
from vfscreen.gate import MEASURES
from vfscreen.model_files import WEIGHTS_SUFFIX, ModelCard, ModelKind, TrainingData
from vfscreen.snapshot import Label, Snapshot, read_snapshot
from vfscreen.training import Depth, Scored, Trained, TrainingOrder, TrainingProgress, shares_of

Report = Callable[[TrainingProgress], None]

BANK_ENDS, TRAINING_ENDS = 0.3, 0.9
"""Shares of the whole, about as they take their time."""

FINE_TUNING = 0.3
"""Weights that are good already are changed by smaller steps than new ones."""

CALIBRATION_SHARE = 0.2
"""One training patient in five trains no weights: the decision is fitted on them."""


def run(order: TrainingOrder, report: Report) -> Trained:
    """Trains, saves and scores.

    Raises:
        SnapshotDamaged, WeightsDamaged: as they say. NotEnoughLabels: none of the graded bodies can be read any more.
    """
    started = perf_counter()
    snapshot = read_snapshot(order.snapshot)
    start, start_card = read_grader(order.start)
    champion, _ = read_grader(order.champion)
    cutting = _part(report, "cutting out the vertebrae", 0.0, BANK_ENDS)
    bank = bank_of(snapshot.train, order.simulated, order.seed, cutting)
    if not bank.examples:
        raise NotEnoughLabels(
            "none of the graded bodies can be read any more",
            "; ".join(bank.left_out[:1]),
            "bring the folders back to where they were imported from",
        )
    losses: list[float] = []

    def on_step(step: Step) -> None:
        losses.append(step.loss)
        share = _between(BANK_ENDS, TRAINING_ENDS, step.step / step.steps)
        report(TrainingProgress("training", share, step.step, step.steps, step.loss))

    challenger = _trained(order, start, bank.examples, on_step)
    left_out = list(bank.left_out)
    scores = _scored((champion, challenger), snapshot.held_out, left_out, report)
    weights = order.output / f"{order.challenger}{WEIGHTS_SUFFIX}"
    weights.parent.mkdir(parents=True, exist_ok=True)
    save_grader(challenger, weights, _card(order, start_card, snapshot, losses, scores[1]))
    report(TrainingProgress("done", 1.0))
    return Trained(weights, tuple(losses), *scores, tuple(left_out), perf_counter() - started)


def _trained(
    order: TrainingOrder, start: TrainedGrader, examples: Sequence[Example], on_step: Callable[[Step], None]
) -> TrainedGrader:
    """Trains as deep as was ordered, then fits the decision on the patients that were set aside for it."""
    if order.depth is Depth.REFRESH:
        return calibrate(start, examples, order.seed)
    aside = [one for one in examples if _is_aside(one.patient)]
    fit = [one for one in examples if not _is_aside(one.patient)]
    fresh = order.depth is Depth.SCRATCH
    config = _config(start.config, order.steps, 1.0 if fresh else FINE_TUNING)
    trained = train(fit or examples, config, order.seed, on_step, start=None if fresh else start)
    return calibrate(trained, aside, order.seed) if fit else trained


def _is_aside(patient: str) -> bool:
    """Sets patients aside for the decision by their pseudonym's hash, so that the same ones are set aside each time."""
    digest = hashlib.sha256(f"vfscreen/calibration/1:{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < CALIBRATION_SHARE


def _config(config: GraderConfig, steps: int | None, pace: float) -> GraderConfig:
    settings = config.training
    count = settings.steps if steps is None else steps
    changed = replace(settings, steps=count, learning_rate=settings.learning_rate * pace)
    return replace(config, training=changed)


def _scored(
    graders: tuple[TrainedGrader, TrainedGrader], labels: Sequence[Label], left_out: list[str], report: Report
) -> tuple[tuple[Scored, ...], tuple[Scored, ...]]:
    """Lets both models grade the same held-out bodies."""
    found: tuple[list[Scored], list[Scored]] = ([], [])
    for loaded, group in readable(labels, left_out, _part(report, "testing", TRAINING_ENDS, 1.0)):
        crops = [example.crop for example in real_examples(loaded, group)]
        for grader, scores in zip(graders, found, strict=True):
            said = probabilities(grader, crops)
            scores += [
                Scored(label.body_id, label.pseudonym, label.shares, shares_of(row.tolist()))
                for label, row in zip(group, said, strict=True)
            ]
    return tuple(found[0]), tuple(found[1])


def _card(
    order: TrainingOrder,
    start: ModelCard,
    snapshot: Snapshot,
    losses: Sequence[float],
    scores: Sequence[Scored],
) -> ModelCard:
    """Describes the challenger: what it learned from, and its figures on the held-out patients."""
    fresh = order.depth is Depth.SCRATCH
    patients = sorted({label.pseudonym for label in snapshot.train})
    own = TrainingData(
        "this department's first readings",
        "the department's own",
        len(patients),
        f"{len(snapshot.train)} graded bodies, with fractures simulated on the normal ones",
    )
    truth = np.array([score.truth for score in scores], float).reshape(-1, 4)
    said = np.array([score.probabilities for score in scores], float).reshape(-1, 4)
    figures = (
        {measure.name: measure.of(truth, said, np.ones(len(scores))) for measure in MEASURES}
        if scores
        else {}
    )
    return ModelCard(
        id=order.challenger,
        kind=ModelKind.GRADER,
        architecture=start.architecture,
        licence="the department's own" if fresh else start.licence,
        data=(own,) if fresh else (*start.data, own),
        metrics={name: round(value, 4) for name, value in figures.items() if np.isfinite(value)}
        | {"held_out_bodies": len(scores), "held_out_patients": len({score.pseudonym for score in scores})},
        training_patients=(*(() if fresh else start.training_patients), *patients),
        training_files=() if fresh else start.training_files,
        parent="" if fresh else start.id,
        notes=f"{order.depth} on snapshot {snapshot.digest}, {len(losses)} steps, seed {order.seed}, "
        f"torch {torch.__version__}",
    )


def _part(report: Report, doing: str, start: float, end: float) -> Callable[[float], None]:
    """Reports the progress of one part as a share of the whole."""
    return lambda share: report(TrainingProgress(doing, _between(start, end, share)))


def _between(start: float, end: float, share: float) -> float:
    return start * (1 - share) + end * share


def lower_priority() -> None:
    """Lets everything else on this computer go first; reading must not suffer."""
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000  # Source: SetPriorityClass, BELOW_NORMAL_PRIORITY_CLASS
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        os.nice(10)


def _end_with_input(pipe: Pipe) -> None:
    """Waits for the input to close: whoever ordered the training is gone, or wants it no more."""
    for _ in pipe.lines():
        continue
    end_at_once()


def main() -> int:
    """Runs one training; the answer is the last line."""
    pipe = claim_pipe()
    lower_priority()
    order = TrainingOrder.from_json(next(pipe.lines()))
    threading.Thread(target=_end_with_input, args=(pipe,), name="input", daemon=True).start()
    torch.set_num_threads(order.threads)
    try:
        trained = run(order, lambda progress: pipe.send({"progress": asdict(progress)}))
        pipe.send({"result": trained.to_json()})
    except Exception as error:  # noqa: BLE001 (the process's edge: a bug becomes a report)
        pipe.send(failure_of(error, str(order.snapshot)))
        return 1
    return 0
