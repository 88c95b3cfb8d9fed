"""The start from a desktop's icon: nobody sees a terminal there, so what fails is a message box."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

START = """
import ui.app
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

def answer():
    box = QApplication.activeModalWidget()
    if isinstance(box, QMessageBox):
        print(box.text())
        box.accept()

application = ui.app.make_application()
timer = QTimer()
timer.timeout.connect(answer)
timer.start(50)
"""


def started(data: Path, broken: str = "") -> subprocess.CompletedProcess[str]:
    """Starts the app on a data folder, after `broken` was done to it, and presses OK on what it says."""
    code = f"{START}{broken}\nraise SystemExit(ui.app.start())"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, env={**os.environ, "VFSCREEN_DATA": str(data)},
    )  # fmt: skip


def test_a_named_failure_is_said_in_a_box(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("garbage = [", encoding="utf-8")
    done = started(tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("The settings cannot be read")
    assert str(tmp_path / "settings.toml") in done.stdout


def test_a_fault_of_ours_is_said_in_a_box_with_its_report(tmp_path: Path) -> None:
    done = started(tmp_path, "ui.app.make_window = None")
    assert done.returncode == 1
    (report,) = (tmp_path / "reports").iterdir()
    assert done.stdout.startswith("Something of ours broke. Your grades are safe.")
    assert done.stdout.strip().endswith(f"The report: {report}")
    assert "TypeError" in report.read_text(encoding="utf-8")
