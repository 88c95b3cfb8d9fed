"""The gate: the same patients for both models, patients drawn and not bodies, and a reason in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vfscreen.errors import NotEnoughLabels
from vfscreen.gate import (
    MEASURES,
    GateRule,
    Measure,
    false_alarms,
    finds_grade_2_3,
    judge,
    orders_grade_2_3,
    weighted_kappa,
)
from vfscreen.training import Scored, Shares

RULE = GateRule(patients=20, fractured_patients=5, resamples=200)
CERTAIN = np.eye(4)


def held_out(patients: int = 40, seed: int = 1) -> list[Scored]:
    """Twelve bodies a patient, one in six patients' bodies fractured; scored by a fairly good model."""
    rng = np.random.default_rng(seed)
    bodies = []
    for patient in range(patients):
        for body in range(12):
            grade = int(rng.integers(1, 4)) if patient % 2 and body < 4 else 0
            bodies.append(Scored(f"b{patient}-{body}", f"p{patient}", one_hot(grade), noisy(grade, 0.9, rng)))
    return bodies


def one_hot(grade: int) -> Shares:
    first, second, third, fourth = (float(value) for value in CERTAIN[grade])
    return first, second, third, fourth


def noisy(grade: int, skill: float, rng: np.random.Generator) -> Shares:
    """Says the grade with this skill, else any."""
    said = grade if rng.random() < skill else int(rng.integers(4))
    p0, p1, p2, p3 = (0.85 * CERTAIN[said] + 0.15 * rng.dirichlet(np.ones(4))).tolist()
    return p0, p1, p2, p3


def rescored(bodies: list[Scored], skill: float, seed: int = 2) -> list[Scored]:
    rng = np.random.default_rng(seed)
    return [replace(body, probabilities=noisy(int(np.argmax(body.truth)), skill, rng)) for body in bodies]


def test_the_very_same_model_is_not_worse() -> None:
    champion = held_out()
    decision = judge(champion, champion, RULE)
    assert decision.accepted
    assert decision.patients == 40 and "Not worse on 40 held-out patients" in decision.reason
    assert [one.name for one in decision.compared] == [measure.name for measure in MEASURES]
    assert all(one.low == one.high == 0 for one in decision.compared)


def test_a_better_model_is_taken() -> None:
    champion = held_out()
    decision = judge(champion, rescored(champion, 0.99), RULE)
    assert decision.accepted, decision.reason
    assert all(one.challenger is not None and one.champion is not None for one in decision.compared)


def test_a_worse_model_is_refused_with_its_figures() -> None:
    champion = held_out()
    decision = judge(champion, rescored(champion, 0.6), RULE)
    assert not decision.accepted
    assert "May be worse: finds grade 2-3: 0." in decision.reason and "allowed 0.05" in decision.reason
    assert decision.to_json()["compared"][0]["passed"] is False


def test_a_model_that_calls_everything_fractured_finds_more_and_is_refused_all_the_same() -> None:
    champion = held_out()
    alarmist = [replace(body, probabilities=(0.1, 0.1, 0.7, 0.1)) for body in champion]
    decision = judge(champion, alarmist, RULE)
    assert not decision.accepted
    assert "false alarms per 100 normal: 100.00" in decision.reason


def test_few_patients_let_no_slightly_worse_model_through_by_luck() -> None:
    champion = held_out(20)
    slightly = rescored(champion, 0.88)
    assert not judge(champion, slightly, RULE).accepted, "the interval is wide with twenty patients"


def test_bodies_of_one_patient_do_not_count_as_many() -> None:
    """Two hundred bodies of one fractured patient are one patient."""
    champion = [replace(body, pseudonym="the one") for body in held_out()]
    with pytest.raises(NotEnoughLabels, match="1 patients kept aside for testing are graded, 20 needed"):
        judge(champion, champion, RULE)


def test_too_few_fractured_patients_are_told() -> None:
    champion = [replace(body, truth=one_hot(min(1, int(np.argmax(body.truth))))) for body in held_out()]
    with pytest.raises(
        NotEnoughLabels, match="0 patients kept aside for testing have a body of grade 2 or 3"
    ):
        judge(champion, champion, RULE)


def test_no_bodies_at_all_are_not_enough() -> None:
    with pytest.raises(NotEnoughLabels, match="0 patients"):
        judge([], [], RULE)


def test_other_bodies_or_other_labels_cannot_be_compared() -> None:
    champion = held_out()
    with pytest.raises(ValueError, match="same bodies"):
        judge(champion, champion[1:], RULE)
    with pytest.raises(ValueError, match="same labels"):
        judge(champion, [replace(champion[0], truth=(0.5, 0.5, 0.0, 0.0)), *champion[1:]], RULE)


def test_a_measure_that_is_undefined_on_these_patients_refuses() -> None:
    undefined = Measure("none", "nothing", +1, 0.1, lambda _truth, _said, _weights: float("nan"))
    champion = held_out()
    decision = judge(champion, champion, replace(RULE, measures=(undefined,)))
    assert not decision.accepted
    assert "nothing: cannot be compared on these patients" in decision.reason


def test_measures_without_such_bodies_are_not_a_number() -> None:
    normal = np.tile(CERTAIN[0], (3, 1))
    severe = np.tile(CERTAIN[3], (3, 1))
    everyone = np.ones(3)
    assert np.isnan(finds_grade_2_3(normal, normal, everyone))
    assert np.isnan(orders_grade_2_3(normal, normal, everyone))
    assert np.isnan(false_alarms(severe, severe, everyone))
    assert np.isnan(weighted_kappa(normal, normal, everyone))
    assert weighted_kappa(np.vstack([normal, severe]), np.vstack([normal, severe]), np.ones(6)) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_the_right_order(bodies: list[tuple[bool, int]]) -> None:
    truth = np.array([CERTAIN[2] if moderate else CERTAIN[0] for moderate, _ in bodies])
    said: NDArray[np.float64] = np.array([[1 - score / 4, 0, score / 4, 0] for _, score in bodies])
    positives = [score for moderate, score in bodies if moderate]
    negatives = [score for moderate, score in bodies if not moderate]
    found = orders_grade_2_3(truth, said, np.ones(len(bodies)))
    if positives and negatives:
        pairs = [(a > b) + 0.5 * (a == b) for a in positives for b in negatives]
        assert found == pytest.approx(np.mean(pairs))
    else:
        assert np.isnan(found)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_kappa_is_one_minus_observed_over_expected_disagreement(pairs: list[tuple[int, int]]) -> None:
    truth, said = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    expected = np.mean([(a - b) ** 2 for a in truth for b in said])
    found = weighted_kappa(CERTAIN[truth], CERTAIN[said], np.ones(len(pairs)))
    if expected:
        assert found == pytest.approx(1 - np.mean((truth - said) ** 2) / expected)
    else:
        assert np.isnan(found)


def test_a_weight_of_two_is_a_body_seen_twice() -> None:
    bodies = held_out(20)
    truth = np.array([body.truth for body in bodies])
    said = np.array([body.probabilities for body in bodies])
    twice = np.where(np.arange(len(bodies)) % 3 == 0, 2.0, 1.0)
    again = np.repeat(np.arange(len(bodies)), twice.astype(int))
    for measure in MEASURES:
        assert measure.of(truth, said, twice) == pytest.approx(
            measure.of(truth[again], said[again], np.ones(len(again)))
        )
