"""A published data set is imported with its grades, as readings of its makers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from db.store import Store, open_store
from tests.made_layouts import made_scan, pressed, write_image, write_published_set, write_verse_set
from vfscreen.anatomy import Level
from vfscreen.cases import BodyEdit, GeometrySource
from vfscreen.correcting import shifted
from vfscreen.errors import MixedStudy
from vfscreen.findings import Finding, Mode, Phase, Screening, Vertebra
from vfscreen.genant import ReadGrade
from vfscreen.importing import Imported, ImportKind, import_paths
from vfscreen.intake import read_study
from vfscreen.layouts.published import READER
from vfscreen.layouts.verse import READER as VERSE
from vfscreen.masks import MaskKind
from vfscreen.masks.mask_localiser import MaskLocaliser
from vfscreen.masks.reading import read_mask
from vfscreen.slice_cache import SliceCache

GRADES = {19: 0, 20: 2}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "data") as opened:
        yield opened


def import_all(
    store: Store, folder: Path, *paths: Path, patient: str | None = None, grades: Path | None = None
) -> list[Imported]:
    cache = SliceCache(folder / "cache", 10**9)
    return list(
        import_paths(
            paths, store, cache, key=b"k" * 32, patient=patient, grades=grades, progress=lambda *_: None
        )
    )


def test_grades_become_first_readings_of_the_makers_on_bodies_of_the_mask(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    (taken,) = import_all(store, tmp_path, folder)
    assert taken.kind is ImportKind.TAKEN and taken.words.endswith(f"2 grades by {READER}")
    case = store.case(taken.series_id, READER)
    said = {body.vertebra.level: case.first_readings[body.body_id] for body in case.bodies}
    assert {level: one.grade for level, one in said.items()} == {
        Level.T12: ReadGrade.NORMAL, Level.L1: ReadGrade.MODERATE,
    }  # fmt: skip
    assert {(one.reader, one.phase, one.mode) for one in said.values()} == {(READER, Phase.FIRST, Mode.READ)}
    assert {body.source for body in case.bodies} == {GeometrySource.MASK}
    for body in case.bodies:
        wanted = made_scan({19: 0, 20: 33}).centres_lps_mm[int(body.vertebra.level)]
        assert body.vertebra.points is not None
        assert np.linalg.norm(body.vertebra.centre_lps_mm - wanted) < 5.0


def test_a_bodys_geometry_is_what_a_screening_with_the_same_mask_measures(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": {18: 0, **GRADES}})
    (taken,) = import_all(store, tmp_path, folder)
    loaded = read_study(folder / "img" / "a.nii.gz")
    mask = read_mask(folder / "seg" / "a.nii.gz", MaskKind.VERSE, loaded)
    wanted = MaskLocaliser(mask.name(), mask).locate(loaded.volume).vertebrae
    kept = [body.vertebra for body in store.case(taken.series_id, READER).bodies]
    assert [body.level for body in kept] == [Level.T11, Level.T12, Level.L1]
    for ours, theirs in zip(kept, wanted, strict=True):
        assert (ours.points is None) == (theirs.points is None) and ours.whole == theirs.whole
        if ours.points is not None and theirs.points is not None:
            np.testing.assert_allclose(ours.points.array(), theirs.points.array(), atol=1e-6)
        assert (ours.uncertainty_mm, ours.flags) == (theirs.uncertainty_mm, theirs.flags)


def test_a_graded_body_that_the_view_cuts_keeps_its_grade_and_has_no_points(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    for file in (folder / "img" / "a.nii.gz", folder / "seg" / "a.nii.gz"):
        cut_off_above(file, slices=8)
    (taken,) = import_all(store, tmp_path, folder)
    case = store.case(taken.series_id, READER)
    above, below = case.bodies
    assert not above.vertebra.whole and above.vertebra.points is None
    assert below.vertebra.whole and below.vertebra.points is not None
    assert case.readings[above.body_id].grade is ReadGrade.NORMAL


def cut_off_above(file: Path, slices: int) -> None:
    """Takes the uppermost slices away."""
    image = nibabel.load(file)
    voxels = np.asarray(image.dataobj)[:, :, :-slices]
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), file)


def test_they_are_not_the_users(store: Store, tmp_path: Path):
    (taken,) = import_all(store, tmp_path, write_published_set(tmp_path / "set", {"a": GRADES}))
    assert store.case(taken.series_id, "anna").first_readings == {}
    (row,) = store.worklist("anna", Mode.READ)
    assert (row.graded, row.bodies) == (0, 2)


def test_a_second_import_says_nothing_twice(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    import_all(store, tmp_path, folder)
    (again,) = import_all(store, tmp_path, folder)
    assert again.kind is ImportKind.KNOWN and again.words.endswith("its grades are known")
    assert len(store.all_readings()) == 2


def test_a_grade_that_was_corrected_since_is_kept_beside_those_that_are_known(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    (folder / "annotation.yaml").write_text("a: {19: 0, 20: 7}\n", encoding="utf-8")
    taken, fault = import_all(store, tmp_path, folder)
    assert taken.words.endswith(f"1 grades by {READER}") and "has the grade 7" in fault.words
    (folder / "annotation.yaml").write_text("a: {19: 0, 20: 2}\n", encoding="utf-8")
    (known,) = import_all(store, tmp_path, folder)
    assert known.words.endswith(f"1 grades by {READER}")
    case = store.case(taken.series_id, READER)
    said = {body.vertebra.level: case.readings[body.body_id].grade for body in case.bodies}
    assert said == {Level.T12: ReadGrade.NORMAL, Level.L1: ReadGrade.MODERATE}


def test_a_graded_sliver_is_told_as_one(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    mask = folder / "seg" / "a.nii.gz"
    image = nibabel.load(mask)
    voxels = np.asarray(image.dataobj).copy()
    voxels[18:22, 5:20, -2:] = 18
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), mask)
    (folder / "annotation.yaml").write_text("a: {18: 1, 19: 0, 20: 2}\n", encoding="utf-8")
    taken, missing = import_all(store, tmp_path, folder)
    assert taken.words.endswith(f"2 grades by {READER}")
    assert missing.words == "T11 is graded, but only a sliver of it is in the mask"
    known, again = import_all(store, tmp_path, folder)
    assert known.words.endswith("its grades are known") and again.words == missing.words


def test_verse_is_taken_in_with_one_patient_a_subject(store: Store, tmp_path: Path):
    folder = write_verse_set(tmp_path / "verse", {"verse011": GRADES, "verse012": {20: 1, 21: 0}})
    first, second = import_all(store, tmp_path, folder)
    assert first.words.endswith(f"2 grades by {VERSE}") and second.kind is ImportKind.TAKEN
    assert len({row.pseudonym for row in store.worklist("anna", Mode.READ)}) == 2


def test_the_grade_table_of_verse_may_lie_elsewhere(store: Store, tmp_path: Path):
    folder = write_verse_set(tmp_path / "verse", {"verse011": GRADES})
    table = tmp_path / "supplement.csv"
    table.write_text("subject,level,grade\nverse011,L1,3\n", encoding="utf-8")
    (taken,) = import_all(store, tmp_path, folder, grades=table)
    assert taken.words.endswith(f"1 grades by {VERSE}")
    assert [one.grade for *_, one in store.all_readings()] == [ReadGrade.SEVERE]


def test_a_grade_table_that_belongs_to_nothing_here_or_is_none_is_told_once(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    table = tmp_path / "supplement.csv"
    table.write_text("subject,level,grade\nverse011,L1,3\n", encoding="utf-8")
    taken, told = import_all(store, tmp_path, folder, grades=table)
    assert taken.kind is ImportKind.TAKEN
    assert told.where == str(table) and "belong to no data set in VerSe's layout" in told.words
    table.write_text("nothing", encoding="utf-8")
    (told,) = import_all(store, tmp_path, write_verse_set(tmp_path / "v", {"verse011": GRADES}), grades=table)
    assert told.where == str(table) and "no table of grades" in told.words


def test_without_a_mask_the_centroids_tell_where_the_bodies_are(store: Store, tmp_path: Path):
    folder = write_verse_set(tmp_path / "verse", {"verse011": GRADES})
    next(folder.rglob("*_msk.nii.gz")).unlink()
    taken, fault = import_all(store, tmp_path, folder)
    assert taken.words.endswith(f"2 grades by {VERSE}")
    assert fault.kind is ImportKind.REFUSED and "there is no mask of this CT" in fault.words
    bodies = store.case(taken.series_id, VERSE).bodies
    assert [body.vertebra.points for body in bodies] == [None, None]


def test_a_grade_of_a_level_that_the_mask_lacks_and_a_broken_annotation_are_named(
    store: Store, tmp_path: Path
):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    (folder / "annotation.yaml").write_text("a: {19: 0, 24: 1}\n", encoding="utf-8")
    taken, missing = import_all(store, tmp_path, folder)
    assert taken.words.endswith(f"1 grades by {READER}")
    assert "L5 is graded, but is not there" in missing.words
    (folder / "annotation.yaml").write_text("- a\n", encoding="utf-8")
    refused, *_ = import_all(store, tmp_path, folder)
    assert refused.kind is ImportKind.REFUSED and "grades" in refused.words


def test_a_mask_of_another_grid_leaves_the_ct_without_grades(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    affine = made_scan({19: 0}).ct.affine.copy()
    affine[:3, 3] += 300.0
    write_image(folder / "seg" / "a.nii.gz", made_scan({19: 0}).mask, affine)
    taken, fault = import_all(store, tmp_path, folder)
    assert taken.kind is ImportKind.TAKEN and fault.kind is ImportKind.REFUSED
    assert store.all_readings() == []


def test_another_ct_in_the_folder_is_taken_in_as_ever(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    (folder / "report.pdfx").write_bytes(b"nothing")
    taken, other = import_all(store, tmp_path, folder)
    assert taken.kind is ImportKind.TAKEN
    assert (other.kind, Path(other.where).name) == (ImportKind.REFUSED, "report.pdfx")


THREE = {19: 0, 20: 2, 21: 3}


def located_ct(store: Store, tmp_path: Path, folder: Path) -> str:
    """Imports the CT of a data set alone, with bodies as a localiser finds them."""
    (taken,) = import_all(store, tmp_path, folder / "img" / "a.nii.gz")
    centres = made_scan(pressed(THREE)).centres_lps_mm
    found = [Finding(Vertebra(Level(label), True, True, at, 0.9)) for label, at in centres.items()]
    facts = store.case(taken.series_id, "anna").facts
    store.record_screening(taken.series_id, Screening("a", facts, tuple(found), models={"localiser": "l"}))
    return taken.series_id


def test_grades_land_on_the_vertebrae_of_the_mask_whatever_a_reader_calls_them(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": THREE})
    series_id = located_ct(store, tmp_path, folder)
    store.edit_bodies(series_id, shifted(store.case(series_id, "anna"), -1), "anna")
    (known,) = import_all(store, tmp_path, folder)
    assert known.words.endswith(f"3 grades by {READER}")
    case = store.case(series_id, READER)
    assert [(body.vertebra.level, case.readings[body.body_id].grade) for body in case.bodies] == [
        (Level.T11, ReadGrade.NORMAL), (Level.T12, ReadGrade.MODERATE), (Level.L1, ReadGrade.SEVERE),
    ]  # fmt: skip
    read_on = {one.readings[0].grade: one.vertebra for one in store.labelled_bodies()}
    assert {grade: one.level for grade, one in read_on.items()} == {
        ReadGrade.NORMAL: Level.T11, ReadGrade.MODERATE: Level.T12, ReadGrade.SEVERE: Level.L1,
    }, "a reader's names stay"  # fmt: skip
    assert all(one.points is not None for one in read_on.values()), "read on the mask's points"


def test_a_grade_of_a_vertebra_that_a_reader_took_away_is_named(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": THREE})
    series_id = located_ct(store, tmp_path, folder)
    last = store.case(series_id, "anna").bodies[-1]
    edit = BodyEdit(removed=(last.body_id,), seen={last.body_id: last.geometry_version})
    store.edit_bodies(series_id, edit, "anna")
    known, missing = import_all(store, tmp_path, folder)
    assert known.words.endswith(f"2 grades by {READER}")
    assert "L2 is graded, but is not there" in missing.words


def test_a_named_patient_is_that_of_a_data_set_of_one(store: Store, tmp_path: Path, demo_ct: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    taken = import_all(store, tmp_path, folder, demo_ct, patient="P7")
    assert [one.kind for one in taken] == [ImportKind.TAKEN] * 2
    assert len({row.pseudonym for row in store.worklist("anna", Mode.READ)}) == 1


def test_one_patient_is_not_the_name_of_several(store: Store, tmp_path: Path):
    folder = write_verse_set(tmp_path / "verse", {"verse011": GRADES, "verse012": GRADES})
    with pytest.raises(MixedStudy, match="the data set has 2 patients"):
        import_all(store, tmp_path, folder, patient="P7")
    assert store.worklist("anna", Mode.READ) == []


def test_another_tools_annotation_leaves_the_series_of_its_folder(store: Store, tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": GRADES})
    (folder / "annotation.yaml").write_text("version: 1\nshapes: []\n", encoding="utf-8")
    refused, taken, *_ = import_all(store, tmp_path, folder)
    assert (refused.kind, Path(refused.where).name) == (ImportKind.REFUSED, "annotation.yaml")
    assert (taken.kind, Path(taken.where).name) == (ImportKind.TAKEN, "a.nii.gz")
