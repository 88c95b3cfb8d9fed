"""Figures and tables of the localiser on painted scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.localiser.measure import UNRELIABLE

Float = NDArray[np.float64]

BAD_MM = 2.0
"""From which error on a height is among the worst, which the program itself shall flag."""


@dataclass(frozen=True, slots=True)
class PaintedBody:
    """One whole body of a mask and what was found for it. Units: mm; None where nothing was found or measured.

    `grade` is the one published, None where there is none; `whole` what the program says of the found body.
    """

    level: str
    grade: int | None
    found_level: str | None
    level_certain: bool | None
    whole: bool | None
    confidence: float | None
    centre_error_mm: float | None
    heights_mm: list[float] | None
    true_heights_mm: list[float]
    uncertainty_mm: float | None
    flags: list[str]


@dataclass(frozen=True, slots=True)
class PaintedScan:
    """One painted scan. `false` are whole bodies found between those of the mask that match none."""

    mask: str
    look: dict[str, Any]
    bodies: list[PaintedBody]
    false: list[str]
    refusals: list[str]


def figures_of(scans: Sequence[PaintedScan]) -> dict[str, Any]:
    """Figures over all scans, by the names of the other localiser benchmarks, and found and lost by grade."""
    bodies = [body for scan in scans for body in scan.bodies]
    by_grade = {f"grade_{grade}": _of_bodies(some) for grade, some in _graded(bodies).items()}
    named = [body for body in bodies if body.found_level is not None]
    return {
        "masks": len({scan.mask for scan in scans}),
        "scans": len(scans),
        "bodies": len(bodies),
        "false_bodies": sum(len(scan.false) for scan in scans),
        "levels_exact": sum(body.found_level == body.level for body in named) / max(len(named), 1),
        "levels_exact_where_certain": _share(
            [body.found_level == body.level for body in named if body.level_certain]
        ),
        "levels_certain": _share([bool(body.level_certain) for body in named]),
        **by_grade,
    }


def _graded(bodies: Sequence[PaintedBody]) -> dict[str, list[PaintedBody]]:
    grades = {str(grade): [body for body in bodies if body.grade == grade] for grade in range(4)}
    return grades | {"unknown": [body for body in bodies if body.grade is None]}


def _of_bodies(bodies: Sequence[PaintedBody]) -> dict[str, Any]:
    found = [body for body in bodies if body.centre_error_mm is not None]
    centres = np.array([body.centre_error_mm for body in found], float)
    errors = _height_errors(found)
    bad = [body for body in found if body.heights_mm and np.abs(_height_errors([body])).max() > BAD_MM]
    return {
        "bodies": len(bodies),
        "found": len(found),
        "lost": len(bodies) - len(found),
        "called_cut": sum(body.whole is False for body in found),
        "centre_error_median_mm": float(np.median(centres)),
        "centre_error_p95_mm": float(np.percentile(centres, 95)),
        "centre_error_max_mm": float(centres.max()),
        "height_error_median_mm": float(np.median(np.abs(errors))),
        "height_error_p95_mm": float(np.percentile(np.abs(errors), 95)),
        "height_error_max_mm": float(np.abs(errors).max()),
        "height_bias_mm": np.median(errors, axis=0).tolist(),
        "height_within_uncertainty": _share(
            [bool(within) for body in found if body.heights_mm for within in _within(body)]
        ),
        "bodies_over_2_mm": len(bad),
        "bodies_over_2_mm_flagged": sum(UNRELIABLE in body.flags for body in bad),
        "bodies_flagged": sum(UNRELIABLE in body.flags for body in found),
    }


def _height_errors(bodies: Sequence[PaintedBody]) -> Float:
    """Errors of all heights, (n, 3) mm: anterior, middle, posterior."""
    pairs = [np.subtract(body.heights_mm, body.true_heights_mm) for body in bodies if body.heights_mm]
    return np.array(pairs, float).reshape(-1, 3)


def _within(body: PaintedBody) -> NDArray[np.bool_]:
    assert body.uncertainty_mm is not None  # a measured body has one
    return np.asarray(np.abs(_height_errors([body])[0]) <= body.uncertainty_mm, bool)


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / max(len(answers), 1)


def summary(weights: str, figures: dict[str, Any]) -> str:
    """What was looked for, and what belongs to no grade, in a sentence."""
    return (
        f"{weights} on {figures['scans']} scans painted on {figures['masks']} masks: {figures['bodies']} whole bodies, "
        f"{figures['false_bodies']} false ones between them; {100 * figures['levels_exact']:.0f} % of the names right, "
        f"{100 * figures['levels_exact_where_certain']:.0f} % of those called certain "
        f"({100 * figures['levels_certain']:.0f} %)."
    )


def grade_table(figures: dict[str, Any], real: dict[str, Any]) -> str:
    """One row a grade; below them what the evaluation on real CT found, with other weights and other patients."""
    lines = [
        "| published grade | bodies x scans | lost | called cut | centre mm median, 95th, largest "
        "| height mm median, 95th, largest | bias a/m/p mm | within its uncertainty | over 2 mm (flagged) |",
        "|" + "---|" * 9,
    ]
    for grade in ("0", "1", "2", "3", "unknown"):
        row = figures[f"grade_{grade}"]
        bias = " / ".join(f"{one:+.1f}" for one in row["height_bias_mm"])
        lines.append(
            f"| {grade} | {row['bodies']} | {row['lost'] or '–'} | {row['called_cut'] or '–'} "
            f"| {_spread(row, 'centre')} | {_spread(row, 'height')} | {bias} "
            f"| {100 * row['height_within_uncertainty']:.0f} % "
            f"| {row['bodies_over_2_mm']} ({row['bodies_over_2_mm_flagged']}) |"
        )
    lines.append(
        f"| *real CT, all grades* | {real['bodies']} | {round(real['bodies'] * (1 - real['recall'])) or '–'} | – "
        f"| {_spread(real, 'centre')} | {_spread(real, 'height')} | – "
        f"| {100 * real['height_within_uncertainty']:.0f} % "
        f"| {real['bodies_over_2_mm']} ({real['bodies_over_2_mm_flagged']}) |"
    )
    return "\n".join(lines)


def _spread(row: dict[str, Any], what: str) -> str:
    return ", ".join(f"{row[f'{what}_error_{name}_mm']:.1f}" for name in ("median", "p95", "max"))


def fracture_table(scans: Sequence[PaintedScan]) -> str:
    """One row a body of grade 2 or 3, over its scans."""
    lines = [
        "| body | grade | heights a/m/p mm | found | centre mm | error a/m/p mm, median | worst mm | score | flags |",
        "|" + "---|" * 9,
    ]
    rows: dict[tuple[str, str], list[PaintedBody]] = {}
    for scan in scans:
        for body in scan.bodies:
            if (body.grade or 0) >= 2:
                rows.setdefault((scan.mask, body.level), []).append(body)
    lines += [_fracture_row(mask, bodies) for (mask, _), bodies in rows.items()]
    return "\n".join(lines)


def _fracture_row(mask: str, bodies: Sequence[PaintedBody]) -> str:
    found = [body for body in bodies if body.centre_error_mm is not None]
    errors = _height_errors(found)
    middle = " / ".join(f"{one:+.1f}" for one in np.median(errors, axis=0)) if len(errors) else "–"
    worst = f"{np.abs(errors).max():.1f}" if len(errors) else "–"
    flags = sorted({flag for body in found for flag in body.flags})
    told = [f"{flag} ({sum(flag in body.flags for body in found)})" for flag in flags]
    return (
        f"| {mask} {bodies[0].level} | {bodies[0].grade} "
        f"| {' / '.join(f'{one:.0f}' for one in bodies[0].true_heights_mm)} | {len(found)}/{len(bodies)} "
        f"| {', '.join(f'{body.centre_error_mm:.1f}' for body in found) or '–'} | {middle} | {worst} "
        f"| {', '.join(f'{body.confidence:.2f}' for body in found) or '–'} | {', '.join(told) or '–'} |"
    )
