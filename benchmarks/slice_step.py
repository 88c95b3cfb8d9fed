"""How long a slice step takes in the reading room, marks on, against a bare napari viewer without any.

Needs a screen (xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/slice_step.py). One process, both windows on
the same memory-mapped demo CT, canvases of the same size, steps in turn; each from the call to the next painted frame.
Ours goes the way of the wheel: through the room, with marks, texts and state line. About a minute.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PySide6.QtWidgets import QApplication, QMainWindow
from startup import _models, _screening

from ui.app import make_application, make_window
from ui.composition import House, open_house
from ui.demo_command import import_demo
from ui.desktop.canvas import Canvas
from ui.desktop.window import MainWindow
from vfscreen.data_folder import DataFolder
from vfscreen.slice_cache import CachedVolume

STEPS = 300
WARM = 20
REACH = 15
"""Slices to both sides of the spine's middle: there, every body has its mark."""


class Timed:
    """Times one step: from the call to the frame that shows it."""

    def __init__(self, painted: object, step: Callable[[int], None]) -> None:
        self._frames = 0
        self._step = step
        painted.connect(self._count)  # type: ignore[attr-defined]  # a bound signal; PySide6 has no type for it

    def _count(self) -> None:
        self._frames += 1

    def seconds(self, slice_index: int) -> float:
        """Goes to a slice; returns how long it took until it was painted."""
        before, began = self._frames, time.perf_counter()
        self._step(slice_index)
        while self._frames == before:
            QApplication.processEvents()
        took = time.perf_counter() - began
        for _ in range(3):  # what is left of this step is not the next one's
            QApplication.processEvents()
        return took


def our_window(house: House, series_id: str) -> tuple[MainWindow, Canvas]:
    """Opens the reading room on the demo case."""
    window = make_window(house)
    window.start(series_id)
    window.show()
    while window.picture.canvas is None or not window.picture.canvas.isVisible():
        turn(1)
    turn(50)
    return window, window.picture.canvas


class BareViewer:
    """A bare napari viewer in a window: the same volume, canvas size and view as ours, and no marks."""

    def __init__(self, volume: CachedVolume, like: Canvas) -> None:
        from napari.components import ViewerModel
        from napari.qt import QtViewer

        self.window = QMainWindow()
        self._viewer = ViewerModel()
        widget = QtViewer(self._viewer, show_welcome_screen=False)
        self.window.setCentralWidget(widget)
        self.native = widget.canvas.native
        self._scale = np.linalg.norm(volume.affine[:3, :3], axis=0)
        limits = (-600, 1400)
        self._viewer.add_image(
            volume.voxels, scale=self._scale, projection_mode="none", contrast_limits=limits, colormap="gray"
        )
        self.window.show()
        self._become(like)

    def _become(self, like: Canvas) -> None:
        """Gives the canvas the size and the view of another, so that the same pixels are drawn."""
        wanted = like.native
        while (self.native.width(), self.native.height()) != (wanted.width(), wanted.height()):
            more = wanted.width() - self.native.width(), wanted.height() - self.native.height()
            self.window.resize(self.window.width() + more[0], self.window.height() + more[1])
            turn(20)
        *middle, zoom, _ = like.view()
        self._viewer.scene.camera.center, self._viewer.scene.camera.zoom = middle, zoom
        turn(20)

    def go(self, slice_index: int) -> None:
        """Goes to a slice."""
        self._viewer.dims.set_point(0, slice_index * float(self._scale[0]))


def turn(times: int) -> None:
    """Lets the event loop turn."""
    for _ in range(times):
        QApplication.processEvents()


def there_and_back(middle: int, reach: int, steps: int) -> list[int]:
    """Returns slices that sweep over the spine, where its marks are, one at a time."""
    way = [*range(-reach, reach), *range(reach, -reach, -1)]
    return [middle + way[step % len(way)] for step in range(steps)]


def main() -> int:
    """Measures in turn and prints the figures."""
    make_application()
    with tempfile.TemporaryDirectory() as folder:
        house = open_house(DataFolder(Path(folder)))
        series_id = import_demo(house)
        house.store.record_screening(series_id, _screening(_models(house.shelf)))
        window, canvas = our_window(house, series_id)
        cached = house.cache.open(series_id)
        assert cached is not None
        bare = BareViewer(cached, canvas)
        turn(20)
        ours, theirs = (
            Timed(canvas.painted, window.room.go_to_slice),
            Timed(bare.native.frameSwapped, bare.go),
        )
        times: list[tuple[float, float]] = []
        marks = 0
        for step, index in enumerate(there_and_back(window.room.slice, REACH, WARM + STEPS)):
            took = ours.seconds(index), theirs.seconds(index)
            if step >= WARM:
                times.append(took)
                marks += len(canvas.overlay.shown_marks)
            if step % 100 == 0:
                print(f"{step} of {WARM + STEPS} steps", file=sys.stderr)
        sizes = [(one.width(), one.height()) for one in (canvas.native, bare.native)]
        window.close()
        bare.window.close()
    own, other = median(one for one, _ in times), median(two for _, two in times)
    figures = {
        "step_ratio": round(own / other, 3),
        "step_ms": round(1000 * own, 2),
        "bare_ms": round(1000 * other, 2),
        "p95_ms": round(1000 * float(np.percentile([one for one, _ in times], 95)), 2),
        "bare_p95_ms": round(1000 * float(np.percentile([two for _, two in times], 95)), 2),
        "steps": len(times),
        "marks_on_average": round(marks / len(times), 1),
        "canvas_px": sizes[0],
        "bare_canvas_px": sizes[1],
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
