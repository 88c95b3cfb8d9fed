"""Whole trees: every series judged on its own, one in memory at a time. The door for `import`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from vfscreen.errors import RefusedInput
from vfscreen.findings import Refusal
from vfscreen.intake.dicom_series import group, load, stack_series
from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.study import Pseudonyms, read_one_volume
from vfscreen.intake.survey import GIVE_A_CT, NO_CT, Unusable, survey, told
from vfscreen.ports import Progress


def judge(
    paths: Sequence[Path], pseudonyms: Pseudonyms | None, progress: Progress
) -> Iterator[LoadedSeries | Refusal]:
    """Yields every series at or below the paths, read, or the reason why it is refused.

    Headers are looked at first, since a series may be scattered over folders; voxels are read one series at a time.
    Files that are no part of a CT come last; many with the same fault share a line.
    """
    found = survey(paths, progress)
    if not (found.slices or found.volumes or found.unusable):
        yield from (Refusal(str(path), NO_CT, GIVE_A_CT) for path in paths)
    series = group(found.slices)
    total = len(series) + len(found.volumes)
    for done, one in enumerate(series):
        progress(one.name, done / total)
        pseudonym = "" if pseudonyms is None else pseudonyms.of_dicom(one.tags)
        try:
            yield load(one, stack_series(one), pseudonym)
        except RefusedInput as error:
            yield _refusal(error)
    for done, path in enumerate(found.volumes, len(series)):
        progress(path.name, done / total)
        try:
            yield read_one_volume(path, pseudonyms)
        except RefusedInput as error:
            yield _refusal(error)
    yield from _refused_files(found.unusable)


def _refusal(error: RefusedInput) -> Refusal:
    return Refusal(error.where, error.what, error.todo)


def _refused_files(unusable: Sequence[Unusable]) -> Iterator[Refusal]:
    for one, more in told(unusable):
        yield Refusal(f"{one.path} and {more} more files" if more else str(one.path), one.reason, one.todo)
