"""Writing a small file so that it is either wholly there or not there at all."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from vfscreen.errors import DiskFull, NotWritable


def write_durably(path: Path, content: bytes) -> None:
    """Replaces `path` by `content` in one atomic rename, after the bytes are on disk.

    Raises:
        DiskFull: there is no room; what was there before is untouched.
        NotWritable: the file or its folder may not be written; what was there before is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content)
        _sync_folder(path.parent)
    except OSError as error:
        raise not_written(error, path) from error


def not_written(error: OSError, path: Path) -> DiskFull | NotWritable:
    """Returns why something could not be written: no room, or no right to."""
    if is_full(error):
        return DiskFull("the disk is full", str(path), "free some room and try again")
    return NotWritable(f"cannot be written ({error.strerror})", str(path), "choose another place")


def is_full(error: OSError) -> bool:
    """Says whether the disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open(
            "xb"
        ) as file:  # with the rights that any file gets here: a department may share the folder
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
