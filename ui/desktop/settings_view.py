"""The page of the settings, made from their table. A value is stored as it is given; one that is wrong is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ui import words
from ui.desktop.bars import set_role
from ui.desktop.keys import TextField
from ui.desktop.pages import Page
from vfscreen.errors import KnownError
from vfscreen.settings import SettingRow, Settings, load_settings, save_settings, setting_rows, typed_value

NEXT_START = frozenset({"cache_gigabytes", "threads", "held_out_percent", "test_percent"})
"""What is read when the program starts, and not again."""

_FIELD_PX, _WORDS_PX = 320, 560
_TEXT_DOWN_PX = 4
"""How far the text in a field or button lies below its top edge: the words beside it stand on its line."""


class SettingsPage(Page):
    """Shows every setting, and keeps each change in the settings file at once. Signal `changed`: the settings now."""

    changed = Signal(object)

    def __init__(self, path: Path, allow: Callable[[Settings], None]) -> None:
        """`allow` raises a `KnownError` where settings cannot be taken now; then they are not stored."""
        super().__init__("Settings")
        self._path = path
        self._allow = allow
        self._said: dict[str, QLabel] = {}
        self._show: dict[str, Callable[[Any], None]] = {}
        self.fields: dict[str, TextField] = {}
        self.buttons: dict[tuple[str, str], QPushButton] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(12)
        grid.setColumnMinimumWidth(0, 170)
        grid.setColumnMinimumWidth(2, _WORDS_PX)
        grid.setColumnStretch(3, 1)
        for place, row in enumerate(setting_rows()):
            self._add_row(grid, place, row)
        self.column.addLayout(grid)
        where = QLabel(f"Kept in {path}. Every change is stored as you make it.")
        where.setWordWrap(True)
        set_role(where, "quiet")
        self.column.addWidget(where)
        self.column.addStretch(1)

    def _add_row(self, grid: QGridLayout, place: int, row: SettingRow) -> None:
        top = Qt.AlignmentFlag.AlignTop
        title = QLabel(words.SETTINGS[row.name])
        title.setContentsMargins(0, _TEXT_DOWN_PX, 0, 0)
        grid.addWidget(title, place, 0, top)
        grid.addWidget(self._control(row), place, 1, top)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.setContentsMargins(0, _TEXT_DOWN_PX, 0, 0)
        said = QLabel()
        said.hide()
        self._said[row.name] = said
        later = "  Takes effect at the next start." if row.name in NEXT_START else ""
        meaning = QLabel(row.words.words + later)
        set_role(meaning, "quiet")
        for label in (meaning, said):
            label.setWordWrap(True)
            label.setFixedWidth(_WORDS_PX)
            column.addWidget(label)
        column.addStretch(1)
        grid.addLayout(column, place, 2)

    def _control(self, row: SettingRow) -> QWidget:
        if row.kind is bool:
            return self._choice(row, {True: "Yes", False: "No"})
        if issubclass(row.kind, StrEnum):
            return self._choice(row, {value: words.choice(value) for value in row.kind})
        return self._text(row)

    def _choice(self, row: SettingRow, values: dict[Any, str]) -> QWidget:
        frame = QWidget()
        frame.setFixedWidth(_FIELD_PX)
        lines = QVBoxLayout(frame) if len(values) > 2 else QHBoxLayout(frame)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(4)
        group = QButtonGroup(frame)
        made = {}
        for value, text in values.items():
            button = QPushButton(text)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _checked, chosen=value: self._change(row, chosen))
            group.addButton(button)
            lines.addWidget(button)
            made[value] = self.buttons[row.name, str(value)] = button
        self._show[row.name] = lambda value: made[value].setChecked(True)
        return frame

    def _text(self, row: SettingRow) -> QWidget:
        frame = QWidget()
        frame.setFixedWidth(_FIELD_PX)
        line = QHBoxLayout(frame)
        line.setContentsMargins(0, 0, 0, 0)
        field = TextField()
        if row.name == "reader":
            field.setPlaceholderText(Settings().who_reads())
        self.fields[row.name] = field
        field.done.connect(lambda text: self._typed(row, text))
        field.editingFinished.connect(lambda: self._typed(row, field.text()))
        field.left.connect(lambda: self._leave(row))
        line.addWidget(field)
        if row.name.endswith("_file"):
            choose = QPushButton("Choose…")
            choose.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            choose.clicked.connect(lambda: self._choose_file(row))
            line.addWidget(choose)
        self._show[row.name] = lambda value: field.setText(f"{value:g}" if row.kind is float else str(value))
        return frame

    def refresh(self) -> None:
        """Reads the settings again.

        Raises:
            SettingWrong: the file cannot be read.
        """
        settings = load_settings(self._path)
        for name, show in self._show.items():
            show(getattr(settings, name))
            self._said[name].hide()

    def said(self, name: str) -> str:
        """What is said beside a setting: that it was stored, or what is wrong with it."""
        return self._said[name].text() if not self._said[name].isHidden() else ""

    def _choose_file(self, row: SettingRow) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, words.SETTINGS[row.name])
        if chosen:
            self._change(row, chosen)
            self.fields[row.name].setText(chosen)

    def _leave(self, row: SettingRow) -> None:
        self._show[row.name](getattr(load_settings(self._path), row.name))
        self._said[row.name].hide()
        self.closed.emit()

    def _typed(self, row: SettingRow, text: str) -> None:
        try:
            value = typed_value(row, text, self._path)
        except KnownError as error:
            self._say(row, words.sentence(error.what), "wrong")
            return
        self._change(row, value)

    def _change(self, row: SettingRow, value: Any) -> None:
        before = load_settings(self._path)
        if getattr(before, row.name) == value:
            self._said[row.name].hide()
            return
        after = replace(before, **{row.name: value})
        try:
            self._check(after)
            save_settings(self._path, after)
        except KnownError as error:
            self._show[row.name](getattr(before, row.name))
            self._say(row, words.known(error), "wrong")
            return
        self.changed.emit(after)
        self._show[row.name](value)
        self._say(row, words.SETTING_STORED, "stored")

    def _check(self, settings: Settings) -> None:
        """Raises what a setting alone cannot know: shares that leave nobody to train on, a file that is no table."""
        settings.shares()
        settings.reference_choice(self._path.parent).table()
        self._allow(settings)

    def _say(self, row: SettingRow, sentence: str, role: str) -> None:
        label = self._said[row.name]
        label.setText(sentence)
        set_role(label, role)
        label.show()
