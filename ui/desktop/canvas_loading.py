"""Bringing napari in without ever holding up the window: its modules come in a thread, its widgets in small steps."""

from __future__ import annotations

import gc
import os
import threading

from PySide6.QtCore import QObject, Signal


def import_canvas() -> None:
    """Imports all that the canvas needs, and pays for what napari builds at its first layer (0.3 s of units).

    Runs in any thread: nothing here makes a Qt object.
    """
    os.environ["NAPARI_CONFIG"] = ""  # napari's own settings file is none of ours, to read or to write
    gc.disable()  # the collector would walk all that is being imported, again and again, with every thread waiting
    try:
        _import_all()
    finally:
        gc.freeze()  # what was imported stays: no later collection needs to walk it
        gc.enable()


def _import_all() -> None:
    import numpy as np
    from napari.components import ViewerModel  # noqa: F401
    from napari.layers import Image
    from napari.qt import QtViewer  # noqa: F401 - by name, for napari.qt itself is lazy
    from scipy import ndimage  # noqa: F401

    Image(np.zeros((2, 2, 2), np.int16), contrast_limits=(0, 1), projection_mode="none")


class CanvasLoader(QObject):
    """Runs `import_canvas` in a thread and says when it is done; `failed` carries what went wrong."""

    done = Signal()
    failed = Signal(object)

    def start(self) -> None:
        """Begins; returns at once."""
        threading.Thread(target=self._run, name="canvas-import", daemon=True).start()

    def _run(self) -> None:
        try:
            import_canvas()
        except Exception as error:  # noqa: BLE001 - handed to the window, which reports it
            self.failed.emit(error)
        else:
            self.done.emit()
