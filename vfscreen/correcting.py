"""What a reader corrects: names that are one off, a vertebra that was missed or is none, points that lie wrong.

Pure functions over a `Case`; each returns the one edit that the store keeps. Readings stay with their bodies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level
from vfscreen.cases import Body, BodyEdit, Case
from vfscreen.errors import ImpossiblePoints, NoSuchName
from vfscreen.findings import PLACED_BY_HAND, TOO_THICK, Finding, Vertebra
from vfscreen.genant import Reference, SixPoints, axes_of, heights_of
from vfscreen.reference import EXPECTED, ReferenceTable
from vfscreen.spine_morphometry import measure_all

Float = NDArray[np.float64]

HAND_UNCERTAINTY_MM = 0.8
"""Half the 95 % interval of a height placed by hand: the same reader differs by about 0.4 mm (SD) from time to time."""

LEAST_HEIGHT_MM = 2.0
"""A body whose edges are closer than this was not measured, but clicked amiss."""


def names_in_use(levels: Sequence[Level]) -> tuple[Level, ...]:
    """Returns the names of this spine from the head down, C1 to L6.

    With T13 where there is one, without T12 where T11 lies on L1. The sacrum is no name for a body that is graded.
    """
    without = {Level.SACRUM}
    if Level.T13 not in levels:
        without.add(Level.T13)
    if any(pair == (Level.T11, Level.L1) for pair in pairwise(levels)):
        without.add(Level.T12)
    return tuple(sorted(set(Level) - without, key=lambda level: level.rank))


def shifted(case: Case, steps: int) -> BodyEdit:
    """Gives every body the name `steps` further down (negative: up); the reader vouches for the names.

    Raises:
        NoSuchName: the names end there.
    """
    return _renamed(case, case.bodies, steps)


def shifted_from(case: Case, body_id: str, steps: int) -> BodyEdit:
    """Gives this body and those below it the name `steps` further down (negative: up); those above keep theirs.

    Raises:
        NoSuchName: the names end there, or the vertebra above has that name.
    """
    place = _place(case, body_id)
    edit = _renamed(case, case.bodies[place:], steps)
    if place:
        above, first = case.bodies[place - 1].vertebra.level, edit.changed[body_id].level
        if first.rank <= above.rank:
            raise NoSuchName(
                f"{above} is the vertebra above", str(first), "change all names, or that one first"
            )
    return edit


def as_t13(case: Case, body_id: str) -> BodyEdit:
    """Calls the body below T12 T13, and those below it one up; or takes that back where it is T13 already.

    Raises:
        NoSuchName: this is not the body below T12.
    """
    place = _place(case, body_id)
    body, below = case.bodies[place], case.bodies[place + 1 :]
    above = case.bodies[place - 1].vertebra.level if place else Level.T12
    if body.vertebra.level is Level.T13:
        return _together(case, {body_id: _named(body, Level.L1)}, below, _USUAL_NAMES, 1)
    if body.vertebra.level is not Level.L1 or above is not Level.T12:
        raise NoSuchName(
            "T13 lies between T12 and L1", str(body.vertebra.level), "go to the vertebra below T12"
        )
    return _together(case, {body_id: _named(body, Level.T13)}, below, _USUAL_NAMES, -1)


def vouched_for(case: Case) -> BodyEdit | None:
    """Says that the names are right as they are; None if none of them was uncertain."""
    uncertain = [body for body in case.bodies if not body.vertebra.level_certain]
    changed = {body.body_id: _named(body, body.vertebra.level) for body in uncertain}
    return BodyEdit(changed, seen=_seen(uncertain)) if changed else None


def added(case: Case, centre_lps_mm: Float) -> BodyEdit:
    """Adds a body where the program found none: it takes the free name here, else those below go one down.

    The first body of all is called T12, not certain, until somebody says better.

    Raises:
        NoSuchName: the names end there.
    """
    height = float(centre_lps_mm[2])
    above = [body for body in case.bodies if float(body.vertebra.centre_lps_mm[2]) > height]
    below = case.bodies[len(above) :]
    used = names_in_use([body.vertebra.level for body in case.bodies])
    names = sorted({*used, Level.T12}, key=lambda level: level.rank)  # where T12 is missing, this may be it
    if above:
        level = _moved(names, above[-1].vertebra.level, 1)
    else:
        level = _moved(names, below[0].vertebra.level, -1) if below else Level.T12
    certain = bool(case.bodies) and all(body.vertebra.level_certain for body in case.bodies)
    new = Vertebra(level, certain, True, np.asarray(centre_lps_mm, float), 1.0)
    if below and below[0].vertebra.level is level:
        return replace(_renamed(case, below, 1, vouch=False), added=(new,))
    return BodyEdit(added=(new,))


def removed(case: Case, body_id: str) -> BodyEdit:
    """Takes away a body that is no vertebra; within the spine those below it go one name up, at its ends none does.

    A T13 takes up what is too many: the lumbar names stay then.
    """
    place = _place(case, body_id)
    body, below = case.bodies[place], case.bodies[place + 1 :]
    seen = {body_id: body.geometry_version}
    levels = [other.vertebra.level for other in below]
    if Level.T13 in levels:
        below = below[: levels.index(Level.T13) + 1]
    if place == 0 or not below or body.vertebra.level is Level.T13:
        return BodyEdit(removed=(body_id,), seen=seen)
    closed = _renamed(case, below, -1, vouch=False)
    return replace(closed, removed=(body_id,), seen={**closed.seen, **seen})


def measured(case: Case, body: Body, points: SixPoints) -> BodyEdit:
    """Puts a body's six points where a reader placed them; heights and frame follow.

    Raises:
        ImpossiblePoints: they do not make a body: upper and lower, or front and back, changed places.
    """
    array = points.array()
    ahead, behind = array[[0, 3]].mean(0), array[[2, 5]].mean(0)
    heights = heights_of(points)
    upright = bool((array[:3, 2] > array[3:, 2]).all()) and float(behind[1] - ahead[1]) > LEAST_HEIGHT_MM
    if not upright or float(heights.array().min()) < LEAST_HEIGHT_MM:
        raise ImpossiblePoints(
            "these points do not make a vertebral body",
            str(body.vertebra.level),
            "place the upper edge above the lower one, and the front before the back",
        )
    kept = tuple(flag for flag in body.vertebra.flags if flag == TOO_THICK)
    placed = replace(
        body.vertebra,
        whole=True,
        centre_lps_mm=array.mean(0),
        points=points,
        axes=axes_of(points),
        heights=heights,
        uncertainty_mm=HAND_UNCERTAINTY_MM,
        flags=(*kept, PLACED_BY_HAND),
    )
    return BodyEdit({body.body_id: placed}, seen={body.body_id: body.geometry_version})


def findings_now(case: Case, reference: Reference, table: ReferenceTable = EXPECTED) -> dict[str, Finding]:
    """Returns by body what the program says of the bodies as they are now, measured against what is chosen now.

    Losses are always measured here, of all bodies, for neighbours count: one that was kept may stand beside bodies that
    have moved since. A suggestion stands as long as the points are those it was made on.
    """
    measured_now = measure_all([body.vertebra for body in case.bodies], reference, table)
    return {
        body.body_id: Finding(
            body.vertebra,
            morphometry,
            case.findings[body.body_id].suggestion if _suggested_on_these_points(case, body) else None,
        )
        for body, (morphometry, _) in zip(case.bodies, measured_now, strict=True)
    }


def to_grade_again(case: Case, grader: str | None) -> tuple[Body, ...]:
    """Returns the bodies with points on which nothing was suggested, as far as no screening will look at them.

    Those are points that a reader placed and, once this grader has screened the case, all: it looked at its own points,
    and a body that a reader renamed keeps those that it had.
    """
    said = [finding.suggestion for finding in case.findings.values()]
    screened = any(suggestion is not None and suggestion.model == grader for suggestion in said)
    return tuple(
        body
        for body in case.bodies
        if body.vertebra.points is not None
        and (screened or PLACED_BY_HAND in body.vertebra.flags)
        and not _suggested_on_these_points(case, body)
    )


def looked_at(case: Case) -> dict[str, tuple[bytes, ...]]:
    """Returns by measured body the points that a grader looks at for it: its own, and of those measured next to it."""
    measured_bodies = [body for body in case.bodies if body.vertebra.points is not None]
    points = [
        body.vertebra.points.array().tobytes() for body in measured_bodies if body.vertebra.points is not None
    ]
    return {
        body.body_id: tuple(points[max(place - 1, 0) : place + 2])
        for place, body in enumerate(measured_bodies)
    }


def _suggested_on_these_points(case: Case, body: Body) -> bool:
    found = case.findings.get(body.body_id)
    if found is None or found.suggestion is None:
        return False
    then, now = found.vertebra.points, body.vertebra.points
    if then is None or now is None:
        return then is now
    return np.array_equal(then.array(), now.array())


_USUAL_NAMES = names_in_use(())


def _renamed(case: Case, bodies: Sequence[Body], steps: int, *, vouch: bool = True) -> BodyEdit:
    names = names_in_use([body.vertebra.level for body in case.bodies])
    changed = {
        body.body_id: _named(body, _moved(names, body.vertebra.level, steps), vouch=vouch) for body in bodies
    }
    return BodyEdit(changed, seen=_seen(bodies))


def _together(
    case: Case, first: dict[str, Vertebra], below: Sequence[Body], names: Sequence[Level], steps: int
) -> BodyEdit:
    changed = first | {
        body.body_id: _named(body, _moved(names, body.vertebra.level, steps)) for body in below
    }
    return BodyEdit(changed, seen=_seen([body for body in case.bodies if body.body_id in changed]))


def _named(body: Body, level: Level, *, vouch: bool = True) -> Vertebra:
    return replace(body.vertebra, level=level, level_certain=vouch or body.vertebra.level_certain)


def _moved(names: Sequence[Level], level: Level, steps: int) -> Level:
    place = (names.index(level) if level in names else len(names)) + steps
    if not 0 <= place < len(names):
        end = names[0] if steps < 0 else names[-1]
        raise NoSuchName(
            f"there is no name beyond {end}", str(level), "change the names the other way, or only some"
        )
    return names[place]


def _place(case: Case, body_id: str) -> int:
    return [body.body_id for body in case.bodies].index(body_id)


def _seen(bodies: Sequence[Body]) -> dict[str, int]:
    return {body.body_id: body.geometry_version for body in bodies}
