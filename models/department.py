"""A department's own labels as examples: crops from the source files, with the geometry that was read.

One series is in memory at a time, and there is an upper bound to what is kept of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from models.grader.examples import Example, reader_example, simulated_examples
from vfscreen.errors import RefusedInput
from vfscreen.intake import LoadedSeries, read_files
from vfscreen.snapshot import Label

MOST_REAL, MOST_SIMULATED = 3000, 4000
"""Of each kind at most so many examples are kept, 0.2 MB each. Fewer labels leave room for more variants of each."""


@dataclass(slots=True)
class Bank:
    """The examples made so far, and what could not be used, in words."""

    examples: list[Example] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def by_series(labels: Sequence[Label]) -> list[list[Label]]:
    """Groups labels by their series."""
    ordered = sorted(labels, key=lambda label: label.series_id)
    return [list(group) for _, group in groupby(ordered, key=lambda label: label.series_id)]


def readable(
    labels: Sequence[Label], left_out: list[str], report: Callable[[float], None]
) -> Iterator[tuple[LoadedSeries, list[Label]]]:
    """Reads one series after the other with its labels; what cannot be read any more is told in `left_out`."""
    series = by_series(labels)
    for done, group in enumerate(series):
        report(done / len(series))
        try:
            loaded = read_files(group[0].files, group[0].facts)
        except RefusedInput as error:
            left_out.append(f"{len(group)} graded bodies of series {group[0].series_id}: {error.what}")
            continue
        yield loaded, group


def bank_of(labels: Sequence[Label], simulated: int, seed: int, report: Callable[[float], None]) -> Bank:
    """Cuts out what readers graded, and simulates so many fractures on each body that they call normal."""
    bank = Bank()
    kept = _kept(labels, seed)
    a_body = min(simulated, MOST_SIMULATED // max(1, len(kept)))
    for place, (loaded, group) in enumerate(readable(kept, bank.left_out, report)):
        bank.examples += real_examples(loaded, group)
        bank.examples += _simulated(loaded, group, a_body, seed + place)
    return bank


def real_examples(loaded: LoadedSeries, labels: Sequence[Label]) -> list[Example]:
    """Cuts out the labelled bodies of one series."""
    return [
        reader_example(
            loaded.volume, label.vertebra, label.neighbours, label.shares, label.pseudonym, label.body_id
        )
        for label in labels
    ]


def _kept(labels: Sequence[Label], seed: int) -> list[Label]:
    """Keeps every body that is not surely normal, and of the normal ones as many as there is room for."""
    order = np.random.default_rng(seed).permutation(len(labels))
    rare_first = sorted((labels[i] for i in order), key=lambda label: label.shares[0])
    return rare_first[:MOST_REAL]


def _simulated(loaded: LoadedSeries, group: Sequence[Label], a_body: int, seed: int) -> Iterator[Example]:
    """Simulates fractures on the bodies of one series that all readers call normal."""
    for label in group:
        if label.shares[0] == 1.0:
            around = (label.vertebra, *label.neighbours)
            yield from simulated_examples(
                loaded.volume, around, [label.vertebra], label.pseudonym, a_body, seed
            )
