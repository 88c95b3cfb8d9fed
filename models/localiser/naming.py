"""Names a chain of bodies: the offset of consecutive names that the level net and the sacrum make most likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.level_net import CLASSES
from vfscreen.anatomy import USUAL, Level

Float = NDArray[np.float64]

CERVICAL, SACRAL = 0, len(CLASSES) - 1
WEIGHT = 0.35
"""Rows of one picture are not independent: what share of a body's log-likelihood counts. Fitted on training folds."""
CERTAIN = 0.95
"""From which probability of the best offset on a name is called certain."""
EVEN_SIGN = 0.12
"""The sign of the sacrum that speaks neither way: on patients left out it is 0.1-0.5 at S1 and under 0.05 elsewhere."""
SACRUM_WEIGHT = 1.5
SECOND_END_COST = 2.0
"""Log price of a second cervical or sacral member: the chain seldom runs far past the ends."""
FLOOR = np.log(0.003)


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of the members of a chain, None for what is cervical or sacral; `probability` of this offset."""

    levels: tuple[Level | None, ...]
    probability: float

    @property
    def certain(self) -> bool:
        """Whether the names are absolute."""
        return self.probability >= CERTAIN


def name_chain(chances: Float, places: NDArray[np.intp], sacrum: Float) -> Naming:
    """Chooses the most likely offset.

    Shapes: chances (n, 19) log-probabilities of `CLASSES`; places (n,) the bodies' places from the head down, growing,
    with a gap where one is missing; sacrum (n + 1,) the sign of the first sacral body at each body and below the last,
    0..1, NaN where that is out of view.
    """
    offsets = np.arange(-int(places[-1]), SACRAL + 1)
    scores = np.array([_score(int(offset), chances, places, sacrum) for offset in offsets])
    posterior = np.exp(scores - scores.max())
    posterior /= posterior.sum()
    best = int(posterior.argmax())
    classes = np.clip(offsets[best] + places, CERVICAL, SACRAL)
    levels = tuple(USUAL[c - 1] if CERVICAL < c < SACRAL else None for c in classes)
    return Naming(levels, float(posterior[best]))


def _score(offset: int, chances: Float, places: NDArray[np.intp], sacrum: Float) -> float:
    raw = offset + places
    classes = np.clip(raw, CERVICAL, SACRAL)
    score = WEIGHT * float(np.maximum(chances[np.arange(len(places)), classes], FLOOR).sum())
    score -= SECOND_END_COST * (
        max(0, int((raw <= CERVICAL).sum()) - 2) + max(0, int((raw >= SACRAL).sum()) - 1)
    )
    first_sacral = np.append(raw, raw[-1] + 1) == SACRAL
    known = ~np.isnan(sacrum)
    shown = np.where(known, sacrum, 0.0)
    sign = np.clip(shown / (shown + EVEN_SIGN), 0.03, 0.97)
    told = np.where(known, np.where(first_sacral, np.log(sign), np.log(1 - sign)), 0.0)
    return score + SACRUM_WEIGHT * float(told.sum())
