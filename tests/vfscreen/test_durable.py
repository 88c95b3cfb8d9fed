"""A small file is wholly there or not there at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vfscreen.durable import write_durably
from vfscreen.errors import DiskFull, NotWritable


def test_a_file_is_replaced_in_one_act_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "pointer"
    write_durably(path, b"first")
    write_durably(path, b"second")
    assert path.read_bytes() == b"second"
    (tmp_path / "any other file").touch()
    assert path.stat().st_mode == (tmp_path / "any other file").stat().st_mode, "a shared folder stays shared"
    assert [entry.name for entry in path.parent.iterdir()] == ["pointer"]


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EIO, NotWritable)])
def test_what_cannot_be_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    path = tmp_path / "pointer"
    write_durably(path, b"first")

    def fail(_descriptor: int) -> None:
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind):
        write_durably(path, b"second")
    assert path.read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pointer"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable, match="cannot be written"):
        write_durably(tmp_path / "file" / "pointer", b"content")
