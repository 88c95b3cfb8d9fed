"""The decision: ordered, calibrated to natural prevalence, with sets that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.grader.decision import (
    NATURAL_PREVALENCE,
    PLAIN,
    Decision,
    Evidence,
    conformal_threshold,
    fit_decision,
    natural_weights,
)
from vfscreen.genant import Grade, grade_of_loss


def evidence_of_losses(
    losses: np.ndarray, error: float, seed: int = 0, thickness_mm: float = 1.0
) -> Evidence:
    rng = np.random.default_rng(seed)
    seen = losses + rng.normal(0, error, (2, len(losses)))
    nearest = -np.abs(seen[0][:, None] - np.array([5.0, 22.5, 32.0, 50.0])) / 4
    three = np.stack([seen[1], seen[1] - 5, seen[1] - 10], 1)
    return Evidence(nearest, three, three + 1.0, np.full(len(losses), thickness_mm))


def bodies(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses with grades as often as in a clinic, their one-hot shares, equal weights."""
    rng = np.random.default_rng(seed)
    grades = rng.choice(4, count, p=NATURAL_PREVALENCE)
    low, high = np.array([0, 20, 25, 40])[grades], np.array([12, 25, 40, 60])[grades]
    losses = rng.uniform(low, high)
    shares = np.eye(4)[[int(grade_of_loss(float(loss))) for loss in losses]]
    return losses, shares, np.ones(count)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-30, 80), min_size=1, max_size=8), st.floats(0.5, 20))
def test_probabilities_are_probabilities_and_more_loss_never_means_less_fracture(
    losses: list[float], more: float
) -> None:
    before = evidence_of_losses(np.array(losses), 0.0)
    after = Evidence(
        before.logits, before.regressed_percent + more, before.measured_percent + more, before.thickness_mm
    )
    first, second = PLAIN.probabilities(before), PLAIN.probabilities(after)
    np.testing.assert_allclose(first.sum(1), 1.0)
    assert (first >= 0).all()
    assert (second[:, 0] <= first[:, 0] + 1e-12).all()


def test_a_fitted_decision_is_calibrated_on_other_bodies() -> None:
    losses, shares, weights = bodies(2000)
    decision = fit_decision(evidence_of_losses(losses, 4.0), shares, weights)
    others, truth, _ = bodies(4000, seed=7)
    chances = decision.probabilities(evidence_of_losses(others, 4.0, seed=8))
    for grade in range(4):
        assert chances[:, grade].mean() == pytest.approx(truth[:, grade].mean(), abs=0.025)
    surely = 1 - chances[:, 0] > 0.9
    assert truth[surely, 0].mean() < 0.1


@pytest.mark.parametrize("promise", [0.9, 0.95])
def test_sets_hold_the_true_grade_as_often_as_promised(promise: float) -> None:
    losses, shares, weights = bodies(3000)
    decision = fit_decision(evidence_of_losses(losses, 6.0), shares, weights, promise)
    others, truth, _ = bodies(6000, seed=9)
    evidence = evidence_of_losses(others, 6.0, seed=10)
    sets = decision.sets(decision.probabilities(evidence), evidence.too_thick())
    held = np.mean([Grade(int(row.argmax())) in kept for row, kept in zip(truth, sets, strict=True)])
    assert held >= promise - 0.02


def test_thick_slices_have_a_threshold_of_their_own_when_they_are_harder() -> None:
    losses, shares, weights = bodies(1500)
    thin, thick = evidence_of_losses(losses, 2.0), evidence_of_losses(losses, 12.0, seed=1, thickness_mm=5.0)
    decision = fit_decision(
        Evidence.joined([thin, thick]), np.concatenate([shares] * 2), np.concatenate([weights] * 2)
    )
    assert decision.least_thick < decision.least
    chances = np.array([[0.9, 0.06, 0.03, 0.01]])
    narrow = Decision(least=0.1, least_thick=0.02)
    assert narrow.sets(chances, np.array([False])) == [(Grade.NORMAL,)]
    wide = narrow.sets(chances, np.array([True]))
    assert wide == [(Grade.NORMAL, Grade.MILD, Grade.MODERATE)]


def test_a_set_has_no_gap_and_is_never_empty() -> None:
    chances = np.array([[0.4, 0.05, 0.5, 0.05], [0.25, 0.25, 0.25, 0.25]])
    first, second = Decision(least=0.3, least_thick=0.3).sets(chances, np.zeros(2, bool))
    assert first == (Grade.NORMAL, Grade.MILD, Grade.MODERATE)
    assert len(second) == 4


def test_the_threshold_of_nothing_known_keeps_everything() -> None:
    assert conformal_threshold(np.array([[0.5, 0.3, 0.2, 0.0]]), np.eye(4)[[0]], np.ones(1), 0.95) == 0.0


def test_weights_follow_natural_prevalence_and_hard_healthy_bodies_count_little() -> None:
    shares = np.eye(4)[[0] * 10 + [0] * 10 + [1] * 20 + [2] * 5 + [3] * 5]
    common = np.arange(50) < 10
    weights = natural_weights(shares, common)
    by_grade = [float(weights[shares[:, grade] == 1].sum()) for grade in range(4)]
    assert by_grade == pytest.approx(NATURAL_PREVALENCE)
    assert weights[:10].sum() == pytest.approx(9 * weights[10:20].sum())


def test_a_grade_that_is_absent_has_no_weight() -> None:
    weights = natural_weights(np.eye(4)[[0, 0, 2]], np.array([True, True, True]))
    assert weights.sum() == pytest.approx(1.0)


def test_a_decision_comes_back_from_its_card() -> None:
    decision = Decision((1.0, 2.0, 0.5), (5.0, 7.0, 11.0), 0.9, 0.1, 0.05)
    assert Decision.from_mapping(decision.to_mapping()) == decision


def test_no_body_gives_no_decision() -> None:
    assert PLAIN.probabilities(Evidence.none()).shape == (0, 4)
    assert PLAIN.sets(np.zeros((0, 4)), Evidence.none().too_thick()) == []
