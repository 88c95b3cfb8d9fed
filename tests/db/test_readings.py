"""Storing readings: phases, corrections, what is refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from db.store import Store
from tests.db.made_cases import FIRST_TICK, new_series, say, screened_case, screening, spine
from vfscreen.anatomy import Level
from vfscreen.errors import NoSuchThing, StaleCase
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase, Reading
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import Answer, new_reading


def test_a_reading_comes_back_with_everything_it_said(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    answer = Answer(
        ReadGrade.BORDERLINE, Shape.WEDGE, None, OtherDeformity.SCHEUERMANN, False, True, "see L2", True
    )
    given = new_reading(case, case.bodies[1], "K", Mode.SCREEN, answer, FIRST_TICK)
    kept = store.store_reading(given)
    assert kept == replace(given, reading_id=kept.reading_id)
    again = store.case(series_id, "K")
    assert again.readings == again.first_readings == {case.bodies[1].body_id: kept}


def test_a_correction_supersedes_and_the_old_reading_stays(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    first = say(store, case, 0, ReadGrade.MILD)
    second = say(store, case, 0, ReadGrade.MODERATE)
    assert second.supersedes == first.reading_id
    assert store.case(series_id, "K").readings[first.body_id] == second
    assert [reading for *_, reading in store.all_readings()] == [first, second]


def test_each_reader_has_readings_of_their_own(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    one = say(store, case, 0, ReadGrade.MILD, reader="K")
    other = say(store, case, 0, ReadGrade.SEVERE, reader="M")
    assert other.supersedes is None
    assert store.case(series_id, "K").readings == {one.body_id: one}
    assert store.case(series_id, "M").readings == {one.body_id: other}
    assert store.case(series_id, "nobody").readings == {}


def test_after_the_reveal_a_final_reading_stands_beside_the_first(store: Store) -> None:
    series_id = screened_case(store)
    first = say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    shown_at = store.reveal(series_id, "K", Mode.READ)
    final = say(store, store.case(series_id, "K"), 0, ReadGrade.MODERATE)
    case = store.case(series_id, "K")
    assert (final.phase, final.revealed_at, final.supersedes) == (Phase.FINAL, shown_at, None)
    assert case.readings[final.body_id] == final
    assert case.first_readings[final.body_id] == first


def test_a_first_reading_after_the_reveal_is_refused_and_nothing_is_stored(store: Store) -> None:
    series_id = screened_case(store)
    opened_before = store.case(series_id, "K")
    store.reveal(series_id, "K", Mode.SCREEN)
    with pytest.raises(StaleCase, match="already shown"):
        say(store, opened_before, 0, ReadGrade.MILD)
    assert store.all_readings() == []
    assert store.undo("K") is None


def test_a_final_reading_before_the_reveal_is_refused(store: Store) -> None:
    series_id = screened_case(store)
    case = replace(store.case(series_id, "K"), revealed_at=FIRST_TICK)
    with pytest.raises(StaleCase, match="not yet shown"):
        say(store, case, 0, ReadGrade.MILD)


def test_a_reveal_to_one_reader_is_none_to_another(store: Store) -> None:
    series_id = screened_case(store)
    store.reveal(series_id, "K", Mode.SCREEN)
    assert store.case(series_id, "M").revealed_at is None
    assert say(store, store.case(series_id, "M"), 0, ReadGrade.MILD, reader="M").phase is Phase.FIRST


def test_the_first_reveal_counts(store: Store) -> None:
    series_id = screened_case(store)
    first = store.reveal(series_id, "K", Mode.SCREEN)
    assert store.reveal(series_id, "K", Mode.READ) == first
    assert store.case(series_id, "K").revealed_at == first


def test_the_time_of_the_reveal_is_the_stores_not_the_screens(store: Store) -> None:
    series_id = screened_case(store)
    shown_at = store.reveal(series_id, "K", Mode.SCREEN)
    case = replace(store.case(series_id, "K"), revealed_at=shown_at - timedelta(hours=1))
    assert say(store, case, 0, ReadGrade.MILD).revealed_at == shown_at


@pytest.mark.parametrize(
    "answer",
    [
        Answer(not_assessable=NotAssessable.METAL_OR_CEMENT),
        Answer(other_deformity=OtherDeformity.TUMOUR_SUSPECTED),
        Answer(flag=True),
        Answer(note="ask M"),
    ],
)
def test_a_reading_without_a_grade_that_says_something_is_present(store: Store, answer: Answer) -> None:
    series_id = screened_case(store)
    kept = say(store, store.case(series_id, "K"), 0, answer)
    assert store.case(series_id, "K").readings == {kept.body_id: kept}


def test_a_withdrawn_reading_is_not_present_and_stays_in_history(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, ReadGrade.MILD)
    say(store, case, 0, Answer())
    assert store.case(series_id, "K").readings == {}
    assert len(store.all_readings()) == 2


def test_one_key_for_all_remaining_levels_is_one_transaction(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    answer = Answer(ReadGrade.NORMAL, bulk=True)
    several = [new_reading(case, body, "K", Mode.READ, answer, FIRST_TICK) for body in case.bodies]
    broken = [*several[:2], replace(several[2], body_id="nobody")]
    with pytest.raises(NoSuchThing, match="nobody"):
        store.store_readings(broken)
    assert store.all_readings() == []
    assert [reading.bulk for reading in store.store_readings(several)] == [True] * 3


def reading_of_first_body(store: Store) -> Reading:
    """A reading that could be stored."""
    case = store.case(screened_case(store), "K")
    return new_reading(case, case.bodies[0], "K", Mode.READ, Answer(ReadGrade.MILD), FIRST_TICK)


def test_a_reading_that_contradicts_itself_is_a_bug_and_is_not_stored(store: Store) -> None:
    good = reading_of_first_body(store)
    with pytest.raises(ValueError, match="no grade"):
        store.store_reading(replace(good, not_assessable=NotAssessable.MOTION))
    with pytest.raises(ValueError, match="one reader"):
        store.store_readings([good, replace(good, reader="M")])
    with pytest.raises(ValueError, match="one reader"):
        store.store_readings([])
    with pytest.raises(ValueError, match="name"):
        store.store_reading(replace(good, reader="  "))
    assert store.all_readings() == []


def test_a_geometry_that_is_not_there_is_named(store: Store) -> None:
    good = reading_of_first_body(store)
    with pytest.raises(NoSuchThing, match="version 7"):
        store.store_reading(replace(good, geometry_version=7))


def test_graded_today_counts_vertebrae_not_key_presses(store: Store) -> None:
    series_id = screened_case(store)
    case = store.case(series_id, "K")
    say(store, case, 0, ReadGrade.MILD)
    say(store, case, 0, ReadGrade.MODERATE)
    say(store, case, 1, Answer(not_assessable=NotAssessable.CUT_OFF))
    say(store, case, 2, Answer(flag=True))
    say(store, case, 2, ReadGrade.MILD, reader="M")
    since = FIRST_TICK - timedelta(days=4000)
    assert store.graded_since("K", since) == 2
    assert store.graded_since("K", FIRST_TICK + timedelta(days=36500)) == 0
    store.undo("M")
    assert store.graded_since("M", since) == 0


def test_every_reading_is_listed_with_patient_and_level_as_read(store: Store) -> None:
    series_id = screened_case(store)
    other, _ = store.add_series(new_series("two"))
    store.record_screening(other, screening(spine(Level.L1, 1)))
    say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
    say(store, store.case(other, "M"), 0, ReadGrade.NORMAL, reader="M")
    listed = [(series, patient, level) for series, patient, level, _ in store.all_readings()]
    assert listed == [(series_id, "P-one", "T11"), (other, "P-two", "L1")]
