"""A sagittal sheet of one body with its six points, a scale, and what the model reacts to laid over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.desktop.colours import AGAINST, FOR, IMAGE, MARK, TEXT
from ui.desktop.crop import windowed
from ui.desktop.windows import BONE, Window
from vfscreen.explanations import Sheet
from vfscreen.genant import SixPoints

_RULER_MM = 10.0
_FULL_COLOUR = 1.0
"""Log-odds at which the colour is full. It is the same on every picture, so that a weak map looks weak."""

_OUTLINED = 0.3
_FINER = 4
_STRONGEST = 0.6
_USUAL_PX = 300


class SheetView(QWidget):
    """Shows a sheet through a window; black where there is none."""

    def __init__(self) -> None:
        super().__init__()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMaximumWidth(360)
        self._sheet: Sheet | None = None
        self._points: SixPoints | None = None
        self._kept: list[NDArray[np.uint8]] = []  # QImage looks into the arrays, it does not copy them
        self._image: QImage | None = None
        self._over: QImage | None = None

    def sizeHint(self) -> QSize:
        """As large as three fit beside the worklist."""
        return QSize(_USUAL_PX, self.heightForWidth(_USUAL_PX))

    def hasHeightForWidth(self) -> bool:
        """The height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Keeps millimetres square."""
        share = 1.5 if self._sheet is None else self._sheet.values.shape[0] / self._sheet.values.shape[1]
        return round(width * share)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is shown."""
        return self._sheet is None

    @property
    def shows_overlay(self) -> bool:
        """Whether something is laid over the sheet."""
        return self._over is not None

    def show_sheet(
        self,
        sheet: Sheet | None,
        points: SixPoints | None = None,
        overlay: Sheet | None = None,
        window: Window = BONE,
    ) -> None:
        """Shows a sheet with points drawn, and a map of the same field of view laid over it."""
        self._sheet, self._points = sheet, points
        self._kept, self._image, self._over = [], None, None
        if sheet is not None:
            grey = np.ascontiguousarray(windowed(sheet.values.astype(np.float32), window.width, window.level))
            self._kept.append(grey)
            rows, columns = grey.shape
            self._image = QImage(grey.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
        if sheet is not None and overlay is not None:
            colours = coloured(overlay.values)
            self._kept.append(colours)
            rows, columns = colours.shape[:2]
            self._over = QImage(colours.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints picture, map, points and scale."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(IMAGE))
        sheet = self._sheet
        if sheet is not None and self._image is not None:
            rows, columns = sheet.values.shape
            px = min(self.width() / columns, self.height() / rows)
            field = QRectF((self.width() - columns * px) / 2, 0, columns * px, rows * px)
            painter.drawImage(field, self._image)
            if self._over is not None:
                painter.drawImage(field, self._over)
            if self._points is not None:
                _paint_points(painter, sheet.places_of(self._points.array()), field.left(), px)
            _paint_scale(painter, field, px / sheet.step_mm)
        painter.end()


def _paint_points(painter: QPainter, places: NDArray[np.float64], left: float, px: float) -> None:
    painter.setPen(QPen(QColor(MARK), 1.2))
    placed = [QPointF(left + (column + 0.5) * px, (row + 0.5) * px) for row, column in places]
    for point in placed:
        painter.drawLine(point - QPointF(4, 0), point + QPointF(4, 0))
        painter.drawLine(point - QPointF(0, 4), point + QPointF(0, 4))
    painter.setOpacity(0.6)
    for upper, lower in zip(placed[:3], placed[3:], strict=True):
        painter.drawLine(upper, lower)
    painter.setOpacity(1.0)


def _paint_scale(painter: QPainter, field: QRectF, px_per_mm: float) -> None:
    painter.setPen(QPen(QColor(TEXT), 1))
    base, start = field.bottom() - 9.0, field.left() + 8
    painter.drawLine(QPointF(start, base), QPointF(start + _RULER_MM * px_per_mm, base))
    painter.drawText(QPointF(start + 6 + _RULER_MM * px_per_mm, base + 4), f"{_RULER_MM:g} mm")
    painter.drawText(QRectF(start, field.top(), 20, field.height()), int(Qt.AlignmentFlag.AlignVCenter), "A")


def coloured(changes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turns a map of changes into colours: what speaks for a fracture in one, with a full outline where it is strong,
    what speaks against in the other, with a broken one.

    Shapes: changes (rows, columns) log-odds; returns (4 rows, 4 columns, 4) RGBA.
    """
    fine = _finer(_finer(changes.astype(np.float64), 0), 1)
    strength = np.clip(np.abs(fine) / _FULL_COLOUR, 0.0, 1.0)
    colours = np.zeros((*fine.shape, 4), np.uint8)
    row, column = np.indices(fine.shape)
    for sign, name in ((1, FOR), (-1, AGAINST)):
        there = sign * fine > 0
        colour = QColor(name)
        colours[there, :3] = colour.red(), colour.green(), colour.blue()
        edge = _edge(sign * fine > _OUTLINED * _FULL_COLOUR)
        if sign < 0:
            edge &= (row + column) // 6 % 2 == 0
        strength[edge] = 1.0 / _STRONGEST
    colours[..., 3] = np.round(255 * _STRONGEST * strength)
    return np.ascontiguousarray(colours)


def _finer(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Reads a map `_FINER` times as densely along an axis, linearly; both cover the same field of view."""
    count = values.shape[axis]
    places = np.clip((np.arange(count * _FINER) + 0.5) / _FINER - 0.5, 0.0, count - 1.0)
    low = np.minimum(places.astype(int), count - 2)
    share = np.expand_dims(places - low, 1 - axis)
    return np.asarray((1 - share) * values.take(low, axis) + share * values.take(low + 1, axis))


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The rim of an area: inside, beside something outside."""
    padded = np.pad(inside, 1)
    core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(inside & ~core)
