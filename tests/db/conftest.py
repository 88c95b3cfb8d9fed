"""An open store on a real SQLite file, with a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from db.opening import OpenFile, open_file
from db.store import Store
from tests.db.made_cases import Ticking, make_store
from vfscreen.split import USUAL_SHARES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a new store in it."""
    return make_store(tmp_path / "data")


@pytest.fixture
def clock() -> Ticking:
    """The store's clock."""
    return Ticking()


@pytest.fixture
def opened(folder: Path) -> Iterator[OpenFile]:
    """The new store's file, for tests that do to it what no verb does."""
    file = open_file(folder)
    yield file
    file.reading.dispose()


@pytest.fixture
def store(opened: OpenFile, clock: Ticking) -> Store:
    """A new store."""
    return Store(opened, USUAL_SHARES, frozenset(), clock)
