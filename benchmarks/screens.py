"""Opens the real window on the demo case and saves a picture of every screen and state, to be looked at.

Usage: python benchmarks/screens.py [FOLDER]   (needs a screen: xvfb-run -a -s "-screen 0 1920x1080x24" python ...)
Writes the pictures to FOLDER (default: `.work/screens`), one folder a size; they show a real CT and are not committed,
but for the one in the README. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ui.app import make_application, make_window
from ui.composition import House, open_house
from ui.demo_command import import_demo, screen_demo
from ui.desktop.retrain import Retraining, Row, Stage
from ui.desktop.settings_view import SettingsPage
from ui.desktop.window import MainWindow
from vfscreen.cases import BodyEdit
from vfscreen.data_folder import DataFolder
from vfscreen.errors import DiskFull
from vfscreen.findings import Mode

WAIT_S = 60.0
SIZES = ((1920, 1080), (1280, 720))


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
    _photograph_corrections(window, camera)
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
    press(window, Qt.Key.Key_H)
    camera.take("points-to-be-dragged")
    press(window, Qt.Key.Key_H)
    QTest.keyPress(window.focusWidget(), Qt.Key.Key_Space)
    camera.take("marks-hidden")
    QTest.keyRelease(window.focusWidget(), Qt.Key.Key_Space)
    press(window, Qt.Key.Key_S)
    camera.take("mean-of-a-slab")
    press(window, Qt.Key.Key_S, Qt.Key.Key_S, Qt.Key.Key_Question)
    camera.take("key-sheet")
    press(window, Qt.Key.Key_Escape)
    press(window, Qt.Key.Key_E)
    settle(15.0)  # the engine looks at it
    camera.take("what-the-model-looks-at")
    press(window, Qt.Key.Key_E)
    window.room.change_mode(Mode.SCREEN)
    camera.take("screen-mode")
    window.room.change_mode(Mode.READ)
    _photograph_pages(window, camera, series_id)
    window.room.unstored = None
    window.close()
    return camera.taken


def _photograph_corrections(window: MainWindow, camera: Photographer) -> None:
    """Changes names, bodies and points, and takes it all back."""
    case = window.room.case
    assert case is not None
    unsure = {body.body_id: replace(body.vertebra, level_certain=False) for body in case.bodies}
    seen = {body.body_id: body.geometry_version for body in case.bodies}
    window.room.store.edit_bodies(case.series_id, BodyEdit(unsure, seen=seen), window.room.reader)
    window.open(case.series_id)
    camera.take("names-not-certain")
    press(window, Qt.Key.Key_O)
    camera.take("names-one-up")
    press(window, Qt.Key.Key_U, Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_Delete)
    camera.take("no-vertebra")
    press(window, Qt.Key.Key_I)
    camera.take("add-a-vertebra")
    press(window, Qt.Key.Key_I, Qt.Key.Key_U, Qt.Key.Key_U, Qt.Key.Key_H)
    _click_points(window, 4)
    camera.take("points-being-placed")
    _click_points(window, 6)
    camera.take("points-placed-before-the-model")
    press(window, Qt.Key.Key_Escape, Qt.Key.Key_U)
    cut = next((body for body in window.room.case.bodies if not body.vertebra.whole), None)  # type: ignore[union-attr]
    if cut is not None:
        window.room.go_to(cut.body_id)
        camera.take("cut-by-the-view")
    window.room.go_to(case.bodies[0].body_id)


def _click_points(window: MainWindow, until: int) -> None:
    """Clicks the six points of the vertebra here where the program has them, as far as they are not placed yet."""
    body, volume, canvas = window.room.body(), window.room.volume, window.picture.canvas
    assert body is not None and body.vertebra.points is not None and volume is not None
    assert canvas is not None and canvas.projection is not None
    for _, row, column in volume.indices_of(body.vertebra.points.array())[
        len(window.room.points_lps_mm) : until
    ]:
        x, y = canvas.projection.point(row, column)
        QTest.mouseClick(
            canvas,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QPoint(round(x), round(y)),
        )


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
    window.show_settings()
    settings = window.page
    assert isinstance(settings, SettingsPage)
    settings.fields["threads"].setText("many")
    settings.fields["threads"].done.emit("many")
    settings.buttons["go_on_by_itself", "False"].click()
    camera.take("settings")
    settings.buttons["go_on_by_itself", "True"].click()
    window.show_page(None)
    window.fault(RuntimeError("an example"))
    camera.take("fault-of-ours")
    window.fault(DiskFull("the disk is full", "/data/vfscreen.db", "free some room and try again"))
    camera.take("fault-of-the-world")
    window.trouble.closed.emit()
    press(window, Qt.Key.Key_F2)
    camera.take("worklist-folded")


def main() -> int:
    """Makes the demo case in a folder of its own, and photographs the window on it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".work/screens")
    count = 0
    with tempfile.TemporaryDirectory() as temporary:
        application = make_application()
        first = Path(temporary) / "data"
        house = open_house(DataFolder(first))
        with house.store:
            series_id = import_demo(house)
            screen_demo(house, series_id)
        for wide, high in SIZES:
            pictures = folder / f"{wide}x{high}"
            pictures.mkdir(parents=True, exist_ok=True)
            data = Path(shutil.copytree(first, Path(temporary) / pictures.name))
            count += len(photograph(open_house(DataFolder(data)), series_id, pictures, (wide, high)))
        application.quit()
    print(json.dumps({"screens": count, "folder": str(folder)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
