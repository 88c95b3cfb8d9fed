"""The body of this vertebra in its own axes, as large as the panel is wide."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.desktop.colours import IMAGE, MARK, TEXT
from ui.desktop.crop import HEIGHT_MM, STEP_MM, WIDTH_MM, BodyCrop, windowed
from ui.desktop.windows import BONE, Window

_RULER_MM = 10.0


class CropView(QWidget):
    """Shows a crop through the window of the picture; the six points only where they are given to be shown."""

    def __init__(self) -> None:
        super().__init__()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._crop: BodyCrop | None = None
        self._window = BONE
        self._points = False
        self._image: QImage | None = None
        self._bytes = np.zeros((1, 1), np.uint8)

    def sizeHint(self) -> QSize:
        """As large as fits the panel's usual width."""
        return QSize(260, self.heightForWidth(260))

    def hasHeightForWidth(self) -> bool:
        """The height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Keeps millimetres square."""
        return round(width * HEIGHT_MM / WIDTH_MM)

    @property
    def shows_points(self) -> bool:
        """Whether the six points are drawn."""
        return self._points and self._crop is not None

    def show_crop(self, crop: BodyCrop | None, window: Window, points: bool) -> None:
        """Shows a crop, or black if there is none."""
        if crop is self._crop and window == self._window and points == self._points:
            return
        self._crop, self._window, self._points = crop, window, points
        self._image = None
        if crop is not None:
            self._bytes = np.ascontiguousarray(windowed(crop.hounsfield, window.width, window.level))
            rows, columns = self._bytes.shape
            self._image = QImage(self._bytes.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints image, points and ruler."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(IMAGE))
        if self._image is not None and self._crop is not None:
            scale = min(self.width() / WIDTH_MM, self.height() / HEIGHT_MM)
            wide, high = WIDTH_MM * scale, HEIGHT_MM * scale
            left, top = (self.width() - wide) / 2, (self.height() - high) / 2
            painter.drawImage(QRectF(left, top, wide, high), self._image)
            if self._points:
                self._paint_points(painter, left, top, scale)
            painter.setPen(QPen(QColor(TEXT), 1))
            base = self.height() - 9.0
            painter.drawLine(QPointF(8, base), QPointF(8 + _RULER_MM * scale, base))
            painter.drawText(QPointF(14 + _RULER_MM * scale, base + 4), f"{_RULER_MM:g} mm")
            painter.drawText(QRectF(8, 0, 20, self.height()), int(Qt.AlignmentFlag.AlignVCenter), "A")
        painter.end()

    def _paint_points(self, painter: QPainter, left: float, top: float, scale: float) -> None:
        if self._crop is None:
            return
        painter.setPen(QPen(QColor(MARK), 1.2))
        px = STEP_MM * scale
        placed = [QPointF(left + column * px, top + row * px) for row, column in self._crop.points]
        for point in placed:
            painter.drawLine(point - QPointF(4, 0), point + QPointF(4, 0))
            painter.drawLine(point - QPointF(0, 4), point + QPointF(0, 4))
        painter.setOpacity(0.6)
        for upper, lower in zip(placed[:3], placed[3:], strict=True):
            painter.drawLine(upper, lower)
        painter.setOpacity(1.0)
