"""Moving about in the reading room, without a window."""

from __future__ import annotations

from tests.ui.department import LEVELS, models_in_use, screening
from ui.composition import House
from ui.desktop import grading
from ui.desktop.resume import Place, keep_place, last_place
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change
from ui.desktop.windows import SOFT_TISSUE
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade


def level(room: ReadingRoom) -> str:
    """The level that the reader is at."""
    body = room.body()
    return "" if body is None else str(body.vertebra.level)


def test_a_study_opens_at_its_topmost_ungraded_vertebra_and_its_own_slice(room: ReadingRoom) -> None:
    body = room.body()
    assert level(room) == LEVELS[0]
    assert body is not None and room.volume is not None
    assert room.slice == round(room.volume.indices_of(body.vertebra.centre_lps_mm)[0])


def test_stepping_down_stops_at_the_last_vertebra(room: ReadingRoom) -> None:
    for _ in range(20):
        room.step_body(1)
    assert level(room) == LEVELS[-1]
    room.step_body(-1)
    assert level(room) == LEVELS[-2]


def test_slices_stop_at_both_ends(room: ReadingRoom) -> None:
    room.go_to_slice(10_000)
    assert room.slice == room.last_slice() > 0
    room.step_slice(-10_000)
    assert room.slice == 0


def test_a_slice_step_tells_of_the_slice_alone(room: ReadingRoom) -> None:
    told: list[Change] = []
    room.listen(told.append)
    room.step_slice(1)
    assert told == [Change.SLICE]


def test_dragging_the_window_makes_it_the_readers_own_and_never_narrower_than_one(room: ReadingRoom) -> None:
    room.drag_window(-5000, 10)
    assert (room.window.name, room.window.width, room.window.level) == ("Own", 1.0, 410.0)


def test_enter_asks_once_before_a_study_is_left_with_empty_levels(room: ReadingRoom) -> None:
    assert room.case is not None
    first = room.case.series_id
    assert not grading.finish(room)
    assert room.said.startswith("6 levels have no grade: T9 T10")
    assert grading.finish(room)
    assert room.case.series_id != first


def test_enter_goes_on_at_once_when_all_is_graded(room: ReadingRoom) -> None:
    assert room.case is not None
    first = room.case.series_id
    for _ in LEVELS:
        grading.grade(room, ReadGrade.NORMAL)
    assert "All 6 levels graded. Enter: next study · M: show the model." in room.said
    assert grading.finish(room)
    assert room.case.series_id != first


def test_the_model_is_locked_in_read_mode_until_the_last_level_is_graded(room: ReadingRoom) -> None:
    room.toggle_opinion()
    assert not room.opinion_shown()
    assert room.said == "Locked: 6 levels to go."
    for _ in LEVELS:
        grading.grade(room, ReadGrade.NORMAL)
    assert not room.opinion_shown()
    room.toggle_opinion()
    assert room.opinion_shown()


def test_in_screen_mode_the_model_can_be_asked_at_once_and_it_is_recorded(room: ReadingRoom) -> None:
    room.change_mode(Mode.SCREEN)
    assert not room.opinion_shown()
    room.toggle_opinion()
    assert room.opinion_shown()
    assert room.case is not None
    assert room.store.case(room.case.series_id, room.reader).revealed_at == room.case.revealed_at


def test_the_opinion_can_be_folded_away_but_stays_revealed(room: ReadingRoom) -> None:
    room.change_mode(Mode.SCREEN)
    room.toggle_opinion()
    room.toggle_opinion()
    assert not room.opinion_shown()
    assert room.case is not None and room.case.revealed_at is not None


def test_the_grader_in_use_speaks_where_it_has_spoken_and_the_last_one_elsewhere(house: House) -> None:
    first = models_in_use(house)
    row = house.store.worklist("Dr K", Mode.SCREEN)[0]
    house.store.record_screening(row.series_id, screening(first | {"grader": "grader-trained-here"}))
    in_use = "grader-trained-here"
    room = ReadingRoom(house.store, "Dr K", Mode.SCREEN, lambda _case: None, grader=lambda: in_use)
    room.load_rows()
    room.open(row.series_id)
    assert said_by(room) == {"grader-trained-here"}
    by_series = {listed.series_id: listed.suspected_by for listed in room.rows}
    assert by_series.pop(row.series_id) == "grader-trained-here"
    assert set(by_series.values()) == {first["grader"]}
    in_use = first["grader"]
    room.load_rows()
    room.reload()
    assert said_by(room) == {listed.suspected_by for listed in room.rows} == {first["grader"]}


def said_by(room: ReadingRoom) -> set[str]:
    """The graders whose suggestions the open study shows."""
    said = [finding.suggestion for finding in room.findings.values()]
    return {suggestion.model for suggestion in said if suggestion is not None}


def test_a_place_is_kept_and_found_again(room: ReadingRoom, house: House) -> None:
    room.step_body(3)
    room.step_slice(2)
    room.set_window(SOFT_TISSUE)
    place = room.place()
    assert place is not None
    path = house.folder.root / "place.json"
    keep_place(path, place)
    again = ReadingRoom(house.store, "Dr K", Mode.READ, lambda _case: room.volume)
    found = last_place(path)
    assert found == place
    again.open(place.series_id, found)
    assert (again.here, again.slice, again.window) == (room.here, room.slice, SOFT_TISSUE)


def test_a_place_that_cannot_be_read_is_no_place(house: House) -> None:
    path = house.folder.root / "place.json"
    assert last_place(path) is None
    path.write_text("{]", encoding="utf-8")
    assert last_place(path) is None
    path.write_text('{"series_id": "s"}', encoding="utf-8")
    assert last_place(path) is None


def test_a_place_whose_vertebra_is_gone_opens_the_study_all_the_same(room: ReadingRoom) -> None:
    assert room.case is not None
    room.open(room.case.series_id, Place(room.case.series_id, "gone", 3))
    assert level(room) == LEVELS[0]
    assert room.slice == 3
