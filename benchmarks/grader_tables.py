"""The tables of `docs/grader.md`, from what `benchmarks/grader.py` recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from grader_figures import FLAGGED, Row, counted, figures_of_simulated, with_intervals

from models.scores import auroc

RULES: dict[str, Callable[[Row], bool]] = {
    "grader: verdict fracture": lambda row: row["verdict"] == "fracture",
    "grader: verdict fracture or uncertain": lambda row: row["verdict"] in FLAGGED,
    "grader: P(grade >= 1) > 0.5": lambda row: row["probabilities"][0] < 0.5,
    "loss by points against expectation > 20 %": lambda row: row["measured"] > 20,
    "loss by points against expectation > 15 %": lambda row: row["measured"] > 15,
    "level-blind: min/max < 0.80": lambda row: row["min_over_max"] < 0.80,
}
PROOF_COLUMNS = {
    "macro_f1_balanced": "macro-F1",
    "quadratic_kappa": "kappa",
    "auroc_grade1": "AUROC >= 1",
    "auroc_grade2": "AUROC >= 2",
    "sensitivity_grade1": "sens >= 1",
    "specificity_grade1": "spec >= 1",
    "specificity_at_sensitivity_85": "spec at sens 85 %",
    "sensitivity_grade2": "sens >= 2",
    "specificity_grade2": "spec >= 2",
    "macro_f1_natural": "macro-F1, natural",
    "calibration_error_natural": "ECE, natural",
}

PUBLISHED = "published network: needs a GPU and the published data (`docs/reproduce.md`)"


def figures_of(results: Row) -> Row:
    """Returns the figures that issues, card and documents name."""
    real, simulated, chain = results["real"], results["simulated"], results.get("chain", ())
    moved = [row | {"verdict": verdict} for row in real for verdict in row["misplaced_verdicts"]]
    outlines = results.get("masks", ())
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
        "chain_uncertain": sum(row["verdict"] == "uncertain" for row in chain),
        "chain_not_assessed": sum(row["verdict"] == "not_assessed" for row in chain),
        **{
            f"outline_grade{grade}_flagged_{use.replace(' ', '_')}": counted(
                [row for row in outlines if row["use"] == use], grade, FLAGGED
            )
            for use in ("train", "test only")
            for grade in (3, 2, 1, 0)
        },
        "simulated": with_intervals(simulated, figures_of_simulated),
    }


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
        "masks": masks_table(results["masks"]),
        "warped": warped_table(results["warped"]),
        "proof": proof_table(results["proof"]),
        "proof-real": proof_real_table(results["proof"]),
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


def masks_table(rows: Sequence[Row]) -> str:
    """One line a grade and use: the losses that the points of a mask show, and how many the grader flags."""
    lines = [
        "| use | published grade | bodies | median loss % | range | flagged | `fracture` | points over 15 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for use in ("train", "test only"):
        for grade in (3, 2, 1, 0):
            chosen = [row for row in rows if row["use"] == use and row["grade"] == grade]
            losses = np.array([row["measured"] for row in chosen])
            if chosen:
                flagged = sum(row["verdict"] in FLAGGED for row in chosen)
                sure = sum(row["verdict"] == "fracture" for row in chosen)
                lines.append(
                    f"| {use} | {grade} | {len(chosen)} | {np.median(losses):.0f} | {losses.min():.0f} to "
                    f"{losses.max():.0f} | {flagged} | {sure} | {int((losses > 15).sum())} |"
                )
    return "\n".join(lines)


def warped_table(rows: Sequence[Row]) -> str:
    """What is said of healthy bodies before and after a warp without a loss."""
    plain, warped = (np.array([row[name] for row in rows]) for name in ("plain", "warped"))
    change = np.array([row["warped_percent"] - row["plain_percent"] for row in rows])
    apart = auroc(np.repeat([False, True], len(rows)), np.concatenate([plain, warped]))
    half = 1.96 * change.std(ddof=1) / np.sqrt(len(change))
    return "\n".join(
        [
            "| figure | value |",
            "|---|---|",
            f"| bodies, of {len({row['patient'] for row in rows})} patients | {len(rows)} |",
            f"| mean P(grade >= 1) as scanned, warped | {plain.mean():.3f}, {warped.mean():.3f} |",
            f"| mean change of the network's loss, points of percent | {change.mean():+.2f} ± {half:.2f} |",
            f"| telling warped from scanned by P(grade >= 1), AUROC (0.5: cannot) | {apart:.3f} |",
        ]
    )


def proof_table(proof: Row) -> str:
    """One line a row: figures on the simulated bodies, and the paired test against the row above."""
    if not proof:
        return "(not measured yet)"
    lines = [
        "| row | " + " | ".join(PROOF_COLUMNS.values()) + " | against the row above: macro-F1, p |",
        "|---" * (len(PROOF_COLUMNS) + 2) + "|",
    ]
    for row in proof["rows"]:
        cells = [_with_interval(row.get(name)) for name in PROOF_COLUMNS]
        test = row.get("against_row_above")
        against = f"{test['macro_f1_difference']:+.3f}, {test['p']:.3f}" if test else "–"
        collapsed = f" ({row['collapsed']} collapsed)" if row["collapsed"] else ""
        lines.append(f"| {row['name']}{collapsed} | " + " | ".join(cells) + f" | {against} |")
    nothing = " | –" * len(PROOF_COLUMNS)
    lines.append(f"| {PUBLISHED}{nothing} | not measured |")
    return "\n".join(lines)


def proof_real_table(proof: Row) -> str:
    """One line a row: how many real bodies are flagged, and which fractures how often."""
    if not proof:
        return "(not measured yet)"
    runs = len(proof["seeds"])
    names = proof["fractures"]
    lines = [
        "| row | " + " | ".join(names) + " | grade 0 flagged |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in proof["rows"]:
        counts = row["real"]["0"]["flagged"]
        flagged = " ".join(str(count) for count in counts) + f" of {row['real']['0']['bodies']}"
        seeds = len(counts)
        cells = [f"{row['real_flagged'][name]}/{seeds}" for name in names]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + f" | {flagged} |")
    return "\n".join(
        [*lines, "", f"Flagged in how many of {runs} seeds; baselines without a network have one."]
    )


def _with_interval(figure: Row | None) -> str:
    if figure is None:
        return "–"
    return f"{figure['value']:.3f} ({figure['low']:.2f}-{figure['high']:.2f})"


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
        "| patient | bodies of grade 0 | flagged | fractured | flagged |",
        "|---|---|---|---|---|",
    ]
    for who in sorted({row["patient"] for row in rows}):
        own = [row for row in rows if row["patient"] == who]
        healthy = [row for row in own if row["grade"] == 0]
        broken = [row for row in own if row["grade"] > 0]
        flags = [sum(row["verdict"] in FLAGGED for row in part) for part in (healthy, broken)]
        lines.append(f"| {who} | {len(healthy)} | {flags[0]} | {len(broken)} | {flags[1]} |")
    return "\n".join(lines)


def simulated_table(figures: Row) -> str:
    """One line a figure with its interval."""
    lines = ["| figure | value | 95 % over patients |", "|---|---|---|"]
    for name, one in figures.items():
        lines.append(
            f"| {name.replace('_', ' ')} | {one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f} |"
        )
    return "\n".join(lines)
