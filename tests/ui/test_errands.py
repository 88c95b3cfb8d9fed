"""What runs beside reading, from the window: an import with the real engine behind it, and a real retraining."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from models.grader.config import GraderConfig
from models.grader.net import GraderNet
from models.grader.stored import save_grader
from models.grader.trained import TrainedGrader
from tests.demo_bodies import cut_round_bodies, facts_of_file, write_nifti
from tests.small_models import SMALL
from tests.ui.department import READER, screening
from tests.ui.windows import canvas_of, delete, open_window
from ui.composition import House, open_house
from ui.desktop import retrain_view
from ui.desktop.background import Courier, ScreeningQueue
from ui.desktop.parts import Parts
from ui.desktop.retrain import Retraining, Stage
from ui.desktop.retrain_view import RetrainPage
from ui.engine_client import EngineClient
from vfscreen.cases import GeometrySource, NewSeries, Split
from vfscreen.data_folder import DataFolder
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade
from vfscreen.importing import import_paths, key_of
from vfscreen.model_files import ModelCard, ModelKind
from vfscreen.model_shelf import Shelf, in_use
from vfscreen.ports import CaseStore
from vfscreen.reading import Answer, new_reading
from vfscreen.retraining import conclude
from vfscreen.settings import Settings, save_settings
from vfscreen.split import USUAL_SHARES, draw_split
from vfscreen.volume import Volume

PATIENCE_MS = 180_000
STEPS = 12
NOTHING = (lambda: None, lambda: None)
"""Closing and backing up, where a test looks at neither."""


@pytest.fixture(scope="module")
def ct(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small CT on disk."""
    return write_nifti(cut_round_bodies(demo_volume), tmp_path_factory.mktemp("ct") / "ct.nii.gz")


def test_a_dropped_file_is_imported_screened_by_the_engine_and_can_be_opened(
    ct: Path, tmp_path: Path, qtbot: Any
) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "ct.nii.gz").write_bytes(ct.read_bytes())
    (tmp_path / "drop" / "letter.pdf").write_bytes(b"%PDF-1.4")
    house = open_house(DataFolder(tmp_path))
    window = open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS))
    window.errands.take_in([tmp_path / "drop"])
    qtbot.waitUntil(
        lambda: not window.errands.importer.busy and len(window.room.rows) == 1, timeout=PATIENCE_MS
    )
    assert window.errands.import_page.counts == {"taken": 1, "known": 0, "refused": 1}
    window.open(window.room.rows[0].series_id)
    qtbot.waitUntil(lambda: bool(window.rail.lines), timeout=PATIENCE_MS)
    levels = {line.level.rstrip("?") for line in window.rail.lines}
    assert len(levels & {"T9", "T10", "T11", "T12", "L1", "L2"}) >= 3
    assert canvas_of(window).overlay.shown_marks
    assert window.room.rows[0].bodies == len([line for line in window.rail.lines if line.gradable])
    window.close()
    delete(window)


@pytest.fixture
def department(ct: Path, tmp_path: Path) -> Iterator[House]:
    """Two patients to train on, one held out, two bodies each, graded; a small grader in use; low demands."""
    wanted = Settings(
        reader=READER,
        training_patients=2,
        training_patients_a_grade=0,
        gate_patients=1,
        gate_fractured_patients=0,
    )
    save_settings(tmp_path / "settings.toml", wanted)
    house = open_house(DataFolder(tmp_path))
    house = replace(house, shelf=Shelf(small_shelf(tmp_path / "bundled"), house.folder.models))
    with house.store:
        for pseudonym in (*drawn(Split.TRAIN, 2), *drawn(Split.HELD_OUT, 1)):
            grade_patient(house, pseudonym, ct)
        yield house


def small_shelf(folder: Path) -> Path:
    """A folder with one small grader of random weights that is trained in no time."""
    folder.mkdir()
    usual = GraderConfig(net=SMALL)
    config = replace(usual, training=replace(usual.training, per_grade=2, steps=STEPS))
    card = ModelCard("grader-small", ModelKind.GRADER, "", "CC-BY-SA-4.0")
    save_grader(
        TrainedGrader(GraderNet(SMALL).state_dict(), config), folder / "grader-small.safetensors", card
    )
    return folder


def drawn(split: Split, count: int) -> list[str]:
    """Names whose hash draws this split."""
    names = (f"patient {number}" for number in range(1000))
    return [name for name in names if draw_split(name, USUAL_SHARES) is split][:count]


def grade_patient(house: House, pseudonym: str, ct: Path) -> None:
    """One series with two bodies, one read as normal and one as severe."""
    own = ct.with_name(f"{pseudonym}.nii.gz")
    own.write_bytes(gzip.compress(gzip.decompress(ct.read_bytes()) + pseudonym.encode()))
    facts = replace(facts_of_file(own), pseudonym=pseudonym)
    series_id, _ = house.store.add_series(NewSeries(own, (own,), facts))
    found = screening({"localiser": "localiser-of-the-tests", "grader": "grader-small"})
    house.store.record_screening(series_id, replace(found, findings=found.findings[:2]))
    case = house.store.case(series_id, READER)
    for body, grade in zip(case.bodies, (ReadGrade.NORMAL, ReadGrade.SEVERE), strict=True):
        house.store.store_reading(
            new_reading(case, body, READER, Mode.READ, Answer(grade=grade), datetime.now(UTC))
        )


@pytest.fixture
def page(department: House, qapp: QApplication) -> Iterator[RetrainPage]:
    """The page of retraining on that department."""
    house = department
    parts = Parts(house.folder, house.settings, house.store, house.cache, house.shelf, READER, *NOTHING)
    faults: list[Exception] = []
    courier = Courier(qapp)
    made = RetrainPage(parts, courier, faults.append)
    made.show()
    yield made
    courier.stop()
    made.stop()
    assert faults == []
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_the_page_trains_shows_the_loss_and_tells_the_gates_decision(
    page: RetrainPage, department: House, qtbot: Any
) -> None:
    page.refresh()
    qtbot.waitUntil(lambda: "4 graded vertebrae of 2 patients" in page.labels_words, timeout=PATIENCE_MS)
    page.train_button.click()
    qtbot.waitUntil(lambda: page.state.stage is Stage.DONE, timeout=PATIENCE_MS)
    assert page.state.steps == tuple(range(1, STEPS + 1))
    assert len(page.state.losses) == STEPS
    assert page.state.table[0].words == "finds grade 2-3"
    run = department.store.training_runs()[0]
    assert run.outcome == ("accepted" if page.state.accepted else "refused")
    used = in_use(department.shelf, ModelKind.GRADER).model.card.id
    assert used == (page.state.challenger if page.state.accepted else "grader-small")
    assert f"{used} is in use." in page.state.verdict


def test_a_cancelled_training_changes_nothing_and_is_recorded(
    page: RetrainPage, department: House, qtbot: Any
) -> None:
    page.train_button.click()
    qtbot.waitUntil(lambda: page.state.stage is Stage.TRAINING, timeout=PATIENCE_MS)
    page.cancel_button.click()
    assert page.state.stage is Stage.CANCELLED
    assert [run.outcome for run in department.store.training_runs()] == ["cancelled"]
    assert in_use(department.shelf, ModelKind.GRADER).model.card.id == "grader-small"


def test_too_few_labels_are_said_on_the_page(page: RetrainPage, department: House, qtbot: Any) -> None:
    for held_out in drawn(Split.HELD_OUT, 1):
        case = next(row for row in department.store.worklist(READER, Mode.READ) if row.pseudonym == held_out)
        for _ in range(case.graded):
            department.store.undo(READER)
    page.train_button.click()
    qtbot.waitUntil(lambda: page.state.stage is Stage.FAILED, timeout=PATIENCE_MS)
    assert page.state.verdict.startswith(
        "Not enough: 0 patients kept aside for testing are graded, 1 needed."
    )
    assert department.store.training_runs() == []


class CountedQueue:
    """A real store that counts how often its queue is asked for."""

    def __init__(self, house: House) -> None:
        self._store = house.store
        self.asked = 0

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._store, verb)

    def queue(self, localiser: str, grader: str) -> list[str]:
        self.asked += 1
        return self._store.queue(localiser, grader)


def test_work_that_comes_while_the_queue_looks_for_work_is_not_forgotten(
    house: House, qapp: QApplication, qtbot: Any
) -> None:
    """An import that ended in that moment was never screened."""
    store = CountedQueue(house)
    parts = Parts(
        house.folder, house.settings, cast(CaseStore, store), house.cache, house.shelf, READER, *NOTHING
    )
    engine, faults, resting = EngineClient(), list[object](), list[str]()
    queue = ScreeningQueue(
        parts,
        Courier(qapp),
        engine,
        on_progress=lambda doing, _share: resting.append(doing),
        on_screened=faults.append,
        on_warning=faults.append,
        on_fault=faults.append,
    )
    queue.work_off()
    queue.work_off()
    qtbot.waitUntil(lambda: resting == ["", ""], timeout=PATIENCE_MS)
    assert (store.asked, faults) == (2, [])
    engine.close()


def test_a_case_taken_in_with_a_mask_keeps_its_bodies_when_the_grader_changes(
    ct: Path, tmp_path: Path, qapp: QApplication, qtbot: Any
) -> None:
    """The localiser's points would carry the suggestion, and the mask's would be shown."""
    house = open_house(DataFolder(tmp_path))
    key = key_of(house.store, house.folder.key)
    (taken,) = import_paths([ct], house.store, house.cache, key=key, progress=lambda _what, _share: None)
    older = screening({"localiser": "mask-verse", "grader": "older"})
    house.store.record_screening(taken.series_id, older, GeometrySource.MASK)
    before = house.store.case(taken.series_id, READER).bodies
    parts = Parts(house.folder, house.settings, house.store, house.cache, house.shelf, READER, *NOTHING)
    engine, faults, screened = EngineClient(), list[object](), list[str]()
    queue = ScreeningQueue(
        parts,
        Courier(qapp),
        engine,
        on_progress=lambda _doing, _share: None,
        on_screened=screened.append,
        on_warning=faults.append,
        on_fault=faults.append,
    )
    queue.work_off()
    qtbot.waitUntil(lambda: bool(screened or faults), timeout=PATIENCE_MS)
    grader = in_use(house.shelf, ModelKind.GRADER).model.card.id
    case = house.store.case(taken.series_id, READER, grader)
    assert [(body.body_id, body.geometry_version, body.source, body.who) for body in case.bodies] == [
        (body.body_id, 1, GeometrySource.MASK, "mask-verse") for body in before
    ]
    assert {said.model for finding in case.findings.values() if (said := finding.suggestion)} == {grader}
    assert not faults
    engine.close()
    house.store.close()


def test_the_window_keeps_dated_backups_by_itself(house: House, qtbot: Any) -> None:
    window = open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS))
    qtbot.waitUntil(lambda: len(list(house.folder.backups.glob("*.sqlite"))) == 1, timeout=PATIENCE_MS)
    window.errands.back_up()  # the newest is young: no second copy
    window.close()
    delete(window)
    assert len(list(house.folder.backups.glob("*.sqlite"))) == 1


def test_cancel_while_preparing_begins_no_training(page: RetrainPage, department: House, qtbot: Any) -> None:
    page.train_button.click()
    page.cancel_button.click()
    qtbot.waitUntil(
        lambda: not any(one.name == "prepare" for one in threading.enumerate()), timeout=PATIENCE_MS
    )
    QApplication.processEvents()
    assert page.state.stage is Stage.CANCELLED
    assert not department.store.training_runs()


def test_a_run_that_was_cancelled_is_not_concluded(page: RetrainPage, department: House) -> None:
    cancelled = page._run
    page._cancel()
    finished: Future[Any] = Future()
    finished.set_result(None)
    page._trained(cancelled, cast(Any, None), finished)
    assert page.state.stage is Stage.CANCELLED
    assert not department.store.training_runs()
    assert in_use(department.shelf, ModelKind.GRADER).model.card.id == "grader-small"


def test_closing_while_the_gate_decides_waits_for_its_decision(
    page: RetrainPage, department: House, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was recorded as cancelled while its model was put to use."""
    deciding, closing = threading.Event(), threading.Event()

    def slow(*given: Any) -> Any:
        deciding.set()
        assert closing.wait(60)
        return conclude(*given)

    monkeypatch.setattr(retrain_view, "conclude", slow)
    page.train_button.click()
    qtbot.waitUntil(deciding.is_set, timeout=PATIENCE_MS)
    threading.Timer(0.2, closing.set).start()
    page.stop()
    (run,) = department.store.training_runs()
    used = in_use(department.shelf, ModelKind.GRADER).model.card.id
    assert run.outcome == ("refused" if used == "grader-small" else "accepted")


def test_what_was_under_way_when_the_courier_stopped_is_not_delivered(qapp: QApplication) -> None:
    """It reached the labels of a page that was gone; Qt delivers what it queued before a disconnection."""
    courier, came = Courier(qapp), list[str]()
    courier.post(lambda: came.append("too late"))
    courier.stop()
    courier.post(lambda: came.append("later still"))
    QApplication.processEvents()
    assert came == []


def test_comparing_can_not_be_cancelled(page: RetrainPage) -> None:
    page.show_state(Retraining(Stage.TRAINING))
    assert page.cancel_button.isVisible()
    page.show_state(Retraining(Stage.COMPARING))
    assert not page.cancel_button.isVisible()
    page.show_state(Retraining())


def test_the_window_as_sent_of_another_study_is_dropped(tmp_path: Path, qtbot: Any) -> None:
    house = open_house(DataFolder(tmp_path))
    window = open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS))
    before = window.room.window
    window.errands._show_window("a study that was left", (350.0, 40.0))
    assert window.room.window is before
    window.close()
    delete(window)
