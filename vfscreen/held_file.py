"""A file that a process holds for as long as it lives, however it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO


def hold(path: Path) -> BinaryIO | None:
    """Takes hold of a file until it is closed; None if it is not there, not ours, or somebody holds it."""
    try:
        file = path.open("r+b")
    except OSError:
        return None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
