"""A child process of ours that runs a program of somebody else's in a folder, and lets neither outlive whoever asked.

Out: the folder's path. In: {"command", "environment"}. Out: {"code"} when the program ends, or {"error"} if it could
not be started. When the input closes, which it does however our parent ends, the program is ended with all that it
started, and the folder is removed. What the program says is in the folder's file `SAID`.

Only the standard library: the minder must be there before anything is written for the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

from vfscreen.held_file import hold

PREFIX = "vfscreen-minded-"
HELD, SAID = "held", "said.txt"


def main() -> int:
    """Minds one program until the input closes."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    folder, held = _own_folder()
    try:
        print(folder, flush=True)
        _mind(folder)
    finally:
        held.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _own_folder() -> tuple[Path, BinaryIO]:
    """Makes a folder for the user alone, and holds it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        (folder / HELD).touch()
        held = hold(folder / HELD)
        if held is not None:
            return folder, held
        shutil.rmtree(folder, ignore_errors=True)  # somebody swept in between


def _mind(folder: Path) -> None:
    order = sys.stdin.readline()
    if not order:
        return
    content = json.loads(order)
    try:
        with (folder / SAID).open("wb") as said:
            process = subprocess.Popen(
                content["command"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=content["environment"],
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        _tell({"error": error.strerror or type(error).__name__})
        return
    try:
        threading.Thread(target=lambda: _tell({"code": process.wait()}), daemon=True).start()
        sys.stdin.read()
    finally:
        _end(process)


def _tell(message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        print(json.dumps(message), flush=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program at once, with all that it started."""
    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(command, capture_output=True, check=False, creationflags=subprocess.CREATE_NO_WINDOW)
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # they are all gone
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
