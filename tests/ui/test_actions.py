"""The act table: complete, without quarrels, and the key sheet and the menus are made from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel

from ui.desktop.actions import ACTS, acts_by_id, acts_by_key, tip
from ui.desktop.pages import KeySheet
from vfscreen.genant import ReadGrade


def test_no_key_is_given_twice() -> None:
    assert len(acts_by_key()) == sum(len(act.keys) for act in ACTS)


def test_a_quarrel_over_a_key_is_refused() -> None:
    twin = replace(ACTS[0], id="twin")
    with pytest.raises(ValueError, match=r"Ctrl\+I is the key of import-folder and of twin"):
        acts_by_key([*ACTS, twin])


def test_every_act_has_an_id_of_its_own_words_and_a_menu() -> None:
    assert len(acts_by_id()) == len(ACTS)
    assert all(act.words and act.menu for act in ACTS)
    assert all(not act.words.endswith("!") for act in ACTS)


def test_every_grade_has_its_digit() -> None:
    keys = acts_by_key()
    assert [keys[digit].id for digit in "0123"] == ["grade-0", "grade-1", "grade-2", "grade-3"]
    assert keys["."] is keys["5"] is acts_by_id()["grade-half"]
    assert len([act for act in ACTS if act.id.startswith("grade-")]) == len(ReadGrade)


def test_a_tip_names_all_keys() -> None:
    assert tip(acts_by_id()["undo"]) == "Undo   Ctrl+Z or U"
    assert tip(acts_by_id()["import-file"]) == "Import file…"


def test_the_key_sheet_shows_every_act_that_has_a_key(qtbot: Any) -> None:
    sheet = KeySheet()
    qtbot.addWidget(sheet)
    shown = {label.text() for label in sheet.findChildren(QLabel)}
    assert {act.words for act in ACTS if act.keys} <= shown
