"""Pages that take the picture's place for a while: a frame with title, way back and scrolled content."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ui import words
from ui.desktop.actions import ACTS
from ui.desktop.bars import set_role
from ui.desktop.room import ReadingRoom


class Page(QWidget):
    """A page with a title and a way back. Signal `closed`: back to the picture. Content goes into `column`.

    `acts` are those that are possible on this page beside the ones possible on all.
    """

    closed = Signal()
    acts: frozenset[str] = frozenset()

    def __init__(self, title: str) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 14, 24, 14)
        outer.setSpacing(10)
        head = QHBoxLayout()
        name = QLabel(title)
        set_role(name, "title")
        head.addWidget(name)
        head.addStretch(1)
        back = QPushButton("Back to the picture   Esc")
        back.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        back.clicked.connect(self.closed)
        head.addWidget(back)
        outer.addLayout(head)
        inner = QWidget()
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(0, 0, 8, 0)
        self.column.setSpacing(10)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer.addWidget(scroll, 1)

    def show_body(self, room: ReadingRoom) -> None:
        """Follows the reader to a vertebra while it covers the picture; most pages have nothing to say of one."""

    def leave(self) -> None:
        """Is put away; most pages keep what they show."""


_MOUSE = (
    ("Wheel", "next or previous slice"),
    ("Shift + wheel", "ten slices"),
    ("Left drag", "window: width across, level down"),
    ("Middle drag", "pan (or Shift + left)"),
    ("Right drag", "zoom (or Ctrl + wheel)"),
    ("Click", "go to that vertebra"),
    ("Click after I or H", "place a vertebra, a point"),
    ("Drag a point", "move it (H shows them)"),
)
_COLUMNS = (("Grade", "Study"), ("Correct", "Go", "Model", "Help"), ("View",))
_KEYS_PX = (150, 176, 118)
"""How wide the keys of each column are, so that all words of a column begin at one line."""


class KeySheet(Page):
    """All keys, made from the act table, with the mouse and Genant's scale."""

    def __init__(self) -> None:
        super().__init__("Keys and grades")
        row = QHBoxLayout()
        row.setSpacing(36)
        genant = [(sign, f"{meaning}: {loss}") for sign, loss, meaning in words.GENANT]
        beside = {"View": (("Mouse", _MOUSE), ("Genant's grades: loss of any height", genant))}
        for menus, keys_px in zip(_COLUMNS, _KEYS_PX, strict=True):
            column = QVBoxLayout()
            column.setSpacing(3)
            for menu in menus:
                acts = [(" or ".join(act.keys), act.words) for act in ACTS if act.menu == menu and act.keys]
                for title, pairs in ((menu, acts), *beside.get(menu, ())):
                    column.addWidget(_quiet(title))
                    column.addLayout(_pairs(pairs, keys_px))
                    column.addSpacing(8)
            column.addStretch(1)
            row.addLayout(column)
        row.addStretch(1)
        self.column.addLayout(row)
        last = QLabel(
            "Every grade is stored as you press its key. Space shows the bare picture while you hold it. "
            "A study's model speaks after your own grades, or after M in screen mode, which is recorded."
        )
        last.setWordWrap(True)
        set_role(last, "quiet")
        self.column.addWidget(last)
        self.column.addStretch(1)


def _quiet(text: str) -> QLabel:
    label = QLabel(text)
    set_role(label, "quiet")
    return label


def _pairs(pairs: Sequence[tuple[str, str]], keys_px: int) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(2)
    grid.setColumnMinimumWidth(0, keys_px)
    grid.setColumnStretch(1, 1)
    for row, (key, meaning) in enumerate(pairs):
        grid.addWidget(QLabel(key), row, 0)
        grid.addWidget(QLabel(meaning), row, 1)
    return grid


class ImportPage(Page):
    """What an import took in, knew already and refused, with each reason. Signal `cancelled`."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__("Import")
        row = QHBoxLayout()
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        row.addWidget(self._summary, 1)
        self._stop = QPushButton("Stop after this series")
        self._stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._stop.clicked.connect(self.cancelled)
        row.addWidget(self._stop)
        self.column.addLayout(row)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(2, 1)
        self.column.addLayout(self._grid)
        self.column.addStretch(1)
        self._counts: dict[str, int] = {}

    @property
    def counts(self) -> dict[str, int]:
        """How many series were taken, known and refused."""
        return self._counts

    def begin(self, what: str) -> None:
        """Empties the page for a new import."""
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        self._counts = {"taken": 0, "known": 0, "refused": 0}
        self._summary.setText(f"Reading {what}")
        self._stop.show()

    def progress(self, doing: str) -> None:
        """Says what is being read."""
        self._summary.setText(doing)

    def add(self, kind: str, where: str, said: str) -> None:
        """Adds a result."""
        self._counts[kind] += 1
        row = self._grid.rowCount()
        signs = {"taken": "✓ taken", "known": "○ known", "refused": "✕ refused"}
        for column, text in enumerate((signs[kind], where, said)):
            label = QLabel(text)
            label.setWordWrap(column > 0)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            if column == 1:
                label.setMinimumWidth(260)
                label.setMaximumWidth(460)
                set_role(label, "quiet")
            if column == 0 and kind == "taken":
                set_role(label, "stored")
            self._grid.addWidget(label, row, column)

    def end(self) -> str:
        """Ends with the sum, which it returns."""
        self._stop.hide()
        sentence = words.imported(self._counts["taken"], self._counts["known"], self._counts["refused"])
        self._summary.setText(sentence)
        return sentence
