"""The trainer as a child process: real trainings on real bodies, compared with the model in use, harmless to kill."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from models.grader.stored import read_grader
from tests.demo_bodies import cut_round_bodies, demo_bodies, facts_of_file, write_nifti
from tests.small_models import write_small_grader
from ui.engine_client import Cancelled
from ui.trainer_client import TrainerClient
from vfscreen.errors import NotEnoughLabels, SnapshotDamaged, TrainerDied, WeightsDamaged
from vfscreen.findings import Vertebra
from vfscreen.model_files import checked, read_card
from vfscreen.snapshot import Label, Snapshot, sealed, write_snapshot
from vfscreen.training import Depth, Shares, Trained, TrainingOrder, TrainingProgress
from vfscreen.volume import Volume

SECONDS = 300
NORMAL: Shares = (1.0, 0.0, 0.0, 0.0)
SEVERE: Shares = (0.0, 0.0, 0.0, 1.0)
BUNDLED = Path(__file__).parents[2] / "models" / "weights" / "grader.safetensors"


@pytest.fixture(scope="module")
def ct(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(cut_round_bodies(demo_volume), tmp_path_factory.mktemp("ct") / "ct.nii")


@pytest.fixture
def client() -> Iterator[TrainerClient]:
    client = TrainerClient()
    yield client
    client.close()


def labels(patient: str, ct: Path, bodies: list[Vertebra], shares: list[Shares]) -> tuple[Label, ...]:
    """What readers said of the bodies of one pseudo-patient."""
    facts = facts_of_file(ct)
    return tuple(
        Label(
            f"{patient}/{body.level}", f"series of {patient}", patient, (ct,), facts, body,
            tuple(other for other in bodies if other is not body), said,
        )
        for body, said in zip(bodies, shares, strict=True)
    )  # fmt: skip


def order(folder: Path, train: tuple[Label, ...], held_out: tuple[Label, ...], start: Path) -> TrainingOrder:
    snapshot = write_snapshot(sealed(Snapshot(train, held_out)), folder / "training")
    return TrainingOrder(snapshot, start, start, folder / "models", "grader-new", steps=12, simulated=4)


def run(client: TrainerClient, what: TrainingOrder) -> tuple[Trained, list[TrainingProgress]]:
    told: list[TrainingProgress] = []
    return client.train(what, told.append).result(SECONDS), told


def test_a_short_training_on_a_few_bodies_lowers_its_loss_and_compares(
    client: TrainerClient, ct: Path, tmp_path: Path
) -> None:
    bodies = demo_bodies()
    train = (
        *labels("one", ct, bodies[:2], [NORMAL, NORMAL]),
        *labels("two", ct, bodies[2:4], [NORMAL, (0.5, 0.5, 0.0, 0.0)]),
    )
    gone = labels("gone", tmp_path / "deleted.nii", bodies[:1], [NORMAL])
    held_out = labels("three", ct, bodies[4:], [NORMAL, NORMAL])
    start = write_small_grader(tmp_path, "grader-start")
    trained, told = run(client, replace(order(tmp_path, (*train, *gone), held_out, start), steps=40))

    assert len(trained.losses) == 40
    assert np.mean(trained.losses[-10:]) < 0.9 * np.mean(trained.losses[:5])
    assert [one.loss for one in told if one.loss is not None] == list(trained.losses), "the loss is told live"
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert len(trained.left_out) == 1 and "series of gone" in trained.left_out[0]

    for scores in (trained.champion, trained.challenger):
        assert [(one.body_id, one.truth) for one in scores] == [("three/L1", NORMAL), ("three/L2", NORMAL)]
    assert trained.champion != trained.challenger
    card = checked(trained.weights).card
    assert (card.id, card.parent) == ("grader-new", "grader-start")
    assert card.training_patients == ("gone", "one", "two") and card.metrics["held_out_patients"] == 1
    assert not read_card(start).metrics, "the model it started from is untouched"


def test_a_refresh_changes_the_decision_and_no_weight(
    client: TrainerClient, ct: Path, tmp_path: Path
) -> None:
    bodies = demo_bodies()
    train = labels("one", ct, bodies, [NORMAL] * 6)
    start = write_small_grader(tmp_path, "grader-start")
    trained, _ = run(client, replace(order(tmp_path, train, train, start), depth=Depth.REFRESH, simulated=10))
    before, after = read_grader(start)[0], read_grader(trained.weights)[0]
    assert all(np.array_equal(before.weights[name], after.weights[name]) for name in before.weights)
    assert before.decision != after.decision
    assert trained.losses == ()


def test_from_scratch_owes_nothing_to_the_bundled_weights(
    client: TrainerClient, ct: Path, tmp_path: Path
) -> None:
    train = labels("one", ct, demo_bodies()[:2], [NORMAL, NORMAL])
    start = write_small_grader(tmp_path, "grader-start")
    trained, _ = run(client, replace(order(tmp_path, train, train, start), depth=Depth.SCRATCH, steps=2))
    card = read_card(trained.weights)
    assert card.parent == "" and card.licence == "the department's own"


def test_a_cancelled_training_leaves_no_model_and_a_new_one_can_begin(
    client: TrainerClient, ct: Path, tmp_path: Path
) -> None:
    train = labels("one", ct, demo_bodies()[:2], [NORMAL, NORMAL])
    what = replace(order(tmp_path, train, train, write_small_grader(tmp_path, "grader-start")), steps=100_000)
    training = threading.Event()
    future = client.train(what, lambda told: training.set() if told.loss is not None else None)
    assert training.wait(SECONDS)
    assert psutil.Process(client.pid).nice() > psutil.Process().nice(), "reading goes first"
    with pytest.raises(RuntimeError, match="under way"):
        client.train(what, lambda _told: None)
    client.cancel()
    with pytest.raises(Cancelled):
        future.result(SECONDS)
    assert not list(tmp_path.glob("models/*.json")) and not client.busy
    trained, _ = run(client, replace(what, steps=1))
    assert checked(trained.weights).card.id == "grader-new"


def test_a_killed_trainer_is_a_sentence(client: TrainerClient, ct: Path, tmp_path: Path) -> None:
    train = labels("one", ct, demo_bodies()[:2], [NORMAL, NORMAL])
    what = replace(order(tmp_path, train, train, write_small_grader(tmp_path, "grader-start")), steps=100_000)
    begun = threading.Event()
    future = client.train(what, lambda _told: begun.set())
    assert begun.wait(SECONDS) and client.pid is not None
    os.kill(client.pid, signal.SIGKILL)
    with pytest.raises(TrainerDied, match="nothing was changed"):
        future.result(SECONDS)


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-c", "raise SystemExit(3)"]])
def test_a_trainer_that_cannot_start_is_a_sentence(command: list[str], ct: Path, tmp_path: Path) -> None:
    client = TrainerClient(command)
    with pytest.raises(TrainerDied):
        run(client, order(tmp_path, (), (), tmp_path))
    assert not client.busy
    client.close()


def test_damaged_orders_are_refused_in_words(client: TrainerClient, ct: Path, tmp_path: Path) -> None:
    start = write_small_grader(tmp_path, "grader-start")
    gone = labels("gone", tmp_path / "deleted.nii", demo_bodies()[:1], [NORMAL])
    with pytest.raises(NotEnoughLabels, match="can be read any more"):
        run(client, order(tmp_path, gone, gone, start))
    what = order(tmp_path, labels("one", ct, demo_bodies()[:1], [NORMAL]), (), start)
    content = json.loads(what.snapshot.read_text())
    content["labels"]["train"][0]["shares"] = list(SEVERE)
    what.snapshot.write_text(json.dumps(content))
    with pytest.raises(SnapshotDamaged):
        run(client, what)
    start.write_bytes(b"evil")
    with pytest.raises(WeightsDamaged):
        run(client, order(tmp_path, gone, gone, start))
