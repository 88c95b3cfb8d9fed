"""The proof's table: every row on the real and the simulated bodies of patients that its networks never saw."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from grader_baselines import fit_svm
from grader_figures import (
    Float,
    calibration_error,
    quadratic_kappa,
    specificity_at,
)
from grader_prevalence import balanced_weights
from grader_rows import PARTS, Answers, Part, Proof, heard
from numpy.typing import NDArray

from models.grader.calibrate import shares_as_read
from models.grader.decision import Evidence, fit_decision, natural_weights
from models.grader.examples import Example
from models.grader.folds import FOLDS
from models.grader.readers import GradedLoss, reader_scale
from models.scores import auroc, macro_f1
from vfscreen.findings import verdict_of

SEEDS = range(5)
FLIPS, BOOTSTRAPS = 2000, 200
LEVEL_BLIND = 0.8
MORPHOMETRY = Part("morphometry alone", hears_points=True)
SVM, BLIND = "linear SVM on the three losses", "level-blind: min/max < 0.8"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a row says of the bodies of all folds, for one seed.

    Shapes: probabilities (n, 4), NaN where a row has none; grades (n,), its choice where all grades are as frequent;
    flagged (n,), for the real ones.
    """

    probabilities: Float
    severity: Float
    grades: NDArray[np.int_]
    flagged: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Asked:
    """The bodies of all folds in their order, with what is true of them.

    Shapes: folds, read_as (the grades that readers would give), common (real, or a control) (n,); shares (n, 4).
    """

    examples: tuple[Example, ...]
    folds: NDArray[np.str_]
    shares: Float
    read_as: NDArray[np.int_]
    common: NDArray[np.bool_]

    @property
    def simulated(self) -> NDArray[np.bool_]:
        """(n,): those that are simulated, controls included."""
        return np.array([one.simulated for one in self.examples])


def train_rows(proof: Proof, minutes: float) -> None:
    """Trains what is missing, seed by seed, as long as the time lasts."""
    end = time.monotonic() + 60 * minutes
    for seed in SEEDS:
        for part in PARTS:
            for fold in FOLDS:
                if proof.done(part, fold, seed):
                    continue
                if time.monotonic() > end:
                    return
                began = time.monotonic()
                proof.answers(part, fold, seed)
                took = time.monotonic() - began
                print(f"seed {seed}, fold {fold}: {part.name} ({took:.0f} s)", file=sys.stderr, flush=True)


def proof_of(proof: Proof) -> dict[str, Any]:
    """Scores the rows for every seed whose networks are all there."""
    seeds = [seed for seed in SEEDS if all(proof.done(part, fold, seed) for part in PARTS for fold in FOLDS)]
    if not seeds:
        return {}
    asked = asked_of(proof)
    rows: dict[str, list[Scored]] = {}
    collapsed: dict[str, int] = {}
    for part in (*PARTS, MORPHOMETRY):
        rows[part.name] = []
        collapsed[part.name] = 0
        for seed in seeds:
            source = PARTS[-1] if part is MORPHOMETRY else part
            answers = {fold: proof.answers(source, fold, seed) for fold in FOLDS}
            collapsed[part.name] += sum(one.collapsed for one in answers.values())
            if part is MORPHOMETRY:
                answers = {fold: _without_network(one) for fold, one in answers.items()}
            rows[part.name].append(scored(part, answers, asked))
    measured = np.concatenate(
        [proof.answers(PARTS[-1], fold, seeds[0]).evidence.measured_percent for fold in FOLDS]
    )
    rows[SVM] = [svm_scored(measured, asked)]
    rows[BLIND] = [blind_scored(asked)]
    table = [
        {"name": name, "collapsed": collapsed.get(name, 0), **figures_of_row(many, asked)}
        for name, many in rows.items()
    ]
    for before, after in pairwise(table):
        after["against_row_above"] = paired(rows[before["name"]], rows[after["name"]], asked)
    fractures = [one.body for one in asked.examples if not one.simulated and one.grade > 0]
    return {
        "seeds": seeds,
        "folds": list(FOLDS),
        "bodies": int(asked.simulated.sum()),
        "fractures": fractures,
        "rows": table,
    }


def asked_of(proof: Proof) -> Asked:
    """Lists what is asked, and the grades that readers would give, by the cuts of the other folds' readers."""
    examples = [(fold, one) for fold in FOLDS for one in proof.questions(fold)]
    scales = {fold: reader_scale(_read(proof, fold)) for fold in FOLDS}
    shares = np.array([shares_as_read(one, scales[fold]) for fold, one in examples])
    return Asked(
        tuple(one for _, one in examples),
        np.array([fold for fold, _ in examples]),
        shares,
        shares.argmax(1),
        np.array([not one.simulated or one.control for _, one in examples]),
    )


def _read(proof: Proof, hidden: str) -> list[GradedLoss]:
    return [
        GradedLoss(patient, one.grade, float(one.losses_percent.max()))
        for patient, part in proof.bank.items()
        if patient not in FOLDS[hidden]
        for one in part
        if not one.simulated
    ]


def scored(part: Part, answers: dict[str, Answers], asked: Asked) -> Scored:
    """Scores each fold by a decision that was fitted on the other folds' patients."""
    evidence = {fold: heard(part, answers[fold]) for fold in FOLDS}
    found = []
    for fold in FOLDS:
        others = np.isin(asked.folds, [other for other in FOLDS if other != fold])
        joined = Evidence.joined([evidence[other] for other in FOLDS if other != fold])
        weights = natural_weights(asked.shares[others], asked.common[others])
        decision = fit_decision(joined, asked.shares[others], weights)
        chances = decision.probabilities(evidence[fold])
        sets = decision.sets(chances, evidence[fold].too_thick())
        flagged = np.array([str(verdict_of(one)) in ("fracture", "uncertain") for one in sets])
        equal = balanced_weights(asked.read_as[others], asked.common[others])
        grades = fit_decision(joined, asked.shares[others], equal).probabilities(evidence[fold]).argmax(1)
        found.append(Scored(chances, 1 - chances[:, 0], grades, flagged))
    return Scored(*(np.concatenate([getattr(one, name) for one in found]) for name in Scored.__slots__))


def _without_network(answers: Answers) -> Answers:
    return replace(answers, evidence=replace(answers.evidence, logits=np.zeros_like(answers.evidence.logits)))


def svm_scored(measured_percent: Float, asked: Asked) -> Scored:
    """The SVM, fitted on the other folds' simulated bodies."""
    margins = np.zeros((len(asked.examples), 4))
    for fold in FOLDS:
        seen = asked.simulated & (asked.folds != fold)
        svm = fit_svm(measured_percent[seen], asked.read_as[seen])
        margins[asked.folds == fold] = svm.margins(measured_percent[asked.folds == fold])
    grades = margins.argmax(1)
    return Scored(np.full(margins.shape, np.nan), -margins[:, 0], grades, grades > 0)


def blind_scored(asked: Asked) -> Scored:
    """The rule that knows no level: the smallest height over the largest."""
    ratios = []
    for one in asked.examples:
        heights = np.linalg.norm(one.crop.points_mm[0, :3] - one.crop.points_mm[0, 3:], axis=1)
        ratios.append(float(heights.min() / heights.max()))
    lost = 1 - np.array(ratios)
    grades = np.digitize(lost, [1 - LEVEL_BLIND, 0.25, 0.40])
    return Scored(np.full((len(lost), 4), np.nan), lost, grades, grades > 0)


def figures_of_row(many: Sequence[Scored], asked: Asked) -> dict[str, Any]:
    """Means over the seeds with 95 % intervals over patients, and the real bodies by count."""
    simulated = asked.simulated
    patients = np.array([one.patient for one in asked.examples])[simulated]
    found: dict[str, Any] = {}
    everyone = np.arange(int(simulated.sum()))
    values = _means(many, asked, everyone)
    rng = np.random.default_rng(0)
    places = {who: np.flatnonzero(patients == who) for who in np.unique(patients)}
    drawn = []
    for _ in range(BOOTSTRAPS):
        chosen = np.concatenate([places[who] for who in rng.choice(list(places), len(places))])
        drawn.append(_means(many, asked, chosen))
    for name, value in values.items():
        low, high = np.percentile([one[name] for one in drawn], [2.5, 97.5])
        found[name] = {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}
    real = ~simulated
    truth = np.array([int(one.grade) for one in asked.examples])
    found["real"] = {
        str(grade): {
            "bodies": int((real & (truth == grade)).sum()),
            "flagged": [int(one.flagged[real & (truth == grade)].sum()) for one in many],
        }
        for grade in (2, 1, 0)
    }
    found["real_flagged"] = {
        asked.examples[place].body: sum(bool(one.flagged[place]) for one in many)
        for place in np.flatnonzero(real)
        if truth[place] > 0 or any(one.flagged[place] for one in many)
    }
    return found


def _means(many: Sequence[Scored], asked: Asked, chosen: NDArray[np.intp]) -> dict[str, float]:
    each = [_figures(one, asked, chosen) for one in many]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _figures(one: Scored, asked: Asked, chosen: NDArray[np.intp]) -> dict[str, float]:
    at = np.flatnonzero(asked.simulated)[chosen]
    grade, said, control = asked.read_as[at], one.grades[at], asked.common[at]
    severity, chances = one.severity[at], one.probabilities[at]
    even = (~control).astype(float)
    equal = even / np.maximum(np.bincount(grade[~control], minlength=4), 1)[grade]
    worse = chances[:, 2:].sum(1) if np.isfinite(chances).all() else severity
    figures = {
        "sensitivity_grade1": float((said[~control] >= 1)[grade[~control] >= 1].mean()),
        "specificity_grade1": float((said[~control] < 1)[grade[~control] < 1].mean()),
        "sensitivity_grade2": float((said[~control] >= 2)[grade[~control] >= 2].mean()),
        "specificity_grade2": float((said[~control] < 2)[grade[~control] < 2].mean()),
        "specificity_at_sensitivity_85": specificity_at(grade >= 1, severity, even, 0.85),
        "macro_f1_balanced": macro_f1(grade, said, equal),
        "macro_f1_even": macro_f1(grade, said, even),
        "quadratic_kappa": quadratic_kappa(grade[~control], said[~control]),
        "auroc_grade1": auroc(grade[~control] >= 1, severity[~control]),
        "auroc_grade2": auroc(grade[~control] >= 2, worse[~control]),
    }
    if np.isfinite(chances).all():
        natural = natural_weights(np.eye(4)[grade], control)
        figures["calibration_error_natural"] = calibration_error(grade >= 1, severity, natural)
        figures["macro_f1_natural"] = macro_f1(grade, chances.argmax(1), natural)
    return figures


def paired(before: Sequence[Scored], after: Sequence[Scored], asked: Asked) -> dict[str, float]:
    """Tests the difference in balanced macro-F1 by swapping the two rows patient by patient; two-sided.

    The answers of all seeds of a patient are swapped together, for they are not independent.
    """
    at = np.flatnonzero(asked.simulated & ~asked.common)
    patients = np.array([one.patient for one in asked.examples])[at]
    grade = asked.read_as[at]
    names = np.unique(patients)
    tables = np.zeros((2, len(names), 4, 4))
    for side, many in enumerate((before, after)):
        for one in many:
            np.add.at(
                tables[side], (np.searchsorted(names, patients), grade, one.grades[at]), 1.0 / len(many)
            )
    seen = _difference(tables[0].sum(0), tables[1].sum(0))
    rng = np.random.default_rng(0)
    larger = 0
    for _ in range(FLIPS):
        flip = rng.random(len(names)) < 0.5
        mixed = [np.where(flip[:, None, None], tables[1 - side], tables[side]).sum(0) for side in (0, 1)]
        larger += abs(_difference(*mixed)) >= abs(seen) - 1e-12
    return {"macro_f1_difference": round(seen, 4), "p": round((larger + 1) / (FLIPS + 1), 4)}


def _difference(first: Float, second: Float) -> float:
    return _balanced_f1(second) - _balanced_f1(first)


def _balanced_f1(table: Float) -> float:
    shares = table / np.maximum(table.sum(1, keepdims=True), 1e-9)
    hits = np.diag(shares)
    return float(np.mean(2 * hits / np.maximum(shares.sum(1) + shares.sum(0), 1e-9)))
