"""Figures and tables from what `benchmarks/grader.py` recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.grader.decision import natural_weights
from models.scores import auroc, macro_f1

Float = NDArray[np.float64]
Row = dict[str, Any]

BOOTSTRAPS = 400
FLAGGED = ("fracture", "uncertain")
SEED_COUNTS = (
    "real_grade2_flagged",
    "real_grade1_flagged",
    "real_healthy_flagged",
    "misplaced_grade2_flagged",
    "misplaced_healthy_flagged",
)
SEED_SHARES = (
    "auroc_grade1",
    "auroc_grade2",
    "as_read_macro_f1",
    "as_read_calibration_error_natural",
    "as_read_set_coverage_natural",
    "as_read_uncertain_share_natural",
)
RULES: dict[str, Callable[[Row], bool]] = {
    "grader: verdict fracture": lambda row: row["verdict"] == "fracture",
    "grader: verdict fracture or uncertain": lambda row: row["verdict"] in FLAGGED,
    "grader: P(grade >= 1) > 0.5": lambda row: row["probabilities"][0] < 0.5,
    "loss by points against expectation > 20 %": lambda row: row["measured"] > 20,
    "loss by points against expectation > 15 %": lambda row: row["measured"] > 15,
    "level-blind: min/max < 0.80": lambda row: row["min_over_max"] < 0.80,
}


def figures_of(results: Row) -> Row:
    """Returns the figures that issues, card and documents name."""
    real, simulated, chain = results["real"], results["simulated"], results.get("chain", ())
    moved = [row | {"verdict": verdict} for row in real for verdict in row["misplaced_verdicts"]]
    return {
        "real_grade2_flagged": counted(real, 2, FLAGGED),
        "real_grade1_flagged": counted(real, 1, FLAGGED),
        "real_healthy_flagged": counted(real, 0, FLAGGED),
        "real_healthy_uncertain": counted(real, 0, FLAGGED[1:]),
        "misplaced_grade2_flagged": counted(moved, 2, FLAGGED),
        "misplaced_grade1_flagged": counted(moved, 1, FLAGGED),
        "misplaced_healthy_flagged": counted(moved, 0, FLAGGED),
        "test_only_healthy_flagged": counted(results.get("shipped_on_test_only", ()), 0, FLAGGED),
        "chain_grade2_flagged": counted(chain, 2, FLAGGED),
        "chain_grade1_flagged": counted(chain, 1, FLAGGED),
        "chain_healthy_flagged": counted(chain, 0, FLAGGED),
        "chain_not_assessed": sum(row["verdict"] == "not_assessed" for row in chain),
        "simulated": with_intervals(simulated),
    }


def counted(rows: Sequence[Row], grade: int, verdicts: Sequence[str]) -> Row:
    """Counts the bodies of a grade with one of these verdicts, with Wilson's 95 % interval."""
    chosen = [row["verdict"] in verdicts for row in rows if row["grade"] == grade]
    count, hits = len(chosen), sum(chosen)
    if not count:
        return {"hits": 0, "count": 0}
    share, z = hits / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    return {
        "hits": hits,
        "count": count,
        "value": round(share, 4),
        "low": round(float(max(middle - half, 0.0)), 4),
        "high": round(float(min(middle + half, 1.0)), 4),
    }


def with_intervals(rows: Sequence[Row]) -> Row:
    """Returns the figures of the simulated test set with 95 % intervals over bootstrapped patients."""
    patients = sorted({row["patient"] for row in rows})
    of_patient = {who: [row for row in rows if row["patient"] == who] for who in patients}
    rng = np.random.default_rng(0)
    drawn = [
        figures_of_simulated([row for who in rng.choice(patients, len(patients)) for row in of_patient[who]])
        for _ in range(BOOTSTRAPS)
    ]
    return {
        name: {
            "value": round(value, 4),
            "low": round(float(np.percentile([one[name] for one in drawn], 2.5)), 4),
            "high": round(float(np.percentile([one[name] for one in drawn], 97.5)), 4),
            "count": len(rows),
        }
        for name, value in figures_of_simulated(rows).items()
    }


def figures_of_simulated(rows: Sequence[Row]) -> dict[str, float]:
    """Returns discrimination by Genant's cuts (grades balanced), and what is said against what readers would say.

    Readers cut at less than Genant's nominal losses (`models.grader.readers`); the decision speaks as they do.
    """
    grade = np.array([row["grade"] for row in rows])
    read_as = np.array([row["read_as"] for row in rows])
    chances = np.array([row["probabilities"] for row in rows])
    measured = np.array([row["measured"] for row in rows])
    common = np.array([row["common"] for row in rows])
    any_chance, worse_chance = 1 - chances[:, 0], chances[:, 2:].sum(1)
    nominal = natural_weights(np.eye(4)[grade], common)
    weights = natural_weights(np.eye(4)[read_as], common)
    held = np.array([row["read_as"] in row["set"] for row in rows])
    unsure = np.array([row["verdict"] == "uncertain" for row in rows])
    predicted = chances.argmax(1)
    return {
        "auroc_grade1": auroc(grade >= 1, any_chance),
        "auroc_grade1_by_points": auroc(grade >= 1, measured),
        "auroc_grade2": auroc(grade >= 2, worse_chance),
        "auroc_grade2_by_points": auroc(grade >= 2, measured),
        "specificity_at_sensitivity_85_natural": specificity_at(grade >= 1, any_chance, nominal, 0.85),
        "specificity_at_sensitivity_85_natural_by_points": specificity_at(
            grade >= 1, measured, nominal, 0.85
        ),
        "as_read_sensitivity_grade1": float((any_chance > 0.5)[read_as >= 1].mean()),
        "as_read_specificity_grade1": float((any_chance <= 0.5)[read_as == 0].mean()),
        "as_read_specificity_grade1_unbroken": float((any_chance <= 0.5)[(read_as == 0) & common].mean()),
        "as_read_sensitivity_grade2": float((worse_chance > 0.5)[read_as >= 2].mean()),
        "as_read_specificity_grade2": float((worse_chance <= 0.5)[read_as < 2].mean()),
        "as_read_macro_f1": macro_f1(read_as, predicted),
        "as_read_quadratic_kappa": quadratic_kappa(read_as, predicted),
        "as_read_calibration_error_natural": calibration_error(read_as >= 1, any_chance, weights),
        "as_read_set_coverage_natural": float(weights[held].sum()),
        "as_read_uncertain_share_natural": float(weights[unsure].sum()),
    }


def specificity_at(positive: NDArray[np.bool_], score: Float, weights: Float, sensitivity: float) -> float:
    """Specificity, at natural prevalence, of the cut that finds this share of the positives."""
    order = np.argsort(score[positive])
    reached = np.cumsum(weights[positive][order]) / weights[positive].sum()
    cut = score[positive][order][int(np.searchsorted(reached, 1 - sensitivity))]
    negative = ~positive
    return float(weights[negative & (score < cut)].sum() / weights[negative].sum())


def quadratic_kappa(grade: NDArray[np.int_], predicted: NDArray[np.int_]) -> float:
    """Cohen's kappa with quadratic weights."""
    cost = (np.arange(4)[:, None] - np.arange(4)) ** 2
    seen = np.zeros((4, 4))
    np.add.at(seen, (grade, predicted), 1)
    chance = np.outer(seen.sum(1), seen.sum(0)) / seen.sum()
    return float(1 - (cost * seen).sum() / (cost * chance).sum())


def calibration_error(truth: NDArray[np.bool_], chance: Float, weights: Float, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    order = np.argsort(chance)
    mass = np.cumsum(weights[order]) - weights[order] / 2
    place = np.minimum((mass / weights.sum() * bins).astype(int), bins - 1)
    error = 0.0
    for one in range(bins):
        inside = order[place == one]
        if len(inside):
            share = weights[inside] / weights[inside].sum()
            error += float(weights[inside].sum() * abs(share @ truth[inside] - share @ chance[inside]))
    return error / float(weights.sum())


def write_tables(page: Path, results: Row) -> None:
    """Puts the tables between their marks on the page; the words round them are people's."""
    text = page.read_text(encoding="utf-8")
    tables = {
        "rules": rules_table(results["real"] + results["shipped_on_test_only"]),
        "fractures": body_table([row for row in results["real"] if row["grade"] > 0]),
        "false-alarms": body_table([row for row in results["real"] if row["grade"] == 0 and any_flag(row)]),
        "test-only": body_table(
            [row for row in results["shipped_on_test_only"] if row["grade"] or any_flag(row)]
        ),
        "chain": chain_table(results["chain"]),
        "seeds": seeds_table(results),
        "masks": masks_table(results["masks"]),
        "patients": patients_table(results["real"]),
        "simulated": simulated_table(results["figures"]["simulated"]),
    }
    for name, table in tables.items():
        start, end = f"<!-- table: {name} -->", "<!-- end -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{table}\n{end}{rest.partition(end)[2]}"
    page.write_text(text, encoding="utf-8")


def any_flag(row: Row) -> bool:
    """Says whether a body was flagged by its marks or in most draws of wrong points, or by morphometry."""
    often = sum(verdict in FLAGGED for verdict in row["misplaced_verdicts"])
    return row["verdict"] in FLAGGED or often > len(row["misplaced_verdicts"]) / 2 or row["measured"] > 15


def rules_table(rows: Sequence[Row]) -> str:
    """One line a rule: how many bodies of each grade it flags."""
    sizes = [sum(row["grade"] == grade for row in rows) for grade in (2, 1, 0)]
    lines = [
        "| rule | grade 2 | grade 1 | grade 0 flagged |",
        "|---|---|---|---|",
    ]
    for name, rule in RULES.items():
        hits = [sum(rule(row) for row in rows if row["grade"] == grade) for grade in (2, 1, 0)]
        cells = " | ".join(f"{hit}/{size}" for hit, size in zip(hits, sizes, strict=True))
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def body_table(rows: Sequence[Row]) -> str:
    """One line a body."""
    lines = [
        "| body | grade | points % | network % | P(0) P(1) P(2) P(3) | set | verdict | flagged, wrong points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        chances = " ".join(f"{value:.2f}" for value in row["probabilities"])
        moved = row["misplaced_verdicts"]
        often = sum(verdict in FLAGGED for verdict in moved)
        lines.append(
            f"| {row['body']} | {row['grade']} | {row['measured']:.0f} | {row['regressed']:.0f} | {chances} "
            f"| {{{', '.join(map(str, row['set']))}}} | {row['verdict'].replace('_', ' ')} | {often}/{len(moved)} |"
        )
    return "\n".join(lines)


def seeds_table(results: Row) -> str:
    """One line a figure, one column a seed."""
    by_seed = {str(results["seed"]): results["figures"], **results["other_seeds"]}
    lines = ["| figure | " + " | ".join(f"seed {seed}" for seed in by_seed) + " |"]
    lines += ["|---" * (len(by_seed) + 1) + "|"]
    for name in SEED_COUNTS:
        cells = [f"{one[name]['hits']}/{one[name]['count']}" for one in by_seed.values()]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    for name in SEED_SHARES:
        cells = [f"{one['simulated'][name]['value']:.3f}" for one in by_seed.values()]
        lines.append(f"| simulated {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def masks_table(rows: Sequence[Row]) -> str:
    """One line a grade: the losses that the points of a mask show."""
    lines = [
        "| use | published grade | bodies | median loss % | range | over 15 % | over 20 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for use in ("train", "test only"):
        for grade in (3, 2, 1, 0):
            losses = np.array([row["loss"] for row in rows if row["use"] == use and row["grade"] == grade])
            if len(losses):
                over = [int((losses > cut).sum()) for cut in (15, 20)]
                lines.append(
                    f"| {use} | {grade} | {len(losses)} | {np.median(losses):.0f} "
                    f"| {losses.min():.0f} to {losses.max():.0f} | {over[0]} | {over[1]} |"
                )
    return "\n".join(lines)


def chain_table(rows: Sequence[Row]) -> str:
    """Counts by grade, then one line for every fracture and for every healthy body that was flagged."""
    if not rows:
        return "(not measured yet)"
    lines = [
        "| grade | bodies | fracture | uncertain | no fracture | not assessed |",
        "|---|---|---|---|---|---|",
    ]
    for grade in sorted({row["grade"] for row in rows}, reverse=True):
        verdicts = [row["verdict"] for row in rows if row["grade"] == grade]
        cells = [verdicts.count(one) for one in ("fracture", "uncertain", "no_fracture", "not_assessed")]
        lines.append(f"| {grade} | {len(verdicts)} | " + " | ".join(map(str, cells)) + " |")
    lines += [
        "",
        "| body | grade | named | points % | network % | P(0) P(1) P(2) P(3) | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["grade"] == 0 and row["verdict"] == "no_fracture":
            continue
        said = "- | - | -"
        if "probabilities" in row:
            chances = " ".join(f"{value:.2f}" for value in row["probabilities"])
            said = f"{row['measured']:.0f} | {row['regressed']:.0f} | {chances}"
        lines.append(
            f"| {row['body']} | {row['grade']} | {row['found_as']} | {said} | {row['verdict'].replace('_', ' ')} |"
        )
    return "\n".join(lines)


def patients_table(rows: Sequence[Row]) -> str:
    """One line a patient: bodies, and how many were flagged."""
    lines = [
        "| patient | fold | bodies of grade 0 | flagged | fractured | flagged |",
        "|---|---|---|---|---|---|",
    ]
    for who in sorted({row["patient"] for row in rows}):
        own = [row for row in rows if row["patient"] == who]
        healthy = [row for row in own if row["grade"] == 0]
        broken = [row for row in own if row["grade"] > 0]
        flags = [sum(row["verdict"] in FLAGGED for row in part) for part in (healthy, broken)]
        lines.append(
            f"| {who} | {own[0]['fold']} | {len(healthy)} | {flags[0]} | {len(broken)} | {flags[1]} |"
        )
    return "\n".join(lines)


def simulated_table(figures: Row) -> str:
    """One line a figure with its interval."""
    lines = ["| figure | value | 95 % over patients |", "|---|---|---|"]
    for name, one in figures.items():
        lines.append(
            f"| {name.replace('_', ' ')} | {one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f} |"
        )
    return "\n".join(lines)
