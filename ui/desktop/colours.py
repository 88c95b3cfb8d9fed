"""The colours of the reading room (Okabe and Ito's, on dark) and the style sheet made of them. No Qt here.

Source: Okabe M, Ito K, Color universal design (2008). Each colour carries a second sign wherever it is used.
"""

from __future__ import annotations

from vfscreen.genant import ReadGrade

GROUND = "#1A1A1A"
RAISED = "#242424"
LINE = "#3A3A3A"
IMAGE = "#000000"
TEXT = "#D6D6D6"
QUIET = "#9A9A9A"
BRIGHT = "#FFFFFF"
HERE = "#2F4A5C"
STORED = "#009E73"
FAILURE = "#D55E00"
MARK = "#56B4E9"
FOR, AGAINST = "#E69F00", "#56B4E9"

GRADES: dict[ReadGrade, str] = {
    ReadGrade.NORMAL: "#BBBBBB",
    ReadGrade.BORDERLINE: "#9BC9E2",
    ReadGrade.MILD: "#56B4E9",
    ReadGrade.MODERATE: "#F0E442",
    ReadGrade.SEVERE: "#D55E00",
}

TEXT_PX = 13
TITLE_PX = 15

STYLE = f"""
QWidget {{ background: {GROUND}; color: {TEXT}; font-size: {TEXT_PX}px; }}
QMenuBar {{ background: {GROUND}; padding: 1px 4px; }}
QMenuBar::item {{ padding: 3px 9px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {HERE}; color: {BRIGHT}; }}
QMenu {{ background: {RAISED}; border: 1px solid {LINE}; padding: 4px 0; }}
QMenu::item {{ padding: 4px 26px 4px 18px; }}
QMenu::item:disabled {{ color: #6E6E6E; }}
QMenu::separator {{ height: 1px; background: {LINE}; margin: 4px 8px; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 3px; }}
QPushButton {{ background: {RAISED}; border: 1px solid #4A4A4A; border-radius: 3px; padding: 4px 8px; }}
QPushButton:hover {{ background: #2E2E2E; border-color: #6A6A6A; }}
QPushButton:pressed {{ background: {HERE}; }}
QPushButton:checked {{ background: {HERE}; color: {BRIGHT}; border-color: #7FA8C4; }}
QPushButton:disabled {{ color: #6E6E6E; border-color: #333333; }}
QLineEdit, QPlainTextEdit {{ background: #101010; border: 1px solid #4A4A4A; border-radius: 3px; padding: 3px 5px;
  selection-background-color: {HERE}; }}
QLineEdit:focus, QPlainTextEdit:focus {{ border-color: #7FA8C4; }}
QTableView {{ border: 0; outline: 0; gridline-color: transparent; selection-background-color: {HERE};
  selection-color: {BRIGHT}; alternate-background-color: #1E1E1E; }}
QTableView::item {{ padding: 2px 4px; border: 0; }}
QHeaderView::section {{ background: {GROUND}; color: {QUIET}; border: 0; border-bottom: 1px solid {LINE};
  padding: 4px 4px 4px 7px; font-size: {TEXT_PX}px; }}
QScrollBar:vertical {{ background: {GROUND}; width: 10px; margin: 0; }}
QScrollBar::handle:vertical {{ background: #444444; min-height: 28px; border-radius: 4px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QScrollBar:horizontal {{ background: {GROUND}; height: 10px; margin: 0; }}
QScrollBar::handle:horizontal {{ background: #444444; min-width: 28px; border-radius: 4px; }}
QProgressBar {{ background: #101010; border: 1px solid {LINE}; border-radius: 3px; text-align: center;
  min-height: 16px; }}
QProgressBar::chunk {{ background: {HERE}; }}
*[role="quiet"] {{ color: {QUIET}; }}
*[role="title"] {{ color: {BRIGHT}; font-size: {TITLE_PX}px; font-weight: 600; }}
*[role="stored"] {{ color: {STORED}; }}
*[role="wrong"] {{ color: {FAILURE}; }}
*[role="failure"] {{ background: {FAILURE}; color: #000000; }}
QLabel[role="ready"] {{ color: {TEXT}; }}
"""
