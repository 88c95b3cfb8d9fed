"""The page that explains a suggestion: nothing before the model may be seen, then true pictures and plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication, QWidget

from tests.made_explanations import explanation
from tests.ui.department import LEVELS, READER
from ui.app import make_application
from ui.composition import House
from ui.desktop import explaining
from ui.desktop.background import Courier
from ui.desktop.explain_view import ExplainPage
from ui.desktop.explaining import Question, graded_words, question_of, sentences_of
from ui.desktop.parts import Parts
from ui.desktop.room import ReadingRoom
from ui.desktop.sheet_view import coloured
from ui.engine_client import EngineClient
from vfscreen.errors import EngineDied, KnownError, NoSuchThing
from vfscreen.explanations import ExplanationShelf
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer, new_reading

PATIENCE_MS = 120_000
T12 = LEVELS.index("T12")
NOTHING = (lambda: None, lambda: None)


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineClient]:
    client = EngineClient(threads=1)
    yield client
    client.close()


class Desk:
    """A page without a window, and what it reports."""

    def __init__(self, house: House, engine: EngineClient) -> None:
        make_application()
        parts = Parts(house.folder, house.settings, house.store, house.cache, house.shelf, READER, *NOTHING)
        self.faults: list[Exception] = []
        self.parent = QWidget()
        self.page = ExplainPage(parts, Courier(self.parent), engine, self.faults.append)

    def close(self) -> None:
        self.page.leave()
        self.page.deleteLater()
        self.parent.deleteLater()
        QApplication.processEvents()


@pytest.fixture
def desk(house: House, engine: EngineClient) -> Iterator[Desk]:
    made = Desk(house, engine)
    yield made
    made.close()


def grade_all(room: ReadingRoom, series_id: str, *, reader: str = READER) -> None:
    """Grades every level of a study, T12 as 2, and opens the model's opinion."""
    case = room.store.case(series_id, reader)
    for place, body in enumerate(case.bodies):
        grade = ReadGrade.MODERATE if place == T12 else ReadGrade.NORMAL
        answer = Answer(grade)
        room.store.store_reading(new_reading(case, body, reader, Mode.READ, answer, datetime.now(UTC)))
    room.store.reveal(series_id, reader, Mode.READ)


def open_at_t12(room: ReadingRoom, row: int = 0) -> None:
    room.load_rows()
    room.open(room.rows[row].series_id)
    assert room.case is not None
    room.go_to(room.case.bodies[T12].body_id)


def test_before_the_model_may_be_seen_nothing_is_shown_and_nothing_asked(
    house: House, room: ReadingRoom
) -> None:
    unused = EngineClient(["/no/such/program"])
    desk = Desk(house, unused)
    open_at_t12(room)
    assert question_of(room) == f"{explaining.NOT_SHOWN_YET} Locked: 6 levels to go."
    desk.page.show_body(room)
    assert desk.page.said == question_of(room) and desk.page.real.is_empty and desk.page.reacts.is_empty
    assert desk.page.alike_said == ()
    room.mode = Mode.SCREEN
    assert question_of(room) == explaining.ASK_FIRST
    desk.page.show_body(room)
    assert desk.page.said == explaining.ASK_FIRST and desk.page.unbroken.is_empty
    assert desk.faults == [] and unused.pid is None
    desk.close()


def test_pictures_words_and_alike_vertebrae_come_and_go_with_the_opinion(
    desk: Desk, house: House, room: ReadingRoom, qtbot: Any
) -> None:
    for row in room.rows:
        grade_all(room, row.series_id)
    open_at_t12(room)
    page = desk.page
    page.show_body(room)
    qtbot.waitUntil(lambda: not page.real.is_empty and len(page.alike_said) > 0, timeout=PATIENCE_MS)
    assert desk.faults == []
    assert page.reacts.shows_overlay and not page.real.shows_overlay and not page.unbroken.is_empty
    assert page.said.startswith("T12: the model suggests 2.") and page.said.endswith(explaining.CAVEAT)
    assert "%" not in page.said, "no percentages while reading"
    first = page.alike_said[0]
    assert first.startswith("T12   graded 2\nStudy ") and first.endswith("\nlikeness 1.00")
    assert len(page.alike_said) == 6, "the other patient's six, none of this one's"
    (kept,) = (house.cache.folder / "explanations").glob("*.npz")
    assert ExplanationShelf(kept.parent).open(kept) is not None

    room.toggle_opinion()
    page.show_body(room)
    assert page.real.is_empty and page.alike_said == () and page.said == explaining.ASK_FIRST


def test_what_was_made_once_needs_no_engine_and_this_patients_own_come_when_asked_for(
    desk: Desk, house: House, room: ReadingRoom, qtbot: Any
) -> None:
    grade_all(room, room.rows[0].series_id)
    open_at_t12(room)
    desk.page.show_body(room)
    qtbot.waitUntil(lambda: not desk.page.real.is_empty, timeout=PATIENCE_MS)
    assert desk.page.alike_said == ()
    desk.page.same_patient_button.click()
    qtbot.waitUntil(lambda: len(desk.page.alike_said) == 5, timeout=PATIENCE_MS)
    said = desk.page.said
    again = Desk(house, EngineClient(["/no/such/program"]))
    again.page.show_body(room)
    qtbot.waitUntil(lambda: not again.page.real.is_empty, timeout=PATIENCE_MS)
    assert again.page.said == said and again.faults == []
    again.close()


def test_an_alike_vertebra_whose_study_is_not_in_the_cache_says_so(
    desk: Desk, house: House, room: ReadingRoom, qtbot: Any
) -> None:
    for row in room.rows:
        grade_all(room, row.series_id)
    open_at_t12(room)
    house.cache.drop(room.rows[1].series_id)
    desk.page.show_body(room)
    qtbot.waitUntil(lambda: len(desk.page.alike_said) == 6, timeout=PATIENCE_MS)
    assert all(said.endswith(explaining.NOT_IN_CACHE) for said in desk.page.alike_said)


def test_leaving_the_page_takes_back_what_was_asked(
    desk: Desk, room: ReadingRoom, engine: EngineClient, qtbot: Any
) -> None:
    grade_all(room, room.rows[0].series_id)
    open_at_t12(room)
    desk.page.show_body(room)
    desk.page.leave()
    qtbot.wait(500)
    assert desk.page.real.is_empty and desk.page.said == "" and desk.faults == []


def test_a_failure_is_told_and_leaves_no_picture(house: House, room: ReadingRoom, qtbot: Any) -> None:
    grade_all(room, room.rows[0].series_id)
    open_at_t12(room)
    desk = Desk(house, EngineClient(["/no/such/program"]))
    desk.page.show_body(room)
    qtbot.waitUntil(lambda: len(desk.faults) == 1, timeout=PATIENCE_MS)
    assert isinstance(desk.faults[0], EngineDied) and desk.page.real.is_empty
    body = room.here
    assert body is not None
    finding = room.findings[body]
    assert finding.suggestion is not None
    gone = replace(finding, suggestion=replace(finding.suggestion, model="grader-that-is-gone"))
    room.findings = room.findings | {body: gone}
    desk.page.show_body(room)
    qtbot.waitUntil(lambda: len(desk.faults) == 2, timeout=PATIENCE_MS)
    assert isinstance(desk.faults[1], NoSuchThing) and isinstance(desk.faults[1], KnownError)
    desk.close()


def question(room: ReadingRoom) -> Question:
    grade_all(room, room.rows[0].series_id)
    open_at_t12(room)
    asked = question_of(room)
    assert isinstance(asked, Question)
    return asked


def test_a_body_that_was_moved_has_no_suggestion_to_explain(room: ReadingRoom) -> None:
    asked = question(room)
    room.findings = {body: replace(one, suggestion=None) for body, one in room.findings.items()}
    assert question_of(room) == explaining.NOTHING_SUGGESTED
    assert asked.level == "T12" and asked.key[1] == room.here


@pytest.mark.parametrize(
    ("both", "points", "picture", "restored", "words"),
    [
        (0.1, 0.1, 0.0, 8.0, "hardly changes its answer"),
        (9.0, 8.0, 1.0, 8.0, "on the six points more than on the picture"),
        (9.0, 1.0, 8.0, 8.0, "on the picture more than on the six points"),
        (9.0, 4.0, 5.0, 8.0, "on the picture and on the six points alike"),
        (9.0, 4.0, 5.0, 4.0, "Not all of the height could be given back"),
    ],
)
def test_the_words_follow_the_figures(
    room: ReadingRoom,
    both: float,
    points: float,
    picture: float,
    restored: float,
    words: str,
) -> None:
    made = explanation()
    unbroken = made.unbroken
    assert unbroken is not None
    changed = replace(
        unbroken,
        by_both=both,
        by_points=points,
        by_picture=picture,
        missing_mm=(8.0, 4.0, 0.0),
        restored_mm=(restored, restored / 2, 0.0),
    )
    assert words in " ".join(sentences_of(question(room), replace(made, unbroken=changed)))


def test_without_a_strong_place_or_an_unbroken_picture_that_is_what_it_says(
    room: ReadingRoom,
) -> None:
    made = explanation()
    weak = replace(made.saliency, values=made.saliency.values * 0)
    bare = replace(made, unbroken=None, why_not_unbroken="It lacks no height.", saliency=weak)
    said = sentences_of(question(room), bare)
    assert "It lacks no height." in said and "No single place of the picture changes its answer much." in said


def test_grades_of_several_readers_are_all_named() -> None:
    one, two = ReadGrade.MILD, ReadGrade.MODERATE
    assert graded_words([two]) == "graded 2"
    assert graded_words([one, one]) == "graded 1 (2 readers)"
    assert graded_words([ReadGrade.BORDERLINE, one, two]) == "graded ½, 1 and 2 (3 readers)"


def test_the_maps_strength_is_the_same_on_every_picture() -> None:
    changes = np.zeros((20, 10), np.float32)
    assert coloured(changes)[..., 3].max() == 0
    changes[5:9, 3:7], changes[14:17, 3:7] = 0.2, -2.0
    colours = coloured(changes)
    assert colours.shape == (80, 40, 4)
    weak, strong = colours[20:36, :, 3].max(), colours[56:68, :, 3].max()
    assert 0 < weak < strong == 255, "the strong one has a rim as well"
    assert (colours[28, 20, :3] != colours[62, 20, :3]).any()
