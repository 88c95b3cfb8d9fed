"""Figures from scored bodies: rank, agreement, calibration, sets; balanced and at natural prevalence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.grader.decision import natural_weights
from models.scores import auroc, macro_f1

Float = NDArray[np.float64]
Bools = NDArray[np.bool_]
Row = dict[str, Any]

BOOTSTRAPS = 400
FLAGGED = ("fracture", "uncertain")


def counted(rows: Sequence[Row], grade: int, verdicts: Sequence[str]) -> Row:
    """Counts the bodies of a grade with one of these verdicts, with Wilson's 95 % interval."""
    chosen = [row["verdict"] in verdicts for row in rows if row["grade"] == grade]
    count, hits = len(chosen), sum(chosen)
    if not count:
        return {"hits": 0, "count": 0}
    share, z = hits / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return {
        "hits": hits,
        "count": count,
        "value": round(share, 4),
        "low": round(float(max(middle - half, 0.0)), 4),
        "high": round(float(min(middle + half, 1.0)), 4),
    }


def with_intervals(rows: Sequence[Row], figures: Callable[[Sequence[Row]], dict[str, float]]) -> Row:
    """Returns the figures of rows with 95 % intervals over bootstrapped patients."""
    patients = sorted({row["patient"] for row in rows})
    of_patient = {who: [row for row in rows if row["patient"] == who] for who in patients}
    rng = np.random.default_rng(0)
    drawn = [
        figures([row for who in rng.choice(patients, len(patients)) for row in of_patient[who]])
        for _ in range(BOOTSTRAPS)
    ]
    return {
        name: {
            "value": round(value, 4),
            "low": round(float(np.percentile([one[name] for one in drawn], 2.5)), 4),
            "high": round(float(np.percentile([one[name] for one in drawn], 97.5)), 4),
            "count": len(rows),
        }
        for name, value in figures(rows).items()
    }


def figures_of_simulated(rows: Sequence[Row]) -> dict[str, float]:
    """Returns what is said of the simulated bodies, by Genant's own cuts and as readers would grade them.

    "even" figures are those of losses uniform from 0 to 60 %, as they come; "balanced" ones weigh the four grades of
    these equally, and take the grade from a decision fitted where grades are equally frequent. "natural" ones weigh
    grades as they come in a clinic, the controls being nine tenths of grade 0. "by points" is the measured loss alone.
    Sets and the uncertain are those of the shipped decision, which speaks as readers do.
    """
    control = np.array([row["control"] for row in rows])
    measured = np.array([row["measured"] for row in rows])
    loss = np.array([row["loss"] for row in rows])
    read_as = np.array([row["as_read"]["grade"] for row in rows])
    weights = natural_weights(np.eye(4)[read_as], control)
    held = np.array([row["as_read"]["grade"] in row["set"] for row in rows])
    unsure = np.array([row["verdict"] == "uncertain" for row in rows])
    return {
        **_by_cuts(rows, "genant", control, measured),
        **_by_cuts(rows, "as_read", control, measured),
        "loss_error_median_percent": float(
            np.median(np.abs([row["regressed"] for row in rows] - loss)[~control])
        ),
        "loss_error_median_percent_by_points": float(np.median(np.abs(measured - loss)[~control])),
        "set_coverage_natural": float(weights[held].sum()),
        "uncertain_share_natural": float(weights[unsure].sum()),
    }


def _by_cuts(rows: Sequence[Row], cuts: str, control: Bools, measured: Float) -> dict[str, float]:
    grade = np.array([row[cuts]["grade"] for row in rows])
    chances = np.array([row[cuts]["probabilities"] for row in rows])
    balanced = np.array([row[cuts]["balanced_grade"] for row in rows])
    any_chance, worse_chance = 1 - chances[:, 0], chances[:, 2:].sum(1)
    even = ~control
    flat = even.astype(float)
    equal = flat / np.maximum(np.bincount(grade[even], minlength=4), 1)[grade]
    natural = natural_weights(np.eye(4)[grade], control)
    found = {
        "auroc_grade1_even": auroc(grade[even] >= 1, any_chance[even]),
        "auroc_grade1_even_by_points": auroc(grade[even] >= 1, measured[even]),
        "auroc_grade2_even": auroc(grade[even] >= 2, worse_chance[even]),
        "auroc_grade2_even_by_points": auroc(grade[even] >= 2, measured[even]),
        "specificity_at_sensitivity_85_natural": specificity_at(grade >= 1, any_chance, natural, 0.85),
        "specificity_at_sensitivity_85_natural_by_points": specificity_at(
            grade >= 1, measured, natural, 0.85
        ),
        "specificity_at_sensitivity_85_even": specificity_at(grade >= 1, any_chance, flat, 0.85),
        "sensitivity_grade1_even": float((balanced >= 1)[even & (grade >= 1)].mean()),
        "specificity_grade1_even": float((balanced < 1)[even & (grade < 1)].mean()),
        "sensitivity_grade2_even": float((balanced >= 2)[even & (grade >= 2)].mean()),
        "specificity_grade2_even": float((balanced < 2)[even & (grade < 2)].mean()),
        "macro_f1_balanced": macro_f1(grade, balanced, equal),
        "macro_f1_even": macro_f1(grade, balanced, flat),
        "macro_f1_natural": macro_f1(grade, chances.argmax(1), natural),
        "quadratic_kappa_even": quadratic_kappa(grade[even], balanced[even]),
        "calibration_error_natural": calibration_error(grade >= 1, any_chance, natural),
    }
    return {f"{cuts}_{name}": value for name, value in found.items()}


def specificity_at(positive: NDArray[np.bool_], score: Float, weights: Float, sensitivity: float) -> float:
    """Specificity, at natural prevalence, of the cut that finds this share of the positives."""
    order = np.argsort(score[positive])
    reached = np.cumsum(weights[positive][order]) / weights[positive].sum()
    cut = score[positive][order][int(np.searchsorted(reached, 1 - sensitivity))]
    negative = ~positive
    return float(weights[negative & (score < cut)].sum() / weights[negative].sum())


def quadratic_kappa(grade: NDArray[np.int_], predicted: NDArray[np.int_]) -> float:
    """Cohen's kappa with quadratic weights."""
    cost = (np.arange(4)[:, None] - np.arange(4)) ** 2
    seen = np.zeros((4, 4))
    np.add.at(seen, (grade, predicted), 1)
    chance = np.outer(seen.sum(1), seen.sum(0)) / seen.sum()
    return float(1 - (cost * seen).sum() / (cost * chance).sum())


def calibration_error(truth: NDArray[np.bool_], chance: Float, weights: Float, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    order = np.argsort(chance)
    mass = np.cumsum(weights[order]) - weights[order] / 2
    place = np.minimum((mass / weights.sum() * bins).astype(int), bins - 1)
    error = 0.0
    for one in range(bins):
        inside = order[place == one]
        if len(inside):
            share = weights[inside] / weights[inside].sum()
            error += float(weights[inside].sum() * abs(share @ truth[inside] - share @ chance[inside]))
    return error / float(weights.sum())
