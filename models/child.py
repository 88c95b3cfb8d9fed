"""The child's side of the pipe: JSON lines in and out, nothing else on the output, the end when the input closes."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from vfscreen.errors import KnownError, OutOfMemory
from vfscreen.wire import error_to_wire

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Where messages come from and go to."""

    requests: TextIO
    answers: TextIO
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Json) -> None:
        """Writes one line; may be called from any thread."""
        line = json.dumps(message) + "\n"
        with self._writing:
            self.answers.write(line)
            self.answers.flush()

    def lines(self) -> Iterator[Json]:
        """Yields the messages as they come, until the input closes."""
        for line in self.requests:
            yield json.loads(line)


def claim_pipe() -> Pipe:
    """Takes the standard output for our own lines and turns everybody else's prints to the standard error.

    The descriptor itself is turned, since libraries written in C print past `sys.stdout`. Ctrl+C in the terminal is for
    whoever started us: we end when our input closes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    return Pipe(os.fdopen(os.dup(0), encoding="utf-8"), answers)


def end_at_once(code: int = 0) -> None:
    """Ends the process from any thread: there is nothing to save, and nobody left to tell."""
    sys.stderr.flush()
    os._exit(code)


def failure_of(error: Exception, where: str) -> Json:
    """Puts an exception into words: a known error as its three sentences, anything else as a bug's report."""
    if isinstance(error, KnownError):
        return {"error": error_to_wire(error)}
    if _is_out_of_memory(error):
        known = OutOfMemory("there is not enough memory", where, "close other programs and try again")
        return {"error": error_to_wire(known)}
    return {"bug": bug_report(error)}


def bug_report(error: BaseException) -> str:
    """Describes a bug by its kinds and places in the code alone: messages may quote what is in the patient's files."""
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None:
        lines.append(type(link).__name__)
        lines += [
            f"  {os.path.basename(frame.filename)}:{frame.lineno} {frame.name}"  # noqa: PTH119 (names of modules)
            for frame in traceback.extract_tb(link.__traceback__)
        ]
        link = link.__cause__ or link.__context__
    return "\n".join(lines)


def _is_out_of_memory(error: Exception) -> bool:
    """Tells memory that ran out from a bug; torch raises a plain RuntimeError from its CPU allocator."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )
