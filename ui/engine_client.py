"""The window's side of the engine: one request at a time, the rest in a queue; started on need, again if it dies.

No Qt here: answers come as futures that are fulfilled in a reader thread; views wrap them in signals.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ui.child_process import ChildProcess, Json
from vfscreen.errors import EngineDied, KnownError, NoSuchThing
from vfscreen.explanations import Explanation, ExplanationShelf
from vfscreen.findings import Screening, SeriesFacts, Suggestion, Vertebra
from vfscreen.known_bodies import KnownBodies
from vfscreen.masks import BodiesFrom
from vfscreen.own_program import own_command
from vfscreen.ports import Progress
from vfscreen.reference_file import USUAL as USUAL_REFERENCE
from vfscreen.reference_file import ReferenceChoice
from vfscreen.wire import (
    bodies_from_to_wire,
    error_from_wire,
    facts_to_wire,
    screening_from_wire,
    suggestion_from_wire,
    vertebra_to_wire,
)


class EngineBug(Exception):
    """Something of ours broke in a child process; the text is the report, without patient data."""


class Cancelled(Exception):
    """The request was taken back."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model files to use; None is the one that came with the program."""

    localiser: Path | None = None
    grader: Path | None = None


BUNDLED = ModelChoice()
_PATIENCE_SECONDS = 3.0


@dataclass(slots=True, eq=False)
class _Request:
    number: int
    message: Json
    read: Callable[[Any], Any]
    progress: Progress
    future: Future[Any] = field(default_factory=Future)


def _silent(_doing: str, _share: float) -> None:
    """Progress that nobody follows."""


class EngineClient:
    """Asks the engine. Futures raise `KnownError` (refused, damaged weights, `EngineDied`), `EngineBug`, `Cancelled`.

    `threads` is how many cores it may take, 0 leaves that to the engine; `reference` is what losses are measured
    against. Callbacks of futures and `on_progress` run in a reader thread.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        threads: int = 0,
        reference: ReferenceChoice = USUAL_REFERENCE,
    ) -> None:
        self._command = list(command or own_command("engine"))
        self._threads = threads
        self._reference = reference
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._waiting: deque[_Request] = deque()
        self._current: _Request | None = None
        self._child: ChildProcess | None = None
        self._closed = False

    @property
    def reference(self) -> ReferenceChoice:
        """What losses are measured against."""
        return self._reference

    def measure_against(self, reference: ReferenceChoice) -> None:
        """Has losses measured against this from the next request on."""
        self._reference = reference

    def screen(
        self,
        path: Path,
        *,
        files: Sequence[Path] = (),
        facts: SeriesFacts | None = None,
        models: ModelChoice = BUNDLED,
        bodies_from: BodiesFrom | KnownBodies | None = None,
        on_progress: Progress = _silent,
        urgent: bool = False,
    ) -> Future[Screening]:
        """Screens one study; `files` and `facts`, if given, are those of a series that was taken in.

        `bodies_from`, if given, stands in for the localiser.
        """
        message = {
            "verb": "screen",
            **_source(path, files, facts),
            **_models(models),
            "bodies_from": bodies_from_to_wire(bodies_from),
            **_against(self._reference),
        }
        return self._ask(message, screening_from_wire, on_progress, urgent)

    def grade(
        self,
        path: Path,
        vertebrae: Sequence[Vertebra],
        *,
        files: Sequence[Path] = (),
        facts: SeriesFacts | None = None,
        models: ModelChoice = BUNDLED,
        urgent: bool = True,
    ) -> Future[list[Suggestion | None]]:
        """Grades bodies whose points are known, in their order; None for those without points."""
        message = {
            "verb": "grade",
            **_source(path, files, facts),
            **_models(models),
            "vertebrae": [vertebra_to_wire(body) for body in vertebrae],
        }
        return self._ask(message, _suggestions, _silent, urgent)

    def embed(
        self,
        path: Path,
        vertebrae: Sequence[Vertebra],
        *,
        files: Sequence[Path] = (),
        facts: SeriesFacts | None = None,
        models: ModelChoice = BUNDLED,
    ) -> Future[list[NDArray[np.float32] | None]]:
        """Returns the (128,) embedding of each body, None for those without points."""
        message = {
            "verb": "embed",
            **_source(path, files, facts),
            **_models(models),
            "vertebrae": [vertebra_to_wire(body) for body in vertebrae],
        }
        return self._ask(message, _embeddings, _silent, urgent=False)

    def explain(
        self,
        path: Path,
        vertebrae: Sequence[Vertebra],
        place: int,
        keep: Path,
        *,
        files: Sequence[Path] = (),
        facts: SeriesFacts | None = None,
        models: ModelChoice = BUNDLED,
        on_progress: Progress = _silent,
        urgent: bool = True,
    ) -> Future[Explanation]:
        """Explains what the grader says of the body at `place` among those of its case, and keeps it in a file.

        `keep` comes from `vfscreen.explanations.ExplanationShelf`, which is asked first. A body without points raises
        `NoSuchThing`.
        """
        message = {
            "verb": "explain",
            **_source(path, files, facts),
            **_models(models),
            "vertebrae": [vertebra_to_wire(body) for body in vertebrae],
            "place": place,
            "keep": str(keep),
            **_against(self._reference),
        }
        return self._ask(message, _explanation, on_progress, urgent)

    def cancel(self, future: Future[Any]) -> None:
        """Takes a request back: its future raises `Cancelled` at once.

        The engine stops at its next stage; one that does not within seconds is ended, and started anew on need.
        """
        with self._lock:
            request = next((r for r in (self._current, *self._waiting) if r and r.future is future), None)
            if request is None:
                return
            if request is self._current:
                assert self._child is not None
                self._child.send({"verb": "cancel", "id": request.number})
                timer = threading.Timer(_PATIENCE_SECONDS, self._end_if_still_at, (request,))
                timer.daemon = True
                timer.start()
            else:
                self._waiting.remove(request)
        _settle(request, Cancelled())

    def close(self) -> None:
        """Ends the engine and takes every open request back."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
            left = [request for request in (self._current, *self._waiting) if request]
            self._current = None
            self._waiting.clear()
        for request in left:
            _settle(request, Cancelled())
        if child is not None:
            child.close()

    @property
    def pid(self) -> int | None:
        """The engine's process id, None while it is not running."""
        with self._lock:
            return None if self._child is None else self._child.pid

    def _ask(
        self, message: Json, read: Callable[[Any], Any], progress: Progress, urgent: bool
    ) -> Future[Any]:
        with self._lock:
            if self._closed:
                raise RuntimeError("the engine's client is closed")
            number = next(self._numbers)
            request = _Request(number, message | {"id": number, "threads": self._threads}, read, progress)
            (self._waiting.appendleft if urgent else self._waiting.append)(request)
            self._send_next()
        return request.future

    def _send_next(self) -> None:
        """Sends the first waiting request if none is under way; called with the lock held."""
        while self._current is None and self._waiting:
            request = self._waiting.popleft()
            try:
                if self._child is None:
                    self._child = ChildProcess(self._command, self._take, self._ended)
            except OSError as error:
                _settle(request, engine_died(str(request.message["path"]), str(error)))
                continue
            self._current = request
            self._child.send(request.message)  # if it just died, `_ended` answers the request

    def _end_if_still_at(self, request: _Request) -> None:
        with self._lock:
            if self._current is request and self._child is not None:
                self._child.kill()

    def _take(self, _child: ChildProcess, message: Json) -> None:
        with self._lock:
            request = self._current
            if request is None or message.get("id") != request.number:
                return
            if "progress" not in message:
                answer = _answer(request, message)
                self._current = None
                self._send_next()
        if "progress" not in message:
            _settle(request, answer)
        elif not request.future.done():
            request.progress(message["progress"]["doing"], message["progress"]["share"])

    def _ended(self, child: ChildProcess, tail: str) -> None:
        with self._lock:
            if self._child is not child:
                return
            self._child = None
            request, self._current = self._current, None
            self._send_next()
        if request is not None:
            _settle(request, engine_died(str(request.message["path"]), tail))


def _answer(request: _Request, message: Json) -> Any:
    """Reads the last message of a request: its result, or the exception that it ends with."""
    if "result" in message:
        try:
            return request.read(message["result"])
        except KnownError as error:
            return error
    if "error" in message:
        return error_from_wire(message["error"])
    return EngineBug(message["bug"]) if "bug" in message else Cancelled()


def _settle(request: _Request, answer: Any) -> None:
    with contextlib.suppress(InvalidStateError):  # it was taken back a moment ago
        if isinstance(answer, Exception):
            request.future.set_exception(answer)
        else:
            request.future.set_result(answer)


def engine_died(where: str, tail: str) -> EngineDied:
    """Says that the engine ended in the middle of a request; `tail` is what it said last, kept as a note."""
    error = EngineDied(
        "the engine stopped while it was at work; your readings are safe",
        where,
        "ask again: it is started anew; if it stops again, close other programs to free memory",
    )
    error.add_note(tail)
    return error


def _source(path: Path, files: Sequence[Path], facts: SeriesFacts | None) -> Json:
    if files and facts is None:
        raise ValueError("files are read again only with the facts that they had")
    return {
        "path": str(path),
        "files": [str(file) for file in files],
        "facts": None if facts is None else facts_to_wire(facts),
    }


def _models(models: ModelChoice) -> Json:
    return {
        "localiser": None if models.localiser is None else str(models.localiser),
        "grader": None if models.grader is None else str(models.grader),
    }


def _against(reference: ReferenceChoice) -> Json:
    return {
        "reference": str(reference.convention),
        "reference_file": None if reference.file is None else str(reference.file),
    }


def _suggestions(content: list[Json | None]) -> list[Suggestion | None]:
    return [None if entry is None else suggestion_from_wire(entry) for entry in content]


def _explanation(content: Json) -> Explanation:
    path = Path(content["file"])
    found = ExplanationShelf(path.parent).open(path)
    if found is None:
        raise NoSuchThing("the explanation was cleared away before it was read", str(path), "ask again")
    return found


def _embeddings(content: list[list[float] | None]) -> list[NDArray[np.float32] | None]:
    return [None if entry is None else np.array(entry, np.float32) for entry in content]
