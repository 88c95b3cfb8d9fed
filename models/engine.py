"""The engine: a child process that loads the models once and answers requests, one at a time.

Lines in: {"id", "verb", "path", "files", "facts", "localiser", "grader", "bodies_from", "vertebrae", "threads"}; the
verb is screen, grade, embed, explain or cancel; files come with the facts they had when they were taken in; a model
that is null is the bundled one; `bodies_from` names a mask, or holds the bodies, in the localiser's place; no threads
are as many as the engine thinks right. A screening measures against "reference", with the table of "reference_file"
(null: our own). So does an explanation, of the vertebra at "place"; it is written to the file "keep", for pictures do
not go through the pipe.
Lines out: {"id", "progress"}, then one of {"id", "result"}, {"id", "error"}, {"id", "bug"}, {"id", "cancelled"}.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, TypeVar

import torch

from models.child import Json, Pipe, claim_pipe, end_at_once, failure_of
from models.explain.explain import explain
from models.grader.suggest import CompactGrader, load_grader
from models.localiser import load_localiser
from vfscreen.explanations import write_explanation
from vfscreen.findings import Suggestion
from vfscreen.genant import Reference
from vfscreen.intake import LoadedSeries, read_study
from vfscreen.intake.study import read_files
from vfscreen.known_bodies import KnownBodies
from vfscreen.masks import BodiesFrom
from vfscreen.masks.dicom_seg import series_of_mask
from vfscreen.masks.mask_localiser import load_mask
from vfscreen.ports import Localiser, Progress
from vfscreen.reference_file import ReferenceChoice
from vfscreen.screening import screen_series
from vfscreen.wire import (
    bodies_from_from_wire,
    facts_from_wire,
    screening_to_wire,
    suggestion_to_wire,
    vertebra_from_wire,
)

THREADS = 1
"""On two busy cores the demo CT takes 2-3 s to localise with one thread, and 9-14 s with two, which spin while they
wait for each other. Reading must stay smooth beside it; who has cores to spare may set more.
"""

Thing = TypeVar("Thing")


class RequestCancelled(Exception):
    """The request was taken back."""


@dataclass(slots=True)
class LastUsed(Generic[Thing]):
    """The one thing that was used last, so that asking again costs nothing; another one replaces it."""

    key: tuple[str, ...] = ()
    thing: Thing | None = None

    def get(self, key: tuple[str, ...], make: Callable[[], Thing]) -> Thing:
        """Returns what is kept under this key, or makes it after the old one was let go."""
        if self.thing is None or key != self.key:
            self.thing = None
            self.thing = make()
            self.key = key
        return self.thing


@dataclass(frozen=True, slots=True)
class Engine:
    """What stays loaded between requests: one localiser, one grader, one series."""

    localiser: LastUsed[Localiser] = field(default_factory=LastUsed)
    grader: LastUsed[CompactGrader] = field(default_factory=LastUsed)
    series: LastUsed[LoadedSeries] = field(default_factory=LastUsed)

    def answer(self, request: Json, progress: Progress) -> Any:
        """Answers one request with what goes into its `result`.

        Raises:
            KnownError: what is asked for is refused. RequestCancelled: from `progress`.
        """
        if request["verb"] == "screen":
            return self._screen(request, progress)
        if request["verb"] == "explain":
            return self._explain(request, progress)
        suggestions = self._grade(request, progress)
        if request["verb"] == "grade":
            return [entry and suggestion_to_wire(entry) for entry in suggestions]
        if request["verb"] == "embed":
            return [entry and entry.embedding.tolist() for entry in suggestions]
        raise ValueError(f"no verb {request['verb']!r}")

    def _screen(self, request: Json, progress: Progress) -> Json:
        choice = _against(request)
        table = choice.table()
        progress("reading", 0.0)
        started = perf_counter()
        bodies_from = bodies_from_from_wire(request["bodies_from"])
        loaded = self._load(request, _made_on(bodies_from))
        read_seconds = perf_counter() - started
        progress("loading the models", 0.05)
        localiser = self._load_localiser(request, bodies_from, loaded, progress)
        grader = self._load_grader(request)
        screening = screen_series(
            loaded,
            request["path"],
            localiser,
            grader,
            progress,
            read_seconds=read_seconds,
            reference=choice.convention,
            table=table,
        )
        return screening_to_wire(screening)

    def _grade(self, request: Json, progress: Progress) -> list[Suggestion | None]:
        bodies = [vertebra_from_wire(entry) for entry in request["vertebrae"]]
        progress("reading", 0.0)
        loaded = self._load(request)
        grader = self._load_grader(request)
        progress("grading", 0.5)
        return grader.grade(loaded.volume, bodies)

    def _explain(self, request: Json, progress: Progress) -> Json:
        bodies = [vertebra_from_wire(entry) for entry in request["vertebrae"]]
        choice = _against(request)
        table = choice.table()
        progress("reading", 0.0)
        explanation = explain(
            self._load_grader(request),
            self._load(request).volume,
            bodies,
            request["place"],
            lambda doing, share: progress(doing, 0.3 + 0.7 * share),
            reference=choice.convention,
            table=table,
        )
        write_explanation(Path(request["keep"]), explanation)
        return {"file": request["keep"]}

    def _load_localiser(
        self,
        request: Json,
        bodies_from: BodiesFrom | KnownBodies | None,
        loaded: LoadedSeries,
        progress: Progress,
    ) -> Localiser:
        if isinstance(bodies_from, KnownBodies):
            return bodies_from
        if bodies_from is not None:
            return load_mask(bodies_from, loaded, progress)
        weights = _chosen(request["localiser"])
        return self.localiser.get(_key(weights), lambda: load_localiser(weights))

    def _load_grader(self, request: Json) -> CompactGrader:
        weights = _chosen(request["grader"])
        return self.grader.get(_key(weights), lambda: load_grader(weights))

    def _load(self, request: Json, wanted: frozenset[str] = frozenset()) -> LoadedSeries:
        files = [Path(file) for file in request["files"]]
        path = Path(request["path"])
        key = (*_key(path), *(str(file) for file in files), *sorted(wanted))
        if not files:
            return self.series.get(key, lambda: read_study(path, wanted=wanted))
        facts = facts_from_wire(request["facts"])
        return self.series.get(key, lambda: read_files(files, facts))


def _made_on(bodies_from: BodiesFrom | KnownBodies | None) -> frozenset[str]:
    """The series that a mask says it was made on."""
    return series_of_mask(bodies_from.mask) if isinstance(bodies_from, BodiesFrom) else frozenset()


def _against(request: Json) -> ReferenceChoice:
    return ReferenceChoice(Reference(request["reference"]), _chosen(request["reference_file"]))


def _chosen(path: str | None) -> Path | None:
    return None if path is None else Path(path)


def _key(path: Path | None) -> tuple[str, ...]:
    """Names a file by its place and its last change, so that a replaced file is read again."""
    if path is None:
        return ("bundled",)
    try:
        status = path.stat()
    except OSError:  # who opens it will say so in better words
        return (str(path), "missing")
    return str(path), str(status.st_mtime_ns), str(status.st_size)


@dataclass(frozen=True, slots=True)
class _Inbox:
    """Requests in their order, and the numbers of those that were taken back."""

    waiting: queue.SimpleQueue[Json] = field(default_factory=queue.SimpleQueue)
    cancelled: set[int] = field(default_factory=set)

    def read(self, pipe: Pipe) -> None:
        """Sorts what comes in; when the input closes, whoever asked is gone, and so are we."""
        for message in pipe.lines():
            if message["verb"] == "cancel":
                self.cancelled.add(message["id"])
            else:
                self.waiting.put(message)
        end_at_once()


def serve(pipe: Pipe, engine: Engine) -> None:
    """Answers requests until the input closes, which ends the process."""
    inbox = _Inbox()
    threading.Thread(target=inbox.read, args=(pipe,), name="inbox", daemon=True).start()
    while True:
        request = inbox.waiting.get()
        pipe.send({"id": request["id"], **_outcome(pipe, engine, inbox, request)})


def _outcome(pipe: Pipe, engine: Engine, inbox: _Inbox, request: Json) -> Json:
    number: int = request["id"]

    def progress(doing: str, share: float) -> None:
        if number in inbox.cancelled:
            raise RequestCancelled
        pipe.send({"id": number, "progress": {"doing": doing, "share": share}})

    try:
        torch.set_num_threads(request["threads"] or THREADS)
        return {"result": engine.answer(request, progress)}
    except RequestCancelled:
        return {"cancelled": True}
    except Exception as error:  # noqa: BLE001 (the process's edge: a bug becomes a report, and the engine goes on)
        return failure_of(error, str(request["path"]))


def main() -> int:
    """Runs the engine until its input closes."""
    serve(claim_pipe(), Engine())
    return 0
