"""The wheel: what is in it, and that it runs where other things are called like its packages."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from installer.check_wheel import build, faults


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    return build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_exactly_the_four_packages_and_what_they_need(wheel: Path) -> None:
    assert faults(wheel) == []


def test_the_wheel_runs_in_a_folder_full_of_decoys(wheel: Path, tmp_path: Path) -> None:
    installed, decoys = tmp_path / "site", tmp_path / "decoys"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    for name in ("db", "models", "ui", "vfscreen"):
        (decoys / name).mkdir(parents=True)
        (decoys / name / "__init__.py").write_text(
            "raise RuntimeError('a decoy was imported')\n", encoding="utf-8"
        )
    environment = {**os.environ, "PYTHONPATH": str(installed), "VFSCREEN_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-P", "-m", "ui.cli", "doctor"]
    done = subprocess.run(command, cwd=decoys, env=environment, capture_output=True, text=True, check=False)
    for name in ("db", "models", "ui", "vfscreen"):
        assert f"package {name} comes from {installed / name}" in done.stdout, done.stdout + done.stderr
