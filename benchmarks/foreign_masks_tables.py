"""Tables and figures of `benchmarks/foreign_masks.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

DRAWS, SEED = 2000, 7


@dataclass(frozen=True, slots=True)
class MarkedBody:
    """One body beside its marks: differences in mm (mask or program minus marks), and how sure the reader was."""

    case: str
    level: str
    sure: bool
    centre_mm: float
    mask_mm: tuple[float, ...]
    edge_mm: tuple[float, ...]
    ratios: tuple[float, float]
    uncertainty_mm: float


@dataclass(frozen=True, slots=True)
class GradedBody:
    """One body without a CT: what readers graded, and what its points on the mask measure."""

    mask: str
    use: str
    level: str
    published: int
    loss_percent: float
    measured: int
    shape: str


def figures_of(marked: Sequence[MarkedBody]) -> dict[str, tuple[float, float, float]]:
    """Returns each figure with its 95 % interval over bootstrapped patients."""
    named: dict[str, Callable[[Sequence[MarkedBody]], float]] = {
        "centre_median_mm": lambda rows: _median([row.centre_mm for row in rows]),
        "centre_p95_mm": lambda rows: _p95([row.centre_mm for row in rows]),
        "mask_height_median_mm": lambda rows: _median(_flat(row.mask_mm for row in rows)),
        "mask_height_p95_mm": lambda rows: _p95(_flat(row.mask_mm for row in rows)),
        "edge_height_median_mm": lambda rows: _median(_flat(row.edge_mm for row in rows)),
        "edge_height_p95_mm": lambda rows: _p95(_flat(row.edge_mm for row in rows)),
        "ratio_median": lambda rows: _median(_flat(row.ratios for row in rows)),
        "ratio_p95": lambda rows: _p95(_flat(row.ratios for row in rows)),
        "within_uncertainty": _within,
    }
    draws = np.random.default_rng(SEED)
    patients = sorted({row.case for row in marked})
    by_patient = {name: [row for row in marked if row.case == name] for name in patients}
    samples = [
        list(
            chain.from_iterable(
                by_patient[patients[k]] for k in draws.integers(0, len(patients), len(patients))
            )
        )
        for _ in range(DRAWS)
    ]
    return {name: (figure(marked), *_interval(figure, samples)) for name, figure in named.items()}


def _interval(
    figure: Callable[[Sequence[MarkedBody]], float], samples: Sequence[Sequence[MarkedBody]]
) -> tuple[float, float]:
    low, high = np.percentile([figure(rows) for rows in samples], [2.5, 97.5])
    return float(low), float(high)


def _flat(rows: Iterator[tuple[float, ...]]) -> list[float]:
    return [value for row in rows for value in row]


def _median(values: Sequence[float]) -> float:
    return float(np.median(np.abs(values)))


def _p95(values: Sequence[float]) -> float:
    return float(np.percentile(np.abs(values), 95))


def _within(rows: Sequence[MarkedBody]) -> float:
    return float(np.mean([abs(value) <= row.uncertainty_mm for row in rows for value in row.edge_mm]))


WORDS = {
    "centre_median_mm": "centre, median (mm)",
    "centre_p95_mm": "centre, 95th percentile (mm)",
    "mask_height_median_mm": "height from the mask alone, median (mm)",
    "mask_height_p95_mm": "height from the mask alone, 95th percentile (mm)",
    "edge_height_median_mm": "height as the program says it, median (mm)",
    "edge_height_p95_mm": "height as the program says it, 95th percentile (mm)",
    "ratio_median": "Ha/Hp and Hm/Hp, median",
    "ratio_p95": "Ha/Hp and Hm/Hp, 95th percentile",
    "within_uncertainty": "heights within the stated uncertainty",
}


def tables(marked: Sequence[MarkedBody], graded: Sequence[GradedBody]) -> dict[str, str]:
    """Returns the tables of the page by their names."""
    parts = {**_marked_tables(marked), **_graded_tables(graded)}
    return {name: "\n".join(lines) for name, lines in parts.items()}


def _marked_tables(marked: Sequence[MarkedBody]) -> dict[str, list[str]]:
    figures = figures_of(marked)
    total = ["| absolute difference to the marks | | 95 % interval |", "|---|---|---|"]
    for name, words in WORDS.items():
        value, low, high = figures[name]
        total.append(f"| {words} | {value:.2f} | {low:.2f} to {high:.2f} |")
    cases = [
        "| case | bodies | centre median (largest) mm | height median (largest) mm |",
        "|---|---|---|---|",
    ]
    for name in sorted({row.case for row in marked}):
        rows = [row for row in marked if row.case == name]
        edge = np.abs(_flat(row.edge_mm for row in rows))
        centres = [row.centre_mm for row in rows]
        cases.append(
            f"| {name} | {len(rows)} | {np.median(centres):.1f} ({max(centres):.1f}) "
            f"| {np.median(edge):.2f} ({edge.max():.1f}) |"
        )
    return {"figures": total, "cases": cases}


def _graded_tables(graded: Sequence[GradedBody]) -> dict[str, list[str]]:
    counts = [
        "| published grade | bodies | measured 0 | 1 | 2 | 3 | loss, median (range) % |",
        "|---|---|---|---|---|---|---|",
    ]
    for grade in range(4):
        rows_of = [row for row in graded if row.published == grade]
        losses = [row.loss_percent for row in rows_of]
        cells = " | ".join(str(sum(row.measured == other for row in rows_of)) for other in range(4))
        counts.append(
            f"| {grade} | {len(rows_of)} | {cells} "
            f"| {np.median(losses):.0f} ({min(losses):.0f} to {max(losses):.0f}) |"
        )
    fractures = [
        "| mask | use | body | published | measured | loss % | shape |",
        "|---|---|---|---|---|---|---|",
    ]
    fractures += [
        f"| {row.mask} | {row.use} | {row.level} | {row.published} | {row.measured} "
        f"| {row.loss_percent:.0f} | {row.shape} |"
        for row in graded
        if row.published
    ]
    return {"grades": counts, "fractures": fractures}


def write_tables(page: Path, made: dict[str, str]) -> None:
    """Puts the tables in their places on the page."""
    text = page.read_text(encoding="utf-8")
    for name, table in made.items():
        begin, end = f"<!-- table: {name} -->\n", "\n<!-- end -->"
        start = text.index(begin) + len(begin)
        text = text[:start] + table + text[text.index(end, start) :]
    page.write_text(text, encoding="utf-8")
