"""The command without a name: opens the reading room, and pays for nothing that its worklist does not need."""

from __future__ import annotations

import gc
from pathlib import Path

from ui.console import displayless
from vfscreen.data_folder import data_folder
from vfscreen.errors import NoDisplay


def open_window(data: Path | None, series_id: str | None = None) -> int:
    """Opens the reading room on a data folder (None: the user's own) and returns its exit code when it is closed.

    Raises:
        NoDisplay: there is no screen.
        KnownError: the data folder, the settings or the store cannot be opened.
    """
    if displayless():
        raise NoDisplay(
            "there is no display", "this session", "use the commands: vfscreen demo --headless --out out"
        )
    rest_collector()
    from ui.app import main  # a command that shows no window does not load Qt

    return main(data_folder(data), open_series=series_id)


def rest_collector() -> None:
    """Has Python collect nothing until the canvas is in, which wakes the collector again (`import_canvas`).

    What is imported on the way to the first picture stays for good; to walk it again and again is a tenth of the time.
    """
    gc.disable()
