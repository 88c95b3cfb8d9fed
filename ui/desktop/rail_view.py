"""The rail of levels between picture and panel, painted line by line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from ui.desktop.colours import BRIGHT, GRADES, GROUND, HERE, LINE, QUIET, TEXT
from ui.desktop.rail import RailLine
from vfscreen.genant import ReadGrade

WIDTH_PX = 150
"""The model's column has its room from the start, so that the picture does not move when it speaks."""
_LINE_PX, _LEAST_LINE_PX, _TITLE_PX = 34, 22, 26
_BADGE_X, _EXTRA_X, _MODEL_X = 50, 78, 106


class RailView(QWidget):
    """Signal `chosen`: a level was clicked (its body id)."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(WIDTH_PX)
        self._lines: tuple[RailLine, ...] = ()

    @property
    def lines(self) -> tuple[RailLine, ...]:
        """The levels that are shown."""
        return self._lines

    def show_lines(self, lines: tuple[RailLine, ...]) -> None:
        """Shows these levels."""
        if lines != self._lines:
            self._lines = lines
            self.update()

    def minimumSizeHint(self) -> QSize:
        """Leaves room for all levels at their smallest."""
        return QSize(WIDTH_PX, _TITLE_PX + _LEAST_LINE_PX * 18)

    def _line_height(self) -> float:
        if not self._lines:
            return _LINE_PX
        room = (self.height() - _TITLE_PX) / len(self._lines)
        return min(max(room, _LEAST_LINE_PX), _LINE_PX)

    def _at(self, y: float) -> RailLine | None:
        place = int((y - _TITLE_PX) // self._line_height())
        return self._lines[place] if y >= _TITLE_PX and 0 <= place < len(self._lines) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Goes to the level that was clicked."""
        line = self._at(event.position().y())
        if line is not None:
            self.chosen.emit(line.body_id)

    def event(self, event: QEvent) -> bool:
        """Shows the tip of the level under the pointer."""
        if isinstance(event, QHelpEvent):
            line = self._at(event.pos().y())
            QToolTip.showText(event.globalPos(), "" if line is None else line.tip, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints title and levels."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(GROUND))
        painter.setPen(QColor(LINE))
        painter.drawLine(0, 0, 0, self.height())
        painter.setPen(QColor(QUIET))
        shown = any(line.model for line in self._lines)
        if not shown:
            painter.drawText(QRectF(14, 0, 60, _TITLE_PX), int(_MIDDLE), "Levels")
        if shown:
            painter.drawText(QRectF(_BADGE_X - 1, 0, 40, _TITLE_PX), int(_MIDDLE), "you")
            painter.drawText(QRectF(_MODEL_X - 2, 0, 44, _TITLE_PX), int(_MIDDLE), "model")
        height = self._line_height()
        for place, line in enumerate(self._lines):
            self._paint_line(painter, line, _TITLE_PX + place * height, height)
        painter.end()

    def _paint_line(self, painter: QPainter, line: RailLine, top: float, height: float) -> None:
        box = QRectF(1, top, self.width() - 1, height)
        if line.here:
            painter.fillRect(box, QColor(HERE))
            painter.fillRect(QRectF(1, top, 3, height), QColor(BRIGHT))
        painter.setPen(QColor(BRIGHT if line.here else TEXT if line.gradable else QUIET))
        painter.drawText(QRectF(14, top, 40, height), int(_MIDDLE), line.level)
        badge = QRectF(_BADGE_X, top + height / 2 - 10, 22, 20)
        paint_grade(painter, badge, line.grade, line.sign)
        painter.setPen(QColor(TEXT))
        painter.drawText(QRectF(_EXTRA_X, top, 34, height), int(_MIDDLE), line.extra)
        if line.model:
            self._paint_model(painter, line, top, height)

    def _paint_model(self, painter: QPainter, line: RailLine, top: float, height: float) -> None:
        box = QRectF(_MODEL_X, top + height / 2 - 10, 22, 20)
        painter.setPen(QPen(QColor(BRIGHT), 1, Qt.PenStyle.DashLine))
        painter.drawRect(box)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), line.model)
        if line.differs:
            painter.drawText(QRectF(_MODEL_X + 26, top, 16, height), int(_MIDDLE), "≠")


_MIDDLE = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def paint_grade(painter: QPainter, box: QRectF, grade: ReadGrade | None, sign: str) -> None:
    """Paints a grade so that it tells itself without colour: none, dotted, single, double line, filled box."""
    colour = QColor(GRADES[grade]) if grade is not None else QColor(TEXT if sign in "XD" else QUIET)
    text = colour
    if grade is ReadGrade.SEVERE:
        painter.fillRect(box, colour)
        text = QColor("#000000")
    elif grade is not None and grade is not ReadGrade.NORMAL:
        dotted = grade is ReadGrade.BORDERLINE
        painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine if dotted else Qt.PenStyle.SolidLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)
        if grade is ReadGrade.MODERATE:
            painter.drawRect(box.adjusted(2.5, 2.5, -2.5, -2.5))
    painter.setPen(text)
    painter.drawText(
        box.translated(QPointF(0, 0)), int(Qt.AlignmentFlag.AlignCenter), "–" if sign == "_" else sign
    )
