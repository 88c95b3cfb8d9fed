"""The three quiet lines around the picture: the header, the bar for trouble, the state line."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from ui import words
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Tone
from ui.desktop.worklist import short_name

HEADER_PX, STATE_PX = 40, 26
_NAME_PX = 180


def set_role(widget: QWidget, role: str) -> None:
    """Gives a widget another role in the style sheet."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Header(QWidget):
    """Mode, study, scan, levels, how far, who. Pseudonyms only: no name, age or sex.

    Signal `mode_chosen`: the reader pressed one of the two modes.
    """

    mode_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEADER_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 12, 0)
        row.setSpacing(0)
        self._modes = QButtonGroup(self)
        for mode, title in words.MODES.items():
            button = QPushButton(title)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(words.MODE_TITLES[mode])
            button.clicked.connect(lambda _checked, chosen=mode: self.mode_chosen.emit(chosen))
            button.setProperty("mode", str(mode))
            self._modes.addButton(button)
            row.addWidget(button)
        row.addSpacing(18)
        self._study = QLabel()
        self._study.setProperty("role", "title")
        self._facts = QLabel()
        self._facts.setProperty("role", "quiet")
        self._done = QLabel()
        self._reader = QLabel()
        self._reader.setProperty("role", "quiet")
        for label, gap in ((self._study, 22), (self._facts, 22), (self._done, 0)):
            row.addWidget(label)
            row.addSpacing(gap)
        row.addStretch(1)
        row.addWidget(self._reader)

    def show_room(self, room: ReadingRoom) -> None:
        """Shows where the room stands."""
        for button in self._modes.buttons():
            button.setChecked(button.property("mode") == str(room.mode))
        reader = self._reader.fontMetrics().elidedText(room.reader, Qt.TextElideMode.ElideRight, _NAME_PX)
        self._reader.setText(f"Reader {reader}      ? keys")
        self._reader.setToolTip(room.reader)
        if room.case is None:
            self._study.setText("No study open")
            self._facts.setText("")
            self._done.setText("")
            return
        facts = room.case.facts
        row = next((row for row in room.rows if row.series_id == room.case.series_id), None)
        self._study.setText(f"Study {short_name(facts.pseudonym) or room.case.series_id[:8]}")
        thickness = f"CT {facts.thickness_mm:.3g} mm" if facts.thickness_mm else "CT"
        self._facts.setText(
            words.joined([thickness, words.levels_visible("" if row is None else row.levels)])
        )
        graded, total = room.graded_and_all()
        self._done.setText(f"{graded} of {total} graded" if total else "")


class TroubleBar(QWidget):
    """Says what went wrong, in the header's place so that the picture does not move, until it is closed.

    Signals: `raised` (there is something to say), `closed`.
    """

    raised = Signal()
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "failure")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        self._words = QLabel()
        self._words.setProperty("role", "failure")
        self._words.setWordWrap(True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row.addWidget(self._words, 1)
        self._more = QPushButton()
        self._close = QPushButton("Go on")
        for button in (self._more, self._close):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(button)
        self._close.clicked.connect(self.closed)
        self._on_more: Callable[[], None] = self.closed.emit
        self._more.clicked.connect(lambda: self._on_more())

    @property
    def words(self) -> str:
        """What it says."""
        return self._words.text()

    def say(self, sentence: str, more: str = "", on_more: Callable[[], None] | None = None) -> None:
        """Shows a sentence, with a button that leads further if `more` names one."""
        self._words.setText(sentence)
        self._more.setVisible(bool(more))
        self._more.setText(more)
        self._on_more = on_more or self.closed.emit
        self.raised.emit()


class StateLine(QWidget):
    """What was stored and when, what works in the background, and the notice that never goes."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(STATE_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(12)
        self._said = QLabel()
        self._said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._doing = QLabel()
        self._doing.setProperty("role", "quiet")
        self._bar = QProgressBar()
        self._bar.setFixedSize(110, 12)
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 100)
        notice = QLabel(words.NOTICE)
        notice.setObjectName("notice")
        notice.setProperty("role", "quiet")
        self._hounsfield = QLabel()
        self._hounsfield.setFixedWidth(76)
        self._hounsfield.setProperty("role", "quiet")
        row.addWidget(self._said, 1)
        for widget in (self._hounsfield, self._doing, self._bar, notice):
            row.addWidget(widget)
        self.work("", 0.0)

    @property
    def words(self) -> str:
        """What it says."""
        return self._said.text()

    def show_room(self, room: ReadingRoom) -> None:
        """Shows what the room says."""
        self._said.setText(room.said)
        self._said.setToolTip(room.said)
        roles = {Tone.PLAIN: "ready", Tone.STORED: "stored", Tone.FAILURE: "failure"}
        set_role(self._said, roles[room.tone])

    def show_hounsfield(self, value: int | None) -> None:
        """Shows the Hounsfield units under the pointer."""
        self._hounsfield.setText("" if value is None else f"HU {value}")

    def work(self, doing: str, share: float) -> None:
        """Shows what works in the background; empty words take it away."""
        self._doing.setText(doing)
        self._doing.setVisible(bool(doing))
        self._bar.setVisible(bool(doing))
        self._bar.setValue(round(100 * share))
