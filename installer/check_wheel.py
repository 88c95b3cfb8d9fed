"""Builds the wheel and looks at what is in it: exactly four packages, the weights, the migrations, nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"vfscreen", "ui", "models", "db"}
NEEDED = (
    "models/weights/localiser.safetensors",
    "models/weights/localiser.json",
    "models/weights/grader.safetensors",
    "models/weights/grader.json",
    "models/configs/compact.toml",
    "db/migrations/env.py",
)
LARGEST_MB = 40


def build(folder: Path) -> Path:
    """Builds the wheel into the folder with the locked build tool, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def faults(wheel: Path) -> list[str]:
    """Returns what is wrong with the wheel, a sentence each."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    found = [f"{top} must not be in the wheel" for top in sorted(tops - PACKAGES)]
    found += [f"{top} is missing" for top in sorted(PACKAGES - tops)]
    found += [f"{name} is missing" for name in NEEDED if name not in names]
    if wheel.stat().st_size > LARGEST_MB * 2**20:
        found.append(f"the wheel is {wheel.stat().st_size / 2**20:.0f} MB, more than {LARGEST_MB}")
    return found


def main() -> int:
    """Builds, looks, and says what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        found = faults(wheel)
        size_mb = wheel.stat().st_size / 2**20
    for fault in found:
        print(f"wheel: {fault}", file=sys.stderr)
    if not found:
        print(f"wheel: holds exactly {', '.join(sorted(PACKAGES))}; {size_mb:.1f} MB")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
