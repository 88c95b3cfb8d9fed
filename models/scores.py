"""Scores of predicted grades: the same ones wherever a table or a training needs them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
GRADES = 4


def auroc(positive: NDArray[np.bool_], score: Float) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half; NaN without both."""
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, ranks) / counts)[inverse]
    hits = int(positive.sum())
    if hits in (0, len(score)):
        return float("nan")
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(score) - hits)))


def macro_f1(grade: NDArray[np.int_], predicted: NDArray[np.int_], weights: Float | None = None) -> float:
    """Mean over the grades of the harmonic mean of precision and recall, each body counting by its weight, or 1."""
    weights = np.ones(len(grade)) if weights is None else weights
    scores = []
    for one in range(GRADES):
        hits = float(weights[(grade == one) & (predicted == one)].sum())
        both = float(weights[grade == one].sum() + weights[predicted == one].sum())
        scores.append(2 * hits / both if both > 0 else 0.0)
    return float(np.mean(scores))
