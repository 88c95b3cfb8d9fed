"""The terminal: one line an error, a progress bar for people, plain lines for files, exit codes."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from ui.report import report_text, write_report
from vfscreen.data_folder import data_folder
from vfscreen.durable import is_full, not_written
from vfscreen.errors import KnownError, RefusedInput
from vfscreen.ports import Progress

PLAIN_SECONDS = 10.0
DONE, NAMED_FAILURE, WRONG_USAGE, REFUSED = 0, 1, 2, 3

_MOVES_CURSOR = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_SYSTEM_REFUSES = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)

Answer = TypeVar("Answer")


def one_line(text: str) -> str:
    """Returns a text without line ends and whatever else moves a terminal's cursor: names of files may hold them."""
    return _MOVES_CURSOR.sub(" ", text)


def complain(error: KnownError) -> None:
    """Prints a named failure as one line: `vfscreen: WHAT: WHERE: WHAT TO DO`."""
    print(one_line(f"vfscreen: {error.what}: {error.where}: {error.todo}"), file=sys.stderr, flush=True)


def ended(work: Callable[[], int]) -> int:
    """Does the work of a command and returns its exit code; a failure is one line on stderr, our own fault a report."""
    try:
        return work()
    except KnownError as error:
        complain(error)
        return exit_code(error)
    except Exception as fault:  # noqa: BLE001 - the process's edge: it is reported, not swallowed
        if isinstance(fault, OSError) and is_full(fault):
            complain(not_written(fault, Path(fault.filename or "the output")))
        elif isinstance(fault, OSError) and fault.errno in _SYSTEM_REFUSES:
            what = f"cannot be used ({fault.strerror})"
            complain(KnownError(what, str(fault.filename), "check the path and your rights to it"))
        else:
            _report(fault)
        return NAMED_FAILURE


def _report(fault: Exception) -> None:
    """Keeps the report of a fault of ours, as the window does; it is printed where it cannot be kept."""
    try:
        where = str(write_report(data_folder().reports, fault))
    except KnownError:
        where = "the report follows"
        print(report_text(fault, datetime.now(UTC)), file=sys.stderr)
    complain(
        KnownError(
            "something of ours broke; what is stored is safe",
            where,
            "send this report to whoever looks after vfscreen, it names no patient",
        )
    )


def displayless() -> bool:
    """Says whether there is no screen to open a window on (Linux; elsewhere there always is one)."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform == "linux" and not any(os.environ.get(name) for name in named)


def note(sentence: str) -> None:
    """Prints something that the user should know, on stderr."""
    print(f"vfscreen: {sentence}", file=sys.stderr, flush=True)


def exit_code(error: KnownError) -> int:
    """Returns 3 for a refused input, 1 for every other named failure."""
    return REFUSED if isinstance(error, RefusedInput) else NAMED_FAILURE


@contextmanager
def progress_shown(what: str) -> Iterator[Progress]:
    """Shows progress on stderr: a bar on a terminal, a line for each new stage elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console  # only where somebody watches: the window starts without it
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        # Without markup: a folder may be called [/b].
        words = TextColumn("{task.description}", markup=False)
        columns = (words, BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(one_line(what), total=1.0)
            yield lambda doing, share: bar.update(
                task, description=one_line(f"{what}: {doing}"), completed=share
            )
        return
    yield _plain_lines(what)


def _plain_lines(what: str) -> Progress:
    """Prints a line when the stage changes, else at most every `PLAIN_SECONDS` seconds."""
    last, due = "", 0.0

    def show(doing: str, share: float) -> None:
        nonlocal last, due
        stage = doing.split(" ")[0]
        if stage != last or (share < 1.0 and monotonic() >= due):
            print(one_line(f"{what}: {doing}"), file=sys.stderr, flush=True)
            last, due = stage, monotonic() + PLAIN_SECONDS

    return show


def wait_for(future: Future[Answer], cancel: Callable[[Future[Any]], None]) -> Answer:
    """Waits for an answer of a child process; Ctrl+C takes the request back first."""
    try:
        return future.result()
    except KeyboardInterrupt:
        cancel(future)
        raise
