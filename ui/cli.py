"""Where the program starts: the window, a child process, or a command. What is not asked for is not imported."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""What shells expect of a program that Ctrl+C ended."""


def main() -> int:
    """Runs what the command line asks for and returns the exit code."""
    try:
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # wherever it comes, while things are still imported too
        code = INTERRUPTED
    if code == INTERRUPTED:
        print("vfscreen: stopped; what was stored until now is stored", file=sys.stderr, flush=True)
    return code


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["engine"]:
        from models.engine import main as engine

        return engine()
    if arguments[:1] == ["train"]:
        from models.train import main as train

        return train()
    if arguments[:1] == ["mind"]:
        from vfscreen.minder import main as mind

        return mind()
    if not arguments:  # the icon's way: what the commands import would double the time to the worklist
        from ui.console import ended
        from ui.window_command import open_window

        return ended(lambda: open_window(None))
    from ui.commands import run

    return run(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
