"""Fits what a healthy body looks like by level: marked bodies that were read as normal, and what is published.

Needs the development cases (environment variable VFSCREEN_CASES). Test-only cases are left out, and bodies with a
published Genant grade above 0, unsure marks and bodies cut by the view too. Writes
`benchmarks/results/expected_shape.json` and the table in `docs/reference_heights.md`; the numbers of
`vfscreen/reference.py` are these. Seconds.

Figures: the SD of what is left of a patient's bodies when the others predict them (logarithms): `sd_anterior`
(Ha/Hp), `sd_middle` (Hm/Hp), `sd_posterior` (Hp from the intact neighbours); `falsely_short` is the share of normal
bodies behind `CRUSH_SLACK`; `furthest_from_code` is how far the table of the program is from this fit.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import USUAL, Level, level_of
from vfscreen.genant import CRUSH_SLACK, POINT_NAMES, Heights, SixPoints, heights_of
from vfscreen.reference import EXPECTED, posterior_at
from vfscreen.spine_morphometry import NEIGHBOURS_A_SIDE

Float = NDArray[np.float64]

ROOT = Path(__file__).resolve().parents[1]
OWN_MARKS = ROOT / "benchmarks" / "marks"
RESULTS = ROOT / "benchmarks" / "results" / "expected_shape.json"
PAGE = ROOT / "docs" / "reference_heights.md"
BEGIN, END = "<!-- made by benchmarks/expected_shape.py -->", "<!-- end -->"
TEST_ONLY = {"ricord_80m"}
SAME_PATIENT = {"cmbcrc01068_sag": "cmbcrc01068_lungkernel", "acrin001_a": "acrin001_b"}

BODY_SD, STUDY_SD = 0.055, 0.04
"""Of logarithms: between bodies of one level, and between studies with other pictures and other points."""
ANTERIOR_STEP, MIDDLE_STEP, POSTERIOR_BEND = 0.03, 0.02, 0.03
"""How far neighbouring levels may be apart, and how much the growth of Hp may bend, before bodies have to say so (SD);
chosen by the SD of patients left out, which changes little between half and twice of it."""


@dataclass(frozen=True, slots=True)
class HealthyBody:
    """One body read as normal, with its patient. Units: mm."""

    patient: str
    level: Level
    heights: Heights


@dataclass(frozen=True, slots=True)
class Published:
    """A published mean of a ratio; `sd` between people, 0.07 where only the range or the heights' SD is told."""

    level: Level
    ratio: float
    sd: float
    people: int
    source: str


DRY_BONE = "dry bone, J Anat Soc India 2019;68:110"
MRI_JAPAN = "MRI, Surg Radiol Anat 2011;33:223"
MRI_CHINA = "MRI, Chin J Tissue Eng Res 2014;18:3532"
MXA = "MXA, women, PubMed 10091205"
CT_LUMBAR = "CT, Int J Spine Surg 2021;15:1072"
ANTERIOR = (
    Published(Level.T2, 0.962, 0.07, 26, DRY_BONE),
    Published(Level.T9, 0.920, 0.07, 26, DRY_BONE),
    Published(Level.T10, 0.92, 0.08, 115, MRI_JAPAN),
    Published(Level.T11, 0.92, 0.08, 115, MRI_JAPAN),
    Published(Level.T12, 0.90, 0.06, 115, MRI_JAPAN),
    Published(Level.L1, 0.89, 0.06, 115, MRI_JAPAN),
    Published(Level.L2, 0.90, 0.07, 115, MRI_JAPAN),
    Published(Level.T11, 0.91, 0.05, 120, MRI_CHINA),
    Published(Level.T12, 0.91, 0.05, 120, MRI_CHINA),
    Published(Level.L1, 0.88, 0.08, 120, MRI_CHINA),
    Published(Level.L2, 0.91, 0.08, 120, MRI_CHINA),
    Published(Level.L3, 0.995, 0.06, 120, MXA),
    Published(Level.L5, 1.152, 0.06, 196, CT_LUMBAR),
)
MIDDLE = (Published(Level.L3, 0.937, 0.025, 120, MXA),)


def published_fractures(case: Path) -> set[Level]:
    """Returns the levels of a VerSe case with a published grade above 0."""
    table = case / "grades.csv"
    if not table.exists():
        return set()
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {level_of(row["level"]) for row in rows if row["genant_grade"] not in ("", "0")}


def healthy_bodies(cases: Path) -> list[HealthyBody]:
    """Reads every sure, whole, normal body from the marks beside the training cases and from our own."""
    bodies = []
    for path in sorted([*(cases / "marks").glob("*.json"), *OWN_MARKS.glob("*.json")]):
        if path.stem in TEST_ONLY:
            continue
        fractured = published_fractures(cases / path.stem)
        for mark in json.loads(path.read_text(encoding="utf-8"))["vertebrae"]:
            points = mark.get("points_lps_mm") or {}
            if not (mark.get("whole") and mark.get("sure", True)) or any(
                points.get(name) is None for name in POINT_NAMES
            ):
                continue
            level = level_of(mark["level"])
            if level in fractured or mark.get("genant_impression") not in (0, "0") or level not in USUAL:
                continue
            heights = heights_of(SixPoints.from_array(np.array([points[name] for name in POINT_NAMES])))
            bodies.append(HealthyBody(SAME_PATIENT.get(path.stem, path.stem), level, heights))
    return bodies


def steadied_ratios(
    bodies: Sequence[HealthyBody], which: int, published: Sequence[Published], step_sd: float
) -> Float:
    """Fits the logarithm of a ratio by level, (17,): bodies, published means, and neighbouring levels alike."""
    count = len(USUAL)
    rows = [_one(USUAL.index(body.level)) / BODY_SD for body in bodies]
    values = [_log_ratio(body, which) / BODY_SD for body in bodies]
    for study in published:
        sd = float(np.hypot(STUDY_SD, study.sd / np.sqrt(study.people)))
        rows.append(_one(USUAL.index(study.level)) / sd)
        values.append(float(np.log(study.ratio)) / sd)
    smooth = np.diff(np.eye(count), axis=0) / step_sd
    return _solved(np.array(rows), np.array(values), smooth)


def steadied_growth(bodies: Sequence[HealthyBody]) -> Float:
    """Fits the logarithm of Hp by level over that of T10, (17,), with one factor a person."""
    people = sorted({body.patient for body in bodies})
    own = np.eye(len(people))
    rows = np.array(
        [np.concatenate([_one(USUAL.index(body.level)), own[people.index(body.patient)]]) for body in bodies]
    )
    bend = np.pad(np.diff(np.eye(len(USUAL)), 2, axis=0) / POSTERIOR_BEND, [(0, 0), (0, len(people))])
    values = np.log([body.heights.posterior for body in bodies])
    fitted = _solved(rows / BODY_SD, values / BODY_SD, bend)[: len(USUAL)]
    return np.asarray(fitted - fitted[USUAL.index(Level.T10)])


def _one(place: int) -> Float:
    return np.eye(len(USUAL))[place]


def _log_ratio(body: HealthyBody, which: int) -> float:
    heights = body.heights.array()
    return float(np.log(heights[which] / heights[2]))


def _solved(rows: Float, values: Float, smooth: Float) -> Float:
    everything = np.concatenate([rows, smooth])
    return np.asarray(
        np.linalg.lstsq(everything, np.concatenate([values, np.zeros(len(smooth))]), rcond=None)[0]
    )


def left_out(
    bodies: Sequence[HealthyBody],
    fit: Callable[[Sequence[HealthyBody]], Float],
    residuals: Callable[[Float, Sequence[HealthyBody]], list[float]],
) -> Float:
    """Returns the residuals of every patient's bodies under the fit of the others."""
    found: list[float] = []
    for who in sorted({body.patient for body in bodies}):
        fitted = fit([body for body in bodies if body.patient != who])
        found += residuals(fitted, [body for body in bodies if body.patient == who])
    return np.array(found)


def ratio_residuals(fitted: Float, own: Sequence[HealthyBody], which: int) -> list[float]:
    """How far each body's ratio lies from that of its level."""
    return [_log_ratio(body, which) - float(fitted[USUAL.index(body.level)]) for body in own]


def posterior_residuals(growth: Float, own: Sequence[HealthyBody]) -> list[float]:
    """How far each body's Hp lies from what its nearest neighbours of the same patient predict."""
    found = []
    for body in own:
        near = sorted(own, key=lambda other: abs(other.level.rank - body.level.rank))
        above = [other for other in near if other.level.rank < body.level.rank][:NEIGHBOURS_A_SIDE]
        below = [other for other in near if other.level.rank > body.level.rank][:NEIGHBOURS_A_SIDE]
        predicted = [
            np.log(other.heights.posterior)
            + growth[USUAL.index(body.level)]
            - growth[USUAL.index(other.level)]
            for other in (*above, *below)
        ]
        if predicted:
            found.append(float(np.log(body.heights.posterior) - np.mean(predicted)))
    return found


def rows_of(
    bodies: Sequence[HealthyBody], anterior: Float, middle: Float, growth: Float
) -> list[dict[str, Any]]:
    """Returns a row a level: what was marked, what is published, what comes out."""
    rows = []
    for place, level in enumerate(USUAL):
        own = [body for body in bodies if body.level is level]
        ratios = np.exp([[_log_ratio(body, 0), _log_ratio(body, 1)] for body in own])
        rows.append(
            {
                "level": str(level),
                "marked": len(own),
                "marked_ha_hp": [round(float(v), 3) for v in (ratios[:, 0].mean(), ratios[:, 0].std())],
                "marked_hm_hp": [round(float(v), 3) for v in (ratios[:, 1].mean(), ratios[:, 1].std())],
                "published_ha_hp": [[one.ratio, one.people, one.source] for one in ANTERIOR if one.level is level],
                "published_hm_hp": [[one.ratio, one.people, one.source] for one in MIDDLE if one.level is level],
                "ha_hp": round(float(np.exp(anterior[place])), 3),
                "hm_hp": round(float(np.exp(middle[place])), 3),
                "hp_over_t10": round(float(np.exp(growth[place])), 3),
            }
        )  # fmt: skip
    return rows


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """Writes the rows as the page shows them."""
    lines = [
        "| level | Ha/Hp | Hm/Hp | Hp over T10 | marked: n, Ha/Hp (SD), Hm/Hp (SD) | published means |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        means = "; ".join(
            f"{name} {ratio:g}, n {people}, {source}"
            for name, key in (("Ha/Hp", "published_ha_hp"), ("Hm/Hp", "published_hm_hp"))
            for ratio, people, source in row[key]
        )
        (anterior, anterior_sd), (middle, middle_sd) = row["marked_ha_hp"], row["marked_hm_hp"]
        lines.append(
            f"| {row['level']} | **{row['ha_hp']:.3f}** | **{row['hm_hp']:.3f}** | {row['hp_over_t10']:.3f} "
            f"| {row['marked']}, {anterior:.2f} ({anterior_sd:.2f}), {middle:.2f} ({middle_sd:.2f}) | {means or '–'} |"
        )
    return "\n".join(lines)


def furthest_from_code(rows: Sequence[dict[str, Any]]) -> float:
    """Returns the largest difference of a ratio between this fit and the program's table."""
    away = []
    for row in rows:
        level = level_of(row["level"])
        shape = EXPECTED.levels[level]
        away += [row["ha_hp"] - shape.anterior, row["hm_hp"] - shape.middle]
        away.append(row["hp_over_t10"] - posterior_at(level))
    return float(np.abs(away).max())


def main() -> int:
    """Prints the fit; exits 2 with a sentence where the cases are missing."""
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    bodies = healthy_bodies(Path(os.environ["VFSCREEN_CASES"]))

    def anterior(some: Sequence[HealthyBody]) -> Float:
        return steadied_ratios(some, 0, ANTERIOR, ANTERIOR_STEP)

    def middle(some: Sequence[HealthyBody]) -> Float:
        return steadied_ratios(some, 1, MIDDLE, MIDDLE_STEP)

    rows = rows_of(bodies, anterior(bodies), middle(bodies), steadied_growth(bodies))
    short = left_out(bodies, steadied_growth, posterior_residuals)
    figures = {
        "sd_anterior": left_out(bodies, anterior, lambda fit, own: ratio_residuals(fit, own, 0)).std(),
        "sd_middle": left_out(bodies, middle, lambda fit, own: ratio_residuals(fit, own, 1)).std(),
        "sd_posterior": short.std(),
        "falsely_short": (short < np.log(CRUSH_SLACK)).mean(),
        "furthest_from_code": furthest_from_code(rows),
    }
    told = {name: round(float(value), 4) for name, value in figures.items()}
    told |= {"bodies": len(bodies), "patients": len({body.patient for body in bodies})}
    patients = sorted({body.patient for body in bodies})
    RESULTS.write_text(json.dumps({"figures": told, "cases": patients, "levels": rows}, indent=1) + "\n")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table_of(rows)}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
