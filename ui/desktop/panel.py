"""The panel of this vertebra as values: what was said, what may be seen, what was stored and when."""

from __future__ import annotations

from dataclasses import dataclass

from ui import words
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Chooser
from vfscreen.cases import Body, Case
from vfscreen.findings import Phase, Reading
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import (
    gradable_bodies,
    is_answered,
    is_gradable,
    may_show_opinion,
    refusals_of,
    sign_of,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything that the panel shows of one vertebra.

    `heights` and `model` are lines; they hold figures only once the program's opinion may be seen.
    """

    title: str = ""
    place: str = ""
    gradable: bool = False
    why_not: str = ""
    grade: ReadGrade | None = None
    cannot_grade: str = ""
    deformity: str = ""
    shape: Shape | None = None
    shape_allowed: bool = False
    sure: bool = True
    flag: bool = False
    note: str = ""
    chooser: Chooser | None = None
    heights: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    may_ask_model: bool = False
    may_explain: bool = False
    stored: str = ""


def panel_of(room: ReadingRoom) -> Panel:
    """Fills the panel for the vertebra that the reader is at."""
    body = room.body()
    if room.case is None or body is None:
        return Panel(title="", why_not=words.NO_STUDY if room.case is None else words.NO_BODIES)
    reading = room.reading()
    answered = is_answered(reading)
    level = words.level(body.vertebra)
    return Panel(
        title=level,
        place=_place(room, body),
        gradable=is_gradable(body.vertebra),
        why_not=_why_not(room.case, body),
        grade=None if reading is None else reading.grade,
        cannot_grade=_reason(reading),
        deformity=_cause(reading),
        shape=reading.shape if reading is not None and answered else room.draft.shape,
        shape_allowed=not answered or (reading is not None and reading.grade not in (None, ReadGrade.NORMAL)),
        sure=reading.sure if reading is not None and answered else room.draft.sure,
        flag=reading is not None and reading.flag,
        note="" if reading is None else reading.note,
        chooser=room.chooser,
        heights=_heights(room, body),
        model=_model(room, body),
        may_ask_model=room.case.revealed_at is not None or may_show_opinion(room.case, room.mode),
        may_explain=room.opinion_shown(),
        stored=_stored(reading, level),
    )


def _why_not(case: Case, body: Body) -> str:
    """Says why a body is not graded, and what the program asks about it, in the program's own reasons."""
    asked = [words.refused(refusal) for refusal in refusals_of(case, body)]
    if is_gradable(body.vertebra):
        return "\n".join([*asked, words.UNSURE]) if asked else ""
    if not body.vertebra.whole:
        return "\n".join([*(asked or [words.CUT]), words.NOT_CUT])
    return words.OTHER_LEVEL


def _place(room: ReadingRoom, body: Body) -> str:
    if room.case is None:
        return ""
    ids = [other.body_id for other in gradable_bodies(room.case)]
    return f"{ids.index(body.body_id) + 1} of {len(ids)}" if body.body_id in ids else ""


def _reason(reading: Reading | None) -> str:
    if reading is None or reading.not_assessable is None:
        return ""
    return words.NOT_ASSESSABLE[reading.not_assessable]


def _cause(reading: Reading | None) -> str:
    if reading is None or reading.other_deformity is None:
        return ""
    return words.OTHER_DEFORMITIES[reading.other_deformity]


def _stored(reading: Reading | None, level: str) -> str:
    if reading is None:
        return ""
    which = "final read" if reading.phase is Phase.FINAL else "first read"
    return f"✓ {words.clock(reading.time)}  {level} = {sign_of(reading)}  ({which})"


def _heights(room: ReadingRoom, body: Body) -> tuple[str, ...]:
    """Shows heights where the points may be seen; what is missing of them is the program's opinion."""
    heights = body.vertebra.heights
    if heights is None and room.opinion_shown():
        return ("not measured",)
    if heights is None or not room.points_shown(body):
        return ()
    error = "" if body.vertebra.uncertainty_mm is None else f"  ± {body.vertebra.uncertainty_mm:.1f}"
    lines = ["anterior / middle / posterior", words.heights(heights) + error]
    measured = room.findings.get(body.body_id)
    if room.opinion_shown() and measured is not None and measured.morphometry is not None:
        lines.append(f"Loss {words.loss(measured.morphometry)}")
    return (*lines, *(words.flag(flag) for flag in body.vertebra.flags))


def _model(room: ReadingRoom, body: Body) -> tuple[str, ...]:
    case = room.case
    if case is None:
        return ()
    if case.revealed_at is None:
        if may_show_opinion(case, room.mode):
            return ("Press M to see what the model suggests.", "Grades given after that are final reads.")
        return (words.locked(room.levels_to_go()),)
    if not room.opinion_on:
        return ("Folded away. M shows it again.",)
    finding = room.findings.get(body.body_id)
    suggestion = None if finding is None else finding.suggestion
    name = "The model" if suggestion is None else suggestion.model
    lines = [f"{name}: {words.suggestion(suggestion)}"]
    first = case.first_readings.get(body.body_id)
    if first is not None:
        lines.append(f"Your first read: {sign_of(first)}")
    return tuple(lines)
