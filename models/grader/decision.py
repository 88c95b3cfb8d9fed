"""From evidence to probabilities: network, regressed loss and morphometry in one calibrated, ordered decision.

One severity, a weighted sum of the evidence, is cut in three places: P(grade >= k) = sigmoid(severity - cut_k). The
weights are not negative, so more loss never makes a fracture less probable, and the cuts are in order. The conformal
set leaves out what is improbable enough that, at natural prevalence, the true grade is in it as often as promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from vfscreen.genant import Grade
from vfscreen.thickness import too_thick

Float = NDArray[np.float64]
Three = tuple[float, float, float]

NATURAL_PREVALENCE = (1172 / 1460, 141 / 1460, 96 / 1460, 51 / 1460)
"""Shares of the grades among the vertebrae of VerSe'19, a clinical mixture."""

RIDGE = 0.02


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n bodies before a decision.

    Shapes: logits (n, 4) of the network; regressed_percent (n, 3), its corrected losses; measured_percent (n, 3), those
    of the points; thickness_mm (n,), the CT's step along the spine.
    """

    logits: Float
    regressed_percent: Float
    measured_percent: Float
    thickness_mm: Float

    @classmethod
    def none(cls) -> Evidence:
        """Evidence of no body."""
        return cls(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))

    @classmethod
    def joined(cls, parts: Sequence[Evidence]) -> Evidence:
        """Puts several together."""
        return cls(
            np.concatenate([part.logits for part in parts]),
            np.concatenate([part.regressed_percent for part in parts]),
            np.concatenate([part.measured_percent for part in parts]),
            np.concatenate([part.thickness_mm for part in parts]),
        )

    def too_thick(self) -> NDArray[np.bool_]:
        """Says of each body, (n,), whether its CT is too thick for heights: sets then have their own threshold."""
        return np.array([too_thick(float(step_mm)) for step_mm in self.thickness_mm], bool)

    def signals(self) -> Float:
        """Returns (n, 3): the network's expected grade, the largest regressed and the largest measured loss in tens."""
        expected = np.exp(log_softmax(self.logits, axis=1)) @ np.arange(4.0)
        regressed, measured = self.regressed_percent.max(1), self.measured_percent.max(1)
        return np.stack([expected, np.clip(regressed, -20, 70) / 10, np.clip(measured, -20, 70) / 10], 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """Weights of the signals, cuts of the severity, and the least probability that keeps a grade in the set.

    `promise` is the share of bodies whose true grade the set holds; `least` is the threshold, `least_thick` that for
    slices too thick for heights. `reader_scale` is where the readers of the training data cut a measured loss, as a
    factor of Genant's 20, 25 and 40 %: grades are to be those that they would give.
    """

    weights: Three = (3.0, 0.5, 0.5)
    cuts: Three = (3.5, 5.5, 8.5)
    promise: float = 0.95
    least: float = 0.05
    least_thick: float = 0.05
    reader_scale: float = 1.0

    def severity(self, evidence: Evidence) -> Float:
        """Returns (n,): where each body lies on the scale that the cuts divide."""
        severity: Float = evidence.signals() @ np.array(self.weights)
        return severity

    def probabilities(self, evidence: Evidence) -> Float:
        """Returns the probabilities of the four grades, (n, 4)."""
        return _between(self.severity(evidence), np.array(self.cuts))

    def sets(self, probabilities: Float, thick: NDArray[np.bool_]) -> list[tuple[Grade, ...]]:
        """Returns each body's conformal set; it holds the most probable grade and no gap.

        Shapes: probabilities (n, 4); thick (n,), whether slices are too thick for heights.
        """
        thresholds = np.where(thick, self.least_thick, self.least)
        sets = []
        for row, threshold in zip(probabilities, thresholds, strict=True):
            kept = np.flatnonzero((row >= threshold) | (row == row.max()))
            sets.append(tuple(Grade(grade) for grade in range(int(kept.min()), int(kept.max()) + 1)))
        return sets

    def to_mapping(self) -> dict[str, Any]:
        """Writes the decision for a card."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, content: dict[str, Any]) -> Decision:
        """Reads what `to_mapping` wrote."""
        return cls(
            weights=_three(content["weights"]),
            cuts=_three(content["cuts"]),
            promise=float(content["promise"]),
            least=float(content["least"]),
            least_thick=float(content["least_thick"]),
            reader_scale=float(content["reader_scale"]),
        )


PLAIN = Decision()
"""A decision before any calibration."""


def fit_decision(evidence: Evidence, shares: Float, weights: Float, promise: float = 0.95) -> Decision:
    """Fits weights and cuts by likelihood, and the sets' thresholds to the promise, on bodies not trained on.

    Shapes: evidence of n bodies; shares (n, 4), the grades' shares in each label; weights (n,), how much each body
    counts (see `natural_weights`).
    """
    signals = evidence.signals()
    weights = weights / weights.sum()

    def cost(parameters: Float) -> float:
        slopes, cuts = np.exp(parameters[:3]), np.cumsum([parameters[3], *np.exp(parameters[4:])])
        chances = _between(signals @ slopes, cuts)
        misfit = -float(weights @ (shares * np.log(np.maximum(chances, 1e-9))).sum(1))
        return misfit + RIDGE * float(slopes @ slopes) / 10

    start = np.array([0.5, -0.7, -0.7, PLAIN.cuts[0], np.log(2.0), np.log(3.0)])
    found = minimize(cost, start, method="L-BFGS-B", bounds=[(-6, 3)] * 3 + [(-5, 30)] + [(-3, 4)] * 2).x
    decision = Decision(_three(np.exp(found[:3])), _three(np.cumsum([found[3], *np.exp(found[4:])])), promise)
    chances = decision.probabilities(evidence)
    thick = evidence.too_thick()
    least = conformal_threshold(chances, shares, weights, promise)
    least_thick = least
    if thick.sum() >= 20:
        least_thick = min(least, conformal_threshold(chances[thick], shares[thick], weights[thick], promise))
    return Decision(decision.weights, decision.cuts, promise, least, least_thick)


def conformal_threshold(chances: Float, shares: Float, weights: Float, promise: float) -> float:
    """Returns the largest probability threshold at which the true grade is kept for the promised share of weight.

    One more body of average weight counts as missed, as split conformal prediction asks for.
    Source: Sadinle, Lei, Wasserman, J Am Stat Assoc 2019;114:223 (least ambiguous sets), weighted.
    """
    order = np.argsort(chances, axis=None)
    mass = (shares * weights[:, None]).reshape(-1)[order]
    total = float(mass.sum())
    allowed = (1 - promise) * (total + total / len(chances)) - total / len(chances)
    missed = np.cumsum(mass)
    lost = int(np.searchsorted(missed, allowed, side="right"))
    return float(chances.reshape(-1)[order][min(lost, len(order) - 1)]) if allowed > 0 else 0.0


def natural_weights(
    shares: Float, common: NDArray[np.bool_], prevalence: Sequence[float] = NATURAL_PREVALENCE
) -> Float:
    """Weighs bodies so that the grades come as often as in a clinic; (n,).

    `common` (n,) says which bodies of grade 0 are of the everyday kind; the others, drawn because they are hard, count
    for a tenth of that grade.
    """
    grades = shares.argmax(1)
    weights = np.zeros(len(shares))
    for grade, share in enumerate(prevalence):
        there = grades == grade
        if grade == 0 and common[there].any() and not common[there].all():
            weights[there & common] = 0.9 * share / (there & common).sum()
            weights[there & ~common] = 0.1 * share / (there & ~common).sum()
        elif there.any():
            weights[there] = share / there.sum()
    total = float(weights.sum())
    return weights / total


def _between(severity: Float, cuts: Float) -> Float:
    beyond = expit(severity[:, None] - cuts)  # (n, 3): P(grade >= 1), >= 2, >= 3
    edges = np.concatenate([np.ones((len(severity), 1)), beyond, np.zeros((len(severity), 1))], 1)
    return np.asarray(edges[:, :-1] - edges[:, 1:])


def _three(values: Sequence[float] | Float) -> Three:
    first, second, third = (float(value) for value in values)
    return first, second, third
