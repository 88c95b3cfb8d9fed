"""The rules of reading: what a first reading is, when the program may speak, what is left to grade.

Pure functions over a `Case`; the store refuses what contradicts them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vfscreen.anatomy import ASSESSED, level_in_words
from vfscreen.cases import Body, Case
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Phase, Reading, Refusal, Vertebra
from vfscreen.genant import ReadGrade, Shape


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader says of a body with one key: a grade, or why there is none, and what goes with it."""

    grade: ReadGrade | None = None
    shape: Shape | None = None
    not_assessable: NotAssessable | None = None
    other_deformity: OtherDeformity | None = None
    sure: bool = True
    flag: bool = False
    note: str = ""
    bulk: bool = False


def is_gradable(vertebra: Vertebra) -> bool:
    """Says whether a body is one that readers grade: wholly in view, T1 to L6."""
    return vertebra.whole and vertebra.level in ASSESSED


def is_answered(reading: Reading | None) -> bool:
    """Says whether a reading settles its body: with a grade, a reason for none, or another deformity."""
    return reading is not None and (
        reading.grade is not None or reading.not_assessable is not None or reading.other_deformity is not None
    )


def is_withdrawn(reading: Reading) -> bool:
    """Says whether a reading says nothing at all any more, not even by a flag or a note."""
    return not (is_answered(reading) or reading.flag or reading.note)


def check_reading(reading: Reading) -> None:
    """Refuses a reading that contradicts itself.

    Raises:
        ValueError: a grade beside a reason for none; a shape without a deformity; screen mode with unknown order.
    """
    if reading.grade is not None and reading.not_assessable is not None:
        raise ValueError("a body that cannot be graded has no grade")
    deformed = reading.grade not in (None, ReadGrade.NORMAL)
    if reading.shape not in (None, Shape.NONE) and not deformed:
        raise ValueError("only a body graded ½ or more has a shape")
    if reading.mode is Mode.SCREEN and not reading.order_known:
        raise ValueError("in screen mode the order by suspicion is known")


def phase_now(case: Case) -> Phase:
    """Returns the phase of what the reader says next: final once the program's opinion was shown, else first."""
    return Phase.FIRST if case.revealed_at is None else Phase.FINAL


def new_reading(case: Case, body: Body, reader: str, mode: Mode, answer: Answer, time: datetime) -> Reading:
    """Makes the reading that stores what a reader just said of a body of this case.

    Raises:
        ValueError: the answer contradicts itself.
    """
    reading = Reading(
        reader=reader,
        body_id=body.body_id,
        geometry_version=body.geometry_version,
        grade=answer.grade,
        phase=phase_now(case),
        mode=mode,
        order_known=case.order_known or mode is Mode.SCREEN,
        time=time,
        shape=answer.shape,
        not_assessable=answer.not_assessable,
        other_deformity=answer.other_deformity,
        sure=answer.sure,
        flag=answer.flag,
        note=answer.note,
        bulk=answer.bulk,
        revealed_at=case.revealed_at,
    )
    check_reading(reading)
    return reading


def answer_of(reading: Reading | None) -> Answer:
    """Returns what a reading says, to say it again with one thing changed (a flag, a note, a shape)."""
    if reading is None:
        return Answer()
    return Answer(
        grade=reading.grade,
        shape=reading.shape,
        not_assessable=reading.not_assessable,
        other_deformity=reading.other_deformity,
        sure=reading.sure,
        flag=reading.flag,
        note=reading.note,
    )


def refusals_of(case: Case, body: Body) -> tuple[Refusal, ...]:
    """Returns what the program refused at this body, by the name that it gave it."""
    named = _named_then(case, body)
    return tuple(refusal for refusal in case.refusals if refusal.where == named)


def refusals_elsewhere(case: Case) -> tuple[Refusal, ...]:
    """Returns what the program refused at no body that is shown: a gap, a stretch, the whole series."""
    named = {_named_then(case, body) for body in case.bodies}
    return tuple(refusal for refusal in case.refusals if refusal.where not in named)


def _named_then(case: Case, body: Body) -> str:
    """Returns the name by which a screening spoke of a body, whatever it is called now."""
    found = case.findings.get(body.body_id)
    return str(body.vertebra.level if found is None else found.vertebra.level)


def gradable_bodies(case: Case) -> tuple[Body, ...]:
    """Returns the bodies that readers grade, from the head down."""
    return tuple(body for body in case.bodies if is_gradable(body.vertebra))


def ungraded_bodies(case: Case) -> tuple[Body, ...]:
    """Returns the gradable bodies that have neither grade nor reason from this reader, from the head down."""
    return tuple(body for body in gradable_bodies(case) if not is_answered(case.readings.get(body.body_id)))


def next_ungraded(case: Case, after: str | None = None) -> Body | None:
    """Returns the next ungraded body below `after` (a body id), else the topmost one; None if all are graded."""
    left = ungraded_bodies(case)
    order = [body.body_id for body in case.bodies]
    if after in order:
        below = [body for body in left if order.index(body.body_id) > order.index(after)]
        left = tuple(below) or left
    return left[0] if left else None


def may_show_opinion(case: Case, mode: Mode) -> bool:
    """Says whether the reader may see, now or by pressing M, what the program thinks.

    That is: suggestions, machine-placed heights, losses and ratios. In read mode every gradable body must have the
    reader's own answer first; in screen mode the reader may ask at any time. What was shown once stays shown.
    Asking is recorded by `CaseStore.reveal` before anything is drawn.
    """
    if case.revealed_at is not None or mode is Mode.SCREEN:
        return True
    return bool(gradable_bodies(case)) and not ungraded_bodies(case)


def levels_in_words(bodies: Iterable[Body]) -> str:
    """Returns the bodies' levels, "T4 L4 L5"."""
    return " ".join(level_in_words(body.vertebra.level, body.vertebra.level_certain) for body in bodies)


def completion_sentence(case: Case) -> str:
    """Says how far the study is: "All 14 levels graded." or "3 levels have no grade: T4 L4 L5."."""
    left = ungraded_bodies(case)
    if left:
        one = len(left) == 1
        return f"{len(left)} {'level has' if one else 'levels have'} no grade: {levels_in_words(left)}."
    count = len(gradable_bodies(case))
    if count == 0:
        return "No level can be graded."
    return "The only level is graded." if count == 1 else f"All {count} levels graded."


def first_kept_sentence(first: Reading | None, stored: Reading) -> str:
    """Says what became of a final reading: "First read 1 kept. Final read 2 stored."."""
    kept = f"First read {sign_of(first)} kept. " if is_answered(first) else ""
    return f"{kept}Final read {sign_of(stored)} stored."


def sign_of(reading: Reading | None) -> str:
    """Returns the sign of a reading on the rail: 0, ½, 1, 2, 3; X cannot be graded; D other deformity; _ nothing."""
    if reading is None:
        return "_"
    if reading.grade is not None:
        return reading.grade.sign
    if reading.not_assessable is not None:
        return "X"
    return "D" if reading.other_deformity is not None else "_"


def graded_today_sentence(count: int) -> str:
    """Says how many vertebrae the reader graded today; no speed, no ranking."""
    return f"graded today {count}"
