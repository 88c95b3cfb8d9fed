"""Names a chain of bodies: the consecutive names that ribs, pedicles and sacrum make most likely.

Most people have twelve thoracic and five lumbar vertebrae; a T13, an L6 and a missing T12 are weighed beside that by
how rare they are. The level net says what a body looks like, not which number it has, so that a spine with another
count shows as one look twice (or one look missing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.localiser.level_net import CERVICAL, CLASSES, SACRAL
from vfscreen.anatomy import ASSESSED, USUAL, Level

Float = NDArray[np.float64]
Names = tuple[Level | None, ...]
"""Of the members of a chain; None for what is cervical or sacral."""

WEIGHT = 1.1
"""How much a body's look counts beside the sign of the sacrum and the rarity of a count."""
SPREADS = ((Level.T2, 0.35), (Level.T10, 4.0), (Level.T12, 0.8), (Level.L5, 0.0))
"""Up to which level a look may be wrong by how many levels. First rib, last rib and sacrum are anchors, the middle of
the chest is none: what is wrong there is wrong by as much in all of it. Fitted, as `WEIGHT`, on patients left out."""
CERTAIN = 0.9
"""From which probability of the best names on they are certain, and an unusual count is said at all."""
EVEN_SIGN = 0.12
"""The sign of the sacrum that speaks neither way: on patients left out it is 0.1-0.5 at S1 and under 0.05 elsewhere."""
SACRUM_WEIGHT = 1.5
SECOND_END_COST = 0.7
"""Log price of a second cervical or sacral member: the chain seldom runs far past the ends."""
FLOOR = np.log(0.003)
RARE = 0.05
"""How often each count other than the usual is expected. Series differ with their definitions, from 1 to 8 %."""


@dataclass(frozen=True, slots=True)
class Count:
    """A way to count: what is unusual about it, its levels from the head down, how each looks among `CLASSES`, and how
    often it is met.

    Shapes: looks (len(levels) + 2, 20), with a row for the neck before and one for the sacrum behind; rows sum to 1.
    """

    words: str
    levels: tuple[Level, ...]
    looks: Float
    share: float


@dataclass(frozen=True, slots=True)
class Naming:
    """Names of the members of a chain, None for what is cervical or sacral; `probability` of just these names; what is
    unusual about the count that they follow, empty where nothing is.
    """

    levels: tuple[Level | None, ...]
    probability: float
    unusual: str = ""

    @property
    def certain(self) -> bool:
        """Whether the names are absolute."""
        return self.probability >= CERTAIN


def _count(words: str, names: tuple[Level, ...], looks: list[Level], share: float) -> Count:
    """Makes a count from what its levels, from the head down, look like among the usual ones."""
    table = np.zeros((len(names) + 2, len(CLASSES)))
    table[0, CERVICAL] = table[-1, SACRAL] = 1.0
    table[1:-1, 1:SACRAL] = [_seen_as(level) for level in looks]
    return Count(words, names, table, share)


def _seen_as(level: Level) -> Float:
    """How a body of this level is seen among T1 to L5, (17,): ribs change little from T2 to T10."""
    away = np.arange(len(USUAL)) - USUAL.index(level)
    spread = next(spread for last, spread in SPREADS if level.rank <= last.rank)
    near = np.exp(-0.5 * (away / spread) ** 2) if spread else (away == 0).astype(float)
    if level.rank > Level.T2.rank:
        near[0] = 0.0  # nothing below looks like the body of the first rib
    return np.asarray(near / near.sum())


def _counts() -> tuple[Count, ...]:
    """The usual count, and every way to have one look twice or to lack one."""
    thirteen = tuple(level for level in ASSESSED if level is not Level.L6)
    six = tuple(level for level in ASSESSED if level is not Level.T13)
    eleven = tuple(level for level in USUAL if level is not Level.T12)
    last_ribs, lumbar = USUAL[9:12], USUAL[12:]
    return (
        _count("", USUAL, list(USUAL), 1.0 - 3 * RARE),
        *(_count("thirteen thoracic vertebrae", thirteen, _twice(level), RARE / 3) for level in last_ribs),
        *(_count("six lumbar vertebrae", six, _twice(level), RARE / 5) for level in lumbar),
        *(_count("eleven thoracic vertebrae", eleven, _lacking(level), RARE / 3) for level in last_ribs),
    )


def _twice(level: Level) -> list[Level]:
    at = USUAL.index(level)
    return [*USUAL[:at], level, *USUAL[at:]]


def _lacking(level: Level) -> list[Level]:
    return [other for other in USUAL if other is not level]


COUNTS = _counts()


def name_chain(chances: Float, places: NDArray[np.intp], sacrum: Float) -> Naming:
    """Chooses the most likely names, over all ways to count and all places on the spine.

    Shapes: chances (n, 20) log-probabilities of `CLASSES`; places (n,) the bodies' places from the head down, growing,
    with a gap where one is missing; sacrum (n + 1,) the sign of the first sacral body at each body and below the last,
    0..1, NaN where that is out of view.
    """
    scores, counted = _all_names(chances, places, sacrum)
    total = float(np.logaddexp.reduce(list(scores.values())))
    best = max(scores, key=scores.__getitem__)
    probability = float(np.exp(scores[best] - total))
    if counted[best] and probability < CERTAIN:
        best = max((names for names in scores if not counted[names]), key=scores.__getitem__)
        probability = float(np.exp(scores[best] - total))
    return Naming(best, probability, counted[best])


def evidence_of_looks(chances: Float, places: NDArray[np.intp]) -> float:
    """How well the looks of a chain fit a spine at all: the log-likelihood over all names, by looks alone."""
    scores, _ = _all_names(chances, places, np.full(len(places) + 1, np.nan))
    return float(np.logaddexp.reduce(list(scores.values())))


def _all_names(
    chances: Float, places: NDArray[np.intp], sacrum: Float
) -> tuple[dict[Names, float], dict[Names, str]]:
    """The log-likelihood of all names that the members may have, and what is unusual about the count behind each."""
    scores: dict[Names, float] = {}
    counted: dict[Names, str] = {}
    for count in COUNTS:
        looks = np.log(np.maximum(np.exp(chances) @ count.looks.T, np.exp(FLOOR)))  # n, levels + 2
        for offset in range(-int(places[-1]), len(count.levels) + 2):
            raw = offset + places
            names = tuple(count.levels[r - 1] if 0 < r <= len(count.levels) else None for r in raw)
            score = float(np.log(count.share)) + _score(raw, len(count.levels) + 1, looks, sacrum)
            counted.setdefault(names, count.words)  # the usual count comes first
            scores[names] = float(np.logaddexp(scores.get(names, -np.inf), score))
    return scores, counted


def _score(raw: NDArray[np.intp], sacral: int, looks: Float, sacrum: Float) -> float:
    """Log-likelihood of members at these places of a count, where 0 is the neck and `sacral` the first sacral body."""
    own = looks[np.arange(len(raw)), np.clip(raw, 0, sacral)]
    score = WEIGHT * float(own.sum())
    score -= SECOND_END_COST * (max(0, int((raw <= 0).sum()) - 2) + max(0, int((raw >= sacral).sum()) - 1))
    first_sacral = np.append(raw, raw[-1] + 1) == sacral
    known = ~np.isnan(sacrum)
    shown = np.where(known, sacrum, 0.0)
    sign = np.clip(shown / (shown + EVEN_SIGN), 0.03, 0.97)
    told = np.where(known, np.where(first_sacral, np.log(sign), np.log(1 - sign)), 0.0)
    return score + SACRUM_WEIGHT * float(told.sum())
