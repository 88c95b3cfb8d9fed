"""What is drawn over the picture: marks, letters, scale, texts. It also takes every event, so that napari sees none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ui.desktop.colours import BRIGHT, GRADES, MARK, TEXT, TEXT_PX
from ui.desktop.marks import Mark
from ui.desktop.projection import Point, Projection

_MARGIN = 12
_CROSS = 4
_LABEL_GAP = 26
_OPACITY = 0.6
_BACKDROP = QColor(0, 0, 0, 120)


@dataclass(frozen=True, slots=True)
class Texts:
    """What stands in the corners and at the edges: letters left, top, right, bottom; the scale as text and pixels."""

    letters: tuple[str, str, str, str] = ("", "", "", "")
    window: str = ""
    place: str = ""
    scale: str = ""
    scale_px: float = 0.0
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A mark in widget pixels, with the rectangle that it needs."""

    mark: Mark
    centre: Point
    label: Point
    outline: tuple[Point, ...]
    room: tuple[int, int, int, int]


class Overlay(QWidget):
    """A clear sheet over the picture. Only what changes is painted again: a slice step mostly moves nothing."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("overlay")
        self.setStyleSheet("background: transparent;")
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setMouseTracking(
            True
        )  # it ignores the mouse, so that Qt hands it to the canvas below, not to napari
        self._font = QFont(self.font())
        self._font.setPixelSize(TEXT_PX)
        self._letters_font = QFont(self.font())
        self._letters_font.setPixelSize(18)
        self._letters_font.setBold(True)
        self._texts = Texts()
        self._drawn: tuple[_Drawn, ...] = ()
        self._hidden = False

    @property
    def shown_marks(self) -> tuple[Mark, ...]:
        """The marks that are on the sheet now; none while they are hidden."""
        return () if self._hidden else tuple(drawn.mark for drawn in self._drawn)

    @property
    def texts(self) -> Texts:
        """What stands in the corners and at the edges now."""
        return self._texts

    def hide_marks(self, hidden: bool) -> None:
        """Hides every mark, or shows them again."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.update()

    def set_marks(self, marks: Sequence[Mark], projection: Projection) -> None:
        """Puts these marks on the sheet and repaints where something changed."""
        before = set(self._drawn)
        self._drawn = tuple(self._lay_out(mark, projection) for mark in marks)
        for drawn in before.symmetric_difference(self._drawn):
            self.update(*drawn.room)

    def set_texts(self, texts: Texts) -> None:
        """Changes corners and edges; a new place alone repaints only its corner."""
        old, self._texts = self._texts, texts
        if (old.letters, old.window, old.scale, old.scale_px, old.notice) != (
            texts.letters,
            texts.window,
            texts.scale,
            texts.scale_px,
            texts.notice,
        ):
            self.update()
        elif old.place != texts.place:
            self.update(self._place_room())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints marks and texts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        if not self._hidden:
            for drawn in self._drawn:
                if QRect(*drawn.room).intersects(event.rect()):
                    self._paint_mark(painter, drawn)
        self._paint_texts(painter)
        painter.end()

    def _lay_out(self, mark: Mark, projection: Projection) -> _Drawn:
        x, y = projection.point(mark.centre[1], mark.centre[2])
        outline = tuple(projection.point(row, column) for row, column in mark.outline)
        label = (max([x + _LABEL_GAP, *(corner[0] + 10 for corner in outline)]), y + TEXT_PX * 0.38)
        box = QRectF(x - _CROSS, y - _CROSS, 2 * _CROSS, 2 * _CROSS)
        for corner in outline:
            box = box.united(QRectF(corner[0] - 1, corner[1] - 1, 2, 2))
        box = box.united(QRectF(label[0] - 4, y - TEXT_PX, self._width(_label(mark)) + 8, 2 * TEXT_PX))
        room = box.toAlignedRect().adjusted(-3, -3, 3, 3)
        return _Drawn(mark, (x, y), label, outline, (room.x(), room.y(), room.width(), room.height()))

    def _width(self, text: str) -> int:
        return QFontMetrics(self._font).horizontalAdvance(text)

    def _paint_mark(self, painter: QPainter, drawn: _Drawn) -> None:
        mark = drawn.mark
        colour = QColor(BRIGHT if mark.here else MARK)
        x, y = drawn.centre
        painter.setOpacity(1.0 if mark.here else _OPACITY)
        painter.setPen(QPen(colour, 1.0))
        painter.drawLine(QPointF(x - _CROSS, y), QPointF(x + _CROSS, y))
        painter.drawLine(QPointF(x, y - _CROSS), QPointF(x, y + _CROSS))
        if drawn.outline:
            painter.drawPolygon([QPointF(*corner) for corner in drawn.outline])
        self._paint_label(painter, drawn, colour)

    def _paint_label(self, painter: QPainter, drawn: _Drawn, colour: QColor) -> None:
        mark, (x, base) = drawn.mark, drawn.label
        painter.setOpacity(1.0)
        painter.fillRect(QRectF(x - 3, base - TEXT_PX, self._width(_label(mark)) + 6, TEXT_PX + 5), _BACKDROP)
        painter.drawText(QPointF(x, base), mark.name)
        if mark.here:
            painter.setPen(QPen(colour, 2.0))
            painter.drawLine(QPointF(x, base + 4), QPointF(x + self._width(mark.name), base + 4))
        if mark.grade is not None:
            painter.setPen(QColor(GRADES[mark.grade]))
            painter.drawText(QPointF(x + self._width(f"{mark.name} "), base), mark.grade.sign)

    def _place_room(self) -> QRect:
        return QRect(self.width() - 260, self.height() - _MARGIN - 26, 260, 34)

    def _paint_texts(self, painter: QPainter) -> None:
        texts, wide, high = self._texts, self.width(), self.height()
        painter.setPen(QColor(TEXT))
        painter.drawText(QPointF(_MARGIN, _MARGIN + TEXT_PX), texts.window)
        if texts.notice:
            painter.drawText(QPointF(_MARGIN, _MARGIN + 2.6 * TEXT_PX), texts.notice)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
        painter.drawText(QRect(0, 0, wide - _MARGIN, high - _MARGIN), int(right), texts.place)
        if texts.scale_px > 0:
            base = high - _MARGIN - 2
            painter.setPen(QPen(QColor(TEXT), 1.0))
            painter.drawLine(QPointF(_MARGIN, base), QPointF(_MARGIN + texts.scale_px, base))
            for x in (_MARGIN, _MARGIN + texts.scale_px):
                painter.drawLine(QPointF(x, base - 4), QPointF(x, base + 4))
            painter.drawText(QPointF(_MARGIN + texts.scale_px + 8, base + 4), texts.scale)
        painter.setFont(self._letters_font)
        sheet = QRect(_MARGIN, 6, wide - 2 * _MARGIN, high - 12)
        sides = (
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter,
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter,
        )
        for letter, side in zip(texts.letters, sides, strict=True):
            painter.drawText(sheet, int(side), letter)
        painter.setFont(self._font)


def _label(mark: Mark) -> str:
    return mark.name if mark.grade is None else f"{mark.name} {mark.grade.sign}"
