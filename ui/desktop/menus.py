"""The menu bar, made from the act table. Keys are shown there, but the window itself takes them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar

from ui.desktop.actions import ACTS, Act

_HIDDEN = frozenset({"choose-4", "escape", "hide-marks"})
"""Acts that make no sense with the mouse."""


def fill_menus(bar: QMenuBar, can: Callable[[Act], bool], do: Callable[[Act], None]) -> None:
    """Makes one menu for each group of acts; what cannot be done now is grey."""
    menus: dict[str, QMenu] = {}
    for act in ACTS:
        if act.id in _HIDDEN:
            continue
        if act.menu not in menus:
            menus[act.menu] = bar.addMenu(act.menu)
        _add(menus[act.menu], act, can, do)


def _add(menu: QMenu, act: Act, can: Callable[[Act], bool], do: Callable[[Act], None]) -> None:
    action = QAction(f"{act.words}\t{act.shown_key}" if act.keys else act.words, menu)
    action.triggered.connect(lambda _checked=False: do(act))
    menu.addAction(action)
    menu.aboutToShow.connect(lambda: action.setEnabled(can(act)))
