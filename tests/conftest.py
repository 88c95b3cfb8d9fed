"""What every test may use: one thread per process, and the demo CT as a file and as a volume."""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch are imported, or they take every core

from pathlib import Path

import pytest

from vfscreen import demo_case
from vfscreen.intake import read_study
from vfscreen.volume import Volume


@pytest.fixture(scope="session")
def demo_ct() -> Path:
    """The real CT that the demo shows, a NIfTI file."""
    return demo_case.demo_ct()


@pytest.fixture(scope="session")
def demo_volume(demo_ct: Path) -> Volume:
    """The demo CT as a volume; treat it as read-only."""
    return read_study(demo_ct).volume
