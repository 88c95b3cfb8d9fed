"""The window as a process: killed in the middle of reading, and what it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCRIPT = "tests.ui.window_process"
PATIENCE_S = 90


def start(data: Path, what: str, *options: str) -> subprocess.Popen[str]:
    """Starts the window on a data folder."""
    return subprocess.Popen(
        [sys.executable, *options, "-m", SCRIPT, str(data), what],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_grades_survive_a_kill_and_the_reader_comes_back_to_them(data_root: Path) -> None:
    graded = start(data_root, "grade")
    assert graded.stdout is not None
    before = graded.stdout.readline().strip().split("|")[0]
    graded.kill()
    graded.communicate(timeout=PATIENCE_S)
    assert before == "1 ½ 3 X _ _", "the 2 answered the question why T12 cannot be graded"
    again, errors = start(data_root, "look").communicate(timeout=PATIENCE_S)
    assert again.strip().split("|")[0] == before, errors


def test_the_windows_process_loads_no_torch(data_root: Path) -> None:
    process = start(data_root, "idle", "-X", "importtime")
    _, errors = process.communicate(timeout=PATIENCE_S)
    loaded = {
        line.rsplit("|", 1)[1].strip() for line in errors.splitlines() if line.startswith("import time:")
    }
    assert process.returncode == 0
    assert {"napari", "vispy", "sqlalchemy"} <= loaded
    assert not {name for name in loaded if name.split(".")[0] in ("torch", "models", "alembic", "pydicom")}
