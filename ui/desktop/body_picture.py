"""What the pictures of one body share: millimetres that stay square, points, a scale, the letter in front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from ui.desktop.colours import IMAGE, MARK, TEXT

_RULER_MM = 10.0
_CROSS_PX = 4


class BodyPicture(QWidget):
    """A black field as high as its width asks for."""

    def __init__(self, usual_px: int) -> None:
        super().__init__()
        self._usual_px = usual_px
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """As large as is usual where it stands."""
        return QSize(self._usual_px, self.heightForWidth(self._usual_px))

    def hasHeightForWidth(self) -> bool:
        """The height follows the width."""
        return True

    @contextmanager
    def on_black(self) -> Iterator[QPainter]:
        """Paints black, and lends the painter for what lies on it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(IMAGE))
        try:
            yield painter
        finally:
            painter.end()


def grey_image(pixels: NDArray[np.uint8]) -> QImage:
    """Returns a grey image that looks into the array, which must live as long.

    Shapes: pixels (rows, columns), contiguous.
    """
    rows, columns = pixels.shape
    return QImage(pixels.data, columns, rows, columns, QImage.Format.Format_Grayscale8)


def paint_points(painter: QPainter, placed: Sequence[QPointF]) -> None:
    """Paints six points as crosses, the upper edge before the lower one, and a thin line for each height."""
    painter.setPen(QPen(QColor(MARK), 1.2))
    for point in placed:
        painter.drawLine(point - QPointF(_CROSS_PX, 0), point + QPointF(_CROSS_PX, 0))
        painter.drawLine(point - QPointF(0, _CROSS_PX), point + QPointF(0, _CROSS_PX))
    painter.setOpacity(0.6)
    for upper, lower in zip(placed[:3], placed[3:], strict=True):
        painter.drawLine(upper, lower)
    painter.setOpacity(1.0)


def paint_scale(painter: QPainter, field: QRectF, px_per_mm: float) -> None:
    """Paints a scale and the letter of the side in front into a field."""
    painter.setPen(QPen(QColor(TEXT), 1))
    base, start = field.bottom() - 9.0, field.left() + 8
    painter.drawLine(QPointF(start, base), QPointF(start + _RULER_MM * px_per_mm, base))
    beside = QRectF(start + 6 + _RULER_MM * px_per_mm, base - 15, 80, 30)
    _write(painter, beside, f"{_RULER_MM:g} mm")
    _write(painter, QRectF(start, field.top(), 20, field.height()), "A")


def _write(painter: QPainter, field: QRectF, text: str) -> None:
    """Writes a text half way down a field, on a ground that keeps it readable on bone."""
    box = painter.boundingRect(field, int(Qt.AlignmentFlag.AlignVCenter), text)
    painter.fillRect(box.adjusted(-2, 0, 2, 0), QColor(0, 0, 0, 120))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), text)
