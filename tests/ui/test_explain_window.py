"""The page of what the model looks at, in the real window with the real engine: one key there, one key back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt

from tests.ui.windows import PATIENCE_MS, Wait, delete, open_window, press
from ui.composition import House
from ui.desktop.explain_view import ExplainPage
from ui.desktop.explaining import NOT_SHOWN_YET
from ui.desktop.window import MainWindow
from vfscreen.findings import Mode

K = Qt.Key


@pytest.fixture
def wait(qtbot: Any) -> Wait:
    """Lets the event loop run until something holds."""
    return lambda holds: qtbot.waitUntil(holds, timeout=4 * PATIENCE_MS)


@pytest.fixture
def window(house: House, wait: Wait) -> Iterator[MainWindow]:
    """The window with the first study of the worklist open."""
    series_id = house.store.worklist(house.reader, Mode.READ)[0].series_id
    opened = open_window(house, wait, series_id)
    yield opened
    opened.close()
    delete(opened)


def page_of(window: MainWindow) -> ExplainPage:
    """The page that covers the picture."""
    assert isinstance(window.page, ExplainPage)
    return window.page


def test_before_the_model_may_be_shown_the_page_shows_nothing_of_it(window: MainWindow) -> None:
    press(window, K.Key_E)
    assert page_of(window).said.startswith(NOT_SHOWN_YET)
    press(window, K.Key_2)
    assert window.room.store.all_readings() == [], "nobody grades what a page covers"
    press(window, K.Key_E)
    assert window.page is None


def test_e_explains_the_vertebra_here_and_follows_to_the_next(window: MainWindow, wait: Wait) -> None:
    window.room.change_mode(Mode.SCREEN)
    press(window, K.Key_M, K.Key_E)
    page = page_of(window)
    wait(lambda: "looking" not in page.said)
    first = page.said
    assert first and not first.startswith(NOT_SHOWN_YET)
    press(window, K.Key_PageDown)
    wait(lambda: "looking" not in page.said and page.said != first)
    press(window, K.Key_M)
    assert window.room.opinion_on is False
    assert page.said != first and "looking" not in page.said
    press(window, K.Key_Escape)
    assert window.page is None and page.said == ""
