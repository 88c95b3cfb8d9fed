"""TotalSegmentator as it is installed on the user's machine: run as a program of its own, never imported.

Nothing leaves the computer: its usage statistics are off in the settings that it is given, and it is started with a
proxy that nobody answers, in case a version reads other settings. Its weights must be there already. It is minded
(`vfscreen.minded`): neither it nor the CT that is written for it outlives us.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vfscreen.anatomy import USUAL
from vfscreen.errors import NoSuchThing
from vfscreen.intake.nifti import write_nifti
from vfscreen.minded import minded
from vfscreen.ports import Progress
from vfscreen.volume import Volume

PROGRAM = "TotalSegmentator"
_NOBODY = "http://127.0.0.1:9"
"""Port 9 is that of `discard` (RFC 863), which nobody serves."""


@dataclass(frozen=True, slots=True)
class Installed:
    """TotalSegmentator on this machine; `version` is empty where it lives in an environment of its own."""

    program: Path
    version: str


def find_total_segmentator() -> Installed | None:
    """Looks for the program beside this Python and on the path; None if it is not there."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which(PROGRAM, path=beside) or shutil.which(PROGRAM)
    if found is None:
        return None
    try:
        return Installed(Path(found), version(PROGRAM))
    except PackageNotFoundError:
        return Installed(Path(found), "")


@contextmanager
def segmented(ct: Volume, where: str, progress: Progress) -> Iterator[Path]:
    """Has TotalSegmentator segment the vertebrae of a CT; yields a folder with a file a structure, gone afterwards.

    `progress` is asked often, and may end the work by raising.

    Raises:
        NoSuchThing: it is not installed, or has no weights. KnownError: it failed.
    """
    installed = find_total_segmentator()
    if installed is None:
        raise NoSuchThing(
            "TotalSegmentator is not installed on this computer",
            PROGRAM,
            "install it (pip install TotalSegmentator), give its output with --mask, or leave the choice out",
        )
    weights = _weights_folder(os.environ)
    if not weights.is_dir() or not any(weights.iterdir()):
        raise NoSuchThing(
            "TotalSegmentator has no weights on this computer",
            str(weights),
            "fetch them once where there is a network: totalseg_download_weights -t total",
        )
    with minded(PROGRAM) as room:
        source = write_nifti(ct, room.folder / "ct.nii.gz")
        target = room.folder / "structures"
        structures = [f"vertebrae_{level}" for level in USUAL]
        command = [
            str(installed.program), "-i", str(source), "-o", str(target),
            "--roi_subset", *structures, "--nr_thr_resamp", "1", "--nr_thr_saving", "1",
        ]  # fmt: skip
        environment = {**os.environ, **_quiet_settings(room.folder / "settings", weights)}
        room.run(command, environment, where, lambda: progress("TotalSegmentator is segmenting", 0.1))
        yield target


def _weights_folder(environment: Mapping[str, str]) -> Path:
    """Returns where its weights lie, by its own rules."""
    if "TOTALSEG_WEIGHTS_PATH" in environment:
        return Path(environment["TOTALSEG_WEIGHTS_PATH"])
    home = environment.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def _quiet_settings(folder: Path, weights: Path) -> dict[str, str]:
    """Writes settings of its own kind with the statistics off; returns the environment that makes it use them."""
    folder.mkdir()
    settings = {
        "totalseg_id": "vfscreen",
        "send_usage_stats": False,
        "prediction_counter": 0,
        "statistics_disclaimer_shown": True,
    }
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    proxies = {f"{name}_proxy": _NOBODY for name in ("http", "https", "all")}
    return {
        "TOTALSEG_HOME_DIR": str(folder),
        "TOTALSEG_WEIGHTS_PATH": str(weights),
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
        "NO_PROXY": "",
        "no_proxy": "",
    }
