"""The sagittal picture: the one place that knows napari. Anterior left, head up, never turned or mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer
from napari.settings import get_settings
from napari.utils.events import disconnect_events
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from ui.desktop.marks import Mark
from ui.desktop.overlay import Overlay, Texts
from ui.desktop.projection import Float, Projection, edge_letters, place_of, scale_bar

_FIT = 0.96
_LARGEST_ZOOM, _SMALLEST_ZOOM = 40.0, 0.2
_NOTCH = 120
_ZOOM_PER_PX = 1.008
_REACH_PX = 12
"""A handle is taken hold of from this far."""
Box = tuple[float, float, float, float]
"""First row, last row, first column, last column: what a fit brings to the screen. Units: indices."""


class Canvas(QWidget):
    """Shows one volume at a time, slice by slice, with marks. Takes every event itself; napari gets none.

    Signals: `stepped` (slices to go), `dragged` (window width and level to add), `picked` and
    `hovered` (row, column), `moved` (which handle, row, column), `dropped` (a handle was let go), `painted` (a frame
    is on the screen).
    """

    stepped = Signal(int)
    dragged = Signal(float, float)
    picked = Signal(float, float)
    hovered = Signal(float, float)
    moved = Signal(int, float, float)
    dropped = Signal()
    painted = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._viewer = viewer
        self._napari = QtViewer(self._viewer, show_welcome_screen=False)
        self._napari.setParent(self)
        self._napari.setAcceptDrops(False)
        self._stand_alone()
        self._napari.dims.hide()
        disconnect_events(self._viewer.dims.events, self._napari.dims)  # nobody sees its sliders
        self._napari.widget(0).layout().setContentsMargins(0, 0, 0, 0)  # the sheet's pixels are the canvas's
        self.setMouseTracking(True)
        native = self._napari.canvas.native
        native.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        native.frameSwapped.connect(self._frame_painted)
        self._sheet = Overlay(self)
        self._layer: Any = None
        self._affine: Float = np.eye(4)
        self._slice = 0
        self._window = (2000.0, 400.0)
        self._window_words = ""
        self._notice = ""
        self._marks: tuple[Mark, ...] = ()
        self._handles: tuple[tuple[float, float], ...] = ()
        self._held: int | None = None
        self._box: Box | None = None
        self._untouched = True
        self._projection: Projection | None = None
        self._turned = 0
        self._grip: tuple[Qt.MouseButton, QPointF, bool] | None = None
        _forget_keys(self._viewer)

    def _stand_alone(self) -> None:
        """Makes a step cost what it costs alone: nothing around or behind the picture is painted or composed again.

        A native child is composed by itself, not with the whole window; and below an opaque widget Qt paints nothing.
        With software OpenGL this is a fifth of a step.
        """
        self.setAttribute(Qt.WidgetAttribute.WA_DontCreateNativeAncestors)
        self.setAttribute(Qt.WidgetAttribute.WA_NativeWindow)
        for widget in (self, self._napari, self._napari.widget(0), self._napari.canvas.native):
            widget.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
            widget.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)

    # -- what is shown

    def show_volume(
        self, voxels: NDArray[np.int16], affine: Float, slice_index: int, box: Box | None = None
    ) -> None:
        """Shows a slice of a sagittal-first volume; `box` is what a fit brings to the screen (None: the whole slice).

        Shapes: voxels (slices, rows, columns), axis 0 to the left, 1 to the feet, 2 posterior. Only the slices that
        are looked at are read, so a memory-mapped array stays on disk.
        """
        scale = np.linalg.norm(affine[:3, :3], axis=0)
        self._affine, self._box = affine, box
        self._slice = slice_index
        self._marks = ()
        if self._layer is None:
            self._layer = self._first_layer(voxels, scale)
        else:
            self._layer.data = voxels  # one layer for the session: napari keeps memory of layers that go
            self._layer.scale = scale
        self._viewer.dims.set_point(0, self._slice * scale[0])
        self.fit()

    def _first_layer(self, voxels: NDArray[np.int16], scale: Float) -> Any:
        width, level = self._window
        layer = Image(
            voxels,
            scale=scale,
            contrast_limits=(level - width / 2, level + width / 2),
            colormap="gray",
            interpolation2d="linear",
            projection_mode="none",  # the default averages over thick slices
            name="CT",
        )
        self._viewer.add_layer(layer)
        _forget_keys(self._viewer)
        return layer

    def go(self, slice_index: int) -> None:
        """Shows this slice."""
        if self._layer is None or self._projection is None:
            return
        self._slice = slice_index
        self._viewer.dims.set_point(0, slice_index * float(self._layer.scale[0]))
        self._tell_slice()

    def set_window(self, width: float, level: float, words: str) -> None:
        """Sets the window in Hounsfield units and what the picture says of it."""
        self._window, self._window_words = (width, level), words
        if self._layer is not None:
            self._layer.contrast_limits = (level - width / 2, level + width / 2)
            self._lay_out()

    def set_slab(self, reach: int) -> None:
        """Shows the mean of a slice and of so many to either side; 0 is the slice alone."""
        if self._layer is None:
            return
        mode, thick_mm = "mean" if reach else "none", 2 * reach * float(self._layer.scale[0])
        if (self._layer.projection_mode, self._viewer.dims.thickness[0]) != (mode, thick_mm):
            self._viewer.dims.thickness = (thick_mm, 0.0, 0.0)
            self._layer.projection_mode = mode

    def marks(self, marks: Sequence[Mark]) -> None:
        """Puts marks on the picture; each is shown on the slices that it names."""
        self._marks = tuple(marks)
        self._lay_out()

    def handles(self, places: Sequence[tuple[float, float]]) -> None:
        """Puts points on the picture that the mouse can drag, as (row, column)."""
        self._handles = tuple(places)
        self._lay_out_handles()

    def _lay_out_handles(self) -> None:
        if self._projection is not None:
            self._sheet.set_handles([self._projection.point(*place) for place in self._handles])

    def _handle_at(self, position: QPointF) -> int | None:
        """Returns the handle under the pointer, the nearest if there are several."""
        gaps = [(position - QPointF(*handle)).manhattanLength() for handle in self._sheet.handles]
        nearest = min(range(len(gaps)), key=gaps.__getitem__, default=None)
        return nearest if nearest is not None and gaps[nearest] <= _REACH_PX else None

    def notice(self, words: str) -> None:
        """Writes lines under the window text; empty takes them away."""
        self._notice = words
        self._lay_out()

    def hide_marks(self, hidden: bool) -> None:
        """Hides every mark, or shows them again."""
        self._sheet.hide_marks(hidden)

    # -- where one looks

    def fit(self) -> None:
        """Brings the box (or the whole slice) to the screen."""
        if self._layer is None:
            return
        _, rows, columns = self._layer.data.shape
        top, bottom, left, right = self._box or (0, rows - 1, 0, columns - 1)
        _, row_mm, column_mm = (float(value) for value in self._layer.scale)
        high, wide = (bottom - top + 1) * row_mm, (right - left + 1) * column_mm
        zoom = _FIT * min(max(self.height(), 1) / high, max(self.width(), 1) / wide)
        self._look(((top + bottom) / 2 * row_mm, (left + right) / 2 * column_mm), zoom)
        self._untouched = True

    def bring(self, row: float, column: float) -> None:
        """Moves a picture that was zoomed or panned, and only if this index lies off the screen (or nearly so)."""
        if self._projection is None or self._untouched:
            return
        x, y = self._projection.point(row, column)
        if not (40 <= x <= self.width() - 40 and 40 <= y <= self.height() - 40):
            self._look(
                (row * float(self._layer.scale[1]), column * float(self._layer.scale[2])), self._zoom()
            )

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zooms around a point of the widget, the middle if None."""
        if self._projection is None:
            return
        anchor = at or QPointF(self.width() / 2, self.height() / 2)
        old = self._zoom()
        new = min(max(old * factor, _SMALLEST_ZOOM), _LARGEST_ZOOM)
        offset = np.array([anchor.y() - self.height() / 2, anchor.x() - self.width() / 2])
        centre = np.array(self._viewer.scene.camera.center[-2:]) + offset * (1 / old - 1 / new)
        self._look((float(centre[0]), float(centre[1])), new)

    def pan_by(self, dx: float, dy: float) -> None:
        """Moves the picture by widget pixels."""
        if self._projection is None:
            return
        row, column = self._viewer.scene.camera.center[-2:]
        zoom = self._zoom()
        self._look((row - dy / zoom, column - dx / zoom), zoom)

    def _zoom(self) -> float:
        return float(self._viewer.scene.camera.zoom)

    def _look(self, centre_mm: tuple[float, float], zoom: float) -> None:
        camera = self._viewer.scene.camera
        camera.center = centre_mm
        camera.zoom = zoom
        self._untouched = False
        self._project()
        self._lay_out()

    def _frame_painted(self) -> None:
        """Sees to it that the sheet lies as the picture was really drawn: vispy learns some of it only here."""
        before = self._projection
        if before is not None:
            drawn = self._project()
            if not np.allclose(drawn.matrix, before.matrix, atol=1e-3):
                self._lay_out()
        self.painted.emit()

    def _project(self) -> Projection:
        self._projection = drawn = Projection(_drawing_matrix(self._napari, self._layer))
        return drawn

    def _lay_out(self) -> None:
        """Renews the whole sheet, for marks, texts and projection as they are now."""
        projection = self._projection
        if projection is None:
            return
        length_mm, length_px = scale_bar(self._affine, projection)
        letters = edge_letters(self._affine, projection)
        texts = Texts(letters, self._window_words, f"{length_mm:g} mm", length_px, self._notice)
        self._sheet.set_texts(texts)
        self._sheet.set_marks(self._marks, projection)
        self._lay_out_handles()
        self._tell_slice()

    def _tell_slice(self) -> None:
        place = f"slice {self._slice + 1}   {place_of(self._affine, self._slice)}"
        self._sheet.set_slice(self._slice, place)

    # -- for tests and for saving pictures

    @property
    def overlay(self) -> Overlay:
        """The sheet with marks and texts."""
        return self._sheet

    @property
    def native(self) -> QWidget:
        """napari's own canvas widget."""
        widget: QWidget = self._napari.canvas.native
        return widget

    @property
    def projection(self) -> Projection | None:
        """How indices land on the widget; None while nothing is shown."""
        return self._projection

    def shown(self) -> NDArray[np.floating]:
        """Returns what napari drew last, (rows, columns) in Hounsfield units."""
        values: NDArray[np.floating] = np.asarray(self._layer._slice.image.view)
        return values

    @property
    def slice_index(self) -> int:
        """The slice that is shown."""
        return self._slice

    def placement(self) -> tuple[Any, ...]:
        """Returns everything that could turn, mirror, shear or swap the picture, to compare before and after."""
        camera, dims, layer = self._viewer.scene.camera, self._viewer.dims, self._layer
        placed = None
        if layer is not None:
            affine = layer.affine.affine_matrix.tolist()
            placed = tuple(layer.scale), tuple(layer.translate), affine, layer.mode, layer.visible
        names = tuple(one.name for one in self._viewer.layers)
        return tuple(dims.order), dims.ndisplay, tuple(camera.angles), camera.orientation2d, names, placed

    def view(self) -> tuple[float, ...]:
        """Returns where one looks: the middle in mm, the zoom, and the slice that napari is at."""
        camera = self._viewer.scene.camera
        return (*camera.center, camera.zoom, self._viewer.dims.current_step[0])

    def focusNextPrevChild(self, _forward: bool) -> bool:
        """Keeps the keys here: Tab goes nowhere."""
        return False

    # -- the mouse

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps napari and the sheet as large as the widget; an untouched view is fitted again."""
        super().resizeEvent(event)
        self._napari.setGeometry(self.rect())
        self._sheet.setGeometry(self.rect())
        self._sheet.raise_()
        QTimer.singleShot(0, self, self._sized)

    def _sized(self) -> None:
        """Looks at the same place once the new size has reached napari's canvas."""
        if self._projection is None or self._layer is None:
            return
        if self._untouched:
            self.fit()
        else:
            self._look(self._viewer.scene.camera.center[-2:], self._zoom())

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Wheel: next or previous slice, ten with Shift; with Ctrl it zooms."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(1.15 ** (turned / _NOTCH), event.position())
        elif turned:
            far = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            if turned * self._turned < 0:
                self._turned = 0
            self._turned += turned
            notches = int(self._turned / _NOTCH)  # a touchpad sends many small parts of one
            self._turned -= notches * _NOTCH
            if notches:
                self.stepped.emit(-far * notches)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Takes hold: left windows, middle (or Shift and left) pans, right zooms."""
        button = event.button()
        if button is Qt.MouseButton.LeftButton:
            self._held = self._handle_at(event.position())
        if button is Qt.MouseButton.LeftButton and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            button = Qt.MouseButton.MiddleButton
        self._grip = (button, event.position(), False)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Takes no second click at one place: it would put two points on each other."""
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follows a drag."""
        if self._grip is None:
            if self._projection is not None:
                self.hovered.emit(*self._projection.index(event.position().x(), event.position().y()))
            return
        button, last, moved = self._grip
        if self._held is not None and self._projection is not None:
            place = self._projection.index(event.position().x(), event.position().y())
            self._grip = (button, event.position(), True)
            self.moved.emit(self._held, *place)
            return
        delta = event.position() - last
        if not moved and delta.manhattanLength() < 4:
            return
        self._grip = (button, event.position(), True)
        if button is Qt.MouseButton.LeftButton:
            self.dragged.emit(delta.x() * 4.0, delta.y() * 2.0)
        elif button is Qt.MouseButton.MiddleButton:
            self.pan_by(delta.x(), delta.y())
        elif button is Qt.MouseButton.RightButton:
            self.zoom_by(_ZOOM_PER_PX ** -delta.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Lets go; a left click that moved nothing picks a vertebra, and a handle that was moved is dropped."""
        grip, self._grip = self._grip, None
        held, self._held = self._held, None
        if held is not None and grip is not None and grip[2]:
            self.dropped.emit()
            return
        if grip is not None and not grip[2] and grip[0] is Qt.MouseButton.LeftButton and self._projection:
            self.picked.emit(*self._projection.index(event.position().x(), event.position().y()))


def _drawing_matrix(napari_widget: Any, layer: Any) -> Float:
    """Reads the (2, 3) map from (row, column) to canvas pixels out of the very transforms that vispy draws with.

    vispy counts a texture's pixels from their edges, hence the half.
    """
    node = napari_widget.canvas.layer_to_visual[layer].node
    transform = node.get_transform("visual", "canvas")
    corners = transform.map([(0.5, 0.5), (0.5, 1.5), (1.5, 0.5)])
    origin, row, column = (np.asarray(corner[:2] / corner[3], float) for corner in corners)
    return np.stack([row - origin, column - origin, origin], axis=1)


def make_viewer() -> ViewerModel:
    """Returns napari's model of a viewer, without any of its keys."""
    get_settings().shortcuts.shortcuts = {}
    return ViewerModel()


def _forget_keys(viewer: Any) -> None:
    """Empties every keymap of napari's: digits grade here, and none of its keys may turn the picture."""
    for provider in (viewer, *viewer.layers):
        provider.keymap.clear()
        for kind in type(provider).__mro__:
            vars(kind).get("class_keymap", {}).clear()
