"""Where the marks of a case lie on its sagittal slices. Values only; the overlay draws them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ui import words
from vfscreen.cases import Body
from vfscreen.findings import Reading
from vfscreen.genant import ReadGrade
from vfscreen.reading import is_answered, sign_of

Float = NDArray[np.float64]
HALF_WIDTH_MM = 14.0
"""A body's mark is shown this far to both sides of its own mid-plane: about half the width of a thoracic body."""
_OUTLINE = (0, 1, 2, 5, 4, 3)


@dataclass(frozen=True, slots=True)
class Mark:
    """One body on the picture, in array indices of the sagittal-first volume.

    Shapes: centre (3,): slice, row, column; outline (6, 2): row, column, empty (0, 2) while its points may not be seen.
    `sign` is what the reader said (X, D or the grade's), empty before.
    `first` and `last` are the slices between which the mark is shown.
    """

    body_id: str
    name: str
    centre: tuple[float, float, float]
    outline: tuple[tuple[float, float], ...]
    first: float
    last: float
    grade: ReadGrade | None = None
    sign: str = ""
    here: bool = False


def marks_of(
    bodies: Sequence[Body],
    readings: Mapping[str, Reading],
    inverse: Float,
    *,
    here: str | None,
    outlined: Collection[str],
) -> tuple[Mark, ...]:
    """Lays the bodies on the picture; outlines only of those (by id) whose points the reader may see.

    Frame: `inverse` (4, 4) takes LPS mm to indices of the sagittal-first volume.
    """
    slices_per_mm = float(np.linalg.norm(inverse[0, :3]))
    return tuple(
        _mark(
            body,
            readings.get(body.body_id),
            inverse,
            slices_per_mm,
            here=body.body_id == here,
            outlined=body.body_id in outlined,
        )
        for body in bodies
    )


def _mark(
    body: Body,
    reading: Reading | None,
    inverse: Float,
    slices_per_mm: float,
    *,
    here: bool,
    outlined: bool,
) -> Mark:
    vertebra = body.vertebra
    centre = _indices(inverse, vertebra.centre_lps_mm)
    outline: tuple[tuple[float, float], ...] = ()
    if outlined and vertebra.points is not None:
        corners = _indices(inverse, vertebra.points.array()[list(_OUTLINE)])
        outline = tuple((float(row), float(column)) for _, row, column in corners)
    half = HALF_WIDTH_MM * slices_per_mm
    return Mark(
        body_id=body.body_id,
        name=words.level(vertebra),
        centre=(float(centre[0]), float(centre[1]), float(centre[2])),
        outline=outline,
        first=float(centre[0]) - half,
        last=float(centre[0]) + half,
        grade=None if reading is None else reading.grade,
        sign=sign_of(reading) if is_answered(reading) else "",
        here=here,
    )


def _indices(inverse: Float, points_lps_mm: Float) -> Float:
    return np.asarray(points_lps_mm, float) @ inverse[:3, :3].T + inverse[:3, 3]
