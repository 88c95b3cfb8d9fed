"""The worklist on the left."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ui import words
from ui.desktop.keys import TextField
from ui.desktop.room import ReadingRoom
from ui.desktop.worklist import COLUMNS, Column, ListedCase, Show, listed
from vfscreen.findings import Mode
from vfscreen.reading import graded_today_sentence

WIDTH_PX = 344
Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


class ListedCases(QAbstractTableModel):
    """The listed studies for Qt's table."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[Column, ...] = COLUMNS[Mode.READ]
        self.cases: list[ListedCase] = []

    def show(self, columns: tuple[Column, ...], cases: list[ListedCase]) -> None:
        """Takes new rows; if only cells changed, only those are drawn again."""
        same = columns == self._columns and [c.series_id for c in cases] == [c.series_id for c in self.cases]
        if same:
            changed = [
                row for row, (old, new) in enumerate(zip(self.cases, cases, strict=True)) if old != new
            ]
            self.cases = cases
            for row in changed:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(columns) - 1))
            return
        self.beginResetModel()
        self._columns, self.cases = columns, cases
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        """Counts the studies."""
        return 0 if parent.isValid() else len(self.cases)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        """Counts the columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Returns a cell or its tip."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.cases[index.row()].cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.cases[index.row()].tip
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Returns a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None


class WorklistView(QWidget):
    """Search, choice and table. Signals: `chosen` (a series id), `left` (back to the picture)."""

    chosen = Signal(str)
    left = Signal()

    def __init__(self, room: ReadingRoom) -> None:
        super().__init__()
        self._room = room
        self._show = Show.ALL
        self.setFixedWidth(WIDTH_PX)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.setSpacing(6)
        column.addLayout(self._choice())
        self._search = TextField()
        self._search.setPlaceholderText("Find study   Ctrl+F")
        self._search.textChanged.connect(lambda _text: self.refresh())
        self._search.done.connect(self._open_first)
        self._search.left.connect(self._stop_search)
        column.addWidget(self._search)
        self._model = ListedCases()
        self._table = self._make_table()
        self._empty = QLabel(words.EMPTY_LIST)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setProperty("role", "quiet")
        self._stack = QStackedLayout()
        self._stack.addWidget(self._table)
        self._stack.addWidget(self._empty)
        column.addLayout(self._stack, 1)
        self._count = QLabel()
        self._count.setProperty("role", "quiet")
        column.addWidget(self._count)

    def _choice(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        group = QButtonGroup(self)
        for show in Show:
            button = QPushButton(show.value)
            button.setCheckable(True)
            button.setChecked(show is self._show)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _checked, chosen=show: self._choose(chosen))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(26)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setSectionsClickable(False)
        table.clicked.connect(self._clicked)
        return table

    def _clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(self._model.cases[index.row()].series_id)

    def _choose(self, show: Show) -> None:
        self._show = show
        self.refresh()

    def _open_first(self, _text: str) -> None:
        if self._model.cases:
            first = self._model.cases[0].series_id
            self._stop_search()
            self.chosen.emit(first)

    def _stop_search(self) -> None:
        self._search.clear()
        self.left.emit()

    def start_search(self) -> None:
        """Puts the cursor into the search."""
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def refresh(self) -> None:
        """Shows the room's rows as chosen and searched, with the open study selected."""
        columns = COLUMNS[self._room.mode]
        cases = listed(self._room.rows, self._room.mode, self._show, self._search.text().strip())
        self._model.show(columns, cases)
        header = self._table.horizontalHeader()
        for place, column in enumerate(columns):
            if column.width:
                header.setSectionResizeMode(place, QHeaderView.ResizeMode.Fixed)
                self._table.setColumnWidth(place, column.width)
            else:
                header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        self._empty.setText(words.NOTHING_FITS if self._room.rows else words.EMPTY_LIST)
        self._stack.setCurrentWidget(self._table if cases else self._empty)
        total = words.counted(len(self._room.rows), "study", "studies")
        shown = total if len(cases) == len(self._room.rows) else f"{len(cases)} of {total}"
        today = graded_today_sentence(self._room.today) if self._room.today else ""
        self._count.setText(words.joined([shown, today]))
        self._select_open()

    def _select_open(self) -> None:
        case = self._room.case
        ids = [listed_case.series_id for listed_case in self._model.cases]
        if case is None or case.series_id not in ids:
            self._table.clearSelection()
            return
        row = ids.index(case.series_id)
        if not self._table.selectionModel().isRowSelected(row):
            self._table.selectRow(row)
            self._table.scrollTo(self._model.index(row, 0))
