"""How this program starts itself: its children are the same executable, from source or from a bundle."""

from __future__ import annotations

import sys


def own_command(verb: str) -> list[str]:
    """Returns the command that starts this very program as one of its children."""
    if getattr(sys, "frozen", False):
        return [sys.executable, verb]
    return [sys.executable, "-P", "-m", "ui.cli", verb]
