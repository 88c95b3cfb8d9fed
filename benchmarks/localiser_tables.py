"""Figures and tables of the localiser's evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Case = dict[str, Any]

BEGIN, END = "<!-- made by benchmarks/localiser.py -->", "<!-- end -->"
MEASURABLE_MM = 3.0


def figures_of(cases: list[Case]) -> dict[str, Any]:
    """The figures over all cases that folds left out, by the names the issues use."""
    folds = [case for case in cases if case["fold"] is not None]
    bodies = [body for case in folds for body in case["bodies"]]
    found = [body for body in bodies if body["found_level"] is not None]
    centres = np.array([body["centre_error_mm"] for body in found])
    named = [body for case in folds if case["levels_known"] for body in case["bodies"] if body["found_level"]]
    certain = [body for body in named if body["level_certain"]]
    thin = [body for case in folds if case["slice_mm"] <= MEASURABLE_MM for body in case["bodies"]]
    errors, within = _height_errors(thin)
    sure, _ = _height_errors([body for body in thin if body["sure"]])
    false = sum(len(case["false"]) for case in folds)
    return {
        "cases_left_out": len({case["name"] for case in folds}),
        "bodies": len(bodies),
        "recall": len(found) / max(len(bodies), 1),
        "precision_in_marked_stretch": len(found) / max(len(found) + false, 1),
        "centre_error_median_mm": float(np.median(centres)),
        "centre_error_p95_mm": float(np.percentile(centres, 95)),
        "centre_error_max_mm": float(centres.max()),
        "levels_exact": _share(body["found_level"] == body["level"] for body in named),
        "levels_exact_where_certain": _share(body["found_level"] == body["level"] for body in certain),
        "levels_certain": len(certain) / max(len(named), 1),
        "height_error_median_mm": float(np.median(np.abs(errors))),
        "height_error_p95_mm": float(np.percentile(np.abs(errors), 95)),
        "height_error_max_mm": float(np.abs(errors).max()),
        "height_error_median_sure_mm": float(np.median(np.abs(sure))),
        "height_error_p95_sure_mm": float(np.percentile(np.abs(sure), 95)),
        "height_within_uncertainty": within,
        "pieces_beside_the_spine": sum(len(case["found_beside"]) for case in folds),
        "pieces_with_false_bodies": sum(n > 0 for case in folds for n in case["found_beside"].values()),
        "seconds_median": float(np.median([case["seconds"] for case in cases])),
        "seconds_max": float(max(case["seconds"] for case in cases)),
    }


def _share(answers: Any) -> float:
    said = list(answers)
    return sum(said) / max(len(said), 1)


def _height_errors(bodies: list[Case]) -> tuple[Float, float]:
    """Errors of all heights, (n, 3) mm, and the share that lies within the body's own uncertainty."""
    measured = [body for body in bodies if body["heights_mm"] and body["true_heights_mm"]]
    if not measured:
        return np.zeros((1, 3)), 1.0
    errors = np.array([np.subtract(body["heights_mm"], body["true_heights_mm"]) for body in measured])
    claimed = np.array([body["uncertainty_mm"] for body in measured])[:, None]
    return errors, float(np.mean(np.abs(errors) <= claimed))


def case_table(cases: list[Case]) -> str:
    """One row a case."""
    head = (
        "| case | fold | slices mm | found | false | other ends | centre mm median (max) | names right | certain "
        "| height mm median (max) | within its uncertainty | s |"
    )
    rows = [head, "|" + "---|" * 12]
    for case in cases:
        found = [body for body in case["bodies"] if body["found_level"]]
        centres = [body["centre_error_mm"] for body in found] or [float("nan")]
        errors, within = _height_errors(case["bodies"])
        marked = any(body["true_heights_mm"] for body in case["bodies"])
        named = sum(body["found_level"] == body["level"] for body in found)
        rows.append(
            f"| {case['name']} | {'test only' if case['fold'] is None else case['fold']} | {case['slice_mm']:.2f} "
            f"| {len(found)}/{len(case['bodies'])} "
            f"| {' '.join(case['false']) or '–'} | {' '.join(case['ends']) or '–'} "
            f"| {np.median(centres):.1f} ({max(centres):.1f}) "
            f"| {f'{named}/{len(found)}' if case['levels_known'] else 'in doubt'} "
            f"| {'yes' if any(body['level_certain'] for body in found) else 'no'} "
            f"| {f'{np.median(np.abs(errors)):.2f} ({np.abs(errors).max():.1f})' if marked else '–'} "
            f"| {f'{100 * within:.0f} %' if marked else '–'} | {case['seconds']:.1f} |"
        )
    return "\n".join(rows)


def worst_table(cases: list[Case], count: int = 8) -> str:
    """The heights that are furthest off, with what the program itself said of them."""
    rows = [
        (float(np.max(np.abs(np.subtract(body["heights_mm"], body["true_heights_mm"])))), case["name"], body)
        for case in cases
        for body in case["bodies"]
        if body["heights_mm"] and body["true_heights_mm"]
    ]
    rows.sort(key=lambda row: -row[0])
    lines = ["| case, body | error a/m/p mm | marks sure | uncertainty mm | flags |", "|---|---|---|---|---|"]
    for _, name, body in rows[:count]:
        errors = np.subtract(body["heights_mm"], body["true_heights_mm"])
        lines.append(
            f"| {name} {body['level']} | {' / '.join(f'{e:+.1f}' for e in errors)} | {'yes' if body['sure'] else 'no'} "
            f"| {body['uncertainty_mm']:.1f} | {', '.join(body['flags']) or '–'} |"
        )
    return "\n".join(lines)


def write_tables(page: Path, cases: list[Case], figures: dict[str, Any]) -> None:
    """Puts figures and tables between the page's marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    numbers = "\n".join(
        f"| {name.replace('_', ' ')} | {f'{value:.3f}' if isinstance(value, float) else value} |"
        for name, value in figures.items()
    )
    body = f"\n| figure | value |\n|---|---|\n{numbers}\n\n{case_table(cases)}\n\n"
    body += f"The worst heights:\n\n{worst_table(cases)}\n"
    page.write_text(before + BEGIN + "\n" + body + "\n" + END + after, encoding="utf-8")
