"""Figures and tables of the localiser's evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.localiser.measure import UNRELIABLE
from vfscreen.anatomy import level_of
from vfscreen.genant import Heights, Reference, losses

Float = NDArray[np.float64]
Case = dict[str, Any]
Body = dict[str, Any]

END = "<!-- end -->"
MEASURABLE_MM = 3.0
BAD_MM = 2.0
"""From which error on a height is among the worst, which the program itself shall flag."""


def figures_of(cases: list[Case]) -> dict[str, Any]:
    """The figures over all cases that were left out, by the names the issues use."""
    left_out = [case for case in cases if case["left_out"] is not None]
    bodies = [body for case in left_out for body in case["bodies"]]
    found = [body for body in bodies if body["found_level"] is not None]
    centres = np.array([body["centre_error_mm"] for body in found])
    named = [
        body for case in left_out if case["levels_known"] for body in case["bodies"] if body["found_level"]
    ]
    certain = [body for body in named if body["level_certain"]]
    false = sum(len(case["false"]) for case in left_out)
    beside = [n for case in left_out for n in case["found_beside"].values()]
    return {
        "cases_left_out": len({case["name"] for case in left_out}),
        "bodies": len(bodies),
        "recall": len(found) / max(len(bodies), 1),
        "precision_in_marked_stretch": len(found) / max(len(found) + false, 1),
        "centre_error_median_mm": float(np.median(centres)),
        "centre_error_p95_mm": float(np.percentile(centres, 95)),
        "centre_error_max_mm": float(centres.max()),
        "levels_exact": _share(body["found_level"] == body["level"] for body in named),
        "levels_exact_where_certain": _share(body["found_level"] == body["level"] for body in certain),
        "levels_certain": len(certain) / max(len(named), 1),
        **measurement_figures(_bodies(left_out, lambda case, body: thin(case))),
        "pieces_beside_the_spine": len(beside),
        "pieces_with_false_bodies": sum(n > 0 for n in beside),
        "seconds_median": float(np.median([case["seconds"] for case in cases])),
        "seconds_max": float(max(case["seconds"] for case in cases)),
    }


def thin(case: Case) -> bool:
    """Whether a case's slices carry a height measurement."""
    return bool(case["slice_mm"] <= MEASURABLE_MM)


def measurement_figures(bodies: Sequence[Body]) -> dict[str, Any]:
    """Heights and loss of the bodies that were measured, against their marks."""
    errors, sure = height_errors(bodies), height_errors([body for body in bodies if body["sure"]])
    low, middle, high = loss_limits([body for body in bodies if body["sure"]])
    claimed = np.array([body["uncertainty_mm"] for body in measured(bodies)])[:, None]
    worst = [body for body in measured(bodies) if np.abs(height_errors([body])).max() > BAD_MM]
    return {
        "heights": int(errors.size),
        "height_error_median_mm": float(np.median(np.abs(errors))),
        "height_error_p95_mm": float(np.percentile(np.abs(errors), 95)),
        "height_error_max_mm": float(np.abs(errors).max()),
        "heights_sure": int(sure.size),
        "height_error_median_sure_mm": float(np.median(np.abs(sure))),
        "height_error_p95_sure_mm": float(np.percentile(np.abs(sure), 95)),
        "height_within_uncertainty": float(np.mean(np.abs(errors) <= claimed)),
        "loss_difference_median_sure_points": middle,
        "loss_limits_of_agreement_sure_points": [low, high],
        "bodies_over_2_mm": len(worst),
        "bodies_over_2_mm_flagged": sum(UNRELIABLE in body["flags"] for body in worst),
        "bodies_flagged": sum(UNRELIABLE in body["flags"] for body in measured(bodies)),
    }


def _bodies(cases: Iterable[Case], wanted: Callable[[Case, Body], bool]) -> list[Body]:
    return [body for case in cases for body in case["bodies"] if wanted(case, body)]


def _share(answers: Iterable[bool]) -> float:
    said = list(answers)
    return sum(said) / max(len(said), 1)


def measured(bodies: Iterable[Body]) -> list[Body]:
    """Those bodies whose heights are known from both sides."""
    return [body for body in bodies if body["heights_mm"] and body["true_heights_mm"]]


def height_errors(bodies: Iterable[Body]) -> Float:
    """Errors of all heights, (n, 3) mm: anterior, middle, posterior."""
    pairs = [np.subtract(body["heights_mm"], body["true_heights_mm"]) for body in measured(bodies)]
    return np.array(pairs).reshape(-1, 3)


def loss_limits(bodies: Iterable[Body]) -> tuple[float, float, float]:
    """The lower 95 % limit of agreement, the median of the absolute difference, and the upper limit, in points.

    The loss is the one that the program tells: of the height that lacks most against what is expected at the level.
    """
    differences = [
        _loss(body, body["heights_mm"]) - _loss(body, body["true_heights_mm"]) for body in measured(bodies)
    ]
    if len(differences) < 2:
        return float("nan"), float("nan"), float("nan")
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    return mean - 1.96 * spread, float(np.median(np.abs(differences))), mean + 1.96 * spread


def _loss(body: Body, heights_mm: list[float]) -> float:
    lost = losses(level_of(body["level"]), Heights(*heights_mm), Reference.EXPECTED_BY_LEVEL)
    return float(max(lost.max(), 0.0))


def figure_table(columns: dict[str, dict[str, Any]]) -> str:
    """One row a figure, one column a version."""
    names = list(next(iter(columns.values())))
    lines = [f"| figure | {' | '.join(columns)} |", "|" + "---|" * (1 + len(columns))]
    for name in names:
        told = [_told(figures.get(name)) for figures in columns.values()]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(told)} |")
    return "\n".join(lines)


def _told(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return " to ".join(_told(one) for one in value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def case_table(cases: list[Case]) -> str:
    """One row a case."""
    head = (
        "| case | slices mm | found | false | other ends | centre mm median (max) | names right | certain "
        "| height mm median (max) | within its uncertainty | loss, points | s | GB, Mvoxels |"
    )
    rows = [head, "|" + "---|" * 14]
    for case in cases:
        found = [body for body in case["bodies"] if body["found_level"]]
        centres = [body["centre_error_mm"] for body in found] or [float("nan")]
        errors = height_errors(case["bodies"])
        claimed = np.array([body["uncertainty_mm"] for body in measured(case["bodies"])])[:, None]
        named = sum(body["found_level"] == body["level"] for body in found)
        low, _, high = loss_limits(case["bodies"])
        height = f"{np.median(np.abs(errors)):.2f} ({np.abs(errors).max():.1f})" if len(errors) else "–"
        within = f"{100 * np.mean(np.abs(errors) <= claimed):.0f} %" if len(errors) else "–"
        rows.append(
            f"| {case['name']}{' (test only)' if case['left_out'] is None else ''} | {case['slice_mm']:.2f} "
            f"| {len(found)}/{len(case['bodies'])} "
            f"| {' '.join(case['false']) or '–'} | {' '.join(case['ends']) or '–'} "
            f"| {np.median(centres):.1f} ({max(centres):.1f}) "
            f"| {f'{named}/{len(found)}' if case['levels_known'] else 'in doubt'} "
            f"| {'yes' if any(body['level_certain'] for body in found) else 'no'} "
            f"| {height} | {within} | {'–' if np.isnan(low) else f'{low:+.0f} to {high:+.0f}'} "
            f"| {case['seconds']:.1f} | {case['peak_gb']:.2f}, {case['voxels'] / 1e6:.0f} |"
        )
    return "\n".join(rows)


def reference_table(cases: list[Case], by_mask: dict[str, list[Body]]) -> str:
    """Heights and loss against each kind of reference in a row of its own; marks win where both are there."""
    left_out = [case for case in cases if case["left_out"] is not None]
    rows = {
        "marks, sure, slices up to 3 mm": _bodies(left_out, lambda case, body: thin(case) and body["sure"]),
        "marks, not sure, slices up to 3 mm": _bodies(
            left_out, lambda case, body: thin(case) and not body["sure"]
        ),
        "marks, slices over 3 mm": _bodies(left_out, lambda case, body: not thin(case)),
        "masks (1-1.5 mm, by a script)": [body for bodies in by_mask.values() for body in bodies],
    }
    lines = [
        "| reference | bodies | height error median mm | 95th percentile | largest | loss median, points "
        "| 95 % limits of agreement |",
        "|" + "---|" * 7,
    ]
    for name, bodies in rows.items():
        errors = np.abs(height_errors(bodies))
        if not len(errors):
            continue
        low, middle, high = loss_limits(bodies)
        lines.append(
            f"| {name} | {len(errors)} | {np.median(errors):.2f} | {np.percentile(errors, 95):.2f} "
            f"| {errors.max():.1f} | {middle:.1f} | {low:+.1f} to {high:+.1f} |"
        )
    return "\n".join(lines)


def worst_table(cases: list[Case], count: int = 8) -> str:
    """The heights that are furthest off, with what the program itself said of them."""
    rows = [
        (float(np.abs(height_errors([body])).max()), case["name"], body)
        for case in cases
        for body in measured(case["bodies"])
    ]
    rows.sort(key=lambda row: -row[0])
    lines = ["| case, body | error a/m/p mm | marks sure | uncertainty mm | flags |", "|---|---|---|---|---|"]
    for _, name, body in rows[:count]:
        errors = height_errors([body])[0]
        lines.append(
            f"| {name} {body['level']} | {' / '.join(f'{e:+.1f}' for e in errors)} | {'yes' if body['sure'] else 'no'} "
            f"| {body['uncertainty_mm']:.1f} | {', '.join(body['flags']) or '–'} |"
        )
    return "\n".join(lines)


def between_marks(page: Path, script: str, text: str) -> None:
    """Puts what a script of `benchmarks/` found between its marks on a page."""
    before, rest = page.read_text(encoding="utf-8").split(
        begin := f"<!-- made by benchmarks/{script}.py -->", 1
    )
    after = rest.split(END, 1)[1]
    page.write_text(before + begin + "\n\n" + text + "\n\n" + END + after, encoding="utf-8")
