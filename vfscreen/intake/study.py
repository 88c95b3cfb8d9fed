"""One study a path: the door for `screen`, and for the files of a case that is known already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vfscreen.errors import MixedStudy, NothingToScreen, UnreadableFile
from vfscreen.findings import SeriesFacts
from vfscreen.intake.choice import Choice, choose, describe
from vfscreen.intake.dicom_series import DicomSeries, group, load, stack_series
from vfscreen.intake.headers import SeriesTags
from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.pseudonym import pseudonym_of
from vfscreen.intake.survey import CHECK_PATH, GIVE_A_CT, NO_CT, Survey, survey, told, why_missing
from vfscreen.intake.volume_file import kind_of, read_volume_file

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """How patients are named: by a keyed hash; by `patient` instead of what the files say, where that is given."""

    key: bytes
    patient: str | None = None

    def of_dicom(self, tags: SeriesTags) -> str:
        """Hashes PatientID and its issuer; an anonymous export without PatientID goes by its study."""
        if self.patient is not None:
            return pseudonym_of(self.key, self.patient)
        if tags.patient_id:
            return pseudonym_of(self.key, tags.patient_id, tags.issuer)
        return pseudonym_of(self.key, tags.study_uid or tags.series_uid, "study")

    def of_file(self, sha256: str) -> str:
        """Takes the file's sha256 as it is: it identifies no person."""
        return sha256 if self.patient is None else pseudonym_of(self.key, self.patient)


def read_study(
    path: Path, pseudonyms: Pseudonyms | None = None, wanted: Collection[str] = ()
) -> LoadedSeries:
    """Reads the one study at `path`: a volume in one file, or a folder of DICOM files whose best series is chosen.

    `wanted` are the UIDs of series that go before all others: those that a mask says it was made on. The choice, the
    series not chosen and the files left out are said in `warnings`. Without `pseudonyms` the pseudonym is empty.

    Raises:
        RefusedInput: it cannot be screened.
    """
    missing = why_missing(path)
    if missing:
        raise UnreadableFile(missing, str(path), CHECK_PATH)
    if path.is_file() and kind_of(path) is not None:
        return read_one_volume(path, pseudonyms)
    found = survey([path], _silent)
    if found.slices:
        return _read_dicom(found, path, pseudonyms, wanted)
    if len(found.volumes) == 1:
        loaded = read_one_volume(found.volumes[0], pseudonyms)
        return replace(loaded, warnings=(*_left_out(found, path), *loaded.warnings))
    if found.volumes:
        names = _names([volume.name for volume in found.volumes])
        raise MixedStudy(
            f"{len(found.volumes)} volumes in one folder ({names})", str(path), "give one of them"
        )
    if len(found.unusable) == 1:
        only = found.unusable[0]
        raise UnreadableFile(only.reason, str(only.path), only.todo or GIVE_A_CT)
    raise NothingToScreen(_nothing_in(found), str(path), GIVE_A_CT)


def read_files(files: Sequence[Path], facts: SeriesFacts) -> LoadedSeries:
    """Reads a series again from exactly the files that it was read from (`LoadedSeries.files`, with their facts).

    Raises:
        RefusedInput: a file is gone, or has changed since; readings of one CT are never shown on another.
    """
    gone = [file for file in files if why_missing(file)]
    if gone or not files:
        where = str(gone[0]) if gone else "no files"
        raise UnreadableFile(
            f"{len(gone)} of the {len(files)} files of this series are gone",
            where,
            "bring the folder back to where it was imported from, or ask for the right to it",
        )
    if len(files) == 1 and kind_of(files[0]) is not None:
        loaded = read_one_volume(files[0], None)
        changed = [] if is_same_series(loaded.facts, facts) else list(files)
    else:
        slices = tuple(h for h in survey(files, _silent).slices if h.tags.series_uid == facts.uid)
        changed = sorted(set(files) - {header.path for header in slices})
        if not changed:
            series = DicomSeries(slices[0].tags, slices)
            loaded = load(series, stack_series(series), "")
            changed = [] if is_same_series(loaded.facts, facts) else list(files)
    if changed:
        raise UnreadableFile(
            f"this series has changed since import ({len(changed)} of its {len(files)} files)",
            str(changed[0]),
            "bring back the files that were imported",
        )
    return loaded


def is_same_series(now: SeriesFacts, then: SeriesFacts) -> bool:
    """Says whether what was read is what was taken in: by the file's sha256, else by UID, number and distances."""
    if now.sha256 or then.sha256:
        return now.sha256 == then.sha256
    same = (now.uid, now.slices) == (then.uid, then.slices)
    return same and np.allclose(now.spacing_mm, then.spacing_mm, atol=1e-3)


def read_one_volume(path: Path, pseudonyms: Pseudonyms | None) -> LoadedSeries:
    """Reads a NIfTI, NRRD or MetaImage file, with its pseudonym.

    Raises:
        RefusedInput: it cannot be screened.
    """
    loaded = read_volume_file(path)
    if pseudonyms is None:
        return loaded
    facts = replace(loaded.facts, pseudonym=pseudonyms.of_file(loaded.facts.sha256))
    return replace(loaded, facts=facts)


def _read_dicom(
    found: Survey, path: Path, pseudonyms: Pseudonyms | None, wanted: Collection[str]
) -> LoadedSeries:
    series = group(found.slices)
    _check_one_study(series, path)
    choice = choose(series, wanted)
    pseudonym = "" if pseudonyms is None else pseudonyms.of_dicom(choice.series.tags)
    loaded = load(choice.series, choice.stack, pseudonym)
    beside = [f"left out: {volume.name}: a volume beside the DICOM series" for volume in found.volumes]
    said = (*_choice_in_words(choice, len(series), wanted), *beside, *_left_out(found, path))
    return replace(loaded, warnings=(*said, *loaded.warnings))


def _choice_in_words(choice: Choice, count: int, wanted: Collection[str]) -> list[str]:
    if count == 1:
        return []
    why = ", the one that the mask was made on" if choice.series.tags.series_uid in wanted else ""
    chosen = f"chosen of {count} series{why}: {choice.series.name} ({describe(choice.series, choice.stack)})"
    return [chosen, *(f"not chosen: {other}" for other in choice.others)]


def _check_one_study(series: Sequence[DicomSeries], path: Path) -> None:
    patients = {(one.tags.issuer, one.tags.patient_id) for one in series}
    if len(patients) > 1:
        raise MixedStudy(
            f"{len(patients)} patients in one folder", str(path), "give one study, or use `vfscreen import`"
        )
    studies = {one.tags.study_uid for one in series}
    if len(studies) > 1:
        raise MixedStudy(
            f"{len(studies)} studies of one patient in one folder",
            str(path),
            "give one study, or use `vfscreen import`",
        )


def _nothing_in(found: Survey) -> str:
    """Says how much was looked at, and what is wrong with most of it."""
    if not found.unusable:
        return NO_CT
    one, more = max(told(found.unusable), key=lambda pair: (pair[0].damaged, pair[1]))
    others = f" and {more} more" if more else ""
    return f"no CT among {len(found.unusable)} files ({one.path.name}{others}: {one.reason})"


def _left_out(found: Survey, path: Path) -> list[str]:
    """A damaged file may have been the last slice of the series: nothing else would tell that it is missing."""
    lines = []
    for one, more in told(found.unusable):
        inside = one.path != path and one.path.is_relative_to(path)
        where = f"{one.path.relative_to(path)}" if inside else one.path.name
        count = f" and {more} more files" if more else ""
        lines.append(f"{'could not be read' if one.damaged else 'left out'}: {where}{count}: {one.reason}")
    return lines


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _silent(what: str, share: float) -> None:
    """Nobody watches a single study being read."""
