"""What can be said without a network: a linear SVM on the three losses, morphometry alone, and the level-blind rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from grader_figures import Float
from numpy.typing import NDArray
from scipy.optimize import minimize

COST = 1.0


@dataclass(frozen=True, slots=True)
class LinearSvm:
    """One linear rule a grade, on standardised losses. Shapes: mean, spread (3,); weights (4, 4), the last the bias."""

    mean: Float
    spread: Float
    weights: Float

    def margins(self, losses_percent: Float) -> Float:
        """Returns how far each body lies on each grade's side, (n, 4)."""
        return _with_one((losses_percent - self.mean) / self.spread) @ self.weights.T


def fit_svm(losses_percent: Float, grades: NDArray[np.int_]) -> LinearSvm:
    """Fits one grade against the rest, squared hinge, every class weighing the same ("balanced").

    Source: the evaluation of HealthiVert-GAN (linear SVM, class_weight balanced, on relative height losses).
    """
    mean, spread = losses_percent.mean(0), losses_percent.std(0)
    inputs = _with_one((losses_percent - mean) / spread)
    weights = np.stack([_one_against_rest(inputs, grades == grade) for grade in range(4)])
    return LinearSvm(mean, spread, weights)


def _one_against_rest(inputs: Float, positive: NDArray[np.bool_]) -> Float:
    sign = np.where(positive, 1.0, -1.0)
    share = np.where(positive, positive.mean(), 1 - positive.mean())
    balance = COST / (2 * np.maximum(share, 1e-9))

    def cost(weights: Float) -> tuple[float, Float]:
        slack = np.maximum(1 - sign * (inputs @ weights), 0.0)
        slope = -2 * (balance * slack * sign) @ inputs
        slope[:-1] += weights[:-1]
        return float(weights[:-1] @ weights[:-1] / 2 + balance @ slack**2), slope

    return np.asarray(minimize(cost, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x)


def _with_one(values: Float) -> Float:
    return np.concatenate([values, np.ones((len(values), 1))], 1)
