"""The panel of this vertebra on the right: crop, grade keys, shape, why not, heights, model, what was stored."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ui import words
from ui.desktop.actions import acts_by_id, tip
from ui.desktop.bars import set_role
from ui.desktop.crop import BodyCrop
from ui.desktop.crop_view import CropView
from ui.desktop.grading import CANNOT_GRADE, DEFORMITIES
from ui.desktop.keys import TextField
from ui.desktop.panel import Panel
from ui.desktop.rail_view import paint_grade
from ui.desktop.states import Chooser
from ui.desktop.windows import Window
from vfscreen.genant import ReadGrade, Shape

WIDE_PX, NARROW_PX = 384, 284
HIGH_CROP_PX, LOW_CROP_PX = 330, 176
LOOSE_PX, TIGHT_PX = 8, 6
_GRADES = (
    ("grade-0", ReadGrade.NORMAL),
    ("grade-half", ReadGrade.BORDERLINE),
    ("grade-1", ReadGrade.MILD),
    ("grade-2", ReadGrade.MODERATE),
    ("grade-3", ReadGrade.SEVERE),
)
_SHAPES = (("wedge", Shape.WEDGE), ("biconcave", Shape.BICONCAVE), ("crush", Shape.CRUSH))


class GradeButton(QPushButton):
    """A button that shows its grade as the rail does."""

    def __init__(self, grade: ReadGrade) -> None:
        super().__init__()
        self._grade = grade
        self.setMinimumSize(30, 40)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints the sign into the button."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(17)
        painter.setFont(font)
        if not self.isEnabled():
            painter.setOpacity(0.4)
        box = QRectF(self.width() / 2 - 14, self.height() / 2 - 13, 28, 26)
        paint_grade(painter, box, self._grade, self._grade.sign)
        painter.end()


class PanelView(QWidget):
    """Signals: `asked` (an act's id), `number` (a line of the chooser), `noted` (a note), `left` (typing ended)."""

    asked = Signal(str)
    number = Signal(int)
    noted = Signal(str)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._acts = acts_by_id()
        self._buttons: dict[str, QPushButton] = {}
        self._panel = Panel()
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(12, 8, 12, 8)
        self._column.setSpacing(LOOSE_PX)
        self._build_head()
        self._build_grades()
        self._build_chooser()
        self._build_details()
        self._build_opinion()
        self._column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.make_room(narrow=False, low=False)

    def make_room(self, *, narrow: bool, low: bool) -> None:
        """Takes less room on small screens."""
        self.setFixedWidth(NARROW_PX if narrow else WIDE_PX)
        self._crop.setMaximumHeight(LOW_CROP_PX if low else HIGH_CROP_PX)
        self._column.setSpacing(TIGHT_PX if low else LOOSE_PX)

    # -- building

    def _build_head(self) -> None:
        row = QHBoxLayout()
        self._title = QLabel()
        self._title.setProperty("role", "title")
        self._place = QLabel()
        self._place.setProperty("role", "quiet")
        row.addWidget(self._title)
        row.addStretch(1)
        row.addWidget(self._place)
        self._column.addLayout(row)
        self._crop = CropView()
        self._column.addWidget(self._crop)
        self._why_not = self._text("quiet")

    def _build_grades(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for act_id, value in _GRADES:
            row.addWidget(self._button(act_id, GradeButton(value), checkable=True))
        self._column.addLayout(row)
        self._row_of(self._column, [("cannot-grade", "X cannot grade"), ("deformity", "D other deformity")])

    def _build_chooser(self) -> None:
        self._chooser = QWidget()
        self._chooser.setObjectName("chooser")
        self._lines = QVBoxLayout(self._chooser)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(3)
        self._column.addWidget(self._chooser)
        self._chooser.hide()
        self._reason = self._text("quiet")

    def _build_details(self) -> None:
        self._details = QWidget()
        column = QVBoxLayout(self._details)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(TIGHT_PX)
        shapes = [
            (act_id, f"{self._acts[act_id].shown_key} {words.SHAPES[shape]}") for act_id, shape in _SHAPES
        ]
        self._row_of(column, shapes)
        self._row_of(column, [("sure", "Y not sure"), ("flag", "F look again")])
        self._note = TextField()
        self._note.setPlaceholderText("N  note")
        self._note.done.connect(self._note_done)
        self._note.left.connect(self._note_left)
        column.addWidget(self._note)
        self._column.addWidget(self._details)
        self._stored = self._text("stored")

    def _build_opinion(self) -> None:
        self._rule()
        self._column.addWidget(self._section("Heights"))
        self._heights = self._text("ready")
        self._rule()
        row = QHBoxLayout()
        row.addWidget(self._section("Model"))
        row.addStretch(1)
        row.addWidget(self._button("explain", QPushButton("E")))
        row.addWidget(self._button("model", QPushButton("M")))
        self._column.addLayout(row)
        self._model = self._text("ready")

    def _row_of(self, column: QVBoxLayout, buttons: Sequence[tuple[str, str]]) -> None:
        """Adds a row of buttons (act, words) that share the width, whatever it is."""
        row = QHBoxLayout()
        row.setSpacing(4)
        for act_id, text in buttons:
            button = self._button(act_id, QPushButton(text), checkable=True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setStyleSheet("padding: 4px 1px;")
            row.addWidget(button, len(text) + 4)
        column.addLayout(row)

    def _text(self, role: str) -> QLabel:
        label = QLabel()
        label.setWordWrap(True)
        label.setProperty("role", role)
        self._column.addWidget(label)
        return label

    @staticmethod
    def _section(text: str) -> QLabel:
        label = QLabel(text)
        label.setProperty("role", "quiet")
        return label

    def _rule(self) -> None:
        line = QFrame()
        line.setFixedHeight(1)
        line.setStyleSheet("background: #3A3A3A;")
        self._column.addWidget(line)

    def _button(self, act_id: str, button: QPushButton, *, checkable: bool = False) -> QPushButton:
        button.setCheckable(checkable)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setToolTip(tip(self._acts[act_id]))
        button.clicked.connect(lambda _checked=False: self._clicked(act_id))
        self._buttons[act_id] = button
        return button

    def _clicked(self, act_id: str) -> None:
        self.show_panel(self._panel)  # Qt checked the button; only what is stored may look chosen
        self.asked.emit(act_id)

    def button(self, act_id: str) -> QPushButton:
        """Returns the button of an act."""
        return self._buttons[act_id]

    @property
    def heights(self) -> str:
        """What stands under "Heights"."""
        return self._heights.text()

    @property
    def model(self) -> str:
        """What stands under "Model"."""
        return self._model.text()

    @property
    def shows_points(self) -> bool:
        """Whether the six points are drawn on the crop."""
        return self._crop.shows_points

    # -- showing

    def show_panel(self, panel: Panel) -> None:
        """Shows these values."""
        self._panel = panel
        self._title.setText(panel.title)
        self._place.setText(panel.place)
        self._show_text(self._why_not, panel.why_not)
        for act_id, value in _GRADES:
            self._check(act_id, panel.grade is value, panel.gradable)
        self._check("cannot-grade", bool(panel.cannot_grade), panel.gradable)
        self._check("deformity", bool(panel.deformity), panel.gradable)
        for act_id, shape in _SHAPES:
            self._check(act_id, panel.shape is shape, panel.gradable and panel.shape_allowed)
        self._check("sure", not panel.sure, panel.gradable)
        self._check("flag", panel.flag, panel.gradable)
        if not self._note.hasFocus():
            self._note.setText(panel.note)
        self._note.setEnabled(panel.gradable)
        self._show_chooser(panel.chooser)
        reason = panel.cannot_grade or panel.deformity
        self._show_text(self._reason, "" if panel.chooser is not None else reason)
        self._show_text(self._stored, panel.stored)
        self._heights.setText("\n".join(panel.heights) if panel.heights else words.WITH_THE_MODEL)
        set_role(self._heights, "ready" if panel.heights else "quiet")
        self._model.setText("\n".join(panel.model) if panel.model else "–")
        self._buttons["model"].setEnabled(panel.may_ask_model)
        self._buttons["explain"].setEnabled(panel.may_explain)

    def show_crop(self, crop: BodyCrop | None, window: Window, *, points: bool) -> None:
        """Shows the body's own picture."""
        self._crop.show_crop(crop, window, points)

    def hide_marks(self, hidden: bool) -> None:
        """Hides the points on the body's own picture, or shows them again."""
        self._crop.hide_points(hidden)

    def edit_note(self) -> None:
        """Puts the cursor into the note."""
        self._note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._note.selectAll()

    def _check(self, act_id: str, checked: bool, enabled: bool) -> None:
        button = self._buttons[act_id]
        button.setChecked(checked)
        button.setEnabled(enabled)

    @staticmethod
    def _show_text(label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))

    def _show_chooser(self, chooser: Chooser | None) -> None:
        """Opens the short list in the place of shape and note, which are asked for again when it has closed."""
        while (item := self._lines.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for place, text in enumerate(_chooser_lines(chooser), 1):
            button = QPushButton(f"{place}   {text}")
            button.setStyleSheet("text-align: left;")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _checked, chosen=place: self.number.emit(chosen))
            self._lines.addWidget(button)
        self._chooser.setVisible(chooser is not None)
        self._details.setVisible(chooser is None)

    def _note_done(self, text: str) -> None:
        self.left.emit()
        self.noted.emit(text.strip())

    def _note_left(self) -> None:
        self._note.setText(self._panel.note)
        self.left.emit()


def _chooser_lines(chooser: Chooser | None) -> list[str]:
    if chooser is Chooser.NOT_ASSESSABLE:
        return [words.NOT_ASSESSABLE[reason] for reason in CANNOT_GRADE]
    if chooser is Chooser.OTHER_DEFORMITY:
        return [words.OTHER_DEFORMITIES[cause] for cause in DEFORMITIES]
    return []
