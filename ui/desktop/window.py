"""The main window: worklist, picture, rail and panel around one reading room."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QFileDialog

from ui import words
from ui.desktop import grading
from ui.desktop.actions import Act, Desk, acts_by_id, acts_by_key, perform
from ui.desktop.background import Courier, VolumeShelf
from ui.desktop.errands import Errands
from ui.desktop.frame import Frame
from ui.desktop.keys import key_name
from ui.desktop.menus import fill_menus
from ui.desktop.pages import Page
from ui.desktop.parts import Parts
from ui.desktop.resume import Place, keep_place, last_place
from ui.desktop.room import ReadingRoom, failed
from ui.desktop.states import Change
from ui.report import write_report
from vfscreen.errors import KnownError, SettingWrong
from vfscreen.findings import Mode
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import id_in_use
from vfscreen.settings import Settings, load_settings, save_settings
from vfscreen.volume import Volume

NARROW_PX, LOW_PX = 1500, 900
LEAST_PX = (1280, 720)
CHOOSER_MS = 3000
PLACE_MS = 1500
PLACE_FILE = "last-place.json"
_ON_PAGES = frozenset(
    {
        "escape", "keys", "retrain", "settings", "worklist", "full-screen", "leave", "save", "import-folder",
        "import-file", "find",
    }
)  # fmt: skip
"""Acts that are possible while a page covers the picture: nobody grades what cannot be seen."""


class MainWindow(Frame):
    """The window of the reading room; acts reach it as their `Shell`. Signal `shown`: the worklist was painted."""

    shown = Signal()

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.setWindowTitle("vfscreen")
        self.setAcceptDrops(True)
        self._parts = parts
        self.courier = Courier(self)
        volumes = VolumeShelf(parts, self.courier, self._volume_came, self.fault)
        self.room = ReadingRoom(
            parts.store,
            parts.reader,
            parts.settings.mode,
            volumes.open,
            go_on=parts.settings.go_on_by_itself,
            grader=lambda: id_in_use(parts.shelf, ModelKind.GRADER),
        )
        self.desk = Desk(self.room, self)
        self._acts, self._keys = acts_by_id(), acts_by_key()
        self._folded_by_hand = False
        self._seen = False
        self._told_of_loss = False
        self._begin_at: Place | None = None
        self.build(self.room, self.fault, self._safely)
        self.closed_page.connect(self.escape)
        fill_menus(self.menuBar(), lambda act: self._in_reach(act) and act.can(self.desk), self.do)
        self._wire()
        self.errands = Errands(parts, self.courier, self.room, self)
        self._chooser_timer = self._timer(CHOOSER_MS, lambda: self._safely(self._close_chooser))
        self._place_timer = self._timer(PLACE_MS, lambda: self._safely(self._keep_place))
        self.room.listen(self._room_changed)
        self._safely(lambda: self._measure_against(parts.settings))

    def _timer(self, after_ms: int, do: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(after_ms)
        timer.timeout.connect(do)
        return timer

    def _wire(self) -> None:
        self.header.mode_chosen.connect(lambda mode: self._safely(lambda: self.change_mode(mode)))
        self.worklist.chosen.connect(lambda series_id: self._safely(lambda: self.open(series_id)))
        self.worklist.left.connect(self.to_picture)
        self.rail.chosen.connect(lambda body_id: self._safely(lambda: self.room.go_to(body_id)))
        self.panel.asked.connect(lambda act_id: self.do(self._acts[act_id]))
        self.panel.number.connect(lambda line: self._safely(lambda: grading.choose(self.room, line)))
        self.panel.noted.connect(lambda note: self._safely(lambda: grading.set_note(self.room, note)))
        self.panel.left.connect(self.to_picture)
        self.picture.hovered.connect(self.state.show_hounsfield)
        self.picture.ready.connect(self.to_picture)

    # -- starting and ending

    def start(self, open_series: str | None) -> None:
        """Fills the worklist; once it is on the screen, goes back to the last place (or to `open_series`)."""
        self.room.load_rows()
        place = last_place(self._parts.folder.root / PLACE_FILE)
        known = {row.series_id for row in self.room.rows}
        if open_series is not None and (place is None or place.series_id != open_series):
            place = Place(open_series)
        self._begin_at = place if place is not None and place.series_id in known else None
        self._room_changed(Change.ROWS | Change.STATE)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Opens the study and begins to load the canvas once the window, with its worklist, is on the screen."""
        super().paintEvent(event)
        if not self._seen:
            self._seen = True
            QTimer.singleShot(0, self, self._after_first_paint)

    def _after_first_paint(self) -> None:
        self.shown.emit()
        self.to_picture()
        here = self._begin_at
        if here is not None:
            self._safely(lambda: self.open(here.series_id, here))
        if self._parts.notes and not self.room.said:
            self.room.say(" ".join(self._parts.notes))
        self.picture.ready.connect(self.errands.begin)
        self.picture.load_canvas()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Closes, unless a grade is not stored."""
        if self.room.unstored is not None:
            self._told_of_loss = True
            self.trouble.say(
                f"{self.room.said} Closing would lose it.", "Close and lose it", self._lose_and_close
            )
            event.ignore()
            return
        self._safely(self._keep_place)
        self.hide()
        self.courier.stop()
        self.errands.stop()
        self._parts.close()
        event.accept()

    def _lose_and_close(self) -> None:
        self.room.unstored = None
        self.close()

    # -- keys and acts

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Takes every key: only the picture and text fields can have the focus, and the picture hands keys on."""
        self.key_came(key_name(event), True, event.isAutoRepeat())

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Takes the end of every key."""
        self.key_came(key_name(event), False, event.isAutoRepeat())

    def key_came(self, name: str, pressed: bool, repeated: bool) -> None:
        """Does what a key stands for. Only steps repeat while a key is held."""
        act = self._keys.get(name)
        if not pressed:
            if name == "Space" and not repeated:
                self._hide_marks(False)
        elif act is not None and (not repeated or act.menu == "Go"):
            self.do(act)

    def do(self, act: Act) -> None:
        """Does an act; what goes wrong is said, never swallowed."""
        if self._in_reach(act):
            self._safely(lambda: perform(act, self.desk))

    def _in_reach(self, act: Act) -> bool:
        """Says whether an act is possible as the window stands: nobody grades what cannot be seen."""
        unseen = self.room.case is not None and not self.picture.shows_study
        blind = unseen and act.menu in ("Grade", "Correct")
        page = self.page
        return not blind and (page is None or act.id in _ON_PAGES or act.id in page.acts)

    def _safely(self, call: Callable[[], object]) -> None:
        try:
            call()
        except KnownError as error:
            failed(self.room, error)
            self.trouble.say(self.room.in_words(error))
        except Exception as fault:  # noqa: BLE001 - a slot's last line of defence: it is reported, not swallowed
            self.fault(fault)

    def say_work(self, doing: str, share: float) -> None:
        """Says what works in the background; empty words take it away."""
        self.state.work(doing, share)

    def warn(self, sentence: str) -> None:
        """Says what somebody must know, until it is closed."""
        self.trouble.say(sentence)

    def fault(self, fault: BaseException) -> None:
        """Says a named failure as its sentences; anything else is ours, and gets a report."""
        if isinstance(fault, KnownError):
            self.trouble.say(self.room.in_words(fault))
            return
        traceback.print_exception(fault)  # for whoever started us in a terminal
        path = write_report(self._parts.folder.reports, fault)
        grades = sum(row.graded for row in self.room.rows)
        self.trouble.say(words.broke(grades), "Show the report", lambda: _show_file(path))

    # -- what acts ask for (Shell)

    def fit_picture(self) -> None:
        """Resets zoom and pan."""
        if self.picture.canvas is not None:
            self.picture.canvas.fit()

    def zoom_picture(self, factor: float) -> None:
        """Zooms around the middle."""
        if self.picture.canvas is not None:
            self.picture.canvas.zoom_by(factor)

    def window_as_sent(self) -> None:
        """Sets the grey window that the file itself names."""
        self.errands.read_window()

    def hide_marks(self) -> None:
        """Hides the marks until the key is let go."""
        self._hide_marks(True)

    def _hide_marks(self, hidden: bool) -> None:
        self.panel.hide_marks(hidden)
        if self.picture.canvas is not None:
            self.picture.canvas.hide_marks(hidden)

    def fold_worklist(self) -> None:
        """Folds the worklist away, or shows it again."""
        self._folded_by_hand = True
        self.worklist.setVisible(self.worklist.isHidden())
        self.to_picture()

    def full_screen(self) -> None:
        """Fills the screen, or goes back."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def show_keys(self) -> None:
        """Shows the key sheet, or puts it away."""
        self.show_page(None if self.pages.currentWidget() is self.key_sheet else self.key_sheet)

    def show_page(self, page: Page | None) -> None:
        """Covers the picture with a page; None shows the picture again."""
        left = self.page
        if left is not None and left is not page:
            left.leave()
        self.pages.setCurrentIndex(0 if page is None else self.pages.indexOf(page))
        self.to_picture()

    def escape(self) -> None:
        """Closes what is open, and goes back to the picture; where nothing is, what was said of trouble."""
        room = self.room
        if room.chooser is None and room.tool is None and self.page is None:
            self.trouble.closed.emit()
        self._close_chooser()
        room.end_tool()
        self.show_page(None)

    def to_picture(self) -> None:
        """Gives the keys back to the picture; where none is seen, to the window itself and not to the search."""
        canvas = self.picture.canvas
        if canvas is not None and self.picture.shows_study:
            canvas.setFocus()
        else:
            self.setFocus()

    def change_mode(self, mode: Mode) -> None:
        """Changes between read and screen, and keeps the choice."""
        self.room.change_mode(mode)
        path = self._parts.folder.settings
        save_settings(path, replace(load_settings(path), mode=mode))

    def edit_note(self) -> None:
        """Puts the cursor into the note."""
        self.panel.edit_note()

    def find_study(self) -> None:
        """Puts the cursor into the search."""
        self.worklist.show()
        self.worklist.start_search()

    def import_folder(self) -> None:
        """Asks for a folder and imports it."""
        chosen = QFileDialog.getExistingDirectory(self, "Import a folder")
        if chosen:
            self.errands.take_in([Path(chosen)])

    def import_file(self) -> None:
        """Asks for a file and imports it."""
        chosen, _ = QFileDialog.getOpenFileNames(self, "Import files")
        if chosen:
            self.errands.take_in([Path(name) for name in chosen])

    def show_retraining(self) -> None:
        """Shows the page on which the model is trained again."""
        self.show_page(self.errands.retraining_page())

    def explain(self) -> None:
        """Shows what the model looks at in the vertebra here, or puts that away."""
        page = self.errands.explain_page()
        if self.page is page:
            self.show_page(None)
        else:
            page.show_body(self.room)
            self.show_page(page)

    def show_settings(self) -> None:
        """Shows the page of the settings."""
        self.show_page(self.errands.settings_page(self._allow, self._apply))

    def _allow(self, settings: Settings) -> None:
        """Raises `SettingWrong` for another reader while a grade of this one waits to be stored."""
        if settings.who_reads() != self.room.reader and not self.room.may_leave():
            raise SettingWrong(
                f"a grade of {self.room.reader} is not stored yet",
                "the reader",
                "store it first, then change",
            )

    def _apply(self, settings: Settings) -> None:
        """Does what the settings say from now on; some of them wait for the next start."""
        self.room.goes_on = settings.go_on_by_itself
        self.room.change_mode(settings.mode)
        self.room.change_reader(settings.who_reads())
        self._measure_against(settings)

    def _measure_against(self, settings: Settings) -> None:
        choice = settings.reference_choice(self._parts.folder.root)
        self.room.measure_against(choice.convention, choice.table())
        self.errands.measure_against(choice)

    def leave(self) -> None:
        """Closes the program."""
        self.close()

    # -- the room

    def open(self, series_id: str, place: Place | None = None) -> None:
        """Opens a study, at a place in it if one is given."""
        self.room.open(series_id, place)

    def _case_opened(self, series_id: str) -> None:
        """Turns to the study; on a small screen the worklist folds to make room."""
        if self.width() < NARROW_PX and not self._folded_by_hand:
            self.worklist.hide()
        self.show_page(None)
        self.errands.prefer(series_id)
        self.errands.grade_again()
        self._keep_place()

    def _close_chooser(self) -> None:
        grading.close_chooser(self.room)

    def _volume_came(self, series_id: str, volume: Volume) -> None:
        self.room.volume_came(series_id, volume)

    def _room_changed(self, change: Change) -> None:
        if change in (Change.SLICE, Change.TOOL):
            self.picture.show_room(change)
            self._keep_place_soon()
            return
        if self._told_of_loss and self.room.unstored is None:
            self._told_of_loss = False
            self.trouble.closed.emit()
        if change & Change.GEOMETRY:
            self.errands.grade_again()
        self.draw(change)
        if self.page is not None and change & (Change.BODY | Change.CASE):
            self.page.show_body(self.room)
        if change & Change.CASE and self.room.case is not None:
            self._case_opened(self.room.case.series_id)
        if self.room.chooser is None:
            self._chooser_timer.stop()
        elif not self._chooser_timer.isActive():
            self._chooser_timer.start()
        self._keep_place_soon()

    def _keep_place_soon(self) -> None:
        if self.room.case is not None and not self._place_timer.isActive():
            self._place_timer.start()

    def _keep_place(self) -> None:
        place = self.room.place()
        waits = self.room.unstored is not None  # a grade that the disk did not take matters more
        if place is not None and not waits:
            keep_place(self._parts.folder.root / PLACE_FILE, place)

    # -- Qt

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Takes less room for the panel on small screens, and says when a window is too small to read in."""
        super().resizeEvent(event)
        self.panel.make_room(narrow=self.width() < NARROW_PX, low=self.height() < LOW_PX)
        if self.width() < LEAST_PX[0] or self.height() < LEAST_PX[1]:
            self.room.say(words.SMALL_WINDOW)
        elif self.room.said == words.SMALL_WINDOW:
            self.room.say("")

    def changeEvent(self, event: QEvent) -> None:
        """Shows the marks again when the keys go to another window: it gets the end of a key that is held."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self._hide_marks(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Takes folders and files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Imports what was dropped."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.errands.take_in(paths)


def _show_file(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
