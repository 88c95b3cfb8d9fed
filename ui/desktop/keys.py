"""Which key was pressed, in the words of the act table ("Ctrl+Z", "PgDown", "0" from the row or the number pad)."""

from __future__ import annotations

import re
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

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
    """A field for text. Keys stay in it: Enter and Esc end the typing and go no further.

    Signals: `done` (the text, after Enter), `left` (after Esc).
    """

    done = Signal(str)
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Types, or ends the typing."""
        name = key_name(event)
        if name == "Enter":
            self.done.emit(self.text())
        elif name == "Esc":
            self.left.emit()
        else:
            super().keyPressEvent(event)
        event.accept()


class KeyGate(QObject):
    """Sees every key before any widget of a window does, and hands its name to `take(name, pressed, repeated)`.

    Keys that carry no name here (Tab, Alt and its chords) go their usual way; while one types, only function keys
    are taken.
    """

    def __init__(self, window: QWidget, take: Callable[[str, bool, bool], None]) -> None:
        super().__init__(window)
        self._window = window
        self._take = take
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Swallows the keys that it hands on."""
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) or not isinstance(event, QKeyEvent):
            return False
        if not isinstance(watched, QWidget) or watched.window() is not self._window:
            return False
        name = key_name(event)
        if not name or (isinstance(watched, TextField) and not _FUNCTION_KEY.fullmatch(name)):
            return False
        self._take(name, kind is QEvent.Type.KeyPress, event.isAutoRepeat())
        return True
