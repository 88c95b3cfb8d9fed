"""The frame of the main window: its parts, where they stand, and drawing them as the room stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from PySide6.QtCore import Signal
from PySide6.QtOpenGLWidgets import QOpenGLWidget
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from ui.desktop.bars import HEADER_PX, Header, StateLine, TroubleBar
from ui.desktop.crop import BodyCrop, crop_of
from ui.desktop.pages import KeySheet, Page
from ui.desktop.panel import panel_of
from ui.desktop.panel_view import PanelView
from ui.desktop.picture import Picture
from ui.desktop.rail import rail_of
from ui.desktop.rail_view import RailView
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change
from ui.desktop.worklist_view import WorklistView


class Frame(QMainWindow):
    """Worklist on the left; picture, rail and panel, or a page over them; header above, state line below.

    Signal `closed_page`: the way back from a page was clicked.
    """

    closed_page = Signal()

    def build(
        self,
        room: ReadingRoom,
        on_fault: Callable[[Exception], None],
        safely: Callable[[Callable[[], object]], None],
    ) -> None:
        """Makes the parts and puts them in their places."""
        self._shown_room = room
        self._crop: tuple[object, BodyCrop | None] = (None, None)
        self.header, self.trouble, self.state = Header(), TroubleBar(), StateLine()
        self.worklist = WorklistView(room)
        self.picture = Picture(room, on_fault, safely)
        self.rail, self.panel = RailView(), PanelView()
        self.pages = QStackedWidget()
        self.pages.addWidget(self._reading_page())
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.worklist)
        row.addWidget(self.pages, 1)
        column.addWidget(self._top())
        column.addLayout(row, 1)
        column.addWidget(self.state)
        self.setCentralWidget(centre)
        # The first OpenGL widget makes Qt build the window anew, visibly. So there is one from the start.
        herald = QOpenGLWidget(centre)
        herald.setFixedSize(1, 1)
        herald.hide()

    def _top(self) -> QWidget:
        top = QStackedWidget()
        top.setFixedHeight(HEADER_PX)
        top.addWidget(self.header)
        top.addWidget(self.trouble)
        self.trouble.raised.connect(lambda: top.setCurrentWidget(self.trouble))
        self.trouble.closed.connect(lambda: top.setCurrentWidget(self.header))
        return top

    def _reading_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.picture, 1)
        row.addWidget(self.rail)
        row.addWidget(self.panel)
        return page

    @cached_property
    def key_sheet(self) -> KeySheet:
        """The page of all keys, made when it is first asked for."""
        sheet = KeySheet()
        self.add_page(sheet)
        return sheet

    def add_page(self, page: Page) -> None:
        """Takes in a page that can cover the picture."""
        self.pages.addWidget(page)
        page.closed.connect(self.closed_page)

    @property
    def page(self) -> Page | None:
        """The page that covers the picture; None while the picture is to be seen."""
        shown = self.pages.currentWidget()
        return shown if isinstance(shown, Page) else None

    def draw(self, change: Change) -> None:
        """Draws what changed in the room."""
        room = self._shown_room
        for part in (self.rail, self.panel):
            part.setVisible(room.case is not None)
        self.picture.show_room(change)
        if change & (Change.BODY | Change.CASE | Change.WINDOW):
            self.rail.show_lines(rail_of(room))
            self.panel.show_panel(panel_of(room))
            body = room.body()
            points = body is not None and room.points_shown(body)
            self.panel.show_crop(self._crop_here(), room.window, points=points)
        if change & (Change.ROWS | Change.CASE):
            self.worklist.refresh()
        if change & (Change.ROWS | Change.CASE | Change.BODY | Change.STATE):
            self.header.show_room(room)
            self.state.show_room(room)

    def _crop_here(self) -> BodyCrop | None:
        body, volume = self._shown_room.body(), self._shown_room.volume
        if body is None or volume is None or self.picture.canvas is None:
            return None
        key = (body.body_id, body.geometry_version, id(volume))
        if self._crop[0] != key:
            self._crop = (key, crop_of(volume, body.vertebra))
        return self._crop[1]
