"""Grade-balanced batches: every grade as often as any other, however rare it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


def balanced_batches(
    grades: Sequence[int], per_grade: int, rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yields batches without end: `per_grade` places of every grade that is there, in random order.

    Each grade is gone through in its own random order and shuffled anew when it is exhausted, so a batch holds an
    example twice only if its grade has fewer than `per_grade`. A grade that is absent is left out.

    Raises:
        ValueError: there is nothing to draw from, or `per_grade` is not positive.
    """
    if not len(grades) or per_grade < 1:
        raise ValueError("a batch needs examples, and at least one of each grade")
    places = np.asarray(grades)
    streams = [_endless(np.flatnonzero(places == grade), rng) for grade in np.unique(places)]
    while True:
        batch = np.array([next(stream) for stream in streams for _ in range(per_grade)])
        yield rng.permutation(batch)


def two_views(batch: NDArray[np.intp]) -> NDArray[np.intp]:
    """Lists every place of a batch twice, the second views after all first ones."""
    return np.concatenate([batch, batch])


def _endless(places: NDArray[np.intp], rng: np.random.Generator) -> Iterator[np.intp]:
    while True:
        yield from rng.permutation(places)
