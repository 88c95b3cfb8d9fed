"""Which key was pressed, in the words of the act table ("Ctrl+Z", "PgDown", "0" from the row or the number pad)."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

_FUNCTION_KEY = re.compile(r"(Shift\+|Ctrl\+)?F\d+")

_NAMES = {
    Qt.Key.Key_PageDown: "PgDown",
    Qt.Key.Key_PageUp: "PgUp",
    Qt.Key.Key_Up: "Up",
    Qt.Key.Key_Down: "Down",
    Qt.Key.Key_Left: "Left",
    Qt.Key.Key_Right: "Right",
    Qt.Key.Key_Home: "Home",
    Qt.Key.Key_End: "End",
    Qt.Key.Key_Space: "Space",
    Qt.Key.Key_Return: "Enter",
    Qt.Key.Key_Enter: "Enter",
    Qt.Key.Key_Escape: "Esc",
    Qt.Key.Key_Insert: "Insert",
    Qt.Key.Key_Delete: "Delete",
    Qt.Key.Key_Backspace: "Backspace",
} | {getattr(Qt.Key, f"Key_F{number}"): f"F{number}" for number in range(1, 13)}


def key_name(event: QKeyEvent) -> str:
    """Returns the name of a key with its modifiers; empty for keys that no act could have.

    Shift counts for letters and named keys only: a sign is a sign however the keyboard makes it.
    """
    key = Qt.Key(event.key())
    held = event.modifiers()
    named = _NAMES.get(key)
    base = named or (chr(event.key()) if 0x21 <= event.key() <= 0x7E else "")
    if not base or held & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier):
        return ""
    control = "Ctrl+" if held & Qt.KeyboardModifier.ControlModifier else ""
    shifted = held & Qt.KeyboardModifier.ShiftModifier and (named or base.isalpha())
    return f"{control}{'Shift+' if shifted else ''}{base}"


class TextField(QLineEdit):
    """A field for text. Keys stay in it, but for function keys; Enter and Esc end the typing and go no further.

    Signals: `done` (the text, after Enter), `left` (after Esc).
    """

    done = Signal(str)
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Types, or ends the typing."""
        name = key_name(event)
        if _FUNCTION_KEY.fullmatch(name):
            event.ignore()
            return
        if name == "Enter":
            self.done.emit(self.text())
        elif name == "Esc":
            self.left.emit()
        else:
            super().keyPressEvent(event)
        event.accept()
