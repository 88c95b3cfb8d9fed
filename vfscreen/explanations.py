"""What a reader can check a suggestion by: the body as scanned, with its loss undone, and where the answer hangs.

Everything is in patient coordinates, so that each picture can be laid over the CT. No torch here: the engine makes
explanations (`models.explain`), the window shows them, and a folder of the cache keeps them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfscreen.durable import write_durably
from vfscreen.findings import Suggestion, Vertebra
from vfscreen.genant import SixPoints, axes_of
from vfscreen.reference_file import ReferenceChoice
from vfscreen.wire import suggestion_from_wire, suggestion_to_wire, vertebra_to_wire

Float = NDArray[np.float64]

FORMAT = 1
"""Changes whenever explanations are made or written in another way: what was kept before is made again."""

KEPT_AT_MOST = 400
"""Explanations that stay in the cache; one takes about a tenth of a megabyte."""

PLATE_MM = 5.0
"""What lies so near an endplate is said to be at it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture in the sagittal plane of a body: head up, anterior left.

    Shapes: values (rows, columns); affine (4, 4).
    Frame: `affine` takes (row, column, steps to the left, 1), pixel centres, to LPS mm.
    """

    values: NDArray[Any]
    affine: Float

    def lps_of(self, places: Float) -> Float:
        """Takes rows and columns (..., 2) to LPS mm (..., 3)."""
        return np.asarray(places @ self.affine[:3, :2].T + self.affine[:3, 3])

    def places_of(self, points_lps_mm: Float) -> Float:
        """Takes LPS mm (..., 3) to rows and columns (..., 2), along the plane's normal."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(points_lps_mm @ inverse[:2, :3].T + inverse[:2, 3])

    @property
    def step_mm(self) -> float:
        """The distance of neighbouring rows, and columns."""
        return float(np.linalg.norm(self.affine[:3, 0]))


@dataclass(frozen=True, slots=True)
class Unbroken:
    """The body with the height that it lacks given back, and what the model says of that picture.

    Shapes: `restored_mm` and `missing_mm` are anterior, middle, posterior. `sheet` has the affine of the real one;
    `points` lie in it. `restored_mm` is less than `missing_mm` where giving back all of it would fold space.
    `by_points` and `by_picture` say how far the model's severity falls if the six points alone, or the CT alone, are
    those of the unbroken body; `by_both` with both.
    """

    sheet: Sheet
    points: SixPoints
    missing_mm: tuple[float, float, float]
    restored_mm: tuple[float, float, float]
    suggestion: Suggestion
    by_points: float
    by_picture: float
    by_both: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What explains one suggestion.

    `real` holds Hounsfield units, int16. `saliency` says by how much the model's severity falls if that place of the CT
    is blotted out (positive: it speaks for a fracture, negative: against); float32, in units of log-odds. `unbroken` is
    None where `why_not_unbroken` says so.
    """

    suggestion: Suggestion
    points: SixPoints
    real: Sheet
    saliency: Sheet
    unbroken: Unbroken | None
    why_not_unbroken: str = ""


class Along(StrEnum):
    """Where a place lies along the spine."""

    ABOVE = "above the vertebra"
    UPPER_ENDPLATE = "upper endplate"
    INSIDE = "inside of the body"
    LOWER_ENDPLATE = "lower endplate"
    BELOW = "below the vertebra"


class Across(StrEnum):
    """Where a place lies from front to back."""

    IN_FRONT = "in front of it"
    FRONT = "front third"
    MIDDLE = "middle third"
    BACK = "back third"
    BEHIND = "behind it"


@dataclass(frozen=True, slots=True)
class Peak:
    """The place that the answer hangs on most: where it is, and by how much the severity falls without it."""

    along: Along
    across: Across
    change: float


def peak_of(explanation: Explanation) -> Peak:
    """Finds the place whose loss changes the model's severity most, upwards or downwards."""
    values = explanation.saliency.values
    row, column = np.unravel_index(int(np.abs(values).argmax()), values.shape)
    place = explanation.saliency.lps_of(np.array([float(row), float(column)]))
    return Peak(*where(place, explanation.points), float(values[row, column]))


def where(place_lps_mm: Float, points: SixPoints) -> tuple[Along, Across]:
    """Says where a place (3,) lies relative to the six points of a body."""
    axes = axes_of(points)
    local = (points.array() - axes.origin) @ axes.matrix().T
    _, y, z = (place_lps_mm - axes.origin) @ axes.matrix().T
    front, back = float(local[[0, 3], 1].mean()), float(local[[2, 5], 1].mean())
    upper = float(np.interp(y, local[:3, 1], local[:3, 2]))
    lower = float(np.interp(y, local[3:, 1], local[3:, 2]))
    across = (Across.IN_FRONT, Across.FRONT, Across.MIDDLE, Across.BACK, Across.BEHIND)
    thirds = front + (back - front) * np.array([0.0, 1 / 3, 2 / 3, 1.0])
    return _along(z, upper, lower), across[int(np.searchsorted(thirds, y))]


def _along(z: float, upper: float, lower: float) -> Along:
    to_upper, to_lower = abs(z - upper), abs(z - lower)
    if min(to_upper, to_lower) <= PLATE_MM:
        return Along.UPPER_ENDPLATE if to_upper <= to_lower else Along.LOWER_ENDPLATE
    if z > upper:
        return Along.ABOVE
    return Along.BELOW if z < lower else Along.INSIDE


@dataclass(frozen=True, slots=True)
class ExplanationShelf:
    """A folder of explanations that were made, each under the key of everything that it depends on."""

    folder: Path
    kept_at_most: int = KEPT_AT_MOST

    def path(
        self,
        model_sha256: str,
        series_id: str,
        bodies: Sequence[Vertebra],
        place: int,
        against: ReferenceChoice,
    ) -> Path:
        """Returns where the explanation of the body at `place` belongs; its neighbours are part of the key.

        Raises:
            ReferenceWrong: the table that losses are measured against cannot be read.
        """
        measured = [str(against.convention), against.table().name]
        spine = [vertebra_to_wire(body) for body in bodies]
        told = [FORMAT, model_sha256, series_id, place, measured, spine]
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        return self.folder / f"{key[:40]}.npz"

    def open(self, path: Path) -> Explanation | None:
        """Reads an explanation; None where there is none, or none that can be read: then it is made again."""
        try:
            return read_explanation(path)
        except FileNotFoundError:
            return None
        except (EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
            path.unlink(missing_ok=True)
            return None

    def make_room(self) -> None:
        """Lets the oldest go."""
        kept = sorted(self.folder.glob("*.npz"), key=_written_ns, reverse=True)
        for path in kept[self.kept_at_most :]:
            path.unlink(missing_ok=True)


def _written_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another window clears up too
        return 0


def write_explanation(path: Path, explanation: Explanation) -> None:
    """Writes an explanation, wholly or not at all.

    Raises:
        DiskFull, NotWritable: as they say.
    """
    unbroken = explanation.unbroken
    words: dict[str, Any] = {
        "suggestion": suggestion_to_wire(explanation.suggestion),
        "why_not_unbroken": explanation.why_not_unbroken,
        "unbroken": None,
    }
    arrays = {
        "points": explanation.points.array(),
        "real": explanation.real.values,
        "real_affine": explanation.real.affine,
        "saliency": explanation.saliency.values,
        "saliency_affine": explanation.saliency.affine,
    }
    if unbroken is not None:
        figures = {name: getattr(unbroken, name) for name in _FIGURES}
        words["unbroken"] = figures | {"suggestion": suggestion_to_wire(unbroken.suggestion)}
        arrays |= {"unbroken": unbroken.sheet.values, "unbroken_points": unbroken.points.array()}
    stream = io.BytesIO()
    np.savez_compressed(
        stream, allow_pickle=False, words=np.frombuffer(json.dumps(words).encode(), np.uint8), **arrays
    )
    write_durably(path, stream.getvalue())


_FIGURES = ("missing_mm", "restored_mm", "by_points", "by_picture", "by_both")


def read_explanation(path: Path) -> Explanation:
    """Reads what `write_explanation` wrote.

    Raises:
        FileNotFoundError: it is not there.
        EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error: the file is damaged, or not one of ours.
    """
    with np.load(path, allow_pickle=False) as content:
        words = json.loads(content["words"].tobytes())
        real = Sheet(content["real"], content["real_affine"])
        told, unbroken = words["unbroken"], None
        if told is not None:
            unbroken = Unbroken(
                Sheet(content["unbroken"], real.affine),
                SixPoints.from_array(content["unbroken_points"]),
                tuple(told["missing_mm"]),
                tuple(told["restored_mm"]),
                suggestion_from_wire(told["suggestion"]),
                told["by_points"],
                told["by_picture"],
                told["by_both"],
            )
        return Explanation(
            suggestion_from_wire(words["suggestion"]),
            SixPoints.from_array(content["points"]),
            real,
            Sheet(content["saliency"], content["saliency_affine"]),
            unbroken,
            words["why_not_unbroken"],
        )
