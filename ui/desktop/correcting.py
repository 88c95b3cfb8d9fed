"""Correcting names, bodies and points. Each verb is one key or click; it is on disk when it returns, or says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ui import words
from ui.desktop.grading import nothing_waits
from ui.desktop.room import ReadingRoom, failed
from ui.desktop.states import Change, Tone, Tool
from vfscreen.cases import BodyEdit, Case
from vfscreen.correcting import added, as_t13, measured, removed, shifted, shifted_from, vouched_for
from vfscreen.errors import KnownError, StaleCase
from vfscreen.genant import SixPoints

Float = NDArray[np.float64]
_POINTS = len(words.POINTS)
_NO_SECOND_BODY_MM = 8.0


def shift_names(room: ReadingRoom, steps: int) -> None:
    """Calls every vertebra by the next name down (positive) or up."""
    way = "all names one down" if steps > 0 else "all names one up"
    _edit(room, lambda case: shifted(case, steps), way)


def shift_names_from_here(room: ReadingRoom, steps: int) -> None:
    """Calls this vertebra and those below it by the next name down (positive) or up."""
    here = room.here
    if here is not None:
        way = "names from here one down" if steps > 0 else "names from here one up"
        _edit(room, lambda case: shifted_from(case, here, steps), way)


def toggle_t13(room: ReadingRoom) -> None:
    """Calls the vertebra below T12 T13, or takes that back."""
    here = room.here
    if here is not None:
        _edit(room, lambda case: as_t13(case, here), "T13")


def vouch(room: ReadingRoom) -> None:
    """Says that the names are right as they are."""
    if room.case is not None and vouched_for(room.case) is None:
        room.say(words.NAMES_CERTAIN)
    else:
        _edit(room, vouched_for, words.NAMES_VOUCHED)


def remove_body(room: ReadingRoom) -> None:
    """Takes the vertebra here away: it is none. Its readings stay in the store, and come back with an undo."""
    case, body = room.case, room.body()
    if case is None or body is None:
        return
    place = [other.body_id for other in case.bodies].index(body.body_id)
    if _edit(room, lambda now: removed(now, body.body_id), f"{words.level(body.vertebra)} is no vertebra"):
        sentence, left = room.said, room.case.bodies if room.case is not None else ()
        if left:
            room.go_to(left[min(place, len(left) - 1)].body_id, keep_slice=True)
            room.say(sentence, Tone.STORED)


def start_adding(room: ReadingRoom) -> None:
    """Waits for a click on a vertebra that was missed; the second time it does not."""
    if room.tool is Tool.ADD:
        room.end_tool()
    elif room.volume is not None:
        room.take_tool(Tool.ADD, words.ADD_A_BODY)


def start_measuring(room: ReadingRoom) -> None:
    """Shows the six points to be moved, or asks for them where they may not be seen; the second time it stops."""
    body = room.body()
    if room.tool is Tool.MEASURE:
        room.end_tool()
    elif body is not None and room.volume is not None:
        if room.points_shown(body) and body.vertebra.points is not None:
            room.take_tool(Tool.MEASURE, words.MOVE_POINTS, tuple(body.vertebra.points.array()))
        else:
            room.take_tool(Tool.MEASURE, words.place_point(words.level(body.vertebra), 0))


def click(room: ReadingRoom, row: float, column: float) -> bool:
    """Takes a click on the picture if a tool is in hand for it; says whether it did.

    Frame: indices of the sagittal-first volume, on the slice that is shown.
    """
    if room.volume is None or room.tool is None:
        return False
    place = room.volume.lps_of(np.array([room.slice, row, column]))
    if room.tool is Tool.ADD:
        _add_body(room, place)
        return True
    if len(room.points_lps_mm) == _POINTS:
        return False
    room.place_points((*room.points_lps_mm, place))
    _ask_or_store(room)
    return True


def move_point(room: ReadingRoom, which: int, row: float, column: float) -> None:
    """Moves a point under the mouse, within its own slice; `store_points` keeps it."""
    if room.volume is None or room.tool is not Tool.MEASURE or which >= len(room.points_lps_mm):
        return
    own_slice = float(room.volume.indices_of(room.points_lps_mm[which])[0])
    moved = room.volume.lps_of(np.array([own_slice, row, column]))
    points = room.points_lps_mm
    room.place_points((*points[:which], moved, *points[which + 1 :]))


def store_points(room: ReadingRoom) -> None:
    """Keeps the six points as they lie now; heights and loss follow at once."""
    body, points = room.body(), room.points_lps_mm
    if room.case is None or body is None or len(points) != _POINTS:
        return
    six = SixPoints.from_array(np.stack(points))
    level = words.level(body.vertebra)
    if not _edit(room, lambda case: measured(case, body, six), f"points of {level}"):
        room.end_tool()
        return
    now = room.body()
    if now is not None and now.vertebra.heights is not None:
        stored = datetime.now(UTC)
        room.say(
            f"✓ Stored {words.clock(stored)}  {level}: {words.heights(now.vertebra.heights)}", Tone.STORED
        )


def take_point_back(room: ReadingRoom) -> bool:
    """Takes back the last point of those being placed, if some are; says whether it did."""
    if room.tool is not Tool.MEASURE or not 0 < len(room.points_lps_mm) < _POINTS:
        return False
    room.place_points(room.points_lps_mm[:-1])
    _ask_or_store(room)
    return True


def _ask_or_store(room: ReadingRoom) -> None:
    body, placed = room.body(), len(room.points_lps_mm)
    if placed == _POINTS:
        store_points(room)
    elif body is not None:
        room.say(words.place_point(words.level(body.vertebra), placed))


def _add_body(room: ReadingRoom, place_lps_mm: Float) -> None:
    if room.case is None:
        return
    known = [body.vertebra.centre_lps_mm for body in room.case.bodies]
    if any(float(np.linalg.norm((centre - place_lps_mm)[1:])) < _NO_SECOND_BODY_MM for centre in known):
        room.say(words.BODY_IS_HERE)
        return
    before = {body.body_id for body in room.case.bodies}
    if _edit(room, lambda case: added(case, place_lps_mm), "a vertebra added"):
        sentence = room.said
        new = next(body for body in room.case.bodies if body.body_id not in before)
        room.go_to(new.body_id, keep_slice=True)
        room.say(sentence, Tone.STORED)


def _edit(room: ReadingRoom, make: Callable[[Case], BodyEdit | None], what: str) -> bool:
    """Stores an edit and shows the case as it is then; says whether there was one."""
    if room.case is None or not nothing_waits(room):
        return False
    try:
        edit = make(room.case)
        if edit is None:
            return False
        room.store.edit_bodies(room.case.series_id, edit, room.reader)
    except StaleCase as error:
        room.reload()
        failed(room, error)
        return False
    except KnownError as error:
        failed(room, error)
        return False
    if room.tool is Tool.ADD:
        room.end_tool()
    room.reload()
    room.load_rows()
    room.say(words.edited(what, room.case, datetime.now(UTC)), Tone.STORED)
    room.tell(Change.BODY | Change.GEOMETRY)
    return True
