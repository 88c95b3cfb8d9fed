"""What `vfscreen screen` costs on the demo CT (512x512x133): seconds and the peak memory of all its processes.

Three runs of the command as a person types it, about half a minute. Memory is the
sum of the resident sets of the command and its engine, sampled every 50 ms (pages that both map count twice).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from vfscreen.demo_case import demo_ct

RUNS = 3
SAMPLE_S = 0.05


def one_run(ct: Path, data: Path) -> tuple[float, float]:
    """Screens a CT once, with this data folder; returns seconds and peak gigabytes.

    Raises:
        RuntimeError: the command failed.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "ui.cli",
        "screen",
        str(ct),
        "--json",
        "-",
        "--data",
        str(data),
    ]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        family = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _resident(family))
            time.sleep(SAMPLE_S)
    if process.returncode != 0:
        raise RuntimeError(f"vfscreen screen ended with {process.returncode}")
    return time.perf_counter() - started, peak / 2**30


def _resident(family: psutil.Process) -> int:
    try:
        return sum(member.memory_info().rss for member in [family, *family.children(recursive=True)])
    except psutil.NoSuchProcess:  # it ended between the listing and the look
        return 0


def main() -> None:
    """Prints the medians and the largest peak."""
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for _ in range(RUNS):
            runs.append(one_run(demo_ct(), Path(folder)))
            print(f"{runs[-1][0]:.1f} s, {runs[-1][1]:.2f} GB", file=sys.stderr)
    figures = {
        "seconds": round(median(run[0] for run in runs), 2),
        "peak_gb": round(max(run[1] for run in runs), 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
