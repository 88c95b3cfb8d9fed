"""A sagittal sheet of one body with its six points, a scale, and what the model reacts to laid over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent

from ui.desktop.body_picture import BodyPicture, grey_image, paint_points, paint_scale
from ui.desktop.colours import AGAINST, FOR
from ui.desktop.crop import windowed
from ui.desktop.windows import BONE, Window
from vfscreen.explanations import Sheet
from vfscreen.genant import SixPoints

_FULL_COLOUR = 1.0
"""Log-odds at which the colour is full. It is the same on every picture, so that a weak map looks weak."""

_OUTLINED = 0.3
_FINER = 4
_STRONGEST = 0.6
_USUAL_PX, _LARGEST_PX = 300, 360


class SheetView(BodyPicture):
    """Shows a sheet through a window; black where there is none."""

    def __init__(self) -> None:
        super().__init__(_USUAL_PX)
        self.setMaximumWidth(_LARGEST_PX)
        self._sheet: Sheet | None = None
        self._points: SixPoints | None = None
        self._kept: list[NDArray[np.uint8]] = []  # QImage looks into the arrays, it does not copy them
        self._image: QImage | None = None
        self._over: QImage | None = None

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
            self._image = grey_image(grey)
        if sheet is not None and overlay is not None:
            colours = coloured(overlay.values)
            self._kept.append(colours)
            rows, columns = colours.shape[:2]
            self._over = QImage(colours.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paints picture, map, points and scale."""
        with self.on_black() as painter:
            if self._sheet is not None and self._image is not None:
                self._paint_sheet(painter, self._sheet, self._image)

    def _paint_sheet(self, painter: QPainter, sheet: Sheet, image: QImage) -> None:
        rows, columns = sheet.values.shape
        px = min(self.width() / columns, self.height() / rows)
        field = QRectF((self.width() - columns * px) / 2, 0, columns * px, rows * px)
        painter.drawImage(field, image)
        if self._over is not None:
            painter.drawImage(field, self._over)
        if self._points is not None:
            places = sheet.places_of(self._points.array())
            paint_points(
                painter,
                [QPointF(field.left() + (column + 0.5) * px, (row + 0.5) * px) for row, column in places],
            )
        paint_scale(painter, field, px / sheet.step_mm)


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
