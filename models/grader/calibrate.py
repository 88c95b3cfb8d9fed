"""Fitting the decision on bodies that the network was not trained on, seen as the localiser would show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.grader.decision import Decision, Evidence, fit_decision, natural_weights
from models.grader.examples import Example, Shares, shares_of_loss
from models.grader.trained import TrainedGrader, loaded_net, say
from models.grader.view import LOCALISER_ERROR, misplaced

FEWEST = 20
"""Fewer healthy or fractured bodies than this say too little to move a decision."""

HeldOut = tuple[TrainedGrader, Sequence[Example]]


def calibrate(trained: TrainedGrader, held_out: Sequence[Example], seed: int = 0) -> TrainedGrader:
    """Returns the grader with a decision fitted on held-out patients; the old decision if they are too few."""
    fractured = sum(one.grade > 0 for one in held_out)
    if min(fractured, len(held_out) - fractured) < FEWEST:
        return trained
    decision = decision_from([(trained, held_out)], seed, trained.decision.reader_scale)
    return replace(trained, decision=decision)


def decision_from(parts: Sequence[HeldOut], seed: int, reader_scale: float) -> Decision:
    """Fits one decision on several networks, each with examples of patients that it was not trained on.

    Simulated bodies count with the grade that readers would give them (see `models.grader.readers`); bodies without
    CT do not count, since none is ever graded.
    """
    parts = [(trained, [one for one in examples if not one.crop.blank]) for trained, examples in parts]
    evidence = Evidence.joined(
        [evidence_of(trained, examples, seed + number) for number, (trained, examples) in enumerate(parts)]
    )
    examples = [one for _, part in parts for one in part]
    shares = np.array([shares_as_read(one, reader_scale) for one in examples])
    common = np.array([not one.simulated or one.control for one in examples])
    fitted = fit_decision(evidence, shares, natural_weights(shares, common))
    return replace(fitted, reader_scale=reader_scale)


def shares_as_read(example: Example, reader_scale: float) -> Shares:
    """Returns the shares of the grades as readers give them, or would give them to a simulated body."""
    if not example.simulated:
        return example.shares
    return shares_of_loss(float(example.losses_percent.max()) / reader_scale)


def evidence_of(trained: TrainedGrader, examples: Sequence[Example], seed: int) -> Evidence:
    """Runs a network on examples whose points are as wrong as those of a localiser that had left the patient out."""
    rng = np.random.default_rng(seed)
    crops = misplaced([one.crop for one in examples], rng, LOCALISER_ERROR) if examples else []
    return say(loaded_net(trained), crops).evidence
