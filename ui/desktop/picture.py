"""The picture's place in the window: words until the canvas is there, then the canvas, kept true to the room."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QStackedLayout, QWidget

from ui import words
from ui.desktop import correcting
from ui.desktop.bars import set_role
from ui.desktop.canvas_loading import CanvasLoader
from ui.desktop.marks import marks_of
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change
from vfscreen.cases import Case
from vfscreen.reading import refusals_elsewhere
from vfscreen.volume import Volume

if TYPE_CHECKING:
    from ui.desktop.canvas import Box, Canvas

_ABOVE_MM, _AHEAD_MM, _BEHIND_MM = 28.0, 95.0, 55.0
_LEAST_HIGH_MM = 140.0
"""A fit shows at least so much of the height: one vertebra alone is read beside what surrounds it."""
_PICK_MM = 25.0


class Picture(QWidget):
    """Signals: `ready` (the canvas is there), `painted` (a frame is on the screen), `hovered` (Hounsfield units)."""

    ready = Signal()
    painted = Signal()
    hovered = Signal(object)

    def __init__(
        self,
        room: ReadingRoom,
        on_fault: Callable[[Exception], None],
        safely: Callable[[Callable[[], object]], None],
    ) -> None:
        super().__init__()
        self._room = room
        self._safely = safely
        self.canvas: Canvas | None = None
        self._stack = QStackedLayout(self)
        self._words = QLabel(words.NO_STUDY)
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._words.setWordWrap(True)
        self._words.setStyleSheet("background: #000000;")
        set_role(self._words, "quiet")
        self._stack.addWidget(self._words)
        self._loader = CanvasLoader(self)
        self._loader.done.connect(self._next_step)
        self._steps = [self._make_viewer, self._make_canvas, self._fill_canvas, self._unveil]
        self._viewer: Any = None
        self._loader.failed.connect(on_fault)

    @property
    def shows_study(self) -> bool:
        """Whether the open study's picture is there to be read."""
        return self.canvas is not None and self._stack.currentWidget() is self.canvas

    def load_canvas(self) -> None:
        """Begins to bring the canvas in; the window goes on meanwhile."""
        self._loader.start()

    def _next_step(self) -> None:
        """Does one step of making the canvas, 0.03 to 0.1 s, and gives the event loop a turn before the next."""
        if self._steps:
            self._steps.pop(0)()
            QTimer.singleShot(0, self, self._next_step)

    def _make_viewer(self) -> None:
        from ui.desktop.canvas import make_viewer  # napari is in memory by now

        self._viewer = make_viewer()

    def _make_canvas(self) -> None:
        from ui.desktop.canvas import Canvas

        canvas = Canvas(self._viewer, self)
        canvas.stepped.connect(self._room.step_slice)
        canvas.dragged.connect(self._room.drag_window)
        canvas.picked.connect(self._picked)
        canvas.moved.connect(lambda *moved: correcting.move_point(self._room, *moved))
        canvas.dropped.connect(lambda: self._safely(lambda: correcting.store_points(self._room)))
        canvas.hovered.connect(self._hovered)
        canvas.painted.connect(self.painted)
        canvas.setGeometry(self.rect())
        self.canvas = canvas
        self._stack.addWidget(canvas)

    def _fill_canvas(self) -> None:
        """Puts the open study on the canvas while nobody sees it yet."""
        if self._room.case is not None and self._room.volume is not None:
            self._show_case(self._room.case, self._room.volume)

    def _unveil(self) -> None:
        self.show_room(Change.BODY | Change.SLICE | Change.WINDOW)
        self.ready.emit()

    def show_room(self, change: Change) -> None:
        """Draws what changed in the room."""
        room = self._room
        if room.case is None or room.volume is None or self.canvas is None:
            self._show_words()
            return
        if change & Change.CASE:
            self._show_case(room.case, room.volume)
        self._stack.setCurrentWidget(self.canvas)
        if change & (Change.CASE | Change.WINDOW):
            reach = room.slab_reach()
            slab = words.mean_of(reach, float(room.volume.spacing_mm[0]))
            self.canvas.set_window(room.window.width, room.window.level, f"{room.window}   {slab}".rstrip())
            self.canvas.set_slab(reach)
        if change & (Change.CASE | Change.BODY):
            outlined = {body.body_id for body in room.case.bodies if room.points_shown(body)}
            self.canvas.marks(
                marks_of(
                    room.case.bodies,
                    room.case.readings,
                    room.volume.inverse,
                    here=room.here,
                    outlined=outlined,
                )
            )
            self.canvas.notice(_notice(room.case))
            self._bring_body()
        if change & (Change.CASE | Change.TOOL):
            self._show_tool(self.canvas, room.volume)
        if change & Change.SLICE and not change & Change.CASE:
            self.canvas.go(room.slice)

    def _show_case(self, case: Case, volume: Volume) -> None:
        if self.canvas is not None:
            self.canvas.setGeometry(self.rect())
            self.canvas.show_volume(volume.voxels, volume.affine, self._room.slice, _spine_box(case, volume))

    def _show_tool(self, canvas: Canvas, volume: Volume) -> None:
        """Shows the points that are being placed, and by the pointer that a click does something else now."""
        indices = [volume.indices_of(point) for point in self._room.points_lps_mm]
        canvas.handles([(float(row), float(column)) for _, row, column in indices])
        busy = self._room.tool is not None
        canvas.setCursor(Qt.CursorShape.CrossCursor if busy else Qt.CursorShape.ArrowCursor)

    def _show_words(self) -> None:
        room = self._room
        if room.case is None:
            self._words.setText(words.NO_STUDY if room.rows else words.EMPTY_LIST)
        else:
            self._words.setText(words.PREPARING if room.volume is not None else words.READING_FILES)
        self._stack.setCurrentWidget(self._words)

    def _bring_body(self) -> None:
        body = self._room.body()
        if body is not None and self._room.volume is not None and self.canvas is not None:
            _, row, column = self._room.volume.indices_of(body.vertebra.centre_lps_mm)
            self.canvas.bring(float(row), float(column))

    def _picked(self, row: float, column: float) -> None:
        room = self._room
        self._safely(lambda: correcting.click(room, row, column) or self._go_to_body(room, row, column))

    @staticmethod
    def _go_to_body(room: ReadingRoom, row: float, column: float) -> None:
        if room.case is None or room.volume is None or not room.case.bodies:
            return
        clicked = room.volume.lps_of(np.array([room.slice, row, column]))
        across = room.volume.affine[:3, 0] / np.linalg.norm(room.volume.affine[:3, 0])

        def distance_mm(centre_lps_mm: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
            offset = centre_lps_mm - clicked
            return float(np.linalg.norm(offset - across * (offset @ across)))

        nearest = min(room.case.bodies, key=lambda body: distance_mm(body.vertebra.centre_lps_mm))
        if distance_mm(nearest.vertebra.centre_lps_mm) <= _PICK_MM:
            room.go_to(nearest.body_id, keep_slice=True)

    def _hovered(self, row: float, column: float) -> None:
        volume = self._room.volume
        if volume is None:
            return
        place = (self._room.slice, round(row), round(column))
        inside = all(0 <= index < count for index, count in zip(place, volume.shape, strict=True))
        self.hovered.emit(int(volume.voxels[place]) if inside else None)


def _spine_box(case: Case, volume: Volume) -> Box | None:
    """Returns what a fit brings to the screen: the spine with room around it, None while no body is known."""
    if not case.bodies:
        return None
    indices = volume.indices_of(np.stack([body.vertebra.centre_lps_mm for body in case.bodies]))
    _, row_mm, column_mm = volume.spacing_mm
    _, rows, columns = volume.shape
    above_mm = max(_ABOVE_MM, (_LEAST_HIGH_MM - float(np.ptp(indices[:, 1])) * row_mm) / 2)
    top, bottom = indices[:, 1].min() - above_mm / row_mm, indices[:, 1].max() + above_mm / row_mm
    left, right = indices[:, 2].min() - _AHEAD_MM / column_mm, indices[:, 2].max() + _BEHIND_MM / column_mm
    return (
        max(float(top), 0.0),
        min(float(bottom), rows - 1.0),
        max(float(left), 0.0),
        min(float(right), columns - 1.0),
    )


def _notice(case: Case) -> str:
    """Returns what must be known of the whole study, in lines: what the program asks, then what it warns of."""
    if not case.bodies:
        return "\n".join(words.refused(refusal) for refusal in case.refusals) or words.NO_BODIES
    said = [words.refused_at(refusal) for refusal in refusals_elsewhere(case)]
    if case.warnings:
        more = len(case.warnings) - 1
        said.append(
            words.sentence(case.warnings[0]) + (f"  (+{more} more, see the worklist)" if more else "")
        )
    return "\n".join(f"▲ {line}" for line in said)
