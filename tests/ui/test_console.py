"""What a person sees on a terminal while something takes long."""

from __future__ import annotations

import os
import sys

import pytest

from ui.console import progress_shown


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_name_in_brackets_is_no_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_shown("CT [/b]") as progress:
            progress("reading [12345]", 0.5)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "CT [/b]" in seen and "reading [12345]" in seen
