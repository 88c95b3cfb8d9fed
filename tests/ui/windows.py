"""What the tests of the window do with it: open it, wait for the picture, press keys where a reader would."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ui.app import make_application, make_window
from ui.composition import House
from ui.desktop.canvas import Canvas
from ui.desktop.window import MainWindow

PATIENCE_MS = 30_000
Wait = Callable[[Callable[[], bool]], None]


def open_window(house: House, wait: Wait, series_id: str | None = None) -> MainWindow:
    """Opens the window as the program does, and waits until the canvas is there."""
    make_application()
    window = make_window(house)
    window.resize(1600, 950)
    window.start(series_id)
    window.show()
    wait(
        lambda: (
            window.picture.canvas is not None and window.picture.canvas.isVisible() == (series_id is not None)
        )
    )
    window.activateWindow()
    wait(window.isActiveWindow)
    return window


def canvas_of(window: MainWindow) -> Canvas:
    """The window's canvas, which is there."""
    assert window.picture.canvas is not None
    return window.picture.canvas


def focused(window: MainWindow) -> QWidget:
    """Where a key would go."""
    return QApplication.focusWidget() or window.focusWidget() or window


def press(
    window: MainWindow, *keys: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Presses and lets go of keys, one after the other."""
    for key in keys:
        QTest.keyClick(focused(window), key, held)


def delete(window: MainWindow) -> None:
    """Frees a closed window now, so that the next one does not carry it along."""
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
