"""Work beside the window: threads that import and read files, and the engine's queue. Results come home by courier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from ui.desktop.parts import Parts
from ui.engine_client import Cancelled, EngineClient, ModelChoice
from vfscreen.cases import Case, GeometrySource
from vfscreen.errors import KnownError, ReferenceWrong, RefusedInput, UnreadableFile, WeightsDamaged
from vfscreen.findings import Refusal, Screening
from vfscreen.known_bodies import kept_bodies
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import in_use
from vfscreen.volume import Volume


class Courier(QObject):
    """Brings calls from any thread into the window's, in order."""

    _came = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._stopped = threading.Event()
        self._came.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Has `call` called in the window's thread."""
        if not self._stopped.is_set():
            self._came.emit(call)

    def stop(self) -> None:
        """Drops whatever is still on its way: the window is closing, and nobody would take it.

        A disconnected signal would not do: Qt still delivers what it had queued before.
        """
        self._stopped.set()

    def run(
        self, work: Callable[[], None], on_fault: Callable[[Exception], None], name: str
    ) -> threading.Thread:
        """Runs `work` in a thread of its own; what it raises comes to `on_fault` in the window's thread."""

        def guarded() -> None:
            try:
                work()
            except Exception as fault:  # noqa: BLE001 - it is told to the window, which reports it
                told = fault
                self.post(lambda: on_fault(told))

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def _run(self, call: Callable[[], None]) -> None:
        if not self._stopped.is_set():
            call()


class VolumeShelf:
    """Opens the picture of a case: mapped from the cache at once, or made again from its files in a thread."""

    def __init__(
        self,
        parts: Parts,
        courier: Courier,
        came: Callable[[str, Volume], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._parts = parts
        self._courier = courier
        self._came = came
        self._on_fault = on_fault

    def open(self, case: Case) -> Volume | None:
        """Returns the sagittal-first volume if the cache has it; else it will come."""
        cached = self._parts.cache.open(case.series_id)
        if cached is not None:
            return cached.volume()
        self._courier.run(lambda: self._rebuild(case), self._on_fault, "volume")
        return None

    def _rebuild(self, case: Case) -> None:
        from vfscreen.intake import read_files  # DICOM and its decoders: only where they are needed

        made = self._parts.cache.open(case.series_id, lambda: read_files(case.files, case.facts).volume)
        if made is not None:
            volume = made.volume()
            self._courier.post(lambda: self._came(case.series_id, volume))


class ScreeningQueue:
    """Works off the series that the model in use has not seen, one after the other, in the engine's process.

    `on_progress` gets words and the share done ("" at the end); `on_screened` the series id; `on_warning` a sentence
    on the models in use; `on_fault` what failed.
    """

    def __init__(
        self,
        parts: Parts,
        courier: Courier,
        engine: EngineClient,
        *,
        on_progress: Callable[[str, float], None],
        on_screened: Callable[[str], None],
        on_warning: Callable[[str], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._parts = parts
        self._courier = courier
        self._engine = engine
        self._on_warning = on_warning
        self._warned = ""
        self._on_progress = on_progress
        self._on_screened = on_screened
        self._on_fault = on_fault
        self._busy = False
        self._asked_again = False
        self._passed_over: set[str] = set()
        self._urgent: str | None = None

    def prefer(self, series_id: str) -> None:
        """Has this series screened next: someone looks at it."""
        self._urgent = series_id

    def work_off(self) -> None:
        """Begins with the queue; if it is at work already, it looks again before it rests."""
        if self._busy:
            self._asked_again = True
            return
        self._busy = True
        self._courier.run(self._next, self._failed, "queue")

    def _next(self) -> None:
        """Asks the engine for the next series; runs in a thread, for it reads store and weights."""
        localiser = in_use(self._parts.shelf, ModelKind.LOCALISER)
        grader = in_use(self._parts.shelf, ModelKind.GRADER)
        warning = " ".join(one.warning for one in (localiser, grader) if one.warning)
        if warning and warning != self._warned:
            self._warned = warning
            self._courier.post(lambda: self._on_warning(warning))
        names = {"localiser": localiser.model.card.id, "grader": grader.model.card.id}
        waiting = [one for one in self._parts.store.queue(**names) if one not in self._passed_over]
        if not waiting:
            self._courier.post(self._rest)
            return
        series_id = self._urgent if self._urgent in waiting else waiting[0]
        case = self._parts.store.case(series_id, self._parts.reader)
        left = len(waiting)

        def told(doing: str, share: float) -> None:
            words = f"Finding vertebrae: {doing}" + (f", {left - 1} more waiting" if left > 1 else "")
            self._courier.post(lambda: self._on_progress(words, share))

        told("starting", 0.0)
        models = ModelChoice(localiser.model.weights, grader.model.weights)
        asked = self._engine.screen(
            case.source,
            files=case.files,
            facts=case.facts,
            models=models,
            bodies_from=kept_bodies(case),
            on_progress=told,
        )
        asked.add_done_callback(lambda done: self._courier.post(lambda: self._answered(case, names, done)))

    def _answered(self, case: Case, models: dict[str, str], done: Future[Screening]) -> None:
        fault = done.exception()
        if isinstance(fault, Cancelled):
            self._rest()
            return
        gone = isinstance(fault, UnreadableFile)  # files that are gone today may be back tomorrow
        if fault is None or (isinstance(fault, RefusedInput) and not gone):
            screening = done.result() if fault is None else _refused(case, models, fault)
            self._courier.run(lambda: self._keep(case, screening), self._failed, "queue")
            return
        self._passed_over.add(case.series_id)
        self._on_fault(fault if isinstance(fault, Exception) else RuntimeError(repr(fault)))
        if isinstance(fault, WeightsDamaged | ReferenceWrong):
            self._rest()
        else:
            self._courier.run(self._next, self._failed, "queue")

    def _keep(self, case: Case, screening: Screening) -> None:
        source = GeometrySource.LOCALISER if kept_bodies(case) is None else GeometrySource.MASK
        self._parts.store.record_screening(case.series_id, screening, source)
        self._courier.post(lambda: self._on_screened(case.series_id))
        self._next()

    def _rest(self) -> None:
        self._busy = False
        self._on_progress("", 0.0)
        if self._asked_again:
            self._asked_again = False
            self.work_off()

    def _failed(self, fault: Exception) -> None:
        self._rest()
        self._on_fault(fault)


def _refused(case: Case, models: dict[str, str], fault: KnownError) -> Screening:
    """Keeps a refusal as the outcome, so that the series is not asked for again and again."""
    refusal = Refusal(fault.where, fault.what, fault.todo)
    return Screening(str(case.source), case.facts, refusals=(refusal,), warnings=(fault.what,), models=models)


class Importer:
    """Takes folders and files in, one at a time, in a thread.

    `on_progress` gets words and a share; `on_line` each result; `on_end` comes last, with the fault if there was one.
    """

    def __init__(
        self,
        parts: Parts,
        courier: Courier,
        *,
        on_progress: Callable[[str, float], None],
        on_line: Callable[[str, str, str], None],
        on_end: Callable[[Exception | None], None],
    ) -> None:
        self._parts = parts
        self._courier = courier
        self._on_progress = on_progress
        self._on_line = on_line
        self._on_end = on_end
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether an import is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, paths: Sequence[Path]) -> None:
        """Begins to take in everything at or below the paths."""
        self._stop.clear()
        self._thread = self._courier.run(lambda: self._run(list(paths)), self._on_end, "import")

    def cancel(self) -> None:
        """Stops after the series that is being read; what was taken in stays."""
        self._stop.set()

    def _run(self, paths: Sequence[Path]) -> None:
        from vfscreen.importing import (
            import_paths,
            key_of,
        )  # DICOM and its decoders: only where they are needed

        key = key_of(self._parts.store, self._parts.folder.key)
        results = import_paths(paths, self._parts.store, self._parts.cache, key=key, progress=self._told)
        for result in results:
            self._tell_line(str(result.kind), result.where, result.words)
            if self._stop.is_set():
                break
        self._courier.post(lambda: self._on_end(None))

    def _tell_line(self, kind: str, where: str, said: str) -> None:
        self._courier.post(lambda: self._on_line(kind, where, said))

    def _told(self, doing: str, share: float) -> None:
        self._courier.post(lambda: self._on_progress(doing, share))
