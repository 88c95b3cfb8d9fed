"""A department with two studies on disk, and the window on it. Real store, real cache, real CT."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo_bodies import cut_round_bodies
from tests.ui.department import fill, open_department
from ui.composition import House
from ui.desktop.room import ReadingRoom
from vfscreen.findings import Mode
from vfscreen.volume import Volume


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `vfscreen` with a data folder of its own."""

    def vfscreen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "ui.cli", *map(str, arguments)]
        environment = {**os.environ, "VFSCREEN_DATA": str(tmp_path / "data")}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return vfscreen


@pytest.fixture(scope="session")
def filled_folder(tmp_path_factory: pytest.TempPathFactory, demo_volume: Volume) -> Path:
    """A data folder with two imported and screened studies; to be copied, not used."""
    folder = tmp_path_factory.mktemp("department")
    fill(folder, cut_round_bodies(demo_volume))
    return folder


@pytest.fixture
def data_root(filled_folder: Path, tmp_path: Path) -> Path:
    """A data folder of this test's own."""
    return Path(shutil.copytree(filled_folder, tmp_path / "data"))


@pytest.fixture
def house(data_root: Path) -> Iterator[House]:
    """The data folder's parts, open."""
    opened = open_department(data_root)
    with opened.store:
        yield opened


@pytest.fixture
def room(house: House) -> ReadingRoom:
    """A reading room without a window, its first study of the worklist open."""
    made = ReadingRoom(house.store, "Dr K", Mode.READ, lambda case: _volume(house, case.series_id))
    made.load_rows()
    made.open(made.rows[0].series_id)
    return made


def _volume(house: House, series_id: str) -> Volume | None:
    cached = house.cache.open(series_id)
    return None if cached is None else cached.volume()
