"""Slices to a grid: sorted by where they lie, refused where they do not make one even axial stack.

Distances come from ImagePositionPatient, never from SpacingBetweenSlices or SliceThickness, which scanners and
archives fill in by habit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import MixedStudy, NothingToScreen, UnevenSlices, UnsupportedGeometry
from vfscreen.intake.headers import SliceHeader

Float = NDArray[np.float64]

FEWEST_SLICES = 3
SAME_PLACE_MM = 0.02
ROUNDING_MM = 0.12
"""Positions are often written to a tenth of a millimetre."""

UNEVEN_SHARE = 0.1
TILT_DEGREES = 1.0
SIDEWAYS_MM = 0.5
_PLANES = ("sagittal", "coronal", "axial")
_STRAY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Stack:
    """An even stack, from one end to the other.

    Frame: `affine` (4, 4) takes (slice, row, column) to LPS mm. `spacing_mm` is the distance of neighbouring slices.
    """

    slices: tuple[SliceHeader, ...]
    affine: Float
    spacing_mm: float
    warnings: tuple[str, ...] = ()

    @property
    def thickness_mm(self) -> float:
        """The larger of the slices' thickness and distance: overlapping thick slices are still thick."""
        return max(self.slices[0].thickness_mm or 0.0, self.spacing_mm)

    @property
    def coverage_mm(self) -> float:
        """Length of the scan along its own axis."""
        return self.spacing_mm * len(self.slices)


def stack_of(slices: Sequence[SliceHeader], where: str) -> Stack:
    """Sorts the slices of one series into a stack.

    Raises:
        NothingToScreen: too few slices. UnsupportedGeometry: no positions, tilted, or not axial.
        UnevenSlices: slices are missing, doubled or unevenly spaced. MixedStudy: more than one acquisition.
    """
    placed = [header for header in slices if not _not_said(header)]
    if not placed:
        raise UnsupportedGeometry(
            f"the slices do not say where they lie (no {_not_said(slices[0])})",
            where,
            "export the series again",
        )
    once, copies = _without_copies(placed)
    main, strays = _one_shape(once, where)
    if len(main) < FEWEST_SLICES:
        count = "one slice is" if len(main) == 1 else f"{len(main)} slices are"
        raise NothingToScreen(f"{count} no volume", where, "give the whole series")
    normal = _normal(main[0], where)
    along = np.array([_position(header) for header in main]) @ normal
    ordered = [main[i] for i in np.argsort(along, kind="stable")]
    positions = np.array([_position(header) for header in ordered])
    _check_doubles(ordered, positions @ normal, where)
    _check_gaps(ordered, positions @ normal, where)
    _check_straight(ordered, positions, normal, where)
    step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    missing = len(slices) - len(placed)
    return Stack(
        tuple(ordered),
        _affine(ordered[0], step),
        float(step @ normal),
        (
            *_said(copies, "copies of slices in another folder: each slice was read once"),
            *_said(len(strays) + missing, "pictures in the series that are no slices of the stack: left out"),
        ),
    )


def _said(count: int, words: str) -> tuple[str, ...]:
    return (f"{words} ({count})",) if count else ()


def _not_said(header: SliceHeader) -> str:
    """Returns what a header does not say of where its slice lies; empty if it says all."""
    if header.position is None:
        return "ImagePositionPatient"
    if header.orientation is None:
        return "ImageOrientationPatient"
    return "" if header.row_spacing_mm > 0 and header.column_spacing_mm > 0 else "PixelSpacing"


def _position(header: SliceHeader) -> tuple[float, ...]:
    return header.position or ()


def _without_copies(slices: Sequence[SliceHeader]) -> tuple[list[SliceHeader], int]:
    """Drops slices that lie in a second folder too, as when a study was exported twice into one tree.

    A double inside one folder is kept, to be refused by name: there one of the two may be the wrong one.
    """
    first_folder: dict[tuple[str, int], object] = {}
    kept = []
    for header in slices:
        folder = first_folder.setdefault((header.sop_uid, header.frame), header.path.parent)
        if not header.sop_uid or folder == header.path.parent:
            kept.append(header)
    return kept, len(slices) - len(kept)


def _one_shape(slices: list[SliceHeader], where: str) -> tuple[list[SliceHeader], list[SliceHeader]]:
    """Splits off the few pictures of another size or direction (scouts that were filed in the same series)."""
    shapes: dict[tuple[object, ...], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        direction = tuple(np.round(header.orientation or (), 2) + 0.0)
        spacing = (round(header.row_spacing_mm, 3), round(header.column_spacing_mm, 3))
        shapes[(header.rows, header.columns, direction, spacing)].append(header)
    main = max(shapes.values(), key=len)
    strays = [header for group in shapes.values() if group is not main for header in group]
    if strays and len(strays) > max(2, _STRAY_SHARE * len(main)):
        raise MixedStudy(
            f"the series mixes {len(shapes)} kinds of slices, such as {main[0].path.name} ({_kind(main[0])})"
            f" and {strays[0].path.name} ({_kind(strays[0])})",
            where,
            "give one acquisition",
        )
    return main, strays


def _kind(header: SliceHeader) -> str:
    return f"{header.columns} x {header.rows}, {header.column_spacing_mm:.2f} mm"


def _normal(header: SliceHeader, where: str) -> Float:
    row, column = np.reshape(header.orientation or (), (2, 3))
    lengths = np.linalg.norm([row, column], axis=1)
    if np.abs(lengths - 1).max() > 1e-2 or abs(float(row @ column)) > 1e-2:
        raise UnsupportedGeometry(
            "ImageOrientationPatient is no pair of directions", where, "export it again"
        )
    normal: Float = np.cross(row, column)
    normal /= np.linalg.norm(normal)
    main_axis = int(np.abs(normal).argmax())
    if main_axis != 2:
        raise UnsupportedGeometry(
            f"the slices are {_PLANES[main_axis]}, not axial, which is not handled yet",
            where,
            "give the axial series, or convert this one to NIfTI",
        )
    tilt = float(np.degrees(np.arccos(min(1.0, abs(float(normal[2]))))))
    if tilt > TILT_DEGREES:
        raise UnsupportedGeometry(
            f"the slices are tilted by {tilt:.1f} degrees (gantry or reformat), which is not handled yet",
            where,
            "give a series with straight axial slices",
        )
    return normal if normal[2] > 0 else -normal


def _check_doubles(slices: list[SliceHeader], along: Float, where: str) -> None:
    doubles = np.flatnonzero(np.diff(along) < SAME_PLACE_MM)
    if not doubles.size:
        return
    first, second = slices[int(doubles[0])], slices[int(doubles[0]) + 1]
    acquisitions = Counter(header.acquisition for header in slices)
    if first.acquisition != second.acquisition and len(acquisitions) > 1:
        raise MixedStudy(
            f"the series holds {len(acquisitions)} acquisitions of the same region"
            f" ({first.path.name} and {second.path.name} lie at the same place)",
            where,
            "give one acquisition",
        )
    raise UnevenSlices(
        f"{doubles.size} doubled {'slice' if doubles.size == 1 else 'slices'}:"
        f" {_name(first)} and {_name(second)} lie at the same place (0.0 mm apart)",
        where,
        "remove the double or export the series again",
    )


def _check_gaps(slices: list[SliceHeader], along: Float, where: str) -> None:
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    off = np.abs(gaps - usual) > max(ROUNDING_MM, UNEVEN_SHARE * usual)
    if off.any():
        worst = int(np.argmax(np.abs(gaps - usual)))
        raise UnevenSlices(
            f"{'slices are missing' if gaps[worst] > usual else 'slices are unevenly spaced'}:"
            f" {_name(slices[worst])} and {_name(slices[worst + 1])} lie {gaps[worst]:.2f} mm apart,"
            f" where {usual:.2f} mm is usual (places like this: {int(off.sum())})",
            where,
            "export the whole series again",
        )
    even = along[0] + (along[-1] - along[0]) * np.arange(len(along)) / (len(along) - 1)
    drift = float(np.abs(along - even).max())
    if drift > max(ROUNDING_MM, UNEVEN_SHARE * usual):
        raise UnevenSlices(
            f"the spacing changes along the series, from {gaps.min():.2f} to {gaps.max():.2f} mm"
            f" (slices lie up to {drift:.2f} mm off an even grid, from {_name(slices[0])} to {_name(slices[-1])})",
            where,
            "export the series again with even spacing",
        )


def _check_straight(slices: list[SliceHeader], positions: Float, normal: Float, where: str) -> None:
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    lean = float(np.degrees(np.arccos(min(1.0, float(step @ normal / np.linalg.norm(step))))))
    if lean > TILT_DEGREES:
        raise UnsupportedGeometry(
            f"the stack leans by {lean:.1f} degrees, which is not handled yet",
            where,
            "give a series without tilt",
        )
    line = positions[0] + np.arange(len(positions))[:, None] * step
    sideways = np.linalg.norm(positions - line, axis=1)
    worst = int(sideways.argmax())
    if sideways[worst] > SIDEWAYS_MM:
        raise UnevenSlices(
            f"{_name(slices[worst])} lies {sideways[worst]:.1f} mm beside the line of the others"
            f" (up to {SIDEWAYS_MM:.1f} mm is taken)",
            where,
            "give one acquisition, reconstructed in one go",
        )


def _name(header: SliceHeader) -> str:
    return header.path.name if header.frame == 0 else f"{header.path.name} frame {header.frame + 1}"


def _affine(first: SliceHeader, step: Float) -> Float:
    """Source: DICOM PS3.3, C.7.6.2.1.1, equation C.7.6.2.1-1, with the slice as the third direction."""
    row, column = np.reshape(first.orientation or (), (2, 3))
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = column * first.row_spacing_mm
    affine[:3, 2] = row * first.column_spacing_mm
    affine[:3, 3] = _position(first)
    return affine
