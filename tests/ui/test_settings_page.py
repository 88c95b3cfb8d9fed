"""The page of the settings in the real window: stored as they are given, at work at once, wrong ones said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.windows import PATIENCE_MS, delete, focused, open_window, press
from ui.composition import House
from ui.desktop import grading
from ui.desktop.settings_view import SettingsPage
from ui.desktop.window import MainWindow
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade, Reference
from vfscreen.settings import load_settings, setting_rows

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(house: House, qtbot: Any) -> Iterator[MainWindow]:
    """The window with the first study of the worklist open and the settings before it."""
    series_id = house.store.worklist(house.reader, Mode.READ)[0].series_id
    opened = open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS), series_id)
    press(opened, Qt.Key.Key_Comma, held=CONTROL)
    yield opened
    opened.close()
    delete(opened)


def page_of(window: MainWindow) -> SettingsPage:
    """The page that covers the picture."""
    page = window.pages.currentWidget()
    assert isinstance(page, SettingsPage)
    return page


def type_into(window: MainWindow, name: str, text: str) -> None:
    """Types a value for a setting, and Enter."""
    field = page_of(window).fields[name]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_every_setting_is_there_with_its_value(window: MainWindow, house: House) -> None:
    page = page_of(window)
    shown = {*page.fields, *(name for name, _ in page.buttons)}
    assert shown == {row.name for row in setting_rows()}
    assert page.fields["reader"].text() == house.reader
    assert page.fields["cache_gigabytes"].text() == "20"
    assert page.buttons["mode", "read"].isChecked()


def test_a_change_is_stored_at_once_and_at_work_at_once(window: MainWindow, house: House) -> None:
    page_of(window).buttons["go_on_by_itself", "False"].click()
    page_of(window).buttons["reference", "own_posterior"].click()
    page_of(window).buttons["mode", "screen"].click()
    kept = load_settings(house.folder.settings)
    assert (kept.go_on_by_itself, kept.reference, kept.mode) == (False, Reference.OWN_POSTERIOR, Mode.SCREEN)
    assert page_of(window).said("mode") == "✓ Stored"
    room = window.room
    assert (room.goes_on, room.mode) == (False, Mode.SCREEN)
    measured = [finding.morphometry for finding in room.findings.values()]
    assert {None if loss is None else loss.reference for loss in measured} == {Reference.OWN_POSTERIOR}


def test_another_reader_has_another_worklist_and_no_grade_yet(window: MainWindow, house: House) -> None:
    room = window.room
    grading.grade(room, ReadGrade.MILD)
    type_into(window, "reader", "Dr M")
    assert room.reader == load_settings(house.folder.settings).reader == "Dr M"
    assert room.case is not None and room.case.readings == {}
    grading.grade(room, ReadGrade.SEVERE)
    assert sorted(reading.reader for *_, reading in room.store.all_readings()) == ["Dr K", "Dr M"]


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("cache_gigabytes", "much", "The setting cache_gigabytes is a number."),
        ("threads", "1.5", "The setting threads is a whole number."),
        ("gate_patients", "0", "The setting gate_patients is at least 1."),
        ("test_percent", "90", "Held_out_percent and test_percent leave no patients to train on."),
        ("reference_file", "nowhere.csv", "The reference file cannot be read"),
    ],
)
def test_a_wrong_value_is_said_beside_it_and_not_stored(
    window: MainWindow, house: House, name: str, typed: str, said: str
) -> None:
    before = load_settings(house.folder.settings)
    type_into(window, name, typed)
    assert page_of(window).said(name).startswith(said)
    assert load_settings(house.folder.settings) == before


def test_escape_leaves_a_field_as_it_was(window: MainWindow, house: House) -> None:
    page = page_of(window)
    field = page.fields["threads"]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "7")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert (field.text(), load_settings(house.folder.settings).threads) == ("0", 0)
    assert window.page is None
    press(window, Qt.Key.Key_2)
    assert focused(window) is window.picture.canvas
    assert len(window.room.store.all_readings()) == 1


def test_a_departments_table_is_taken_and_named_with_the_loss(
    window: MainWindow, house: House, tmp_path: Path
) -> None:
    table = tmp_path / "ours.csv"
    table.write_text("level,ha_hp,hm_hp,sd_ha_hp,sd_hm_hp,n,source\nT9,0.95,0.93,0.05,0.05,40,us\n", "utf-8")
    type_into(window, "reference_file", str(table))
    first = next(iter(window.room.findings.values())).morphometry
    assert first is not None and first.table.startswith("ours.csv ")


def test_nobody_else_reads_on_while_a_grade_is_not_stored(window: MainWindow, house: House) -> None:
    """The settings said "stored", and the next person's grades went to the one before."""
    room, before = window.room, house.reader
    grading.grade(room, ReadGrade.MILD)
    room.unstored = room.case and next(iter(room.case.readings.values()))
    type_into(window, "reader", "Dr M")
    assert f"A grade of {before} is not stored yet" in page_of(window).said("reader")
    assert (load_settings(house.folder.settings).reader, room.reader) == (before, before)
    room.unstored = None
    type_into(window, "reader", "Dr M")
    assert (load_settings(house.folder.settings).reader, room.reader) == ("Dr M", "Dr M")
