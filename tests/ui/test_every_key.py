"""napari's keymap is off: no key, in no focus, turns or moves the picture, but for those whose act it is."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from tests.ui.windows import PATIENCE_MS, canvas_of, delete, open_window
from ui.composition import House
from ui.desktop.actions import acts_by_key
from ui.desktop.window import MainWindow
from vfscreen.findings import Mode

_SPECIAL = (
    "Space", "Return", "Enter", "Escape", "Tab", "Backtab", "Backspace", "Delete", "Insert", "Home", "End",
    "PageUp", "PageDown", "Up", "Down", "Left", "Right", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9",
    "F10", "F12", "Shift", "Control", "Menu", "Pause", "Print", "CapsLock",
)  # fmt: skip
KEYS = [Qt.Key(code) for code in range(0x21, 0x7F) if not chr(code).islower()] + [
    Qt.Key[f"Key_{name}"] for name in _SPECIAL
]
NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
MODIFIERS = (NONE, SHIFT, CONTROL, CONTROL | SHIFT, Qt.KeyboardModifier.KeypadModifier)
VIEW_ACTS = {"fit", "zoom-in", "zoom-out"}
"""The acts that move the picture, by zoom and pan alone."""


def focuses(window: MainWindow) -> list[QWidget]:
    """Every widget of the window that keys can reach, and the window itself."""
    found = [one for one in window.findChildren(QWidget) if one.focusPolicy() is not Qt.FocusPolicy.NoFocus]
    return [window, *(one for one in found if one.isVisible() and one.isEnabled())]


def test_keys_can_reach_the_picture_and_text_fields_only(house: House, qtbot: Any) -> None:
    window = opened(house, qtbot)
    names = {type(one).__name__ for one in focuses(window) if one is not window}
    assert names == {"Canvas", "TextField"}
    shut(window)


def test_no_key_in_no_focus_turns_or_moves_the_picture(
    house: House, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = opened(house, qtbot)
    for verb in ("import_folder", "leave", "full_screen", "show_retraining"):  # they open or close windows
        monkeypatch.setattr(window, verb, lambda: None)
    canvas, acts = canvas_of(window), acts_by_key()
    straight = canvas.placement()
    presses = 0
    moving = {key for key, act in acts.items() if act.id in VIEW_ACTS}
    for place, widget in enumerate(focuses(window)):
        for key in KEYS:
            for held in MODIFIERS:
                window.show_page(None)
                window.room.chooser = None
                widget.setFocus()
                was = canvas.view()[:-1]
                QTest.keyClick(widget, key, held)
                presses += 1
                named = f"{key.name} with {held} in focus {place}"
                assert canvas.placement() == straight, named
                assert canvas.view()[-1] == window.room.slice, named
                if canvas.view()[:-1] != was:
                    assert chr(key.value & 0x7F) in moving, f"{named}: {was} became {canvas.view()}"
                    canvas.fit()
    assert presses > 1500
    assert len(window.room.store.all_readings()) > 30, "the keys did arrive"
    shut(window)


def opened(house: House, qtbot: Any) -> MainWindow:
    """The window with a study open."""
    series_id = house.store.worklist(house.reader, Mode.READ)[0].series_id
    return open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS), series_id)


def shut(window: MainWindow) -> None:
    """Closes the window and frees it."""
    window.room.unstored = None
    window.close()
    delete(window)
