"""Runs a program of somebody else's on a patient's data so that nothing of it is left behind, however we end.

The program and its folder are in the hands of a minder (`vfscreen.minder`), which ends with us. Only if the minder is
killed as well does the folder stay; it is swept away before the next program is run.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfscreen.errors import KnownError
from vfscreen.held_file import hold
from vfscreen.minder import HELD, PREFIX, SAID
from vfscreen.own_program import own_command

POLL_SECONDS = 0.5
CLOSE_SECONDS = 20.0
SHOWN_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Minded:
    """A folder that is gone afterwards, and somebody who runs one program in it."""

    folder: Path
    _process: subprocess.Popen[str]
    _answers: queue.SimpleQueue[str]

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        where: str,
        while_waiting: Callable[[], None],
    ) -> None:
        """Runs a program to its end; its temporary files go to the folder. `where` is what it works on.

        `while_waiting` is called often, and ends the work by raising.

        Raises:
            KnownError: the program cannot be started, or failed; told in its own last words.
        """
        own_files = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder))
        order = {"command": list(command), "environment": {**environment, **own_files}}
        name = Path(command[0]).stem
        if not _sent(self._process, json.dumps(order)):
            raise _ended_with_its_minder(name, where)
        answer = _answer(self._answers, while_waiting)
        if answer is None:
            raise _ended_with_its_minder(name, where)
        if "error" in answer:
            raise KnownError(f"{name} cannot be started ({answer['error']})", command[0], "install it again")
        if answer["code"] != 0:
            raise KnownError(
                f"{name} failed with code {answer['code']} ({self._last_words()})",
                where,
                "try it by itself on this CT, or screen without it",
            )

    def _last_words(self) -> str:
        lines = (self.folder / SAID).read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return last.strip()[:SHOWN_CHARACTERS]


@contextmanager
def minded(name: str) -> Iterator[Minded]:
    """Yields a minded folder for the program that is called `name`.

    Raises:
        KnownError: there is no room for the folder, or no right to make it.
    """
    sweep()
    process = subprocess.Popen(
        own_command("mind"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        start_new_session=True,  # Ctrl+C and the terminal's end are for us, and the minder has to see ours
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, answers), name="minder", daemon=True)
    reader.start()
    try:
        folder = answers.get().strip()
        if not folder:
            what = f"no folder could be made for {name}"
            raise KnownError(what, tempfile.gettempdir(), "free some room there, or check your rights to it")
        yield Minded(Path(folder), process, answers)
    finally:
        _let_go(process)
        reader.join()


def sweep() -> None:
    """Removes the folders of minders that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        held = None if folder.is_symlink() else hold(folder / HELD)
        if held is not None:
            held.close()
            shutil.rmtree(folder, ignore_errors=True)


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Hands every line on, and an empty one at the end."""
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            answers.put(line)
    answers.put("")


def _answer(answers: queue.SimpleQueue[str], while_waiting: Callable[[], None]) -> dict[str, Any] | None:
    """Waits for the next message; None if the minder ended instead."""
    while True:
        try:
            line = answers.get(timeout=POLL_SECONDS)
        except queue.Empty:
            while_waiting()
            continue
        return json.loads(line) if line else None


def _sent(process: subprocess.Popen[str], line: str) -> bool:
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except OSError:
        return False
    return True


def _let_go(process: subprocess.Popen[str]) -> None:
    """Lets the minder go, which clears up first."""
    assert process.stdin is not None
    with suppress(OSError):  # it was gone, with an unread order in the pipe
        process.stdin.close()
    try:
        process.wait(CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ended_with_its_minder(name: str, where: str) -> KnownError:
    return KnownError(f"{name} was ended from outside", where, "try again, or screen without it")
