"""A real training for a few seconds: it lowers its loss, repeats itself, resumes, and can be stopped."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from models.grader.calibrate import calibrate, decision_from
from models.grader.config import COMPACT, GraderConfig, TrainingConfig, read_config
from models.grader.decision import PLAIN
from models.grader.examples import Example
from models.grader.net import NetConfig
from models.grader.trained import TrainedGrader, probabilities
from models.grader.training import Step, TrainingCancelled, learning_rate, train, with_real_share

SMALL = GraderConfig(
    net=NetConfig((8, 16, 16, 24), 48), training=TrainingConfig(steps=40, per_grade=3, learning_rate=3e-3)
)


def trained_for(examples: list[Example], steps: int, **others: object) -> tuple[TrainedGrader, list[Step]]:
    seen: list[Step] = []
    config = replace(SMALL, training=replace(SMALL.training, steps=steps))
    return train(examples, config, 0, seen.append, **others), seen  # type: ignore[arg-type]  # passed through


@pytest.fixture(scope="module")
def small_grader(demo_examples: list[Example]) -> tuple[TrainedGrader, list[Step]]:
    return trained_for(demo_examples, 40)


def test_training_lowers_every_loss(small_grader: tuple[TrainedGrader, list[Step]]) -> None:
    _, steps = small_grader
    first, last = steps[:6], steps[-6:]
    assert np.mean([one.loss for one in last]) < 0.85 * np.mean([one.loss for one in first])
    assert np.mean([one.cross_entropy for one in last]) < np.mean([one.cross_entropy for one in first])
    assert np.mean([one.supcon for one in last]) < np.mean([one.supcon for one in first])
    assert not any(one.collapsed for one in last)


def test_what_was_learned_puts_severe_above_normal(
    small_grader: tuple[TrainedGrader, list[Step]], demo_examples: list[Example]
) -> None:
    chances = probabilities(small_grader[0], [one.crop for one in demo_examples])
    grades = np.array([int(one.grade) for one in demo_examples])
    assert chances.shape == (len(demo_examples), 4)
    np.testing.assert_allclose(chances.sum(1), 1.0)
    expected = chances @ np.arange(4)
    assert expected[grades == 3].mean() > expected[grades == 0].mean() + 0.5


def test_the_same_seed_gives_the_same_weights(demo_examples: list[Example]) -> None:
    (first, _), (second, _) = (trained_for(demo_examples, 3) for _ in range(2))
    for name, value in first.weights.items():
        assert torch.equal(value, second.weights[name])


def test_an_interrupted_training_goes_on_where_it_stopped(
    demo_examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.grader.training.CHECKPOINT_EVERY", 2)
    checkpoint = tmp_path / "half.checkpoint"
    answers = iter([False] * 4 + [True])
    with pytest.raises(TrainingCancelled):
        trained_for(demo_examples, 6, cancelled=lambda: next(answers), checkpoint=checkpoint)
    resumed, steps = trained_for(demo_examples, 6, checkpoint=checkpoint)
    whole, _ = trained_for(demo_examples, 6)
    assert [one.step for one in steps] == [5, 6]
    for name, value in whole.weights.items():
        torch.testing.assert_close(resumed.weights[name], value, rtol=1e-5, atol=1e-6)


def test_a_start_is_where_training_begins(
    small_grader: tuple[TrainedGrader, list[Step]], demo_examples: list[Example]
) -> None:
    grader, before = small_grader
    _, after = trained_for(demo_examples, 2, start=grader)
    assert after[0].cross_entropy < before[0].cross_entropy


def test_bodies_that_readers_graded_have_their_share(demo_examples: list[Example]) -> None:
    real = replace(demo_examples[0], simulated=False)
    places = with_real_share([*demo_examples, real], 0.5).tolist()
    normal = sum(one.grade == 0 for one in demo_examples)
    assert places.count(len(demo_examples)) == pytest.approx(normal, abs=1)
    assert sorted(set(places)) == list(range(len(demo_examples) + 1))


def test_an_empty_bank_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        with_real_share([], 0.5)


def test_an_unknown_height_loss_is_left_out_of_the_regression(demo_examples: list[Example]) -> None:
    unknown = [replace(one, losses_percent=np.full(3, np.nan)) for one in demo_examples]
    _, steps = trained_for(unknown, 1)
    assert steps[0].regression == 0.0
    assert np.isfinite(steps[0].loss)


def test_the_learning_rate_rises_and_then_falls() -> None:
    rates = [learning_rate(step, SMALL.training) for step in range(SMALL.training.steps)]
    peak = int(np.argmax(rates))
    assert rates[peak] == pytest.approx(SMALL.training.learning_rate)
    assert all(one >= two for one, two in pairwise(rates[peak:]))
    assert rates[-1] < 0.05 * rates[peak]


def test_too_few_held_out_bodies_leave_the_decision_as_it_is(
    small_grader: tuple[TrainedGrader, list[Step]], demo_examples: list[Example]
) -> None:
    assert calibrate(small_grader[0], demo_examples).decision == PLAIN
    fitted = decision_from([(small_grader[0], demo_examples)], seed=0, reader_scale=0.8)
    assert fitted.reader_scale == 0.8
    assert fitted != PLAIN
    assert fitted.cuts[0] < fitted.cuts[1] < fitted.cuts[2]


def test_the_shipped_settings_can_be_read_and_come_back_from_a_card() -> None:
    config = read_config(COMPACT)
    assert GraderConfig.from_mapping(config.to_mapping()) == config
