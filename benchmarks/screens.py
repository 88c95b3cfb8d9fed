"""Opens the real window on the demo case and saves a picture of every screen and state, to be looked at.

Usage: python benchmarks/screens.py [FOLDER]   (needs a screen: xvfb-run -a -s "-screen 0 1920x1080x24" python ...)
Writes the pictures to FOLDER (default: `.work/screens`); they show a real CT and are not committed, but for the one
in the README. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ui.app import make_application, make_window
from ui.composition import House, open_house
from ui.demo_command import import_demo, screen_demo
from ui.desktop.retrain import Retraining, Row, Stage
from ui.desktop.window import MainWindow
from vfscreen.data_folder import DataFolder
from vfscreen.errors import DiskFull
from vfscreen.findings import Mode

WAIT_S = 60.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Lets the event loop run until something holds.

    Raises:
        TimeoutError: it never did.
    """
    end = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError("the window did not come to rest")
        QApplication.processEvents()
        time.sleep(0.005)


def settle(seconds: float = 0.4) -> None:
    """Lets the event loop run for a while."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end)


class Photographer:
    """Saves numbered pictures of a window."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self._window = window
        self._folder = folder
        self.taken: list[str] = []

    def take(self, name: str) -> None:
        """Takes a picture of what is on the screen now."""
        settle()
        path = self._folder / f"{len(self.taken) + 1:02d}-{name}.png"
        self._window.grab().save(str(path))
        self.taken.append(path.name)
        print(path.name, file=sys.stderr)


def press(window: MainWindow, *keys: Qt.Key) -> None:
    """Presses keys one after the other where the focus is."""
    for key in keys:
        QTest.keyClick(window.focusWidget() or window, key)
        QApplication.processEvents()


def photograph(house: House, series_id: str, folder: Path, size: tuple[int, int]) -> list[str]:
    """Goes through every screen and state of the window and saves each."""
    window = make_window(house)
    window.resize(*size)
    camera = Photographer(window, folder)
    window.start(None)
    window.show()
    camera.take("worklist-before-the-canvas")
    wait_until(lambda: window.picture.canvas is not None)
    camera.take("worklist-nothing-open")
    window.open(series_id)
    camera.take("read-first-vertebra")
    press(window, Qt.Key.Key_0, Qt.Key.Key_0)
    camera.take("read-two-graded")
    press(window, Qt.Key.Key_X)
    camera.take("read-cannot-grade-chooser")
    press(window, Qt.Key.Key_2, Qt.Key.Key_D)
    camera.take("read-other-deformity-chooser")
    press(window, Qt.Key.Key_1, Qt.Key.Key_B, Qt.Key.Key_Y, Qt.Key.Key_2)
    press(
        window, Qt.Key.Key_Period, Qt.Key.Key_W, Qt.Key.Key_3, Qt.Key.Key_1, Qt.Key.Key_PageUp, Qt.Key.Key_F
    )
    camera.take("read-flagged-and-shaped")
    press(window, Qt.Key.Key_M)
    camera.take("read-model-locked")
    press(window, Qt.Key.Key_A, Qt.Key.Key_Return)
    camera.take("read-all-graded")
    press(window, Qt.Key.Key_M)
    camera.take("read-revealed")
    press(window, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_1)
    camera.take("read-final-stored")
    QTest.keyPress(window.focusWidget(), Qt.Key.Key_Space)
    camera.take("marks-hidden")
    QTest.keyRelease(window.focusWidget(), Qt.Key.Key_Space)
    press(window, Qt.Key.Key_Question)
    camera.take("key-sheet")
    press(window, Qt.Key.Key_Escape)
    window.room.change_mode(Mode.SCREEN)
    camera.take("screen-mode")
    window.room.change_mode(Mode.READ)
    _photograph_pages(window, camera, series_id)
    window.room.unstored = None
    window.close()
    return camera.taken


def _photograph_pages(window: MainWindow, camera: Photographer, series_id: str) -> None:
    page = window.errands.import_page
    window.show_page(page)
    page.begin("patients")
    page.add("taken", "/archive/2026/a", "CT chest bone: 512 slices, 1.0 mm")
    page.add("known", "/archive/2026/b", "CT chest bone: 301 slices, 1.2 mm")
    page.add("refused", "/archive/2026/c/report.pdf", "no image: a PDF document")
    page.add(
        "refused",
        "/archive/2026/d",
        "slices are unevenly spaced: 1.90 mm expected, 1.43 mm found: ask for all slices",
    )
    page.end()
    camera.take("import")
    window.show_retraining()
    settle(1.0)
    camera.take("retrain-idle")
    retraining = window.errands.retraining_page()
    steps = tuple(range(0, 400, 5))
    rng = np.random.default_rng(0)
    losses = tuple(float(2.2 * np.exp(-step / 150) + 0.4 + rng.normal(0, 0.06)) for step in steps)
    running = Retraining(Stage.TRAINING, "Training 395/800", 0.5, steps, losses)
    retraining.show_state(running)
    camera.take("retrain-running")
    table = (
        Row("finds grade 2-3", "0.86", "0.88", "+0.02  (-0.03 to +0.07)", True),
        Row("false alarms per 100 normal", "6.10", "9.40", "+3.30  (+0.10 to +6.50)", False),
        Row("weighted kappa", "0.74", "0.75", "+0.01  (-0.02 to +0.04)", True),
    )
    done = replace(
        running,
        stage=Stage.DONE,
        challenger="grader-new",
        table=table,
        verdict="False alarms may be worse than allowed: the model in use stays.\ngrader-0.1 is in use.",
    )
    retraining.show_state(done)
    camera.take("retrain-refused")
    retraining.show_state(Retraining())
    window.show_page(None)
    window.fault(RuntimeError("an example"))
    camera.take("fault-of-ours")
    window.fault(DiskFull("the disk is full", "/data/vfscreen.db", "free some room and try again"))
    camera.take("fault-of-the-world")
    window.trouble.closed.emit()
    window.resize(1366, 768)
    camera.take("small-screen-worklist")
    press(window, Qt.Key.Key_F2)
    camera.take("small-screen")


def main() -> int:
    """Makes the demo case in a folder of its own, and photographs the window on it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".work/screens")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        application = make_application()
        house = open_house(DataFolder(Path(data)))
        series_id = import_demo(house)
        screen_demo(house, series_id)
        taken = photograph(house, series_id, folder, (1920, 1040))
        application.quit()
    print(json.dumps({"screens": len(taken), "folder": str(folder)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
