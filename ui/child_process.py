"""A child process of ours that speaks JSON lines: the plain transport under the engine's and the trainer's clients."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

Json = dict[str, Any]
_TAIL_LINES = 60
_CLOSE_SECONDS = 5.0


class ChildProcess:
    """One run of a child. Messages and the end are told from a reader thread, in order; the end exactly once.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        on_message: Callable[[ChildProcess, Json], None],
        on_end: Callable[[ChildProcess, str], None],
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._errors: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"PYTHONUTF8": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._threads = [
            threading.Thread(target=run, name=f"{command[-1]}-{name}", daemon=True)
            for name, run in (("errors", self._read_errors), ("messages", self._read_messages))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, message: Json) -> bool:
        """Writes one message; False if the child no longer listens (its end will be told, or was)."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(message) + "\n")
            stdin.flush()
        except (OSError, ValueError):  # the pipe is broken, or closed by us
            return False
        return True

    def kill(self) -> None:
        """Ends the child at once."""
        self._process.kill()

    def close(self) -> None:
        """Closes the child's input, which ends it; kills it if it does not go within seconds."""
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError):  # it was gone already, with unread lines in the pipe
            stdin.close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _read_messages(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            for line in stdout:
                self._on_message(self, json.loads(line))
        except json.JSONDecodeError:
            self._errors.append("it said something that is no message\n")
        finally:  # whatever went wrong with a message, the end is told and nobody waits for ever
            self._process.kill()
            code = self._process.wait()
            self._threads[0].join()
            self._close_pipes()
            self._on_end(self, f"exit code {code}\n" + "".join(self._errors))

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            with contextlib.suppress(OSError):  # what was not read any more is of no use to anybody
                stream.close()

    def _read_errors(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        self._errors.extend(stderr)
