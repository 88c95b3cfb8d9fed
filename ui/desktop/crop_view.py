"""The body of this vertebra in its own axes, as large as the panel is wide."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QPaintEvent

from ui.desktop.body_picture import BodyPicture, grey_image, paint_points, paint_scale
from ui.desktop.crop import HEIGHT_MM, STEP_MM, WIDTH_MM, BodyCrop, windowed
from ui.desktop.windows import BONE, Window

_USUAL_PX = 260
_LEAST_HIGH_MM = 45.0
"""So much of the height is always seen: a lumbar body with both endplates and discs. What is beyond may be cut."""


class CropView(BodyPicture):
    """Shows a crop through the window of the picture; the six points only where they are given to be shown."""

    def __init__(self) -> None:
        super().__init__(_USUAL_PX)
        self._crop: BodyCrop | None = None
        self._window = BONE
        self._points = False
        self._bare = False
        self._image: QImage | None = None
        self._bytes = np.zeros((1, 1), np.uint8)

    def heightForWidth(self, width: int) -> int:
        """Keeps millimetres square."""
        return round(width * HEIGHT_MM / WIDTH_MM)

    @property
    def shows_points(self) -> bool:
        """Whether the six points are drawn."""
        return self._points and not self._bare and self._crop is not None

    def hide_points(self, hidden: bool) -> None:
        """Shows the bare picture, or what was drawn on it again."""
        self._bare = hidden
        self.update()

    def show_crop(self, crop: BodyCrop | None, window: Window, points: bool) -> None:
        """Shows a crop, or black if there is none."""
        if crop is self._crop and window == self._window and points == self._points:
            return
        self._crop, self._window, self._points = crop, window, points
        self._image = None
        if crop is not None:
            self._bytes = np.ascontiguousarray(windowed(crop.hounsfield, window.width, window.level))
            self._image = grey_image(self._bytes)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints image, points and ruler."""
        with self.on_black() as painter:
            if self._image is not None and self._crop is not None:
                self._paint_crop(painter, self._crop, self._image)

    def _paint_crop(self, painter: QPainter, crop: BodyCrop, image: QImage) -> None:
        px_per_mm = min(self.width() / WIDTH_MM, self.height() / _LEAST_HIGH_MM)
        wide, high = WIDTH_MM * px_per_mm, HEIGHT_MM * px_per_mm
        left, top = (self.width() - wide) / 2, (self.height() - high) / 2
        painter.drawImage(QRectF(left, top, wide, high), image)
        if self.shows_points:
            px = STEP_MM * px_per_mm
            paint_points(
                painter,
                [QPointF(left + (column + 0.5) * px, top + (row + 0.5) * px) for row, column in crop.points],
            )
        paint_scale(painter, QRectF(self.rect()), px_per_mm)
