"""Import takes every good series into the real store and the slice cache, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from db.store import Store, open_store
from tests.dicom_writer import Writing, cut, small_ct, write_series
from vfscreen.errors import PseudonymKeyLost
from vfscreen.importing import Imported, ImportKind, import_paths, key_of
from vfscreen.intake import read_files
from vfscreen.slice_cache import SliceCache
from vfscreen.volume import Volume, sagittal_first

KEY = b"k" * 32


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 52))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def cache(tmp_path: Path) -> SliceCache:
    return SliceCache(tmp_path / "data" / "cache", 10**9)


def import_all(store: Store, cache: SliceCache, *paths: Path, patient: str | None = None) -> list[Imported]:
    return list(
        import_paths(paths, store, cache, key=KEY, patient=patient, progress=lambda what, share: None)
    )


def test_a_good_series_is_taken_and_the_rest_of_its_folder_named(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    folder = tmp_path / "cd"
    files = write_series(folder, ct, Writing(description="SPINE"))
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    (folder / "nothing.dcm").touch()
    (folder / "broken.dcm").write_bytes(files[0].read_bytes())
    cut(folder / "broken.dcm")
    taken, *refused = import_all(store, cache, folder)
    assert (taken.kind, taken.where) == (ImportKind.TAKEN, str(folder))
    assert taken.words == "SPINE: 12 slices, 2.5 mm"
    assert {Path(one.where).name: one.words for one in refused} == {
        "report.pdf": "not a CT but a PDF",
        "nothing.dcm": "the file is empty: copy it again",
        "broken.dcm": "a DICOM file that is damaged or cut short: copy it again",
    }
    assert all(one.kind is ImportKind.REFUSED and one.series_id == "" for one in refused)


def test_a_case_that_was_taken_can_be_opened_from_cache_and_read_from_source(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    write_series(tmp_path / "cd", ct)
    (taken,) = import_all(store, cache, tmp_path / "cd")
    mapped = cache.open(taken.series_id)
    assert mapped is not None
    assert np.array_equal(mapped.voxels, sagittal_first(ct).voxels)
    case = store.case(taken.series_id, "anna")
    assert len(case.files) == 12
    assert np.array_equal(read_files(case.files, case.facts).volume.voxels, ct.voxels)


def test_the_same_series_is_imported_once_and_its_lost_cache_renewed(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path, demo_ct: Path
):
    write_series(tmp_path / "cd", ct)
    first = import_all(store, cache, tmp_path / "cd", demo_ct)
    cache.drop(first[0].series_id)
    again = import_all(store, cache, tmp_path / "cd", demo_ct)
    assert [one.kind for one in first] == [ImportKind.TAKEN] * 2
    assert [one.kind for one in again] == [ImportKind.KNOWN] * 2
    assert [one.series_id for one in again] == [one.series_id for one in first]
    assert cache.holds(first[0].series_id)


def test_warnings_are_told_and_travel_with_the_case(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    write_series(tmp_path / "cd", ct, Writing(thickness_mm=5.0))
    (taken,) = import_all(store, cache, tmp_path / "cd")
    warning = "slices are 5.0 mm thick: heights are not reliable"
    assert taken.words.endswith(warning)
    assert store.case(taken.series_id, "anna").warnings == (warning,)


def test_no_name_reaches_the_store_and_one_patient_has_one_pseudonym(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    write_series(tmp_path / "a", ct, Writing(patient="MUELLER^ANNA", study="1"))
    write_series(tmp_path / "b", ct, Writing(patient="MUELLER^ANNA", study="2"))
    taken = import_all(store, cache, tmp_path / "a", tmp_path / "b")
    facts = [store.case(one.series_id, "anna").facts for one in taken]
    assert facts[0].pseudonym == facts[1].pseudonym != ""
    assert b"MUELLER" not in b"".join(file.read_bytes() for file in (tmp_path / "data").glob("*.sqlite*"))


def test_a_named_patient_replaces_what_the_files_say(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    write_series(tmp_path / "a", ct, Writing(patient="1"))
    write_series(tmp_path / "b", ct, Writing(patient="2", study="2"))
    taken = import_all(store, cache, tmp_path / "a", tmp_path / "b", patient="trial 7")
    assert len({store.case(one.series_id, "anna").facts.pseudonym for one in taken}) == 1


def test_a_refused_series_says_what_to_do(ct: Volume, store: Store, cache: SliceCache, tmp_path: Path):
    write_series(tmp_path / "gap", ct)[5].unlink()
    (refused,) = import_all(store, cache, tmp_path / "gap")
    assert refused.kind is ImportKind.REFUSED
    assert "lie 5.00 mm apart, where 2.50 mm is usual" in refused.words
    assert refused.words.endswith("export the whole series again")


def test_a_lost_key_is_not_made_anew_once_the_store_knows_a_patient(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    path = tmp_path / "data" / "pseudonym.key"
    key = key_of(store, path)
    write_series(tmp_path / "cd", ct)
    import_all(store, cache, tmp_path / "cd")
    path.unlink()
    with pytest.raises(PseudonymKeyLost, match="is gone, and this store knows patients already"):
        key_of(store, path)
    assert not path.exists()
    path.write_bytes(key)
    assert key_of(store, path) == key


def test_the_key_of_another_store_is_refused(ct: Volume, store: Store, cache: SliceCache, tmp_path: Path):
    key_of(store, tmp_path / "ours.key")
    write_series(tmp_path / "cd", ct)
    import_all(store, cache, tmp_path / "cd")
    (tmp_path / "theirs.key").write_bytes(b"t" * 32)
    with pytest.raises(PseudonymKeyLost, match="not the one that this store's patients were named with"):
        key_of(store, tmp_path / "theirs.key")


def test_a_store_without_patients_may_begin_with_another_key(store: Store, tmp_path: Path):
    key_of(store, tmp_path / "first.key")
    second = key_of(store, tmp_path / "second.key")
    assert key_of(store, tmp_path / "second.key") == second


def test_a_part_of_a_known_series_is_said_and_never_put_in_its_place(
    ct: Volume, store: Store, cache: SliceCache, tmp_path: Path
):
    write_series(tmp_path / "cd", ct)
    (taken,) = import_all(store, cache, tmp_path / "cd")
    cache.drop(taken.series_id)
    for path in write_series(tmp_path / "part", ct)[6:]:
        path.unlink()
    (again,) = import_all(store, cache, tmp_path / "part")
    assert (again.kind, again.series_id) == (ImportKind.KNOWN, taken.series_id)
    assert again.words.endswith("known with 12 slices, 2.5 mm, which stay what is read")
    assert not cache.holds(taken.series_id)
