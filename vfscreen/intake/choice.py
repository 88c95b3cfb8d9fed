"""Which series of a study is best for reading bone, and how the choice is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vfscreen.errors import RefusedInput
from vfscreen.intake.dicom_series import DicomSeries, stack_series
from vfscreen.intake.kernel import kernel_of
from vfscreen.intake.stack import Stack
from vfscreen.thickness import too_thick

_THIN_MM = 1.6
_NEARLY_ALL = 0.8


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen series with its stack, and a line about each other one."""

    series: DicomSeries
    stack: Stack
    others: tuple[str, ...]


def choose(series: Sequence[DicomSeries], wanted: Collection[str] = ()) -> Choice:
    """Chooses by headers alone: heights measurable, most of the body in view, thin, kernel, thinner, longer.

    Where there are series whose UID is `wanted`, it is one of them.

    Raises:
        RefusedInput: none can be screened; the reason is that of the series with most slices.
    """
    named = [one for one in series if one.tags.series_uid in wanted] or series
    stacks: list[tuple[DicomSeries, Stack]] = []
    refused: list[tuple[DicomSeries, RefusedInput]] = []
    for candidate in series:
        try:
            stacks.append((candidate, stack_series(candidate)))
        except RefusedInput as error:
            refused.append((candidate, error))
    usable = [pair for pair in stacks if pair[0] in named]
    if not usable:
        raise max((pair for pair in refused if pair[0] in named), key=lambda pair: len(pair[0].slices))[1]
    measurable = [pair for pair in usable if not too_thick(pair[1].thickness_mm)]
    pool = measurable or usable
    longest_mm = max(stack.coverage_mm for _, stack in pool)
    chosen, stack = max(pool, key=lambda pair: _merit(pair[0], pair[1], longest_mm))
    others = [f"{other.name}: {describe(other, its)}" for other, its in stacks if other is not chosen]
    others += [f"{other.name}: {error.what}" for other, error in refused]
    return Choice(chosen, stack, tuple(others))


def describe(series: DicomSeries, stack: Stack) -> str:
    """Says what distinguishes a series: thickness, count, kernel."""
    kind = kernel_of(series.tags.kernel, series.tags.description)
    return f"{stack.thickness_mm:.3g} mm, {len(stack.slices)} slices, {kind.words}"


def _merit(series: DicomSeries, stack: Stack, longest_mm: float) -> tuple[float, ...]:
    return (
        stack.coverage_mm >= _NEARLY_ALL * longest_mm,
        stack.thickness_mm <= _THIN_MM,
        kernel_of(series.tags.kernel, series.tags.description),
        -round(stack.thickness_mm, 1),
        stack.coverage_mm,
        -(series.tags.series_number or 0),
    )
