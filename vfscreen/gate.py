"""The gate: may a retrained model replace the one in use? Both are scored on the same held-out patients.

Non-inferiority by paired patient bootstrap: of every named measure, the lower end of the 95 % interval of the
difference must not lie below minus its margin. Pure arithmetic; patients, not bodies, are drawn, since bodies of one
person are alike. Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import NotEnoughLabels
from vfscreen.training import Scored

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that both models are compared by; `better` is +1 where more is better, -1 where less is.

    `margin` is how much worse the new model may be, in the figure's own units. `of` takes truth (n, 4),
    probabilities (n, 4) and weights (n,); NaN where it is not defined.
    """

    name: str
    words: str
    better: int
    margin: float
    of: Callable[[Float, Float, Float], float]


def finds_grade_2_3(truth: Float, probabilities: Float, weights: Float) -> float:
    """The share of grade 2-3 bodies that are called so; soft labels count by their share."""
    moderate = weights * truth[:, 2:].sum(1)
    return _ratio(moderate @ (probabilities.argmax(1) >= 2), moderate.sum())


def false_alarms(truth: Float, probabilities: Float, weights: Float) -> float:
    """How many of a hundred normal bodies are called grade 1 or more."""
    normal = weights * truth[:, 0]
    return 100 * _ratio(normal @ (probabilities.argmax(1) >= 1), normal.sum())


def weighted_kappa(truth: Float, probabilities: Float, weights: Float) -> float:
    """Cohen's kappa with quadratic weights over grades 0-3. Source: Cohen J, Psychol Bull 1968;70:213."""
    called = np.eye(4)[probabilities.argmax(1)]
    table = (truth * weights[:, None]).T @ called
    table /= table.sum()
    distance = np.subtract.outer(np.arange(4), np.arange(4)) ** 2
    expected = float((np.outer(table.sum(1), table.sum(0)) * distance).sum())
    return float("nan") if expected == 0 else 1.0 - float((table * distance).sum()) / expected


def orders_grade_2_3(truth: Float, probabilities: Float, weights: Float) -> float:
    """Area under the ROC curve of P(grade >= 2): how well suspicion orders bodies; ties count half."""
    score = probabilities[:, 2:].sum(1)
    share = truth[:, 2:].sum(1)
    _, place = np.unique(score, return_inverse=True)
    positive = np.bincount(place, weights * share)
    negative = np.bincount(place, weights * (1 - share))
    below = np.cumsum(negative) - negative / 2
    return _ratio(float(positive @ below), positive.sum() * negative.sum())


MEASURES = (
    Measure("finds_grade_2_3", "finds grade 2-3", +1, 0.05, finds_grade_2_3),
    Measure("false_alarms", "false alarms per 100 normal", -1, 3.0, false_alarms),
    Measure("weighted_kappa", "weighted kappa", +1, 0.05, weighted_kappa),
    Measure("orders_grade_2_3", "area under the curve for grade 2-3", +1, 0.03, orders_grade_2_3),
)


@dataclass(frozen=True, slots=True)
class GateRule:
    """What the gate asks for: held-out patients, among them some with a grade 2-3 body, and the measures."""

    patients: int = 20
    fractured_patients: int = 5
    measures: tuple[Measure, ...] = MEASURES
    resamples: int = 1000
    seed: int = 20_180


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of both models; the difference (new minus old) with its 95 % interval; None where undefined."""

    name: str
    words: str
    champion: float | None
    challenger: float | None
    low: float | None
    high: float | None
    passed: bool
    margin: float

    def sentence(self) -> str:
        """Says the comparison in words, with its figures."""
        if self.champion is None or self.challenger is None or self.low is None or self.high is None:
            return f"{self.words}: cannot be compared on these patients"
        return (
            f"{self.words}: {self.challenger:.2f} against {self.champion:.2f}, difference "
            f"{self.challenger - self.champion:+.2f} ({self.low:+.2f} to {self.high:+.2f}), allowed {self.margin:.2f}"
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says, the reason in words, and the figures behind it."""

    accepted: bool
    reason: str
    patients: int
    compared: tuple[Compared, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Writes the decision as the store keeps it."""
        return asdict(self)


def judge(champion: Sequence[Scored], challenger: Sequence[Scored], rule: GateRule) -> Decision:
    """Compares two models on the same held-out bodies.

    Raises:
        NotEnoughLabels: too few held-out patients, or too few of them with a grade 2-3 body.
        ValueError: the two were not scored on the same bodies.
    """
    if [(one.body_id, one.truth) for one in champion] != [(one.body_id, one.truth) for one in challenger]:
        raise ValueError("both models must be scored on the same bodies with the same labels")
    truth = np.array([one.truth for one in champion], float).reshape(-1, 4)
    check_held_out([one.pseudonym for one in champion], truth, rule)
    _, patient = np.unique([one.pseudonym for one in champion], return_inverse=True)
    count = int(patient.max()) + 1
    drawn = _drawn(count, rule)
    old = np.array([one.probabilities for one in champion], float)
    new = np.array([one.probabilities for one in challenger], float)
    compared = tuple(_compare(measure, truth, (old, new), patient, drawn) for measure in rule.measures)
    failed = [one for one in compared if not one.passed]
    if failed:
        return Decision(
            False, f"May be worse: {'; '.join(one.sentence() for one in failed)}.", count, compared
        )
    told = "; ".join(one.sentence() for one in compared)
    return Decision(True, f"Not worse on {count} held-out patients: {told}.", count, compared)


def check_held_out(patients: Sequence[str], truth: Float, rule: GateRule) -> None:
    """Makes sure that there are enough held-out patients to compare two models on.

    Raises:
        NotEnoughLabels: there are not.
    """
    everyone = len(set(patients))
    fractured = len({name for name, shares in zip(patients, truth, strict=True) if shares[2:].sum() >= 0.5})
    if everyone < rule.patients:
        raise not_enough("patients kept aside for testing are graded", everyone, rule.patients)
    if fractured < rule.fractured_patients:
        raise not_enough(
            "patients kept aside for testing have a body of grade 2 or 3", fractured, rule.fractured_patients
        )


def not_enough(what: str, found: int, needed: int) -> NotEnoughLabels:
    """Says what is missing, with the counts."""
    return NotEnoughLabels(
        f"Not enough: {found} {what}, {needed} needed", "first readings", "grade more cases"
    )


def _drawn(patients: int, rule: GateRule) -> NDArray[np.int64]:
    """Draws how often each patient counts in each resample; (resamples, patients)."""
    rng = np.random.default_rng(rule.seed)
    return rng.multinomial(patients, np.full(patients, 1 / patients), size=rule.resamples)


def _compare(
    measure: Measure,
    truth: Float,
    models: tuple[Float, Float],
    patient: NDArray[np.int64],
    drawn: NDArray[np.int64],
) -> Compared:
    old, new = models
    everyone = np.ones(len(truth))
    before, after = measure.of(truth, old, everyone), measure.of(truth, new, everyone)
    weights = drawn[:, patient].astype(float)
    differences = np.array([measure.of(truth, new, w) - measure.of(truth, old, w) for w in weights])
    differences = differences[np.isfinite(differences)]
    if not np.isfinite(before) or not np.isfinite(after) or not len(differences):
        return Compared(measure.name, measure.words, None, None, None, None, False, measure.margin)
    low, high = (float(value) for value in np.percentile(differences, [2.5, 97.5]))
    worst = low if measure.better > 0 else -high
    return Compared(
        measure.name, measure.words, before, after, low, high, worst >= -measure.margin, measure.margin
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")
