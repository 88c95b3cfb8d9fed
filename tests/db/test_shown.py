"""What a reader was shown: once is for ever, for the order of the worklist as for the opinion."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.store import Store, open_store
from tests.db.made_cases import say, screened_case
from vfscreen.errors import StaleCase
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade


def test_a_case_seen_in_the_order_by_suspicion_is_known_so_for_ever(folder: Path) -> None:
    with open_store(folder) as store:
        series_id, other = screened_case(store, "one"), screened_case(store, "two")
        store.show_order([series_id], "K")
    with open_store(folder) as store:
        assert store.case(series_id, "K").order_known
        assert not store.case(other, "K").order_known
        assert not store.case(series_id, "M").order_known
        said = say(store, store.case(series_id, "K"), 0, ReadGrade.MILD, mode=Mode.READ)
        assert (said.mode, said.order_known) == (Mode.READ, True)


def test_a_reading_that_denies_the_order_it_was_given_in_is_refused(store: Store) -> None:
    opened = store.case(screened_case(store), "K")
    store.show_order([opened.series_id], "K")  # another window of the same reader
    with pytest.raises(StaleCase, match="worklist by suspicion was already shown"):
        say(store, opened, 0, ReadGrade.MILD)


def test_the_order_is_told_once(store: Store) -> None:
    series_id = screened_case(store)
    store.show_order([series_id], "K")
    before = store.events()
    store.show_order([series_id], "K")
    assert store.events() == before
    assert before[-1].what == "order by suspicion shown"
