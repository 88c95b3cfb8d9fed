"""The rules of reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfscreen.anatomy import ASSESSED, Level, consecutive
from vfscreen.cases import Body, Case, GeometrySource
from vfscreen.findings import (
    Finding,
    Mode,
    NotAssessable,
    OtherDeformity,
    Phase,
    Reading,
    Refusal,
    SeriesFacts,
    Vertebra,
)  # fmt: skip
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import (
    Answer,
    answer_of,
    completion_sentence,
    first_kept_sentence,
    gradable_bodies,
    graded_today_sentence,
    is_answered,
    is_gradable,
    is_withdrawn,
    may_show_opinion,
    new_reading,
    next_ungraded,
    phase_now,
    refusals_elsewhere,
    refusals_of,
    sign_of,
    ungraded_bodies,
)  # fmt: skip

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
ANSWERS = (
    Answer(ReadGrade.NORMAL),
    Answer(not_assessable=NotAssessable.CUT_OFF),
    Answer(other_deformity=OtherDeformity.SCHEUERMANN),
)


def body(level: Level, *, whole: bool = True) -> Body:
    """A body of this level, its id the level's name."""
    vertebra = Vertebra(level, True, whole, np.zeros(3), 0.9, body_id=str(level))
    return Body(str(level), 3, GeometrySource.LOCALISER, vertebra)


def case_of(*bodies: Body, revealed_at: datetime | None = None) -> Case:
    """A case without readings."""
    return Case("series", Path("x"), (Path("x"),), SeriesFacts("nifti"), (), bodies, {}, {}, {}, revealed_at)


def spine(first: Level, count: int) -> Case:
    """A case with whole bodies from `first` down."""
    return case_of(*(body(level) for level in consecutive(first, count)))


def said(case: Case, level: Level, answer: Answer, mode: Mode = Mode.READ) -> Case:
    """The case after the reader said something of a level."""
    (there,) = [body for body in case.bodies if body.vertebra.level is level]
    reading = new_reading(case, there, "K", mode, answer, NOW)
    return replace(case, readings=case.readings | {there.body_id: reading})


def test_readers_grade_whole_bodies_from_t1_to_l6() -> None:
    graded = {level for level in Level if is_gradable(body(level).vertebra)}
    assert graded == set(ASSESSED)
    assert not is_gradable(body(Level.L1, whole=False).vertebra)


def test_a_reading_before_the_reveal_is_first_and_after_it_final() -> None:
    case = spine(Level.T12, 2)
    first = new_reading(case, case.bodies[0], "K", Mode.READ, Answer(ReadGrade.MILD), NOW)
    shown = replace(case, revealed_at=NOW)
    final = new_reading(shown, case.bodies[0], "K", Mode.READ, Answer(ReadGrade.MILD), NOW)
    assert (first.phase, first.revealed_at) == (phase_now(case), None) == (Phase.FIRST, None)
    assert (final.phase, final.revealed_at) == (phase_now(shown), NOW) == (Phase.FINAL, NOW)


def test_a_reading_says_which_geometry_was_seen_and_whether_the_order_was_known() -> None:
    case = spine(Level.T12, 2)
    for mode, known in ((Mode.READ, False), (Mode.SCREEN, True)):
        reading = new_reading(case, case.bodies[1], "K", mode, Answer(), NOW)
        assert (reading.body_id, reading.geometry_version, reading.order_known) == ("L1", 3, known)


@pytest.mark.parametrize("last", ANSWERS)
def test_in_read_mode_the_opinion_waits_for_the_last_visible_level(last: Answer) -> None:
    case = case_of(body(Level.C7), *spine(Level.T12, 2).bodies, body(Level.L2, whole=False))
    assert not may_show_opinion(case, Mode.READ)
    case = said(case, Level.T12, Answer(ReadGrade.NORMAL))
    assert not may_show_opinion(case, Mode.READ)
    assert may_show_opinion(said(case, Level.L1, last), Mode.READ)


def test_a_note_or_a_flag_is_no_answer_and_does_not_open_the_opinion() -> None:
    case = said(spine(Level.L1, 1), Level.L1, Answer(note="odd", flag=True))
    assert not may_show_opinion(case, Mode.READ)


def test_in_screen_mode_the_reader_may_ask_at_any_time() -> None:
    assert may_show_opinion(spine(Level.T12, 5), Mode.SCREEN)


def test_what_was_shown_once_stays_shown() -> None:
    assert may_show_opinion(replace(spine(Level.T12, 5), revealed_at=NOW), Mode.READ)


def test_a_case_without_a_gradable_body_has_nothing_to_show_in_read_mode() -> None:
    assert not may_show_opinion(case_of(), Mode.READ)
    assert not may_show_opinion(case_of(body(Level.L1, whole=False)), Mode.READ)


def test_the_next_ungraded_body_lies_below_else_at_the_top() -> None:
    case = said(spine(Level.T11, 4), Level.T12, Answer(ReadGrade.NORMAL))

    def after(body_id: str | None) -> str | None:
        found = next_ungraded(case, body_id)
        return None if found is None else found.body_id

    assert after(None) == "T11"
    assert after("T11") == after("T12") == "L1"
    assert after("L2") == "T11"
    assert after("no such body") == "T11"
    for level in (Level.T11, Level.L1, Level.L2):
        case = said(case, level, Answer(ReadGrade.NORMAL))
    assert after("T12") is None


def test_the_study_says_how_far_it_is() -> None:
    case = spine(Level.T4, 14)
    for there in case.bodies:
        if there.body_id not in ("T4", "L4", "L5"):
            case = said(case, there.vertebra.level, Answer(ReadGrade.NORMAL))
    assert completion_sentence(case) == "3 levels have no grade: T4 L4 L5."
    for level in (Level.T4, Level.L4):
        case = said(case, level, Answer(not_assessable=NotAssessable.METAL_OR_CEMENT))
    assert completion_sentence(case) == "1 level has no grade: L5."
    assert completion_sentence(said(case, Level.L5, Answer(ReadGrade.MILD))) == "All 14 levels graded."
    assert completion_sentence(said(spine(Level.L1, 1), Level.L1, ANSWERS[0])) == "The only level is graded."
    assert completion_sentence(case_of(body(Level.C7))) == "No level can be graded."


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        (Answer(ReadGrade.BORDERLINE), "½"),
        (Answer(ReadGrade.SEVERE), "3"),
        (Answer(ReadGrade.NORMAL, other_deformity=OtherDeformity.CONGENITAL), "0"),
        (ANSWERS[1], "X"),
        (ANSWERS[2], "D"),
        (Answer(note="odd"), "_"),
    ],
)
def test_signs_on_the_rail(answer: Answer, sign: str) -> None:
    case = said(spine(Level.L1, 1), Level.L1, answer)
    assert sign_of(case.readings["L1"]) == sign


def test_nothing_said_has_a_sign_too() -> None:
    assert sign_of(None) == "_"
    assert answer_of(None) == Answer()
    assert not is_answered(None)


def test_what_a_final_read_does_is_said_in_words() -> None:
    case = spine(Level.L1, 1)
    first = said(case, Level.L1, Answer(ReadGrade.MILD)).readings["L1"]
    final = said(replace(case, revealed_at=NOW), Level.L1, Answer(ReadGrade.MODERATE)).readings["L1"]
    assert first_kept_sentence(first, final) == "First read 1 kept. Final read 2 stored."
    assert first_kept_sentence(None, final) == "Final read 2 stored."


def test_today_is_counted_without_speed_or_rank() -> None:
    assert graded_today_sentence(41) == "graded today 41"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(ReadGrade.MILD, not_assessable=NotAssessable.MOTION),
        Answer(ReadGrade.NORMAL, Shape.WEDGE),
        Answer(None, Shape.CRUSH),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(answer: Answer) -> None:
    case = spine(Level.L1, 1)
    with pytest.raises(ValueError, match="grade"):
        new_reading(case, case.bodies[0], "K", Mode.READ, answer, NOW)


def test_in_screen_mode_the_order_cannot_be_unknown() -> None:
    from vfscreen.reading import check_reading

    reading = Reading("K", "L1", 1, None, Phase.FIRST, Mode.SCREEN, False, NOW)
    with pytest.raises(ValueError, match="order"):
        check_reading(reading)


answers = st.builds(
    Answer,
    grade=st.one_of(st.none(), st.sampled_from(ReadGrade)),
    other_deformity=st.one_of(st.none(), st.sampled_from(OtherDeformity)),
    sure=st.booleans(),
    flag=st.booleans(),
    note=st.text(max_size=5),
)


@given(st.lists(st.tuples(st.integers(0, 4), answers), max_size=12))
def test_graded_and_ungraded_bodies_always_make_up_the_case(acts: list[tuple[int, Answer]]) -> None:
    case = spine(Level.T11, 5)
    for place, answer in acts:
        case = said(case, case.bodies[place].vertebra.level, answer)
    left = ungraded_bodies(case)
    answered = [body for body in gradable_bodies(case) if is_answered(case.readings.get(body.body_id))]
    assert len(left) + len(answered) == 5
    assert may_show_opinion(case, Mode.READ) == (not left)
    assert (next_ungraded(case) is None) == (not left)


@given(answers)
def test_an_answer_can_be_said_again(answer: Answer) -> None:
    reading = said(spine(Level.L1, 1), Level.L1, answer).readings["L1"]
    assert answer_of(reading) == answer
    assert is_withdrawn(reading) == (answer == replace(Answer(), sure=answer.sure))


def test_a_refusal_belongs_to_the_body_that_had_its_name_at_the_screening() -> None:
    case = spine(Level.T12, 2)
    first = case.bodies[0]
    refused = (
        Refusal("T12", "cut by the edge of the scan"),
        Refusal("between T12 and L1", "a body must lie here"),
    )
    renamed = replace(first, vertebra=replace(first.vertebra, level=Level.T11))
    case = replace(
        case,
        bodies=(renamed, case.bodies[1]),
        findings={first.body_id: Finding(first.vertebra)},
        refusals=refused,
    )
    assert refusals_of(case, renamed) == refused[:1]
    assert refusals_of(case, case.bodies[1]) == ()
    assert refusals_elsewhere(case) == refused[1:]
