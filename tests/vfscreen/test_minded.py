"""A program that works on a patient's data ends with us, and its folder with it: real processes, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vfscreen.errors import KnownError
from vfscreen.held_file import hold
from vfscreen.minded import minded, sweep
from vfscreen.minder import HELD

SECONDS = 60
GRANDCHILD = "import time; time.sleep(600)"
PROGRAM = f"""
import os, pathlib, subprocess, sys, tempfile, time
child = subprocess.Popen([sys.executable, "-c", {GRANDCHILD!r}])
_, kept = tempfile.mkstemp()
pids = pathlib.Path(sys.argv[1])
pids.with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}} {{kept}}")
pids.with_suffix(".part").replace(pids)
time.sleep(600)
"""
PARENT = """
import os, sys
from vfscreen.minded import minded
with minded("program") as room:
    (room.folder / "ct.nii.gz").write_text("a patient's")
    print(room.folder, room._process.pid, flush=True)
    room.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], os.environ, "ct", lambda: None)
"""


@pytest.fixture(autouse=True)
def own_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


class Work:
    """A process that has a program minded; `folder` is the minded one, `program` and its child are at work."""

    def __init__(self, pids: Path) -> None:
        command = [sys.executable, "-c", PARENT, PROGRAM, str(pids)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        folder, minder = self.process.stdout.readline().split()
        self.folder, self.minder = Path(folder), int(minder)
        until(pids.is_file)
        program, child, self.kept = pids.read_text().split()
        self.program, self.child = int(program), int(child)

    def close(self) -> None:
        for pid in (self.process.pid, self.minder, self.program, self.child):
            end(pid)
        self.process.communicate()


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    started = Work(tmp_path / "pids")
    yield started
    started.close()


def until(holds: Callable[[], bool]) -> None:
    """Waits for something that has to come."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Says whether a process is at work; one that nobody has buried yet is not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(pid: int) -> None:
    if lives(pid):
        os.kill(pid, signal.SIGKILL)


def test_a_program_is_run_in_a_folder_that_is_then_gone() -> None:
    with minded("program") as room:
        code = "import pathlib, tempfile; pathlib.Path(tempfile.gettempdir(), 'made').write_text('it')"
        room.run([sys.executable, "-c", code], os.environ, "ct", lambda: None)
        assert (room.folder / "made").read_text() == "it"
    assert not room.folder.exists()


def test_its_folder_is_the_users_alone() -> None:
    with minded("program") as room:
        assert room.folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_we_are_killed_the_program_its_children_and_the_folder_go_too(
    work: Work, number: signal.Signals
) -> None:
    assert lives(work.program) and lives(work.child) and Path(work.kept).is_relative_to(work.folder)
    work.process.send_signal(number)
    work.process.wait(SECONDS)
    until(lambda: not lives(work.program) and not lives(work.child))
    until(lambda: not work.folder.exists())


def test_work_that_is_taken_back_leaves_nothing(tmp_path: Path) -> None:
    class TakenBackError(Exception):
        """What a cancelled request raises."""

    pids = tmp_path / "pids"

    def take_back() -> None:
        if pids.is_file():
            raise TakenBackError

    with pytest.raises(TakenBackError), minded("program") as room:
        room.run([sys.executable, "-c", PROGRAM, str(pids)], os.environ, "ct", take_back)
    program, child, _ = pids.read_text().split()
    assert not room.folder.exists() and not lives(int(program))
    until(lambda: not lives(int(child)))


def test_what_a_killed_minder_left_is_swept_at_the_next_run(work: Work) -> None:
    os.kill(work.minder, signal.SIGKILL)
    assert work.process.wait(SECONDS) != 0
    assert (work.folder / "ct.nii.gz").exists()
    with minded("program") as room:
        assert not work.folder.exists() and room.folder.exists()


def test_a_folder_in_use_is_not_swept(tmp_path: Path) -> None:
    with minded("program") as room:
        sweep()
        assert room.folder.exists()
        assert hold(room.folder / HELD) is None


def test_a_link_to_a_folder_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / HELD).touch()
    (Path(tempfile.gettempdir()) / "vfscreen-minded-link").symlink_to(kept)
    sweep()
    assert (kept / HELD).exists()


def test_a_program_that_fails_is_told_in_its_last_words() -> None:
    with minded("program") as room, pytest.raises(KnownError, match=r"failed with code 7 \(no memory\)"):
        room.run(
            [sys.executable, "-c", "print('no memory'); raise SystemExit(7)"], os.environ, "ct", lambda: None
        )


def test_a_program_that_is_none_is_told() -> None:
    with minded("program") as room, pytest.raises(KnownError, match="cannot be started"):
        room.run(["/nowhere/at/all"], os.environ, "ct", lambda: None)


def test_a_minder_that_is_killed_is_told(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with minded("program") as room:

        def kill_the_minder() -> None:
            if pids.is_file():
                room._process.kill()

        with pytest.raises(KnownError, match="was ended from outside"):
            room.run([sys.executable, "-c", PROGRAM, str(pids)], os.environ, "ct", kill_the_minder)
    for pid in pids.read_text().split()[:2]:
        end(int(pid))
