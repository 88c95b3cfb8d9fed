"""What every test may use: one thread per process, and the demo CT as a file and as a volume."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vfscreen.volume import Volume

# Set before anything of ours is imported (hence the imports inside the fixtures): numpy and torch read it once,
# and would otherwise take every core of a machine that runs other tests beside these.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(scope="session")
def demo_ct() -> Path:
    """The real CT that the demo shows, a NIfTI file."""
    from vfscreen import demo_case

    return demo_case.demo_ct()


@pytest.fixture(scope="session")
def demo_volume(demo_ct: Path) -> Volume:
    """The demo CT as a volume; its voxels cannot be written."""
    from vfscreen.intake import read_study

    volume = read_study(demo_ct).volume
    volume.voxels.flags.writeable = False
    return volume
