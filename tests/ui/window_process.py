"""The program's window in a process of its own, driven by keys: `window_process.py DATA grade|look|idle`.

`grade` presses keys, prints the grades that the window shows, and waits to be killed; `look` prints them and ends;
`idle` ends once the picture is painted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ui.app import make_application, make_window
from ui.composition import open_house
from ui.desktop.window import MainWindow
from vfscreen.data_folder import DataFolder

KEYS = (Qt.Key.Key_1, Qt.Key.Key_Period, Qt.Key.Key_3, Qt.Key.Key_X, Qt.Key.Key_2)


def shown(window: MainWindow) -> str:
    """The rail's signs from the head down."""
    return " ".join(line.sign for line in window.rail.lines)


def act(window: MainWindow, what: str) -> None:
    """Does what was asked for, once the picture is on the screen."""
    canvas = window.picture.canvas
    assert canvas is not None
    if what == "grade":
        for key in KEYS:
            QTest.keyClick(canvas, key)
    print(shown(window), window.room.here, sep="|", flush=True)
    if what != "grade":
        window.close()
        QApplication.quit()


def main() -> int:
    """Opens the window on the data folder."""
    root, what = Path(sys.argv[1]), sys.argv[2]
    application = make_application()
    house = open_house(DataFolder(root))
    window = make_window(house)
    first = house.store.worklist(house.reader, house.settings.mode)[0].series_id
    window.start(None if what == "look" else first)
    window.show()

    def painted() -> None:
        window.picture.painted.disconnect(painted)
        QTimer.singleShot(0, lambda: act(window, what))

    window.picture.painted.connect(painted)
    return application.exec()


if __name__ == "__main__":
    raise SystemExit(main())
