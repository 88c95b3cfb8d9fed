"""The report of a fault of ours: where in our code it came up, with which versions. No patient data."""

from __future__ import annotations

import platform
import re
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ui.engine_client import EngineBug
from vfscreen.durable import write_durably

_PACKAGES = ("vfscreen", "PySide6-Essentials", "napari", "vispy", "numpy", "SQLAlchemy")
_PATHS = re.compile(r"(?:[A-Za-z]:)?[\\/][^\s'\":,]+")


def report_text(fault: BaseException, now: datetime) -> str:
    """Writes down a fault: its type, the lines of code it came through, the versions.

    The message of the fault is left out, and paths are cut to their last part: both may name a patient.
    """
    lines = [f"vfscreen report, {now.isoformat(timespec='seconds')}", ""]
    lines += [f"{name} {_version(name)}" for name in _PACKAGES]
    lines += [f"Python {platform.python_version()} on {platform.platform()}", ""]
    seen: BaseException | None = fault
    while seen is not None:
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        lines += [
            f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(seen.__traceback__)
        ]
        if isinstance(seen, EngineBug):
            lines.append(str(seen))  # written by our own child process as a report, without patient data
        lines += [f"  note: {_PATHS.sub('…', note)}" for note in getattr(seen, "__notes__", ())]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines) + "\n"


def write_report(folder: Path, fault: BaseException) -> Path:
    """Keeps a report in a folder and returns its path.

    Raises:
        DiskFull, NotWritable: there is no place for it.
    """
    now = datetime.now(UTC)
    path = folder / f"report-{now:%Y%m%d-%H%M%S-%f}.txt"
    write_durably(path, report_text(fault, now).encode())
    return path


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
