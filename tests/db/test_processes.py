"""Several processes at one store, and processes that are killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from db.store import open_store
from tests.db.made_cases import say, screened_case
from vfscreen.genant import ReadGrade

ROOT = Path(__file__).parent.parent.parent


def reading_process(folder: Path, series_id: str, reader: str, count: int) -> subprocess.Popen[str]:
    """Starts a process that stores readings."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.db.reading_process", str(folder), series_id, reader, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kill_after", [1, 2, 7, 20])
def test_every_reading_that_was_acknowledged_is_there_after_a_kill(folder: Path, kill_after: int) -> None:
    with open_store(folder) as store:
        series_id = screened_case(store)
    child = reading_process(folder, series_id, "K", 0)
    assert child.stdout is not None
    acknowledged = [int(child.stdout.readline()) for _ in range(kill_after)]
    child.kill()  # SIGKILL: nothing of it runs any more
    acknowledged += [int(line) for line in child.stdout.read().splitlines() if line]
    child.wait(10)
    child.stdout.close()
    with open_store(folder) as store:
        stored = [reading.reading_id for *_, reading in store.all_readings()]
        assert set(acknowledged) <= set(stored)
        assert len(stored) - len(acknowledged) in (0, 1)  # the one that was under way
        assert store.check() == []
        assert store.undo("K") is not None


def test_two_processes_that_write_at_once_lose_nothing(folder: Path) -> None:
    with open_store(folder) as store:
        series_id = screened_case(store)
        children = [reading_process(folder, series_id, reader, 40) for reader in ("K", "M")]
        for _ in range(20):
            say(store, store.case(series_id, "N"), 0, ReadGrade.MILD, reader="N")
        outputs = [child.communicate(timeout=60)[0] for child in children]
        assert [child.returncode for child in children] == [0, 0]
        numbers = [int(line) for output in outputs for line in output.split()]
        assert len(set(numbers)) == 80
        stored = [reading for *_, reading in store.all_readings()]
        assert len(stored) == 100
        assert store.check() == []


def test_threads_may_share_a_store(folder: Path) -> None:
    with open_store(folder) as store:
        series_id = screened_case(store)

        def grade(reader: str) -> None:
            for place in (0, 1, 2):
                say(store, store.case(series_id, reader), place, ReadGrade.MILD, reader=reader)

        threads = [threading.Thread(target=grade, args=(reader,)) for reader in "KMN"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(store.all_readings()) == 9
        assert store.check() == []
