"""What is drawn over the picture: marks, letters, scale, texts. It also takes every event, so that napari sees none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ui.desktop.colours import BRIGHT, GRADES, MARK, TEXT, TEXT_PX
from ui.desktop.marks import Mark
from ui.desktop.projection import Point, Projection

_MARGIN = 12
_CROSS = 4
_RING_PX = 5.0
_LABEL_GAP = 26
_SPACE = 4
_OPACITY = 0.6
_BACKDROP = QColor(0, 0, 0, 120)
_LETTER_GAP = 14
_BROKEN = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)


@dataclass(frozen=True, slots=True)
class Texts:
    """What stands at the edges and in the corners: letters left, top, right, bottom; the scale as text and pixels."""

    letters: tuple[str, str, str, str] = ("", "", "", "")
    window: str = ""
    scale: str = ""
    scale_px: float = 0.0
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A mark in widget pixels: its centre, where its label begins and how wide name and label are, its outline."""

    mark: Mark
    centre: Point
    label: Point
    name_px: int
    label_px: int
    outline: tuple[Point, ...]


class Overlay(QWidget):
    """A clear sheet over the picture. Marks are laid out when they or the view change; a slice step only chooses."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("overlay")
        self.setStyleSheet("background: transparent;")
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setMouseTracking(
            True
        )  # it ignores the mouse: Qt then hands it to the canvas below, not to napari
        self._font = QFont(self.font())
        self._font.setPixelSize(TEXT_PX)
        self._letters_font = QFont(self.font())
        self._letters_font.setPixelSize(18)
        self._letters_font.setBold(True)
        self._texts = Texts()
        self._place = ""
        self._slice = 0
        self._laid_out: tuple[_Drawn, ...] = ()
        self._handles: tuple[Point, ...] = ()
        self._hidden = False

    @property
    def shown_marks(self) -> tuple[Mark, ...]:
        """The marks that are on the sheet now; none while they are hidden."""
        return () if self._hidden else tuple(drawn.mark for drawn in self._here())

    @property
    def texts(self) -> Texts:
        """What stands at the edges and in the corners."""
        return self._texts

    @property
    def place(self) -> str:
        """Which slice it says to be on."""
        return self._place

    def hide_marks(self, hidden: bool) -> None:
        """Hides every mark, or shows them again."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.update()

    def set_marks(self, marks: Sequence[Mark], projection: Projection) -> None:
        """Lays marks out on the sheet; each is shown on the slices that it names."""
        self._laid_out = tuple(self._lay_out(mark, projection) for mark in marks)
        self.update()

    @property
    def handles(self) -> tuple[Point, ...]:
        """Where the points that can be dragged lie, in widget pixels."""
        return self._handles

    def set_handles(self, handles: Sequence[Point]) -> None:
        """Draws points that can be dragged, in widget pixels: upper edge front, middle, back, then the lower edge."""
        self._handles = tuple(handles)
        self.update()

    def set_texts(self, texts: Texts) -> None:
        """Changes edges and corners."""
        self._texts = texts
        self.update()

    def set_slice(self, slice_index: int, place: str) -> None:
        """Goes to a slice: other marks, another place."""
        self._slice, self._place = slice_index, place
        self.update()

    def _here(self) -> list[_Drawn]:
        return [drawn for drawn in self._laid_out if drawn.mark.first <= self._slice <= drawn.mark.last]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints marks and texts."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font)
        if not self._hidden:
            for drawn in self._here():
                self._paint_mark(painter, drawn)
            self._paint_handles(painter)
            self._paint_notice(painter)
        self._paint_texts(painter)
        painter.end()

    def _lay_out(self, mark: Mark, projection: Projection) -> _Drawn:
        x, y = projection.point(mark.centre[1], mark.centre[2])
        outline = tuple(projection.point(row, column) for row, column in mark.outline)
        label = (max([x + _LABEL_GAP, *(corner[0] + 10 for corner in outline)]), y + TEXT_PX * 0.38)
        name_px, label_px = self._width(mark.name), self._width(_label(mark))
        return _Drawn(mark, (x, y), label, name_px, label_px, outline)

    def _width(self, text: str) -> int:
        return QFontMetrics(self._font).horizontalAdvance(text)

    def _paint_mark(self, painter: QPainter, drawn: _Drawn) -> None:
        mark = drawn.mark
        colour = QColor(BRIGHT if mark.here else MARK)
        x, y = drawn.centre
        painter.setPen(QPen(colour, 1.0))
        painter.setOpacity(_OPACITY)  # the endplate is to be seen through its outline
        if drawn.outline and not (mark.here and self._handles):  # points in hand say it better
            painter.drawPolygon([QPointF(*corner) for corner in drawn.outline])
        painter.setOpacity(1.0 if mark.here else _OPACITY)
        painter.drawLine(QPointF(x - _CROSS, y), QPointF(x + _CROSS, y))
        painter.drawLine(QPointF(x, y - _CROSS), QPointF(x, y + _CROSS))
        self._paint_label(painter, drawn, colour)

    def _paint_label(self, painter: QPainter, drawn: _Drawn, colour: QColor) -> None:
        mark, (x, base) = drawn.mark, drawn.label
        painter.setOpacity(1.0)
        painter.fillRect(QRectF(x - 3, base - TEXT_PX, drawn.label_px + 6, TEXT_PX + 5), _BACKDROP)
        painter.drawText(QPointF(x, base), mark.name)
        if mark.here:
            painter.setPen(QPen(colour, 2.0))
            painter.drawLine(QPointF(x, base + 4), QPointF(x + drawn.name_px, base + 4))
        if mark.sign:
            painter.setPen(QColor(TEXT if mark.grade is None else GRADES[mark.grade]))
            painter.drawText(QPointF(x + drawn.name_px + _SPACE, base), mark.sign)

    def _paint_handles(self, painter: QPainter) -> None:
        """Rings, so that the bone in them stays seen, and a line for each height whose both ends are there."""
        placed = [QPointF(*handle) for handle in self._handles]
        painter.setPen(QPen(QColor(MARK), 1.0, Qt.PenStyle.DotLine))
        for upper, lower in zip(placed[:3], placed[3:], strict=False):
            painter.drawLine(upper, lower)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(BRIGHT), 1.5))
        for point in placed:
            painter.drawEllipse(point, _RING_PX, _RING_PX)
            painter.drawPoint(point)

    def _paint_texts(self, painter: QPainter) -> None:
        texts, wide, high = self._texts, self.width(), self.height()
        painter.setPen(QColor(TEXT))
        field = QRectF(_MARGIN, _MARGIN, wide - 2.0 * _MARGIN, high - 2.0 * _MARGIN)
        _write(painter, field, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), texts.window)
        _write(painter, field, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom), self._place)
        if texts.scale_px > 0:
            base = high - _MARGIN - 2
            painter.setPen(QPen(QColor(TEXT), 1.0))
            painter.drawLine(QPointF(_MARGIN, base), QPointF(_MARGIN + texts.scale_px, base))
            for x in (_MARGIN, _MARGIN + texts.scale_px):
                painter.drawLine(QPointF(x, base - 4), QPointF(x, base + 4))
            beside = field.adjusted(texts.scale_px + 8, 0, 0, 4)
            _write(
                painter, beside, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), texts.scale
            )
        sheet = QRectF(_MARGIN, 6, wide - 2 * _MARGIN, high - 12)
        ahead = QRectF(self.letters_left, 6, wide / 2, high - 12)
        painter.setFont(self._letters_font)
        sides = (
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft,
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft,
        )
        for letter, side, room in zip(texts.letters, sides, (sheet, ahead, sheet, ahead), strict=True):
            _write(painter, room, int(side), letter)
        painter.setFont(self._font)

    @property
    def letters_left(self) -> int:
        """Where H and F begin: in front of the spine, whose marks reach both ends, clear of the corners' texts."""
        texts = self._texts
        corner = max(self._width(texts.window), round(texts.scale_px) + 8 + self._width(texts.scale))
        return max(self.width() // 4, _MARGIN + corner + _LETTER_GAP)

    def _paint_notice(self, painter: QPainter) -> None:
        """Writes the notice line by line, broken where the picture ends."""
        painter.setPen(QColor(TEXT))
        field = QRectF(_MARGIN, _MARGIN + 1.8 * TEXT_PX, self.width() - 2.0 * _MARGIN, self.height())
        for line in self._texts.notice.splitlines():
            field.setTop(_write(painter, field, _BROKEN, line).bottom() + 2)


def _write(painter: QPainter, field: QRectF, how: int, text: str) -> QRectF:
    """Writes a text into a field, on a ground that keeps it readable on bone; returns where it stands."""
    box = painter.boundingRect(field, how, text)
    painter.fillRect(box.adjusted(-3, 0, 3, 0), _BACKDROP)
    painter.drawText(box, how, text)
    return box


def _label(mark: Mark) -> str:
    return f"{mark.name} {mark.sign}" if mark.sign else mark.name
