"""PySide6 6.12.0 lost a reference to None with every call that returns nothing, and died of it on Python 3.11."""

from __future__ import annotations

import sys
from typing import Any

from PySide6.QtWidgets import QApplication


def test_qt_calls_that_return_nothing_keep_the_references_to_none(qapp: Any) -> None:
    before = sys.getrefcount(None)
    for _ in range(200):
        QApplication.processEvents()
    assert sys.getrefcount(None) > before - 100
