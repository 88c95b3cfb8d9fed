"""What a person sees on a terminal while something takes long."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest

from ui.console import progress_shown


def _all_of(descriptor: int) -> str:
    """Reads a pseudo-terminal whose other end is closed: what was written comes in pieces, then an error or nothing."""
    seen = b""
    with contextlib.suppress(OSError):
        while piece := os.read(descriptor, 1 << 16):
            seen += piece
    os.close(descriptor)
    return seen.decode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_name_in_brackets_is_no_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_shown("CT [/b]") as progress:
            progress("reading [12345]", 0.5)
    seen = _all_of(ours)
    assert "CT [/b]" in seen and "reading [12345]" in seen
