"""The window's side of the trainer: one child process for one training; killing it does no harm."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError

from ui.child_process import ChildProcess, Json
from ui.engine_client import Cancelled, EngineBug
from vfscreen.errors import TrainerDied
from vfscreen.own_program import own_command
from vfscreen.training import Trained, TrainingOrder, TrainingProgress
from vfscreen.wire import error_from_wire


class TrainerClient:
    """Runs one training at a time. Its future raises `KnownError`, `EngineBug` or `Cancelled`.

    `on_progress` and the future's callbacks run in a reader thread.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = list(command or own_command("train"))
        self._lock = threading.RLock()
        self._child: ChildProcess | None = None
        self._future: Future[Trained] | None = None
        self._on_progress: Callable[[TrainingProgress], None] = lambda _progress: None

    @property
    def busy(self) -> bool:
        """Whether a training is under way."""
        with self._lock:
            return self._future is not None and not self._future.done()

    @property
    def pid(self) -> int | None:
        """The trainer's process id, None if none was started yet."""
        with self._lock:
            return None if self._child is None else self._child.pid

    def train(self, order: TrainingOrder, on_progress: Callable[[TrainingProgress], None]) -> Future[Trained]:
        """Starts a training; progress comes with the live loss.

        Raises:
            RuntimeError: another training is under way.
        """
        with self._lock:
            if self.busy:
                raise RuntimeError("a training is under way already")
            self._on_progress = on_progress
            future: Future[Trained] = Future()
            self._future = future
            try:
                self._child = ChildProcess(self._command, self._take, self._ended)
            except OSError as error:
                _settle(future, trainer_died(str(error)))
            else:
                self._child.send(order.to_json())
        return future

    def cancel(self) -> None:
        """Ends the training at once; the model in use stays what it was."""
        with self._lock:
            child, future = self._child, self._future
        if future is not None:
            _settle(future, Cancelled())
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Cancels what is under way and waits until the child is gone."""
        self.cancel()
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.close()

    def _take(self, child: ChildProcess, message: Json) -> None:
        with self._lock:
            future = self._future
            if child is not self._child or future is None or future.done():
                return
        if "progress" in message:
            self._on_progress(TrainingProgress(**message["progress"]))
        elif "result" in message:
            _settle(future, Trained.from_json(message["result"]))
        elif "error" in message:
            _settle(future, error_from_wire(message["error"]))
        else:
            _settle(future, EngineBug(message["bug"]))

    def _ended(self, child: ChildProcess, tail: str) -> None:
        with self._lock:
            if child is not self._child or self._future is None:
                return
            future = self._future
        _settle(future, trainer_died(tail))


def trainer_died(tail: str) -> TrainerDied:
    """Says that the trainer ended before it was done; `tail` is what it said last, kept as a note."""
    error = TrainerDied(
        "the training stopped before its end; nothing was changed",
        "the model in use stays in use",
        "close other programs to free memory and train again",
    )
    error.add_note(tail)
    return error


def _settle(future: Future[Trained], answer: Trained | Exception) -> None:
    with contextlib.suppress(InvalidStateError):  # it was cancelled a moment ago
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
