"""The real window on a real store: what a reader sees and does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget

from tests.ui.department import LEVELS
from tests.ui.test_grading import FullDisk
from tests.ui.test_room import level
from tests.ui.windows import PATIENCE_MS, Wait, canvas_of, delete, focused, open_window, press
from ui.composition import House
from ui.desktop.overlay import Overlay, Texts
from ui.desktop.resume import last_place
from ui.desktop.states import Chooser
from ui.desktop.window import PLACE_FILE, MainWindow
from vfscreen.errors import StoreLocked
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer, new_reading

K = Qt.Key


@pytest.fixture
def wait(qtbot: Any) -> Wait:
    """Lets the event loop run until something holds."""
    return lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS)


@pytest.fixture
def window(house: House, wait: Wait) -> Iterator[MainWindow]:
    """The window with the first study of the worklist open."""
    series_id = house.store.worklist(house.reader, Mode.READ)[0].series_id
    opened = open_window(house, wait, series_id)
    yield opened
    opened.room.unstored = None
    opened.close()
    delete(opened)


def grades(window: MainWindow) -> list[str]:
    """The reader's grades from the head down, as the store has them."""
    room = window.room
    assert room.case is not None
    case = room.store.case(room.case.series_id, room.reader)
    found = [case.readings.get(body.body_id) for body in case.bodies]
    return ["-" if reading is None or reading.grade is None else reading.grade.sign for reading in found]


def test_it_shows_worklist_picture_rail_panel_and_the_notice(window: MainWindow) -> None:
    assert window.findChild(QLabel, "notice").text() == "Research use. Not for diagnosis."
    assert [row.level for row in window.rail.lines] == list(LEVELS)
    assert canvas_of(window).overlay.texts.window == "Bone W2000 L400"
    assert canvas_of(window).overlay.texts.letters == ("A", "H", "P", "F")
    assert len(window.room.rows) == 2


def test_keys_grade_and_each_grade_is_on_disk_when_the_key_returns(window: MainWindow) -> None:
    press(window, K.Key_0)
    assert grades(window)[0] == "0"
    press(window, K.Key_Period, K.Key_1, K.Key_2, K.Key_3)
    assert grades(window) == ["0", "½", "1", "2", "3", "-"]
    assert window.state.words.endswith("L1 = 3")
    press(window, K.Key_5)
    assert grades(window)[5] == "½"


def test_the_number_pad_grades_as_the_row_does(window: MainWindow) -> None:
    press(window, K.Key_2, held=Qt.KeyboardModifier.KeypadModifier)
    assert grades(window)[0] == "2"


def test_a_key_that_is_held_grades_one_vertebra_only(window: MainWindow) -> None:
    window.key_came("1", True, False)
    window.key_came("1", True, True)
    window.key_came("1", True, True)
    assert grades(window) == ["1", "-", "-", "-", "-", "-"]


def test_buttons_grade_as_keys_do(window: MainWindow) -> None:
    QTest.mouseClick(window.panel.button("grade-2"), Qt.MouseButton.LeftButton)
    assert grades(window)[0] == "2"
    assert level(window.room) == "T10"


def test_arrows_and_wheel_step_slices(window: MainWindow) -> None:
    canvas = canvas_of(window)
    start = canvas.slice_index
    press(window, K.Key_Down, K.Key_Right, K.Key_Up)
    assert canvas.slice_index == start + 1
    press(window, K.Key_Down, held=Qt.KeyboardModifier.ShiftModifier)
    assert canvas.slice_index == start + 11
    wheel(window, -120)
    assert canvas.slice_index == start + 12
    wheel(window, 120, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.slice_index == start + 2
    press(window, K.Key_Home)
    assert canvas.slice_index == 0
    press(window, K.Key_End)
    assert canvas.slice_index == window.room.last_slice()


def test_small_parts_of_a_notch_add_up_to_one_slice(window: MainWindow) -> None:
    canvas = canvas_of(window)
    start = canvas.slice_index
    for _ in range(7):
        wheel(window, -30)
    assert canvas.slice_index == start + 1
    wheel(window, -240)
    assert canvas.slice_index == start + 3


def wheel(
    window: MainWindow, turned: int, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Turns the wheel over the middle of the picture."""
    canvas = canvas_of(window)
    middle = canvas.mapTo(window, canvas.rect().center())
    QTest.wheelEvent(window.windowHandle(), QPointF(middle), QPoint(0, turned), QPoint(), held)
    QApplication.processEvents()


def test_page_keys_walk_the_spine_with_its_slices(window: MainWindow) -> None:
    press(window, K.Key_PageDown, K.Key_J)
    assert level(window.room) == "T11"
    body, volume = window.room.body(), window.room.volume
    assert body is not None and volume is not None
    assert canvas_of(window).slice_index == round(volume.indices_of(body.vertebra.centre_lps_mm)[0])
    press(window, K.Key_K)
    assert level(window.room) == "T10"


def test_space_hides_the_marks_while_it_is_held(window: MainWindow) -> None:
    overlay = canvas_of(window).overlay
    shown = overlay.shown_marks
    assert shown
    QTest.keyPress(canvas_of(window), K.Key_Space)
    assert overlay.shown_marks == ()
    QTest.keyRelease(canvas_of(window), K.Key_Space)
    assert overlay.shown_marks == shown


def test_space_bares_the_vertebras_own_picture_too(window: MainWindow) -> None:
    press(window, *[K.Key_0] * len(LEVELS), K.Key_M)
    assert window.panel.shows_points
    QTest.keyPress(canvas_of(window), K.Key_Space)
    assert not window.panel.shows_points
    QTest.keyRelease(canvas_of(window), K.Key_Space)
    assert window.panel.shows_points


def test_the_picture_stays_where_it_is_when_the_model_speaks_and_falls_silent(window: MainWindow) -> None:
    press(window, *[K.Key_0] * len(LEVELS))
    placed = canvas_of(window).geometry(), canvas_of(window).view()
    for _ in range(2):
        press(window, K.Key_M)
        QApplication.processEvents()
        assert (canvas_of(window).geometry(), canvas_of(window).view()) == placed


@pytest.mark.parametrize("wide", [300, 528, 1200])
def test_the_letters_stand_clear_of_the_corners(wide: int, qapp: QApplication) -> None:
    below = QWidget()
    sheet = Overlay(below)
    sheet.resize(wide, 600)
    sheet.set_texts(Texts(window="Soft tissue W400 L40", scale="50 mm", scale_px=91.0))
    corner = sheet.fontMetrics().horizontalAdvance("Soft tissue W400 L40")
    assert sheet.letters_left >= max(wide // 4, corner)


def test_read_mode_shows_no_heights_no_model_and_no_outline_until_the_last_level_is_graded(
    window: MainWindow,
) -> None:
    press(window, *[K.Key_0] * (len(LEVELS) - 1))
    press(window, K.Key_M)
    assert opinions(window) == []
    press(window, K.Key_0)
    assert opinions(window) == []
    press(window, K.Key_M)
    assert opinions(window) == ["heights", "model", "rail", "outlines", "points"]


def opinions(window: MainWindow) -> list[str]:
    """What of the program's opinion is on the screen now."""
    shown = {
        "heights": "mm" in window.panel.heights,
        "model": bool(re.search(r"suggests \d|unsure", window.panel.model)),
        "rail": any(line.model for line in window.rail.lines),
        "outlines": any(mark.outline for mark in canvas_of(window).overlay.shown_marks),
        "points": window.panel.shows_points,
    }
    return [name for name, holds in shown.items() if holds]


def test_the_revealed_rail_says_where_reader_and_model_differ(window: MainWindow) -> None:
    press(window, *[K.Key_0] * len(LEVELS), K.Key_M)
    assert [line.level for line in window.rail.lines if line.differs] == ["T12"]
    assert {line.level: line.model for line in window.rail.lines} == dict.fromkeys(LEVELS, "0") | {"T12": "2"}


def test_the_worklist_in_read_mode_holds_nothing_that_hints(window: MainWindow) -> None:
    assert all(row.suspicion is None and row.suggested_levels == "" for row in window.room.rows)
    window.room.change_mode(Mode.SCREEN)
    assert all(row.suspicion is not None for row in window.room.rows)


def test_the_chooser_takes_one_digit_then_digits_grade_again(window: MainWindow) -> None:
    press(window, K.Key_X)
    assert window.room.chooser is Chooser.NOT_ASSESSABLE
    press(window, K.Key_1, K.Key_1)
    assert grades(window)[:2] == ["-", "1"]
    assert window.rail.lines[0].sign == "X"


def test_a_note_can_be_typed_while_the_chooser_is_open(window: MainWindow) -> None:
    press(window, K.Key_X, K.Key_N)
    assert window.room.chooser is None
    QTest.keyClicks(focused(window), "cement")
    press(window, K.Key_Return)
    reading = window.room.reading()
    assert reading is not None and (reading.note, level(window.room)) == ("cement", "T9")


def test_the_chooser_closes_by_itself(window: MainWindow, wait: Wait) -> None:
    press(window, K.Key_D)
    wait(lambda: window.room.chooser is None)
    assert level(window.room) == "T10"


def test_a_note_is_typed_without_grading_and_enter_keeps_it(window: MainWindow) -> None:
    press(window, K.Key_N)
    QTest.keyClicks(focused(window), "x10 2m")
    assert grades(window) == ["-"] * 6
    press(window, K.Key_Return)
    reading = window.room.reading()
    assert reading is not None and (reading.note, reading.grade) == ("x10 2m", None)
    press(window, K.Key_2)
    assert grades(window)[0] == "2"


def test_escape_leaves_a_note_as_it_was(window: MainWindow) -> None:
    press(window, K.Key_N)
    QTest.keyClicks(focused(window), "never mind")
    press(window, K.Key_Escape, K.Key_1)
    assert window.room.store.all_readings()[-1][3].note == ""
    assert grades(window)[0] == "1"


def test_nobody_grades_what_a_page_covers(window: MainWindow) -> None:
    press(window, K.Key_F1, K.Key_1, K.Key_2, K.Key_X)
    assert grades(window) == ["-"] * 6
    press(window, K.Key_Escape, K.Key_1)
    assert grades(window)[0] == "1"


def test_presets_and_a_drag_set_the_window(window: MainWindow) -> None:
    canvas = canvas_of(window)
    press(window, K.Key_F7)
    assert canvas.overlay.texts.window == "Soft tissue W400 L40"
    drag(window, Qt.MouseButton.LeftButton, QPoint(30, 10))
    assert canvas.overlay.texts.window.startswith("Own W5")
    press(window, K.Key_F5)
    assert canvas.overlay.texts.window == "Bone W2000 L400"


def test_s_shows_the_mean_of_a_slab_and_says_so(window: MainWindow) -> None:
    canvas, volume = canvas_of(window), window.room.volume
    assert volume is not None
    voxels, here = volume.voxels.astype(float), window.room.slice
    beside = window.room.slab_reach
    assert np.array_equal(canvas.shown(), voxels[here])
    press(window, K.Key_S)
    assert beside() == round((3.0 / volume.spacing_mm[0] - 1) / 2) > 0
    assert canvas.overlay.texts.window.startswith("Bone W2000 L400   Mean of ")
    assert np.allclose(canvas.shown(), voxels[here - beside() : here + beside() + 1].mean(0))
    press(window, K.Key_S)
    assert canvas.overlay.texts.window.endswith(f"{(2 * beside() + 1) * volume.spacing_mm[0]:.1f} mm")
    press(window, K.Key_Down)
    assert np.allclose(canvas.shown(), voxels[here + 1 - beside() : here + 2 + beside()].mean(0))
    press(window, K.Key_Up)
    press(window, K.Key_S)
    assert canvas.overlay.texts.window == "Bone W2000 L400"
    assert np.array_equal(canvas.shown(), voxels[here])


def drag(window: MainWindow, button: Qt.MouseButton, way: QPoint) -> None:
    """Drags over the picture with a button held."""
    canvas = canvas_of(window)
    start = canvas.rect().center()
    QTest.mousePress(canvas, button, Qt.KeyboardModifier.NoModifier, start)
    for share in (0.5, 1.0):
        QTest.mouseMove(canvas, start + way * share)
        QApplication.processEvents()
    QTest.mouseRelease(canvas, button, Qt.KeyboardModifier.NoModifier, start + way)


def test_a_click_goes_to_the_vertebra_under_it_and_keeps_the_slice(window: MainWindow) -> None:
    canvas = canvas_of(window)
    mark = next(mark for mark in canvas.overlay.shown_marks if mark.name == "T11")
    assert canvas.projection is not None
    slice_before = canvas.slice_index
    x, y = canvas.projection.point(mark.centre[1], mark.centre[2])
    QTest.mouseClick(
        canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y))
    )
    assert level(window.room) == "T11"
    assert canvas.slice_index == slice_before


def test_undo_and_redo_by_keys(window: MainWindow) -> None:
    press(window, K.Key_1, K.Key_2)
    press(window, K.Key_U)
    press(window, K.Key_Z, held=Qt.KeyboardModifier.ControlModifier)
    assert grades(window)[:2] == ["-", "-"]
    assert level(window.room) == "T9"
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press(window, K.Key_Z, held=both)
    assert grades(window)[:2] == ["1", "-"]


def test_marks_come_back_when_the_end_of_space_goes_to_another_window(window: MainWindow, wait: Wait) -> None:
    overlay = canvas_of(window).overlay
    QTest.keyPress(canvas_of(window), K.Key_Space)
    assert overlay.shown_marks == ()
    other = QWidget()
    other.show()
    other.activateWindow()
    wait(lambda: not window.isActiveWindow())
    assert overlay.shown_marks
    other.close()


def test_escape_closes_what_is_open_then_what_was_said_of_trouble(window: MainWindow) -> None:
    window.fault(StoreLocked("the store is busy", "cases.db", "try again"))
    press(window, K.Key_F1, K.Key_Escape)
    assert window.trouble.isVisible()
    press(window, K.Key_Escape)
    assert not window.trouble.isVisible()


def test_menus_are_grey_where_an_act_is_out_of_reach(window: MainWindow) -> None:
    assert menu_entry(window, "Undo").isEnabled()
    press(window, K.Key_F1)
    assert not menu_entry(window, "Undo").isEnabled()


def menu_entry(window: MainWindow, words: str) -> QAction:
    """An entry of the menus as it stands when its menu opens."""
    for title in window.menuBar().actions():
        menu = cast(QMenu, title.menu())
        menu.aboutToShow.emit()
        for entry in menu.actions():
            if entry.text().startswith(words):
                return entry
    raise AssertionError(f"no menu has {words}")


def test_a_long_name_of_the_reader_takes_no_room_from_the_window(window: MainWindow) -> None:
    least = window.minimumSizeHint().width()
    window.room.reader = "Dr Maximiliane von und zu Hohenstein-Schwarzenberg, Department of Radiology" * 2
    window.header.show_room(window.room)
    assert window.minimumSizeHint().width() <= max(least, 1280)


def test_while_no_study_is_open_enter_opens_the_next_to_do_and_no_key_is_typed(
    house: House, wait: Wait
) -> None:
    """The search had the focus: digits were typed into it, and Enter opened its first line, done or not."""
    done, left = (row.series_id for row in house.store.worklist(house.reader, Mode.READ))
    case = house.store.case(done, house.reader)
    normal, now = Answer(grade=ReadGrade.NORMAL), datetime.now(UTC)
    house.store.store_readings(
        [new_reading(case, body, house.reader, Mode.READ, normal, now) for body in case.bodies]
    )
    opened = open_window(house, wait)
    press(opened, K.Key_0, K.Key_Return)
    assert opened.room.case is not None and opened.room.case.series_id == left
    wait(lambda: canvas_of(opened).hasFocus())
    opened.close()
    delete(opened)


def test_ctrl_s_says_that_nothing_needs_saving(window: MainWindow) -> None:
    press(window, K.Key_1)
    press(window, K.Key_S, held=Qt.KeyboardModifier.ControlModifier)
    assert window.state.words.startswith("Nothing to save: 1 grade stored in this study, the last at ")


def test_f2_folds_the_worklist(window: MainWindow) -> None:
    press(window, K.Key_F2)
    assert window.worklist.isHidden()
    press(window, K.Key_F2)
    assert not window.worklist.isHidden()


def test_a_known_error_is_said_as_its_sentences(window: MainWindow) -> None:
    window.fault(StoreLocked("the store is busy", "cases.db", "try again"))
    assert window.trouble.words == "The store is busy. Cases.db. Try again."
    assert window.trouble.isVisible()


def test_a_fault_of_ours_is_reported_without_patient_data(window: MainWindow, house: House) -> None:
    press(window, K.Key_1)
    try:
        raise RuntimeError("/archive/Doe^Jane/1.dcm broke")
    except RuntimeError as fault:
        window.fault(fault)
    assert window.trouble.words == "Something of ours broke. Your 1 grade is safe."
    report = next(house.folder.reports.iterdir()).read_text(encoding="utf-8")
    assert "builtins.RuntimeError" in report and "test_window.py" in report
    assert "Doe" not in report and "archive" not in report


def test_what_breaks_in_an_act_is_reported_and_the_window_goes_on(window: MainWindow) -> None:
    store = window.room.store
    window.room.store = None  # type: ignore[assignment]  # the break
    press(window, K.Key_1)
    assert window.trouble.words.startswith("Something of ours broke.")
    window.room.store = store
    press(window, K.Key_2)
    assert grades(window)[0] == "2"


def test_closing_waits_for_a_grade_that_is_not_stored(window: MainWindow) -> None:
    press(window, K.Key_1)
    window.room.unstored = window.room.case and next(iter(window.room.case.readings.values()))
    window.close()
    assert window.isVisible()
    assert "Closing would lose it" in window.trouble.words


def test_the_warning_of_a_loss_goes_once_the_grade_is_stored(window: MainWindow, house: House) -> None:
    """It stayed; and the place that could not be written either spoke louder than the grade."""
    store = window.room.store
    window.room.store = FullDisk(house)  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    press(window, K.Key_1)
    said = window.room.said
    assert window.room.unstored is not None
    (house.folder.root / PLACE_FILE).unlink(missing_ok=True)
    window._keep_place()
    window.close()
    assert window.trouble.isVisible() and window.room.said == said
    assert last_place(house.folder.root / PLACE_FILE) is None
    window.room.store = store
    press(window, K.Key_1)
    assert window.room.unstored is None and not window.trouble.isVisible()


def test_closing_writes_down_study_vertebra_slice_and_window(window: MainWindow, house: House) -> None:
    press(window, K.Key_1, K.Key_PageDown, K.Key_Down, K.Key_F7)
    assert window.room.case is not None
    here = (window.room.case.series_id, window.room.here, window.room.slice)
    window.close()
    place = last_place(house.folder.root / PLACE_FILE)
    assert place is not None
    assert (place.series_id, place.body_id, place.slice) == here
    assert place.window is not None and place.window.name == "Soft tissue"


def test_the_picture_under_a_mark_is_the_voxel_it_names(window: MainWindow, wait: Wait) -> None:
    """Shows a volume with one bright block and finds it on the painted screen where the projection says."""
    canvas, volume = canvas_of(window), window.room.volume
    assert volume is not None
    voxels = np.full(volume.shape, -1024, np.int16)
    row, column = volume.shape[1] // 3, volume.shape[2] // 4
    voxels[:, row - 2 : row + 3, column - 6 : column + 7] = 3000
    canvas.marks(())
    canvas.show_volume(voxels, volume.affine, 0)
    painted: list[bool] = []
    canvas.painted.connect(lambda: painted.append(True))
    wait(lambda: bool(painted))
    image = canvas.native.grabFramebuffer()
    ratio = image.width() / canvas.width()
    assert canvas.projection is not None
    x, y = canvas.projection.point(row, column)
    lit = np.array(
        [[image.pixelColor(i, j).red() > 128 for i in range(image.width())] for j in range(image.height())]
    )
    found = np.argwhere(lit).mean(0)
    assert found == pytest.approx((y * ratio, x * ratio), abs=1.5)


def test_a_study_opened_after_the_start_fills_the_picture(house: House, wait: Wait) -> None:
    """It was fitted to a canvas that had no size yet, and stayed as small as a stamp."""
    window = open_window(house, wait)
    wait(lambda: window.picture.canvas is not None)
    window.open(window.room.rows[0].series_id)
    canvas = canvas_of(window)
    wait(canvas.isVisible)
    QTest.qWait(100)
    fitted = canvas.view()
    canvas.fit()
    assert canvas.view() == pytest.approx(fitted)
    zoom = fitted[-2]
    assert zoom > 1, "pixels a millimetre"
    assert canvas.overlay.texts.scale_px == pytest.approx(
        zoom * float(canvas.overlay.texts.scale.split()[0]), rel=0.01
    )
    window.close()
    delete(window)


def test_a_zoomed_picture_follows_to_a_vertebra_that_is_off_the_screen(window: MainWindow) -> None:
    canvas = canvas_of(window)
    for _ in range(8):
        press(window, K.Key_Plus)
    press(window, *[K.Key_PageDown] * 5)
    mark = next(mark for mark in canvas.overlay.shown_marks if mark.here)
    assert canvas.projection is not None
    x, y = canvas.projection.point(mark.centre[1], mark.centre[2])
    assert 0 < x < canvas.width() and 0 < y < canvas.height()
    press(window, K.Key_R)
    assert canvas.view()[-2] < 10


def test_the_first_frame_of_a_large_window_has_its_marks_and_its_scale(house: House, qtbot: Any) -> None:
    """The sheet kept the map from before the picture was drawn: no marks, and 2 mm beside a bar of 20."""
    window = open_window(house, lambda holds: qtbot.waitUntil(holds, timeout=PATIENCE_MS))
    window.resize(1900, 1040)
    QTest.qWait(100)
    with qtbot.waitSignal(window.picture.painted, timeout=PATIENCE_MS):
        window.open(window.room.rows[0].series_id)
    QTest.qWait(300)
    canvas = canvas_of(window)
    at_first, shown = canvas.projection, canvas.overlay.shown_marks
    window.fit_picture()
    QTest.qWait(300)
    assert at_first is not None
    assert canvas.projection is not None
    np.testing.assert_allclose(at_first.matrix, canvas.projection.matrix, atol=0.01)
    assert shown
    window.close()
    delete(window)
