"""Taking cases in: every series below the paths is judged, kept in the store, and laid into the slice cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from vfscreen.cases import NewSeries
from vfscreen.errors import MixedStudy, PseudonymKeyLost, RefusedInput
from vfscreen.findings import Refusal
from vfscreen.intake import LoadedSeries, Pseudonyms, judge, read_study
from vfscreen.intake.pseudonym import PUT_IT_BACK, key_print, pseudonym_key
from vfscreen.intake.study import is_same_series
from vfscreen.layouts import LabelledSet, files_beside, find_layout
from vfscreen.layouts.published import ANNOTATION
from vfscreen.layouts.verse import READER as VERSE_READER
from vfscreen.ports import CaseStore, Progress
from vfscreen.slice_cache import SliceCache

_GRADES_OF_NOTHING = "these grades belong to no data set in VerSe's layout"
NOBODY = ""
"""The reader who asks for a case only to see what is known of it."""


class ImportKind(StrEnum):
    """What became of a series or a file."""

    TAKEN = "taken"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Imported:
    """One line of an import: what became of what, in words; `series_id` is empty where it was refused."""

    kind: ImportKind
    where: str
    words: str
    series_id: str = ""


def key_of(store: CaseStore, path: Path) -> bytes:
    """Returns the key that the store's patients are named with; made at `path` if there are none yet.

    Raises:
        PseudonymKeyLost: there are patients, and their key is gone, or another one lies there.
        KnownError: the key file is damaged.
    """
    known = store.has_patients()  # asked first: whoever was taken in by another process meanwhile had a key
    key = pseudonym_key(path, may_make=not known)
    if store.bind_key(key_print(key)) != key_print(key):
        raise PseudonymKeyLost(
            "this key of the pseudonyms is not the one that this store's patients were named with",
            str(path),
            PUT_IT_BACK,
        )
    return key


def import_paths(
    paths: Sequence[Path],
    store: CaseStore,
    cache: SliceCache,
    *,
    key: bytes,
    patient: str | None = None,
    grades: Path | None = None,
    progress: Progress,
) -> Iterator[Imported]:
    """Imports everything at or below the paths, one series in memory at a time; one result a series or fault.

    `key` is that of the pseudonyms; `patient` names the patient of all of it, instead of what the files say. A folder
    laid out as a published data set is taken in with its grades, patients by their names there if `patient` is None;
    `grades` is VerSe's grade table where it lies elsewhere.

    Raises:
        MixedStudy: `patient` names the one patient of a data set that has several; what was taken before stays.
        KnownError: the store or the disk failed; what was taken before stays.
    """
    others: list[Path] = []
    is_graded = False
    for path in paths:
        try:
            found = find_layout(path, grades)
        except RefusedInput as error:
            yield _refused(Refusal(error.where, error.what, error.todo))
            is_graded |= error.where == str(grades)
            if Path(error.where).name == ANNOTATION:  # other tools write such a file too
                others.append(path)
            continue
        if found is None:
            others.append(path)
        else:
            is_graded |= found.reader == VERSE_READER
            if patient is not None:
                _check_one_patient(found, path)
            yield from _take_set(found, store, cache, key, patient, progress)
            others += files_beside(path, found)
    if grades is not None and not is_graded:
        yield _refused(
            Refusal(str(grades), _GRADES_OF_NOTHING, "give the folder of VerSe's data set with it")
        )
    if not others:
        return
    for judged in judge(others, Pseudonyms(key, patient), progress):
        yield _refused(judged) if isinstance(judged, Refusal) else _take(judged, store, cache)


def _check_one_patient(found: LabelledSet, path: Path) -> None:
    patients = len({scan.patient for scan in found.scans})
    if patients > 1:
        raise MixedStudy(
            f"the data set has {patients} patients, and one was named",
            str(path),
            "import it without naming the patient",
        )


def _take_set(
    found: LabelledSet,
    store: CaseStore,
    cache: SliceCache,
    key: bytes,
    patient: str | None,
    progress: Progress,
) -> Iterator[Imported]:
    """Takes the scans of a data set in, each with its grades."""
    from vfscreen.given_labels import keep_labels  # scipy takes 0.2 s, which the window's start does not have

    for number, scan in enumerate(found.scans):
        progress(scan.name, number / len(found.scans))
        try:
            named = f"{found.reader}: {scan.patient}" if patient is None else patient
            loaded = read_study(scan.ct, Pseudonyms(key, named))
        except RefusedInput as error:
            yield _refused(Refusal(error.where, error.what, error.todo))
            continue
        taken = _take(loaded, store, cache)
        words, missing = keep_labels(store, taken.series_id, scan, loaded, found.reader, datetime.now(UTC))
        yield replace(taken, words=f"{taken.words}; {words}")
        yield from map(_refused, missing)
    yield from map(_refused, found.faults)


def _refused(refusal: Refusal) -> Imported:
    words = refusal.reason + (f": {refusal.todo}" if refusal.todo else "")
    return Imported(ImportKind.REFUSED, refusal.where, words)


def _take(loaded: LoadedSeries, store: CaseStore, cache: SliceCache) -> Imported:
    series = NewSeries(loaded.source, loaded.files, loaded.facts, loaded.warnings)
    series_id, is_new = store.add_series(series)
    words = _words(loaded)
    then = loaded.facts if is_new else store.case(series_id, NOBODY).facts
    if not is_same_series(loaded.facts, then):
        words += f"; known with {then.slices} slices, {then.thickness_mm:.3g} mm, which stay what is read"
    elif is_new or not cache.holds(series_id):
        cache.put(series_id, loaded.volume)
    kind = ImportKind.TAKEN if is_new else ImportKind.KNOWN
    return Imported(kind, str(loaded.source), words, series_id)


def _words(loaded: LoadedSeries) -> str:
    facts = loaded.facts
    size = f"{facts.slices} slices, {facts.thickness_mm:.3g} mm"
    named = f"{facts.description}: {size}" if facts.description else size
    return "; ".join((named, *loaded.warnings))
