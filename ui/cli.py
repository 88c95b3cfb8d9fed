"""Where the program starts: the window, a child process, or a command. What is not asked for is not imported."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs what the command line asks for and returns the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["engine"]:
        from models.engine import main as engine

        return engine()
    if arguments[:1] == ["train"]:
        from models.train import main as train

        return train()
    if not arguments:  # the icon's way: what the commands import would double the time to the worklist
        from ui.console import ended
        from ui.window_command import open_window

        return ended(lambda: open_window(None))
    from ui.commands import run

    return run(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
