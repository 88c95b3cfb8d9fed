"""Balanced batches as the published system drew them: an epoch ends when the rarest grade is exhausted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import NotEnoughLabels


def balanced_epoch(
    grades: Sequence[int], per_grade: int, rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yields the batches of one epoch: `per_grade` places of every grade, in random order.

    The last batch holds fewer where the rarest grade is no multiple of `per_grade` (the released code crashes there).

    Raises:
        NotEnoughLabels: a grade has no example, so that an epoch would hold nothing.
    """
    places = np.asarray(grades)
    shuffled = [rng.permutation(np.flatnonzero(places == grade)) for grade in range(4)]
    missing = [str(grade) for grade, own in enumerate(shuffled) if not len(own)]
    if missing:
        raise NotEnoughLabels(
            f"no vertebra of grade {' and '.join(missing)} to train on",
            "the training patients",
            "add labelled scans, or another share of the patients to training",
        )
    rarest = min(len(own) for own in shuffled)
    for start in range(0, rarest, per_grade):
        stop = min(start + per_grade, rarest)
        yield rng.permutation(np.concatenate([own[start:stop] for own in shuffled]))
