"""Names, bodies and points corrected without a window, on a real store: one key or click each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.ui.department import LEVELS
from tests.ui.test_grading import FullDisk
from tests.ui.test_room import level
from ui import words
from ui.composition import House
from ui.desktop import correcting, grading
from ui.desktop.panel import panel_of
from ui.desktop.rail import rail_of
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Tone, Tool
from vfscreen.anatomy import Level
from vfscreen.cases import BodyEdit
from vfscreen.correcting import HAND_UNCERTAINTY_MM
from vfscreen.errors import StaleCase
from vfscreen.findings import PLACED_BY_HAND, Mode, Phase
from vfscreen.genant import ReadGrade, SixPoints


def names(room: ReadingRoom) -> list[str]:
    """The levels from the head down, as the store has them."""
    assert room.case is not None
    return [str(body.vertebra.level) for body in room.store.case(room.case.series_id, room.reader).bodies]


def uncertain(room: ReadingRoom) -> None:
    """Makes the names of the open case uncertain, as after a screening without an anchor."""
    assert room.case is not None
    bodies = room.case.bodies
    room.store.edit_bodies(
        room.case.series_id,
        BodyEdit(
            {body.body_id: replace(body.vertebra, level_certain=False) for body in bodies},
            seen={body.body_id: body.geometry_version for body in bodies},
        ),
        "somebody",
    )
    room.open(room.case.series_id)


def test_one_key_shifts_all_names_and_grades_stay_with_their_bodies(room: ReadingRoom) -> None:
    grading.grade(room, ReadGrade.SEVERE)
    correcting.shift_names(room, 1)
    assert names(room) == ["T10", "T11", "T12", "L1", "L2", "L3"]
    assert [line.level for line in rail_of(room)] == names(room)
    assert rail_of(room)[0].sign == "3"
    assert room.rows[[row.series_id for row in room.rows].index(room.case.series_id)].levels == "T10-L3"  # type: ignore[union-attr]
    assert (level(room), room.tone) == ("T11", Tone.STORED)
    assert room.said.endswith("all names one down: T10 T11 T12 L1 L2 L3   U: undo")


def test_the_same_undo_takes_names_back_and_then_the_grade(room: ReadingRoom) -> None:
    grading.grade(room, ReadGrade.SEVERE)
    correcting.shift_names(room, -1)
    here = room.here
    grading.undo(room)
    assert (names(room), room.here) == (list(LEVELS), here)
    assert room.said == "Undone: T9 T10 T11 T12 L1 L2"
    grading.undo(room)
    assert room.said == "Undone: T9 is not graded"
    grading.redo(room)
    grading.redo(room)
    assert names(room)[0] == "T8"


def test_uncertain_names_carry_a_question_mark_and_the_keys_are_named(room: ReadingRoom) -> None:
    uncertain(room)
    assert room.said == words.NAMES_UNCERTAIN
    assert {line.level[-1] for line in rail_of(room)} == {"?"}
    assert panel_of(room).title == "T9?"
    assert spans(room) == {"T9?-L2?", "T9-L2"}
    correcting.vouch(room)
    assert spans(room) == {"T9-L2"}
    assert "?" not in "".join(line.level for line in rail_of(room))
    correcting.vouch(room)
    assert room.said == words.NAMES_CERTAIN
    grading.undo(room)
    assert rail_of(room)[0].level == "T9?"


def spans(room: ReadingRoom) -> set[str]:
    """The levels of all studies as the worklist has them."""
    room.load_rows()
    return {row.levels for row in room.rows}


def test_names_that_end_are_said_and_nothing_changes(room: ReadingRoom) -> None:
    for _ in range(4):
        correcting.shift_names(room, 1)
    correcting.shift_names(room, 1)
    assert names(room)[-1] == "L6"
    assert room.said.startswith("There is no name beyond L6.")


def test_t13_and_a_missing_t12_are_one_key_each(room: ReadingRoom) -> None:
    room.step_body(4)
    correcting.toggle_t13(room)
    assert names(room) == ["T9", "T10", "T11", "T12", "T13", "L1"]
    correcting.toggle_t13(room)
    room.step_body(-1)
    correcting.shift_names_from_here(room, 1)
    assert names(room) == ["T9", "T10", "T11", "L1", "L2", "L3"]
    correcting.shift_names(room, -1)
    assert names(room) == ["T8", "T9", "T10", "T11", "L1", "L2"]


def test_a_body_that_is_none_goes_with_one_key_and_comes_back_with_its_grade(room: ReadingRoom) -> None:
    room.step_body(2)
    grading.grade(room, ReadGrade.MILD)
    room.step_body(-1)
    correcting.remove_body(room)
    assert names(room) == ["T9", "T10", "T11", "T12", "L1"]
    assert room.body() is not None
    assert "T11 is no vertebra" in room.said
    grading.undo(room)
    assert names(room) == list(LEVELS)
    assert level(room) == "T11" and room.reading() is not None


def test_a_click_adds_a_vertebra_that_was_missed(room: ReadingRoom) -> None:
    assert room.case is not None and room.volume is not None
    gone = room.case.bodies[-1]
    room.go_to(gone.body_id)
    correcting.remove_body(room)
    correcting.start_adding(room)
    assert (room.tool, room.said) == (Tool.ADD, words.ADD_A_BODY)
    _, row, column = room.volume.indices_of(gone.vertebra.centre_lps_mm)
    assert correcting.click(room, float(row), float(column))
    assert (level(room), room.tool) == ("L2", None)
    body = room.body()
    assert body is not None and body.vertebra.points is None and body.who == room.reader
    grading.grade(room, ReadGrade.NORMAL)
    assert names(room) == list(LEVELS)


def test_no_second_vertebra_is_added_on_one_that_is_there(room: ReadingRoom) -> None:
    body = room.body()
    assert body is not None and room.volume is not None
    correcting.start_adding(room)
    _, row, column = room.volume.indices_of(body.vertebra.centre_lps_mm)
    correcting.click(room, float(row), float(column))
    assert (room.said, room.tool) == (words.BODY_IS_HERE, Tool.ADD)
    room.end_tool()
    assert names(room) == list(LEVELS)
    assert not correcting.click(room, 1.0, 1.0), "the click is the picture's again"


def place_all(room: ReadingRoom) -> SixPoints:
    """Clicks the six points of the vertebra here where they really are; returns those."""
    body = room.body()
    assert body is not None and body.vertebra.points is not None and room.volume is not None
    points = body.vertebra.points
    for _, row, column in room.volume.indices_of(points.array()):
        assert correcting.click(room, float(row), float(column))
    return points


def test_before_the_opinion_the_reader_places_points_without_seeing_the_programs(room: ReadingRoom) -> None:
    correcting.start_measuring(room)
    assert room.points_lps_mm == ()
    assert room.said.startswith("T9: click the upper edge, front (1 of 6); it lies on the slice shown.")
    assert panel_of(room).heights == ()
    place_all(room)
    body = room.body()
    assert body is not None and PLACED_BY_HAND in body.vertebra.flags
    assert body.vertebra.uncertainty_mm == HAND_UNCERTAINTY_MM
    assert room.points_shown(body)
    heights = panel_of(room).heights
    assert heights[1].endswith("mm  ± 0.8") and not any("Loss" in line for line in heights)
    grading.grade(room, ReadGrade.NORMAL)
    assert [reading.phase for *_, reading in room.store.all_readings()] == [Phase.FIRST]


def test_undo_while_placing_takes_one_point_back(room: ReadingRoom) -> None:
    correcting.start_measuring(room)
    correcting.click(room, 10.0, 10.0)
    correcting.click(room, 11.0, 30.0)
    assert correcting.take_point_back(room)
    assert len(room.points_lps_mm) == 1
    assert "upper edge, middle (2 of 6)" in room.said
    assert correcting.take_point_back(room) and not correcting.take_point_back(room)


def test_points_that_make_no_body_are_refused_and_nothing_is_kept(room: ReadingRoom) -> None:
    correcting.start_measuring(room)
    for step in range(6):
        correcting.click(room, 100.0 - 10 * step, 100.0)
    assert room.said.startswith("These points do not make a vertebral body.")
    assert (room.tool, room.points_lps_mm) == (None, ())
    assert room.store.undo(room.reader) is None


def revealed(room: ReadingRoom) -> None:
    """Shows the opinion."""
    room.change_mode(Mode.SCREEN)
    room.toggle_opinion()


def test_a_dragged_point_is_measured_at_once_and_undone_as_a_grade_is(room: ReadingRoom) -> None:
    revealed(room)
    body = room.body()
    assert body is not None and body.vertebra.heights is not None and room.volume is not None
    before = body.vertebra.heights
    correcting.start_measuring(room)
    assert len(room.points_lps_mm) == 6
    _, row, column = room.volume.indices_of(room.points_lps_mm[1])
    rows_per_mm = 1 / room.volume.spacing_mm[1]
    correcting.move_point(room, 1, float(row) + 8 * rows_per_mm, float(column))
    unmoved = room.body()
    assert unmoved is not None and unmoved.vertebra.heights == before, "only the drop stores"
    correcting.store_points(room)
    moved = room.body()
    assert moved is not None and moved.vertebra.heights is not None
    assert moved.vertebra.heights.middle == pytest.approx(before.middle - 8, abs=0.8)
    assert moved.vertebra.heights.anterior == before.anterior
    finding = room.findings[moved.body_id]
    assert finding.morphometry is not None and finding.morphometry.loss_percent > 20
    assert finding.suggestion is None
    assert room.tool is Tool.MEASURE
    grading.undo(room)
    back = room.body()
    assert back is not None and back.vertebra.heights == before
    assert room.findings[back.body_id].suggestion is not None


def test_a_moved_point_stays_in_its_own_slice(room: ReadingRoom) -> None:
    revealed(room)
    assert room.volume is not None
    correcting.start_measuring(room)
    own = float(room.volume.indices_of(room.points_lps_mm[4])[0])
    room.step_slice(7)
    correcting.move_point(room, 4, 50.0, 60.0)
    assert room.volume.indices_of(room.points_lps_mm[4]) == pytest.approx([own, 50.0, 60.0])


def test_a_question_stands_while_the_models_answer_comes_in(room: ReadingRoom) -> None:
    grading.ask_bulk(room)
    room.read_findings()
    grading.finish(room)
    assert room.levels_to_go() == 0


def test_after_a_body_that_is_none_the_one_below_it_is_next(room: ReadingRoom) -> None:
    room.step_body(3)
    correcting.remove_body(room)
    assert (level(room), room.said.startswith("✓ Stored")) == ("T12", True)
    assert room.case is not None and room.here == room.case.bodies[3].body_id
    room.step_body(5)
    correcting.remove_body(room)
    assert room.here == room.case.bodies[-1].body_id


@pytest.mark.parametrize("leave", ["body", "study", "key"])
def test_a_tool_is_put_away_with_its_vertebra(room: ReadingRoom, leave: str) -> None:
    correcting.start_measuring(room)
    if leave == "body":
        room.step_body(1)
    elif leave == "study":
        room.open(room.rows[1].series_id)
    else:
        correcting.start_measuring(room)
    assert (room.tool, room.points_lps_mm) == (None, ())


def test_what_a_tool_asks_for_goes_with_it_and_what_was_stored_stays_said(room: ReadingRoom) -> None:
    """The line went on asking for a click that would only pick a vertebra."""
    correcting.start_adding(room)
    room.step_body(1)
    assert (room.tool, room.said) == (None, "")
    correcting.start_measuring(room)
    grading.grade(room, ReadGrade.MILD)
    assert room.tool is None
    assert room.said.endswith("T10 = 1")


def test_a_change_waits_for_a_grade_that_is_not_stored(room: ReadingRoom, house: House) -> None:
    room.store = FullDisk(house)  # type: ignore[assignment]  # the store's verbs, all but one of them its own
    grading.grade(room, ReadGrade.SEVERE)
    correcting.shift_names(room, 1)
    assert names(room) == list(LEVELS)
    assert room.said.startswith("Not stored")


def test_names_that_another_window_changed_meanwhile_are_shown_first(room: ReadingRoom) -> None:
    assert room.case is not None
    body = room.case.bodies[5]
    moved = replace(body.vertebra, centre_lps_mm=body.vertebra.centre_lps_mm + np.array([1.0, 0, 0]))
    room.store.edit_bodies(
        room.case.series_id, BodyEdit({body.body_id: moved}, seen={body.body_id: 1}), "somebody"
    )
    correcting.shift_names(room, 1)
    assert room.said.startswith("This vertebra was changed since it was shown.")
    assert names(room) == list(LEVELS)
    correcting.shift_names(room, 1)
    assert names(room)[0] == "T10"


def test_the_order_by_suspicion_is_remembered_when_the_mode_goes_back_to_read(room: ReadingRoom) -> None:
    room.change_mode(Mode.SCREEN)
    room.change_mode(Mode.READ)
    grading.grade(room, ReadGrade.MILD)
    (reading,) = (reading for *_, reading in room.store.all_readings())
    assert (reading.mode, reading.order_known) == (Mode.READ, True)
    again = ReadingRoom(room.store, room.reader, Mode.READ, lambda _case: room.volume)
    again.load_rows()
    again.open(room.rows[1].series_id)
    grading.grade(again, ReadGrade.MILD)
    assert all(reading.order_known for *_, reading in room.store.all_readings())


def test_after_the_reveal_the_line_no_longer_offers_it(room: ReadingRoom) -> None:
    for _ in LEVELS:
        grading.grade(room, ReadGrade.NORMAL)
    assert "M: show the model" in room.said
    room.toggle_opinion()
    assert room.said == words.OPINION_SHOWN
    room.toggle_opinion()
    assert room.said == words.OPINION_FOLDED


def test_all_remaining_levels_say_that_they_were_not_stored(room: ReadingRoom) -> None:
    assert room.case is not None
    grading.ask_bulk(room)
    room.store.reveal(room.case.series_id, room.reader, Mode.SCREEN)  # another window showed the opinion
    grading.finish(room)
    assert room.said.startswith("Not stored: 6 levels = 0. This cannot be a first read")
    assert room.store.all_readings() == []
    grading.ask_bulk(room)
    grading.finish(room)
    assert {reading.phase for *_, reading in room.store.all_readings()} == {Phase.FINAL}


def test_points_that_another_reader_placed_stay_hidden_after_a_rename(room: ReadingRoom) -> None:
    """A new name made its reader the one who had placed the points, and showed them before the reveal."""
    assert room.case is not None
    body = room.case.bodies[0]
    assert body.vertebra.points is not None
    points = SixPoints.from_array(body.vertebra.points.array() + 1.0)
    dragged = replace(body.vertebra, points=points, flags=(PLACED_BY_HAND,))
    seen = {body.body_id: body.geometry_version}
    room.store.edit_bodies(room.case.series_id, BodyEdit({body.body_id: dragged}, seen=seen), "another")
    room.open(room.case.series_id)
    correcting.shift_names(room, 1)
    renamed = room.case.bodies[0]
    assert (renamed.who, renamed.points_by) == (room.reader, "another")
    assert not any(room.points_shown(each) for each in room.case.bodies)


def test_points_that_the_reader_placed_stay_shown_after_another_renames(room: ReadingRoom) -> None:
    correcting.start_measuring(room)
    place_all(room)
    assert room.case is not None
    body = room.case.bodies[0]
    changed = {body.body_id: replace(body.vertebra, level_certain=not body.vertebra.level_certain)}
    seen = {body.body_id: body.geometry_version}
    room.store.edit_bodies(room.case.series_id, BodyEdit(changed, seen=seen), "another")
    room.open(room.case.series_id)
    assert [room.points_shown(each) for each in room.case.bodies[:2]] == [True, False]


@pytest.mark.parametrize("take", [grading.undo, grading.redo])
def test_an_undo_that_another_reader_forestalled_shows_what_they_did(
    room: ReadingRoom, take: Callable[[ReadingRoom], None]
) -> None:
    assert room.case is not None
    correcting.shift_names(room, 1)
    if take is grading.redo:
        grading.undo(room)
    body = room.case.bodies[-1]
    edit = BodyEdit(
        {body.body_id: replace(body.vertebra, level=Level.L6)}, seen={body.body_id: body.geometry_version}
    )
    room.store.edit_bodies(room.case.series_id, edit, "another")
    with pytest.raises(StaleCase, match="changed since by another"):
        take(room)
    assert room.case.bodies[-1].vertebra.level is Level.L6
