"""What runs beside reading: imports, the engine's queue, the trainer. Each says in the window how it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QTimer

from ui import words
from ui.desktop.background import Courier, Importer, ScreeningQueue
from ui.desktop.pages import ImportPage, Page
from ui.desktop.parts import Parts
from ui.desktop.regrading import Regrading
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change
from ui.engine_client import EngineClient

if TYPE_CHECKING:
    from ui.desktop.explain_view import ExplainPage
    from ui.desktop.retrain_view import RetrainPage
    from ui.desktop.settings_view import SettingsPage
    from vfscreen.reference_file import ReferenceChoice
    from vfscreen.settings import Settings


BACKUP_EVERY_MS = 30 * 60 * 1000


class Surroundings(Protocol):
    """What errands ask of the window that they run beside."""

    def add_page(self, page: Page) -> None:
        """Takes in a page that can cover the picture."""

    def show_page(self, page: Page | None) -> None:
        """Covers the picture with a page; None shows the picture again."""

    def say_work(self, doing: str, share: float) -> None:
        """Says what works in the background; empty words take it away."""

    def warn(self, sentence: str) -> None:
        """Says what somebody must know, until it is closed."""

    def fault(self, fault: BaseException) -> None:
        """Says what failed."""


class Errands:
    """Owns the engine and the imports of one window. Nothing starts before it is first needed."""

    def __init__(self, parts: Parts, courier: Courier, room: ReadingRoom, around: Surroundings) -> None:
        self._parts = parts
        self._courier = courier
        self._room = room
        self._around = around
        reference = parts.settings.reference_choice(parts.folder.root)
        self._engine = EngineClient(threads=parts.settings.threads, reference=reference)
        self.queue = ScreeningQueue(
            parts,
            courier,
            self._engine,
            on_progress=around.say_work,
            on_screened=self._screened,
            on_warning=around.warn,
            on_fault=around.fault,
        )
        self._regrading = Regrading(parts, courier, self._engine, room, around.fault)
        self.importer = Importer(
            parts, courier, on_progress=self._importing, on_line=self._imported, on_end=self._import_ended
        )
        self.import_page = ImportPage()
        self.import_page.cancelled.connect(self.importer.cancel)
        around.add_page(self.import_page)
        self._retraining: RetrainPage | None = None
        self._settings: SettingsPage | None = None
        self._explaining: ExplainPage | None = None
        self._backup_timer = QTimer(courier)
        self._backup_timer.setInterval(BACKUP_EVERY_MS)
        self._backup_timer.timeout.connect(self.back_up)

    def begin(self) -> None:
        """Begins what goes on by itself once the picture is there: the engine's queue and the backups."""
        self.screen_waiting()
        self.back_up()
        self._backup_timer.start()

    def back_up(self) -> None:
        """Adds a dated copy of the store in a thread, unless the newest is young; a failure stays on the screen."""
        self._courier.run(self._copy_store, self._around.fault, "backup")

    def _copy_store(self) -> None:
        self._parts.back_up()

    def stop(self) -> None:
        """Ends every child process and takes open requests back."""
        self._backup_timer.stop()
        self._regrading.stop()
        if self._explaining is not None:
            self._explaining.leave()
        self.importer.cancel()
        self._engine.close()
        if self._retraining is not None:
            self._retraining.stop()

    # -- screening

    def screen_waiting(self) -> None:
        """Has the engine work off what the model in use has not seen."""
        self.queue.work_off()

    def _model_changed(self) -> None:
        """Shows what the model in use now says, and has it see what it has not."""
        self._room.load_rows()
        self._room.reload()
        self.screen_waiting()

    def prefer(self, series_id: str) -> None:
        """Has the study that is looked at screened before the others."""
        self.queue.prefer(series_id)

    def grade_again(self) -> None:
        """Has the model look again at the bodies of the open study that were moved or added."""
        self._regrading.soon()

    def _screened(self, series_id: str) -> None:
        room = self._room
        room.load_rows()
        if room.case is not None and room.case.series_id == series_id:
            had_bodies = bool(room.case.bodies)
            room.reload()
            self._regrading.all_seen()
            if not had_bodies:
                room.tell(Change.CASE | Change.BODY)
            self.grade_again()

    # -- imports

    def take_in(self, paths: Sequence[Path]) -> None:
        """Imports folders and files; the page shows what becomes of each series."""
        if self.importer.busy:
            self._room.say(words.IMPORT_BUSY)
            return
        self.import_page.begin(", ".join(path.name for path in paths))
        self._around.show_page(self.import_page)
        self.importer.start(paths)

    def _importing(self, doing: str, share: float) -> None:
        self.import_page.progress(doing)
        self._around.say_work(f"Import: {doing}", share)

    def _imported(self, kind: str, where: str, said: str) -> None:
        self.import_page.add(kind, where, said)
        if kind == "taken":
            self._room.load_rows()

    def _import_ended(self, fault: Exception | None) -> None:
        self._around.say_work("", 0.0)
        self._room.load_rows()
        self._room.say(self.import_page.end())
        if fault is not None:
            self._around.fault(fault)
        self.queue.work_off()

    # -- the window that the file names

    def read_window(self) -> None:
        """Sets the grey window that the open study's first file names, if it names one."""
        case = self._room.case
        if case is None:
            return
        files = case.files

        def read() -> None:
            from vfscreen.intake.grey_window import window_as_sent

            found = window_as_sent(files[0]) if files else None
            self._courier.post(lambda: self._show_window(case.series_id, found))

        self._courier.run(read, self._around.fault, "window")

    def _show_window(self, series_id: str, found: tuple[float, float] | None) -> None:
        from ui.desktop.windows import Window

        room = self._room
        if room.case is None or room.case.series_id != series_id:
            return
        if found is None:
            room.say(words.NO_WINDOW_SENT)
        else:
            room.set_window(Window("As sent", *found))

    # -- what the model looks at

    def explain_page(self) -> ExplainPage:
        """Returns the page that explains a suggestion; made at its first use."""
        if self._explaining is None:
            from ui.desktop.explain_view import ExplainPage

            self._explaining = ExplainPage(self._parts, self._courier, self._engine, self._around.fault)
            self._around.add_page(self._explaining)
        return self._explaining

    # -- settings

    def measure_against(self, reference: ReferenceChoice) -> None:
        """Has the engine measure losses against this from now on."""
        self._engine.measure_against(reference)

    def settings_page(
        self, allow: Callable[[Settings], None], on_change: Callable[[Settings], None]
    ) -> SettingsPage:
        """Returns the page of the settings; made at its first use."""
        if self._settings is None:
            from ui.desktop.settings_view import SettingsPage

            self._settings = SettingsPage(self._parts.folder.settings, allow)
            self._settings.changed.connect(on_change)
            self._around.add_page(self._settings)
        self._settings.refresh()
        return self._settings

    # -- retraining

    def retraining_page(self) -> RetrainPage:
        """Returns the page of retraining; made at its first use, with its plot."""
        if self._retraining is None:
            from ui.desktop.retrain_view import RetrainPage

            self._retraining = RetrainPage(self._parts, self._courier, self._around.fault)
            self._retraining.model_changed.connect(self._model_changed)
            self._around.add_page(self._retraining)
        self._retraining.refresh()
        return self._retraining
