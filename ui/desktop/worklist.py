"""The worklist as it is shown: which columns, which rows, in which words. In read mode nothing that hints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ui import words
from vfscreen.cases import Case, CaseRow, CaseState
from vfscreen.findings import Mode, NotAssessable
from vfscreen.reading import gradable_bodies, is_answered


class Show(Enum):
    """Which studies the worklist shows."""

    ALL = "All"
    TO_DO = "To do"
    LOOK_AGAIN = "Look again"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title and width in pixels (0 takes what is left)."""

    title: str
    width: int


COLUMNS: dict[Mode, tuple[Column, ...]] = {
    Mode.READ: (Column("#", 36), Column("Study", 0), Column("Levels", 80), Column("State", 116)),
    Mode.SCREEN: (Column("#", 36), Column("Study", 0), Column("Suspicion", 80), Column("State", 116)),
}
_TO_DO = (CaseState.NEW, CaseState.BEGUN)
_SHORT_NAME = 8


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A study in the worklist: its number in the reader's order, and its cells."""

    series_id: str
    cells: tuple[str, ...]
    tip: str
    state: CaseState


def short_name(pseudonym: str) -> str:
    """Returns the part of a pseudonym that is enough to tell studies apart."""
    return pseudonym[:_SHORT_NAME]


def listed(rows: Sequence[CaseRow], mode: Mode, show: Show, sought: str = "") -> list[ListedCase]:
    """Lists the rows that fit the choice and the search, with the numbers of the full list."""
    return [_listed(number, row, mode) for number, row in enumerate(rows, 1) if _fits(row, show, sought)]


def _fits(row: CaseRow, show: Show, sought: str) -> bool:
    if show is Show.TO_DO and row.state not in _TO_DO:
        return False
    if show is Show.LOOK_AGAIN and row.state is not CaseState.LOOK_AGAIN:
        return False
    return sought.lower() in f"{row.pseudonym} {row.description} {row.study_date}".lower()


def _listed(number: int, row: CaseRow, mode: Mode) -> ListedCase:
    third = (row.levels or "–") if mode is Mode.READ else suspicion_in_words(row)
    warned = " ▲" if row.warnings else ""
    cells = (str(number), short_name(row.pseudonym) + warned, third, words.STATES[row.state])
    said = f"suspicion as {row.suspected_by} said" if row.suspected_by else ""
    lines = [row.pseudonym, row.description, f"{row.graded} of {row.bodies} graded", said, *row.warnings]
    return ListedCase(row.series_id, cells, "\n".join(line for line in lines if line), row.state)


def suspicion_in_words(row: CaseRow) -> str:
    """Says in a word how suspicious a study looks to the model; figures stay on the retraining page."""
    if row.suspicion is None:
        return "not seen"
    if row.suspicion >= 0.5:
        return "high"
    return "some" if row.suspicion >= 0.15 else "low"


def renewed(rows: Sequence[CaseRow], case: Case) -> list[CaseRow]:
    """Returns the rows with that of the open study as its readings stand now."""
    return [_row_now(row, case) if row.series_id == case.series_id else row for row in rows]


def _row_now(row: CaseRow, case: Case) -> CaseRow:
    bodies = gradable_bodies(case)
    readings = [case.readings[body.body_id] for body in bodies if body.body_id in case.readings]
    answered = [reading for reading in readings if is_answered(reading)]
    if any(reading.flag for reading in readings):
        state = CaseState.LOOK_AGAIN
    elif bodies and len(answered) == len(bodies):
        unreadable = all(isinstance(reading.not_assessable, NotAssessable) for reading in answered)
        state = CaseState.CANNOT_READ if unreadable else CaseState.DONE
    elif readings:
        state = CaseState.BEGUN
    else:
        state = row.state if not bodies else CaseState.NEW
    return replace(row, graded=len(answered), bodies=len(bodies), state=state)
