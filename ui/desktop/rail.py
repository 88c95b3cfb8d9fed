"""The rail of levels: one line a vertebra from the head down, with what the reader and (later) the model say."""

from __future__ import annotations

from dataclasses import dataclass

from ui import words
from ui.desktop.room import ReadingRoom
from vfscreen.findings import Reading, Verdict
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import is_gradable, sign_of

_SHAPE_LETTERS = {Shape.WEDGE: "w", Shape.BICONCAVE: "b", Shape.CRUSH: "c"}


@dataclass(frozen=True, slots=True)
class RailLine:
    """One level. `model` is empty while no opinion may be seen; `differs` says that reader and model do not agree."""

    body_id: str
    level: str
    sign: str
    extra: str
    grade: ReadGrade | None
    gradable: bool
    here: bool
    model: str = ""
    differs: bool = False
    tip: str = ""


def rail_of(room: ReadingRoom) -> tuple[RailLine, ...]:
    """Lays the rail out for the open study."""
    if room.case is None:
        return ()
    return tuple(_line(room, body.body_id) for body in room.case.bodies)


def _line(room: ReadingRoom, body_id: str) -> RailLine:
    case = room.case
    assert case is not None
    body = next(body for body in case.bodies if body.body_id == body_id)
    reading = case.readings.get(body_id)
    gradable = is_gradable(body.vertebra)
    finding = room.findings.get(body_id) if room.opinion_shown() else None
    suggestion = None if finding is None else finding.suggestion
    model = words.suggestion_sign(suggestion) if room.opinion_shown() and gradable else ""
    differs = (
        suggestion is not None
        and suggestion.verdict in (Verdict.FRACTURE, Verdict.NO_FRACTURE)
        and reading is not None
        and reading.grade is not None
        and (reading.grade is not ReadGrade.NORMAL) != (suggestion.verdict is Verdict.FRACTURE)
    )
    level = words.level(body.vertebra)
    return RailLine(
        body_id=body_id,
        level=level,
        sign=sign_of(reading) if gradable else "·",
        extra=_extra(reading),
        grade=None if reading is None else reading.grade,
        gradable=gradable,
        here=body_id == room.here,
        model=model,
        differs=differs,
        tip="" if gradable else f"{level}: {words.NOT_GRADED}",
    )


def _extra(reading: Reading | None) -> str:
    if reading is None:
        return ""
    letter = "" if reading.shape is None else _SHAPE_LETTERS.get(reading.shape, "")
    return (
        letter + ("" if reading.sure else "?") + ("⚑" if reading.flag else "") + ("✎" if reading.note else "")
    )
