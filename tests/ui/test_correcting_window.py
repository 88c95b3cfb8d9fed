"""Correcting in the real window: keys, clicks and drags on the picture, and the model that looks again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.ui.department import LEVELS, models_in_use, screening
from tests.ui.test_room import level
from tests.ui.windows import PATIENCE_MS, Wait, canvas_of, delete, open_window, press
from ui import words
from ui.composition import House
from ui.desktop.panel import panel_of
from ui.desktop.states import Tool
from ui.desktop.window import MainWindow
from ui.engine_client import EngineClient
from vfscreen.findings import PLACED_BY_HAND, Finding, Mode, Refusal, Suggestion, Vertebra

K = Qt.Key
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def wait(qtbot: Any) -> Wait:
    """Lets the event loop run until something holds."""
    return lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS)


@pytest.fixture
def window(house: House, wait: Wait) -> Iterator[MainWindow]:
    """The window with the first study of the worklist open."""
    series_id = house.store.worklist(house.reader, Mode.READ)[0].series_id
    opened = open_window(house, wait, series_id)
    yield opened
    opened.close()
    delete(opened)


def shown(window: MainWindow) -> tuple[list[str], list[str]]:
    """The names on the rail and on the picture."""
    marks = canvas_of(window).overlay.shown_marks
    return [line.level for line in window.rail.lines], [mark.name for mark in marks]


def test_one_key_renames_rail_marks_and_worklist_and_one_undo_takes_it_back(window: MainWindow) -> None:
    press(window, K.Key_O)
    up = ["T8", "T9", "T10", "T11", "T12", "L1"]
    rail, marks = shown(window)
    assert rail == up and set(marks) <= set(up)
    assert window.room.case is not None
    row = next(row for row in window.room.rows if row.series_id == window.room.case.series_id)
    assert row.levels == "T8-L1"
    press(window, K.Key_U)
    assert shown(window)[0] == list(LEVELS)
    press(window, K.Key_L)
    assert shown(window)[0][0] == "T10"


def test_delete_takes_a_body_away_and_insert_with_a_click_brings_one(window: MainWindow) -> None:
    press(window, K.Key_PageDown)
    where = canvas_of(window)
    mark = next(mark for mark in where.overlay.shown_marks if mark.here)
    press(window, K.Key_Delete)
    assert shown(window)[0] == ["T9", "T10", "T11", "T12", "L1"]
    press(window, K.Key_Insert)
    assert where.cursor().shape() is Qt.CursorShape.CrossCursor
    assert where.projection is not None
    x, y = where.projection.point(mark.centre[1], mark.centre[2])
    QTest.mouseClick(where, LEFT, NONE, QPoint(round(x), round(y)))
    assert shown(window)[0] == list(LEVELS)
    assert where.cursor().shape() is Qt.CursorShape.ArrowCursor
    assert level(window.room) == "T10"


def drag_handle(window: MainWindow, which: int, down: int) -> None:
    """Drags a point of the vertebra here by pixels."""
    canvas = canvas_of(window)
    x, y = canvas.overlay.handles[which]
    start = QPoint(round(x), round(y))
    QTest.mousePress(canvas, LEFT, NONE, start)
    for share in (0.5, 1.0):
        QTest.mouseMove(canvas, start + QPoint(0, round(down * share)))
        QApplication.processEvents()
    QTest.mouseRelease(canvas, LEFT, NONE, start + QPoint(0, down))


def test_a_point_dragged_in_the_picture_is_stored_when_it_is_let_go_and_the_model_looks_again(
    window: MainWindow, wait: Wait
) -> None:
    window.room.change_mode(Mode.SCREEN)
    press(window, K.Key_M, K.Key_H)
    body, grey = window.room.body(), window.room.window
    assert body is not None and body.vertebra.heights is not None
    drag_handle(window, 1, 15)
    moved = window.room.body()
    assert moved is not None and moved.vertebra.heights is not None
    assert PLACED_BY_HAND in moved.vertebra.flags
    assert moved.vertebra.heights.middle < body.vertebra.heights.middle - 1
    assert f"{moved.vertebra.heights.middle:.1f}" in window.panel.heights
    assert window.room.window is grey, "the drag did not window"
    assert "no suggestion" in window.panel.model
    wait(lambda: "no suggestion" not in window.panel.model)
    press(window, K.Key_Escape)
    assert (window.room.tool, canvas_of(window).overlay.handles) == (None, ())


class Asked:
    """Stands in for the engine's verb `grade`: keeps what it was asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[Vertebra], Future[list[Suggestion | None]]]] = []

    def __call__(
        self, _path: Path, vertebrae: Sequence[Vertebra], **_how: object
    ) -> Future[list[Suggestion | None]]:
        """Takes a request."""
        self.asked.append((list(vertebrae), Future()))
        return self.asked[-1][1]

    def answer(self, models: dict[str, str], normal: float = 0.4) -> None:
        """Says of each body it was asked about last what was recorded of it before, but with this share for grade 0."""
        vertebrae, future = self.asked[-1]
        said = {finding.vertebra.level: finding.suggestion for finding in screening(models).findings}
        suggestions = [said[vertebra.level] for vertebra in vertebrae]
        future.set_result(
            [one and replace(one, probabilities=(normal, 0.9 - normal, 0.05, 0.05)) for one in suggestions]
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """An engine that answers when the test says so."""
    asked = Asked()
    monkeypatch.setattr(EngineClient, "grade", lambda _self, *what, **how: asked(*what, **how))
    return asked


def test_the_model_looks_again_at_a_moved_body_and_the_one_beside_it_and_when_that_is_undone(
    engine: Asked, window: MainWindow, wait: Wait, house: House
) -> None:
    room, models = window.room, models_in_use(house)
    room.change_mode(Mode.SCREEN)
    press(window, K.Key_M, K.Key_H)
    drag_handle(window, 1, 15)
    wait(lambda: bool(engine.asked))
    assert [str(vertebra.level) for vertebra in engine.asked[0][0]] == list(LEVELS)
    engine.answer(models)
    wait(lambda: "no suggestion" not in window.panel.model)
    assert said_of(window) == [0.4, 0.4, 0.94, 0.05, 0.94, 0.94]
    press(window, K.Key_Escape, K.Key_U)
    assert said_of(window) == [0.94, 0.4, 0.94, 0.05, 0.94, 0.94]
    wait(lambda: len(engine.asked) == 2)
    engine.answer(models, 0.5)
    wait(lambda: said_of(window) == [0.5, 0.5, 0.94, 0.05, 0.94, 0.94])


def said_of(window: MainWindow) -> list[float]:
    """The probability of no fracture that the model gives each body now."""
    room = window.room
    suggestions = [room.findings[body.body_id].suggestion for body in room.case.bodies] if room.case else []
    return [one.probabilities[0] for one in suggestions if one is not None]


def test_bodies_on_both_sides_of_one_that_is_none_are_looked_at_again(
    engine: Asked, window: MainWindow, wait: Wait, house: House
) -> None:
    room = window.room
    room.change_mode(Mode.SCREEN)
    press(window, K.Key_M)
    QTest.qWait(1000)  # the model has looked at the study as it was opened
    press(window, K.Key_PageDown, K.Key_PageDown, K.Key_Delete)
    wait(lambda: bool(engine.asked))
    engine.answer(models_in_use(house))
    wait(lambda: said_of(window)[1:3] == [0.4, 0.4])
    assert said_of(window)[0] == said_of(window)[4] == 0.94


def test_an_answer_that_comes_when_another_study_is_open_is_kept_with_its_loss(
    engine: Asked, window: MainWindow, wait: Wait, house: House
) -> None:
    room, models = window.room, models_in_use(house)
    room.change_mode(Mode.SCREEN)
    press(window, K.Key_M, K.Key_H)
    drag_handle(window, 1, 15)
    moved, case = room.body(), room.case
    assert moved is not None and case is not None
    shown = room.findings[moved.body_id].morphometry
    assert shown is not None
    wait(lambda: bool(engine.asked))
    room.open(next(row.series_id for row in room.rows if row.series_id != case.series_id))
    engine.answer(models)

    def kept() -> Finding:
        return house.store.case(case.series_id, house.reader, models["grader"]).findings[moved.body_id]

    wait(lambda: kept().suggestion is not None and kept().vertebra.flags == moved.vertebra.flags)
    assert kept().morphometry == shown


def test_the_picture_says_what_the_program_asks_and_the_panel_why_a_body_is_not_graded(
    window: MainWindow, house: House
) -> None:
    room = window.room
    assert room.case is not None
    found = screening(models_in_use(house))
    cut = replace(found.findings[0].vertebra, whole=False, points=None, axes=None, heights=None)
    refused = (
        Refusal("T9", "cut by the edge of the scan"),
        Refusal("between T11 and T12", "a body must lie here but could not be placed"),
    )
    again = replace(
        found, findings=(Finding(cut), *found.findings[1:]), refusals=refused, seconds={"read": 1}
    )
    house.store.record_screening(room.case.series_id, again)
    room.reload()
    room.go_to(room.case.bodies[0].body_id)
    assert panel_of(room).why_not == f"Cut by the edge of the scan.\n{words.NOT_CUT}"
    assert canvas_of(window).overlay.texts.notice.startswith(
        "▲ Between T11 and T12: a body must lie here but could not be placed.  I: add it by a click."
    )


def test_six_clicks_measure_before_any_opinion(window: MainWindow) -> None:
    body, volume, canvas = window.room.body(), window.room.volume, canvas_of(window)
    assert body is not None and body.vertebra.points is not None and volume is not None
    assert canvas.projection is not None
    press(window, K.Key_H)
    assert window.room.tool is Tool.MEASURE and canvas.overlay.handles == ()
    for _, row, column in volume.indices_of(body.vertebra.points.array()):
        x, y = canvas.projection.point(row, column)
        QTest.mouseClick(canvas, LEFT, NONE, QPoint(round(x), round(y)))
    assert len(canvas.overlay.handles) == 6
    assert "± 0.8" in window.panel.heights and "Loss" not in window.panel.heights
    assert window.room.case is not None and window.room.case.revealed_at is None
