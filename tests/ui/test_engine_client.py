"""The window's side of the engine: a queue, a dead engine is a sentence, and the next request works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.demo_bodies import cut_round_bodies, demo_bodies, facts_of_file, write_nifti
from tests.small_models import write_small_grader
from ui.engine_client import Cancelled, EngineBug, EngineClient, ModelChoice
from vfscreen.errors import EngineDied, NoSuchThing, UnreadableFile, WeightsDamaged
from vfscreen.explanations import ExplanationShelf
from vfscreen.own_program import own_command
from vfscreen.volume import Volume

SECONDS = 60
NOWHERE = Path("/nowhere/at/all")


@pytest.fixture(scope="module")
def ct(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(cut_round_bodies(demo_volume), tmp_path_factory.mktemp("ct") / "ct.nii")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    return ModelChoice(grader=write_small_grader(tmp_path_factory.mktemp("models"), "grader-small"))


@pytest.fixture(scope="module")
def client() -> Iterator[EngineClient]:
    client = EngineClient(threads=1)
    yield client
    client.close()


def answer_of(future: Future[Any]) -> Any:
    return future.result(SECONDS)


def finished_in_order(futures: dict[str, Future[Any]]) -> list[str]:
    """Waits for all and says in which order they ended."""
    order: list[str] = []
    done = threading.Event()
    for name, future in futures.items():

        def note(_future: Future[Any], name: str = name) -> None:
            order.append(name)
            if len(order) == len(futures):
                done.set()

        future.add_done_callback(note)
    assert done.wait(SECONDS)
    return order


def test_bodies_are_graded_by_an_engine_that_was_started_on_need(
    client: EngineClient, ct: Path, models: ModelChoice
) -> None:
    suggestions = answer_of(client.grade(ct, demo_bodies(), models=models))
    assert len(suggestions) == 6 and suggestions[0].model == "grader-small"
    assert suggestions[0].embedding.shape == (128,)
    started = client.pid
    embeddings = answer_of(
        client.embed(ct, demo_bodies()[:2], files=[ct], facts=facts_of_file(ct), models=models)
    )
    assert len(embeddings) == 2 and embeddings[0].shape == (128,)
    assert client.pid == started, "the same engine answers again"


def test_an_explanation_arrives_and_stays_on_its_shelf(
    client: EngineClient, ct: Path, models: ModelChoice, tmp_path: Path
) -> None:
    shelf, bodies = ExplanationShelf(tmp_path), demo_bodies()
    keep = shelf.path("sha256", "series", bodies, 3, client.reference)
    told: list[str] = []
    asked = client.explain(
        ct,
        bodies,
        3,
        keep,
        models=models,
        on_progress=lambda doing, _share: told.append(doing),
    )
    explanation = answer_of(asked)
    assert explanation.suggestion.model == "grader-small" and "looking where the answer hangs" in told
    kept = shelf.open(keep)
    assert kept is not None and (kept.saliency.values == explanation.saliency.values).all()


def test_refusals_arrive_as_what_they_are(
    client: EngineClient, ct: Path, models: ModelChoice, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableFile, match="/nowhere"):
        answer_of(client.screen(NOWHERE))
    weights = write_small_grader(tmp_path, "grader-tampered")
    weights.write_bytes(b"evil")
    with pytest.raises(WeightsDamaged):
        answer_of(client.grade(ct, demo_bodies(), models=ModelChoice(grader=weights)))
    bodies = [replace(demo_bodies()[0], points=None)]
    keep = tmp_path / "one.npz"
    with pytest.raises(NoSuchThing, match="nothing to explain"):
        answer_of(client.explain(ct, bodies, 0, keep, models=models))
    assert answer_of(client.grade(ct, [], models=models)) == [], "the engine lives on"


def test_an_engine_killed_at_work_is_a_sentence_and_the_next_request_works(
    client: EngineClient, demo_ct: Path, ct: Path, models: ModelChoice
) -> None:
    at_work = threading.Event()
    lost = client.screen(demo_ct, models=models, on_progress=lambda _doing, _share: at_work.set())
    waiting = client.grade(ct, demo_bodies()[:1], models=models, urgent=False)
    assert at_work.wait(SECONDS)
    killed = client.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(EngineDied, match="readings are safe") as died:
        answer_of(lost)
    assert died.value.where == str(demo_ct) and "exit code -9" in died.value.__notes__[0]
    assert len(answer_of(waiting)) == 1, "what waited is asked of a new engine"
    assert client.pid not in (None, killed)


def test_urgent_requests_go_before_those_that_wait(
    client: EngineClient, ct: Path, models: ModelChoice
) -> None:
    order = finished_in_order(
        {
            "under way": client.grade(ct, demo_bodies(), models=models),
            "background": client.screen(NOWHERE),
            "urgent": client.grade(ct, demo_bodies()[:1], models=models),
        }
    )
    assert order == ["under way", "urgent", "background"]


def test_a_request_can_be_taken_back_waiting_or_under_way(
    client: EngineClient, demo_ct: Path, ct: Path, models: ModelChoice
) -> None:
    at_work = threading.Event()
    under_way = client.grade(demo_ct, [], models=models)
    waiting = client.screen(demo_ct, on_progress=lambda _doing, _share: at_work.set())
    client.cancel(waiting)
    client.cancel(under_way)
    for future in (waiting, under_way):
        with pytest.raises(Cancelled):
            answer_of(future)
    client.cancel(under_way)
    assert answer_of(client.grade(ct, [], models=models)) == []
    assert not at_work.is_set()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal that stops a process there")
def test_an_engine_that_does_not_react_is_ended_and_started_anew(
    client: EngineClient, ct: Path, models: ModelChoice
) -> None:
    answer_of(client.grade(ct, [], models=models))
    stuck = client.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)
    client.cancel(client.grade(ct, [], models=models))
    assert answer_of(client.grade(ct, [], models=models)) == []
    assert client.pid != stuck


def test_a_bug_in_the_engine_arrives_as_its_report(ct: Path) -> None:
    client = EngineClient(threads=-1)  # torch refuses it, and nothing of ours expects that
    with pytest.raises(EngineBug, match="RuntimeError"):
        answer_of(client.grade(ct, []))
    client.close()


def test_closing_takes_everything_back_and_ends_the_engine(demo_ct: Path) -> None:
    client = EngineClient(threads=1)
    at_work = threading.Event()
    open_requests = [
        client.screen(demo_ct, on_progress=lambda _doing, _share: at_work.set()),
        client.screen(NOWHERE),
    ]
    assert at_work.wait(SECONDS)
    pid = client.pid
    client.close()
    for future in open_requests:
        with pytest.raises(Cancelled):
            answer_of(future)
    assert client.pid is None and pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(RuntimeError, match="closed"):
        client.screen(demo_ct)


@pytest.mark.parametrize(
    "command",
    [
        ["/no/such/program"],
        [sys.executable, "-c", "print('no JSON')"],
        [sys.executable, "-c", "raise SystemExit(3)"],
    ],
)
def test_an_engine_that_cannot_start_is_a_sentence_for_every_request(command: list[str]) -> None:
    client = EngineClient(command)
    futures = [client.screen(NOWHERE), client.screen(NOWHERE)]
    for future in futures:
        with pytest.raises(EngineDied):
            answer_of(future)
    client.close()


def test_a_future_cancelled_by_hand_does_no_harm(client: EngineClient, ct: Path, models: ModelChoice) -> None:
    future = client.grade(ct, [], models=models)
    future.cancel()
    with pytest.raises(CancelledError):
        answer_of(future)
    assert answer_of(client.grade(ct, [], models=models)) == []


def test_the_same_program_is_started_from_source_and_from_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_command("engine") == [sys.executable, "-P", "-m", "ui.cli", "engine"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert own_command("train") == [sys.executable, "train"]


def test_the_client_loads_neither_torch_nor_qt() -> None:
    code = "import sys, ui.engine_client, ui.trainer_client; print({'torch', 'PySide6', 'scipy'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
