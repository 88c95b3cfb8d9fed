"""The graded vertebrae that look most like this one to the model: exact search among embeddings, in numpy.

Every vector is compared, block by block: no index that could miss one, no more memory than a block's worth of
similarities beside the vectors themselves. `benchmarks/neighbours.py` measures it up to a million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level
from vfscreen.findings import Suggestion
from vfscreen.genant import ReadGrade

Vectors = NDArray[np.float32]

USUAL_COUNT = 6
BLOCK_ROWS = 65_536
"""Rows that are compared at a time: a quarter of a megabyte of similarities for each body that is asked about."""


@dataclass(frozen=True, slots=True)
class GradedBody:
    """A body with the grades of its readers' last first readings, lowest first, and where it is to be found."""

    body_id: str
    geometry_version: int
    series_id: str
    pseudonym: str
    level: Level
    grades: tuple[ReadGrade, ...]


@dataclass(frozen=True, slots=True)
class GradedEmbeddings:
    """Graded bodies and what one model made of them.

    Shapes: vectors (n, 128) float32, L2-normalised, one a body.
    Raises:
        ValueError: bodies and vectors are not as many.
    """

    model: str
    bodies: tuple[GradedBody, ...]
    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.bodies):
            raise ValueError("there is one vector a graded body")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A graded body and how much alike the model finds it: the cosine of the two embeddings, 1 for the same."""

    body: GradedBody
    similarity: float


def nearest_graded(
    graded: GradedEmbeddings,
    suggestion: Suggestion,
    *,
    body_id: str,
    pseudonym: str,
    count: int = USUAL_COUNT,
    same_patient: bool = False,
) -> tuple[Neighbour, ...]:
    """Returns the graded bodies most similar to one that was suggested on, most similar first.

    The body itself is never among them. Neither are other bodies of its patient, who are alike for reasons that have
    nothing to do with a fracture (the scanner, the bone, a second series), unless `same_patient` asks for them.

    Raises:
        ValueError: the embeddings are another model's; such angles mean nothing.
    """
    if suggestion.model != graded.model:
        raise ValueError(f"embeddings of {suggestion.model} and {graded.model} cannot be compared")
    others = np.array(
        [body.body_id != body_id and (same_patient or body.pseudonym != pseudonym) for body in graded.bodies],
        bool,
    )
    places, similarities = most_similar(graded.vectors, suggestion.embedding[None], count, others)
    return tuple(
        Neighbour(graded.bodies[place], float(similarity))
        for place, similarity in zip(places[0], similarities[0], strict=True)
        if np.isfinite(similarity)
    )


def most_similar(
    vectors: Vectors, wanted: Vectors, count: int, allowed: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], Vectors]:
    """Finds the `count` rows most similar to each wanted vector; of equal ones the earlier goes first.

    Shapes: vectors (n, d) and wanted (m, d), L2-normalised; allowed (n,), None for all; returns places and
    similarities (m, min(count, n)). Rows that are not allowed, or not finite, come last with a similarity of -inf.
    """
    kept_places = np.zeros((len(wanted), 0), np.int64)
    kept = np.zeros((len(wanted), 0), np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        similarities = wanted @ block.T  # (m, rows)
        bad = ~np.isfinite(similarities)
        if allowed is not None:
            bad |= ~allowed[start : start + BLOCK_ROWS]
        similarities[bad] = -np.inf
        best = _best(similarities, count)
        kept = np.concatenate([kept, np.take_along_axis(similarities, best, 1)], 1)
        kept_places = np.concatenate([kept_places, start + best], 1)
        best = _best(kept, count)
        kept, kept_places = np.take_along_axis(kept, best, 1), np.take_along_axis(kept_places, best, 1)
    return kept_places, kept


def _best(similarities: Vectors, count: int) -> NDArray[np.int64]:
    """Returns the places of the largest values of each row, largest first, the earlier of equal ones first.

    Sorting all of a block costs more than comparing it, so only what reaches the last place is sorted.
    """
    rows, width = similarities.shape
    best = np.zeros((rows, min(count, width)), np.int64)
    for row, values in enumerate(similarities):
        least = np.partition(values, width - count)[width - count] if width > count else -np.inf
        reaching = np.flatnonzero(values >= least)
        order = np.argsort(-values[reaching], kind="stable")
        best[row] = reaching[order][:count]
    return best
