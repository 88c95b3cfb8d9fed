"""Where readers cut: Genant's cuts are anchors for the eye, and the eye sees more loss than six points measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from vfscreen.genant import Grade

CUTS_PERCENT = np.array([20.0, 25.0, 40.0])
SCALE_PRIOR, SPREAD_PRIOR = 0.2, 0.3
"""How far (SD of the logarithm) the scale may be from 1, and the spread from `USUAL_SPREAD_PERCENT`, for no reason."""

USUAL_SPREAD_PERCENT = 5.0
BLUNDER = 1e-3


@dataclass(frozen=True, slots=True)
class GradedLoss:
    """A real body with the grade that readers gave it and the largest loss that its points show, percent."""

    patient: str
    grade: Grade
    loss_percent: float


def reader_scale(bodies: Sequence[GradedLoss]) -> float:
    """Returns the factor between Genant's cuts and those that fit the readers of these bodies best; 1 without any.

    A reader sees the measured loss with an error (normal, its spread fitted too) and cuts at 20, 25 and 40 % times the
    factor; one reading in a thousand is a blunder. Posterior mode.
    """
    if not bodies:
        return 1.0
    losses = np.array([body.loss_percent for body in bodies])
    grades = np.array([int(body.grade) for body in bodies])

    def cost(parameters: np.ndarray) -> float:
        scale, spread = np.exp(parameters[0]), USUAL_SPREAD_PERCENT * np.exp(parameters[1])
        beyond = ndtr((losses[:, None] - scale * CUTS_PERCENT) / spread)
        edges = np.concatenate([np.ones((len(losses), 1)), beyond, np.zeros((len(losses), 1))], 1)
        chances = (edges[:, :-1] - edges[:, 1:])[np.arange(len(losses)), grades]
        prior = (parameters / np.array([SCALE_PRIOR, SPREAD_PRIOR])) ** 2 / 2
        return float(prior.sum() - np.log(np.maximum(chances, BLUNDER)).sum())

    return float(np.exp(minimize(cost, np.zeros(2), method="Nelder-Mead").x[0]))
