"""The desktop app's root: opens the parts of a data folder and the window around them. Knows no torch and no models."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import TracebackType

from PySide6.QtWidgets import QApplication, QMessageBox

from ui import words
from ui.composition import House, open_house
from ui.desktop.colours import STYLE
from ui.desktop.parts import Parts
from ui.desktop.window import MainWindow
from ui.desktop.writer import one_writer
from ui.report import write_report
from vfscreen.data_folder import DataFolder, data_folder
from vfscreen.errors import KnownError

SIZE_PX = (1600, 1000)


def main(folder: DataFolder | None = None, open_series: str | None = None) -> int:
    """Opens the reading room on a data folder (None: the user's own) and returns its exit code.

    Raises:
        KnownError: the data folder, the settings or the store cannot be opened.
    """
    application = make_application()
    window = make_window(open_house(folder or data_folder()))
    sys.excepthook = fault_hook(window)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in the terminal ends the program, as everywhere
    window.start(open_series)
    window.show()
    return application.exec()


def start() -> int:
    """Opens the reading room from a desktop's icon, where nobody sees stderr: what fails is said in a message box."""
    application = make_application()
    try:
        return main()
    except KnownError as error:
        said = f"{error.what}\n\n{error.where}\n\n{error.todo}"
    except Exception as fault:  # noqa: BLE001 - there is no window yet that would report it
        said = f"{words.broke(0)}\n\nThe report: {write_report(data_folder().reports, fault)}"
    QMessageBox.critical(None, "vfscreen", said)
    application.quit()
    return 1


def make_application() -> QApplication:
    """Returns the one QApplication, dressed."""
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("vfscreen")
    application.setStyle("Fusion")
    if application.styleSheet() != STYLE:
        application.setStyleSheet(STYLE)
    return application


def make_window(house: House) -> MainWindow:
    """Builds the window around an open house, which it closes when it closes."""
    store, end_thread = one_writer(house.store)

    def close() -> None:
        end_thread()
        house.store.close()

    parts = Parts(
        folder=house.folder,
        settings=house.settings,
        store=store,
        cache=house.cache,
        shelf=house.shelf,
        reader=house.reader,
        close=close,
        back_up=lambda: house.store.back_up_dated(
            house.folder.backups
        ),  # beside the one writer: a copy takes no key's time
        notes=house.store.notes,
    )
    window = MainWindow(parts)
    available = window.screen().availableGeometry()
    window.resize(min(SIZE_PX[0], available.width()), min(SIZE_PX[1], available.height()))
    if available.width() <= SIZE_PX[0]:
        window.showMaximized()
    return window


def fault_hook(
    window: MainWindow,
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """Returns what takes every exception that nobody caught, in slots too: the window reports it."""

    def hook(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        if isinstance(fault, KeyboardInterrupt):
            sys.__excepthook__(kind, fault, trace)
        else:
            window.fault(fault)

    return hook
