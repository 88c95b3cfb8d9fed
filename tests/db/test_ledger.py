"""Models and retrainings in the store."""

from datetime import UTC, datetime

import pytest

from db.store import Store
from vfscreen.cases import ModelRow, TrainingRun
from vfscreen.errors import WeightsDamaged

STARTED = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def test_a_model_is_mirrored_once(store: Store) -> None:
    model = ModelRow("grader-2", "grader", "abc", "grader-1", {"metrics": {"auc": [0.9, 0.8, 0.95]}})
    store.add_model(model)
    store.add_model(model)
    assert store.models() == [model]
    assert [event.what for event in store.events()] == ["model added"]


def test_a_models_name_is_never_given_to_another_file(store: Store) -> None:
    store.add_model(ModelRow("grader-2", "grader", "abc"))
    with pytest.raises(WeightsDamaged, match="grader-2"):
        store.add_model(ModelRow("grader-2", "grader", "xyz"))
    assert [model.sha256 for model in store.models()] == ["abc"]


def test_retrainings_are_listed_newest_first(store: Store) -> None:
    failed = TrainingRun(STARTED, None, "grader-1", "", "failed", "out of memory")
    kept = TrainingRun(STARTED, STARTED, "grader-1", "grader-2", "refused", "no better", {"kappa": 0.7})
    numbers = [store.record_training(run) for run in (failed, kept)]
    runs = store.training_runs()
    assert [run.run_id for run in runs] == numbers[::-1]
    assert [(run.outcome, run.ended, run.figures) for run in runs] == [
        ("refused", STARTED, {"kappa": 0.7}),
        ("failed", None, {}),
    ]


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="time zone"):
        store.record_training(TrainingRun(STARTED.replace(tzinfo=None), None, "a", "b", "failed", "x"))
