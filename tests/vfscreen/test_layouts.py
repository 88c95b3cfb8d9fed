"""Data sets as they are published: what belongs together, and what is wrong with a copy that is not whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.made_layouts import (
    STEP_MM,
    in_voxels,
    made_scan,
    write_centroids,
    write_published_set,
    write_verse_set,
)
from vfscreen.anatomy import Level
from vfscreen.errors import UnreadableFile
from vfscreen.genant import Grade
from vfscreen.layouts import find_layout
from vfscreen.layouts.verse_centroids import read_centroids
from vfscreen.layouts.verse_grades import read_grade_table

PATIENTS = {"CT_0001": {19: 0, 20: 2}, "CT_0002": {20: 1}}
SUBJECTS = {"verse011": {19: 0, 20: 3}, "verse012": {28: 1}}


def test_the_published_layout_gives_each_ct_its_mask_and_grades(tmp_path: Path):
    found = find_layout(write_published_set(tmp_path, PATIENTS))
    assert found is not None
    first, second = found.scans
    assert (first.name, first.patient) == ("CT_0001", "CT_0001")
    assert first.ct == tmp_path / "img" / "CT_0001.nii.gz"
    assert first.mask == tmp_path / "seg" / "CT_0001.nii.gz"
    assert first.grades == {Level.T12: Grade.NORMAL, Level.L1: Grade.MODERATE}
    assert second.grades == {Level.L1: Grade.MILD}
    assert found.faults == ()


def test_annotations_may_be_numbers_and_names_without_ending(tmp_path: Path):
    write_published_set(tmp_path, PATIENTS)
    (tmp_path / "annotation.yaml").write_text(
        "CT_0001: {19: 0, 20: 2}\nCT_0002:\n  20: 1\n", encoding="utf-8"
    )
    found = find_layout(tmp_path)
    assert found is not None and found.faults == ()
    assert found.scans[0].grades == {Level.T12: Grade.NORMAL, Level.L1: Grade.MODERATE}


def test_masks_may_lie_beside_their_ct(tmp_path: Path):
    write_published_set(tmp_path, PATIENTS)
    (tmp_path / "seg" / "CT_0001.nii.gz").rename(tmp_path / "img" / "CT_0001_seg.nii.gz")
    found = find_layout(tmp_path)
    assert found is not None and found.faults == ()
    assert found.scans[0].mask == tmp_path / "img" / "CT_0001_seg.nii.gz"


def test_a_ct_without_its_mask_is_named_and_kept(tmp_path: Path):
    write_published_set(tmp_path, PATIENTS)
    (tmp_path / "seg" / "CT_0002.nii.gz").unlink()
    found = find_layout(tmp_path)
    assert found is not None
    assert [(Path(one.where).name, one.reason) for one in found.faults] == [
        ("CT_0002.nii.gz", "there is no mask of this CT")
    ]
    assert found.scans[1].mask is None and found.scans[1].grades == {Level.L1: Grade.MILD}


def test_an_unknown_label_a_grade_that_is_none_and_an_absent_ct_are_named(tmp_path: Path):
    write_published_set(tmp_path, PATIENTS)
    (tmp_path / "annotation.yaml").write_text(
        "CT_0001.nii.gz: {'19': '0', '26': '1', '99': '1', '20': '4'}\nCT_0009.nii.gz: {'20': '1'}\n",
        encoding="utf-8",
    )
    found = find_layout(tmp_path)
    assert found is not None
    assert [one.reason for one in found.faults] == [
        "graded, but there is no such CT",
        "no vertebra has the label 26",
        "no vertebra has the label 99",
        "L1 has the grade 4",
    ]
    assert found.scans[0].grades == {Level.T12: Grade.NORMAL}
    assert found.scans[1].grades == {}


@pytest.mark.parametrize("content", ["- a\n- b\n", "CT_0001: 3\n", "a: [b\n", ""])
def test_an_annotation_that_is_none_is_refused(tmp_path: Path, content: str):
    (tmp_path / "annotation.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile, match="grades"):
        find_layout(tmp_path)


def test_verse_by_subject_gives_masks_centroids_grades_and_its_own_split(tmp_path: Path):
    found = find_layout(write_verse_set(tmp_path, SUBJECTS))
    assert found is not None and found.faults == ()
    first, second = found.scans
    assert (first.name, first.patient, first.part) == ("verse011", "verse011", "training")
    assert first.ct.name == "sub-verse011_ct.nii.gz"
    assert first.mask is not None and first.mask.name == "sub-verse011_seg-vert_msk.nii.gz"
    assert first.centroids is not None and first.centroids.name == "sub-verse011_seg-subreg_ctd.json"
    assert first.grades == {Level.T12: Grade.NORMAL, Level.L1: Grade.SEVERE}
    assert second.grades == {Level.T13: Grade.MILD}


def test_several_series_of_a_subject_are_one_patient(tmp_path: Path):
    write_verse_set(tmp_path, SUBJECTS)
    raw = tmp_path / "dataset-verse19training" / "rawdata" / "sub-verse011"
    derived = tmp_path / "dataset-verse19training" / "derivatives" / "sub-verse011"
    for series in ("verse201", "verse202"):
        (raw / f"sub-verse011_split-{series}_ct.nii.gz").write_bytes(
            (raw / "sub-verse011_ct.nii.gz").read_bytes()
        )
        mask = derived / "sub-verse011_seg-vert_msk.nii.gz"
        (derived / f"sub-verse011_split-{series}_seg-vert_msk.nii.gz").write_bytes(mask.read_bytes())
    found = find_layout(tmp_path)
    assert found is not None
    assert [(scan.name, scan.patient) for scan in found.scans] == [
        ("verse011", "verse011"), ("verse201", "verse011"), ("verse202", "verse011"), ("verse012", "verse012"),
    ]  # fmt: skip
    assert found.scans[1].grades == found.scans[0].grades


def test_the_challenge_layout_is_read_too(tmp_path: Path):
    for name in ("verse014.nii.gz", "verse014_seg.nii.gz", "verse014_ctd.json"):
        (tmp_path / name).touch()
    for name in ("", "_seg"):
        (tmp_path / f"verse512_CT-iso{name}.nii.gz").touch()
    (tmp_path / "verse512_CT-iso_iso-ctd.json").touch()
    (tmp_path / "verse512_CT-iso.png").touch()
    found = find_layout(tmp_path)
    assert found is not None and found.faults == ()
    assert [(scan.name, scan.ct.name) for scan in found.scans] == [
        ("verse014", "verse014.nii.gz"), ("verse512", "verse512_CT-iso.nii.gz"),
    ]  # fmt: skip
    assert all(scan.mask is not None and scan.centroids is not None for scan in found.scans)


def test_a_series_that_comes_twice_is_taken_once(tmp_path: Path):
    write_verse_set(tmp_path, SUBJECTS)
    write_verse_set(tmp_path, SUBJECTS, part="dataset-verse20training")
    found = find_layout(tmp_path)
    assert found is not None
    assert len(found.scans) == 2
    assert len(found.faults) == 2 and "the same series as" in found.faults[0].reason


def test_a_missing_mask_a_mask_without_ct_and_a_grade_without_case_are_named(tmp_path: Path):
    write_verse_set(tmp_path, SUBJECTS | {"verse013": {20: 0}})
    part = tmp_path / "dataset-verse19training"
    (part / "derivatives" / "sub-verse011" / "sub-verse011_seg-vert_msk.nii.gz").unlink()
    (part / "rawdata" / "sub-verse012" / "sub-verse012_ct.nii.gz").unlink()
    for path in (part / "derivatives" / "sub-verse013").iterdir():
        path.unlink()
    (part / "rawdata" / "sub-verse013" / "sub-verse013_ct.nii.gz").unlink()
    found = find_layout(tmp_path)
    assert found is not None
    assert [scan.name for scan in found.scans] == ["verse011"]
    reasons = [one.reason for one in found.faults]
    assert reasons[0] == "there is no mask of this CT"
    assert reasons[1:3] == ["there is no CT to this file"] * 2
    assert reasons[3] == "graded, but there is no such CT" and "verse013" in found.faults[3].where


def test_a_ct_alone_is_no_layout(tmp_path: Path):
    (tmp_path / "verse011.nii.gz").touch()
    assert find_layout(tmp_path) is None
    assert find_layout(tmp_path / "verse011.nii.gz") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("grades.json", '{"train": {"sub-verse011_20": 3, "sub-verse011_19": 0}}'),
        ("grades.csv", "subject,level,genant_grade\nsub-verse011,L1,3\nverse011,19,0.0\n11,L2,\n"),
        ("grades.csv", "verse_ID,T12_fracture-grading,L1_fracture-grading,L2\n11,0,3,nan\n"),
    ],
)
def test_grade_tables_are_read_in_every_form(tmp_path: Path, name: str, text: str):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    said = read_grade_table(path).grades["verse011"]
    assert sorted((str(label), int(float(str(grade)))) for label, grade in said) in (
        [("19", 0), ("20", 3)], [("19", 0), ("L1", 3)], [("L1", 3), ("T12", 0)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("grades.json", "[1, 2]"),
        ("grades.json", "{"),
        ("grades.json", '{"nobody_20": 1}'),
        ("grades.csv", "a,b\n1,2\n"),
        ("grades.csv", "subject,b\nverse011,2\n"),
        ("grades.csv", "subject,level,grade\nanna,L1,2\n"),
    ],
)
def test_a_table_that_holds_no_grades_is_refused(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match="no table of grades"):
        read_grade_table(tmp_path / name)


def test_a_grade_table_may_lie_elsewhere(tmp_path: Path):
    folder = write_verse_set(tmp_path / "verse", SUBJECTS)
    (folder / "vertebra_data.json").unlink()
    table = tmp_path / "supplement.csv"
    table.write_text("subject,level,grade\nverse011,L1,2\n", encoding="utf-8")
    found = find_layout(folder, table)
    assert found is not None
    assert found.scans[0].grades == {Level.L1: Grade.MODERATE}


@pytest.mark.parametrize("directions", [("P", "I", "R"), ("L", "A", "S"), ("R", "A", "I")])
def test_centroids_by_subject_are_voxels_of_the_ct_turned_to_their_directions(
    tmp_path: Path, directions: tuple[str, str, str]
):
    scan = made_scan({19: 0, 20: 30})
    path = write_centroids(
        tmp_path / "sub-verse011_seg-subreg_ctd.json", in_voxels(scan, directions), directions
    )
    centres = read_centroids(path, scan.ct)
    for label, centre in scan.centres_lps_mm.items():
        assert np.allclose(centres[Level(label)], centre)


@pytest.mark.parametrize("name", ["verse512_CT-iso_iso-ctd.json", "verse014_ctd.json"])
def test_centroids_of_a_challenge_are_millimetres_from_the_anterior_superior_left_corner(
    tmp_path: Path, name: str
):
    scan = made_scan({19: 0, 20: 30})
    places = {
        label: [STEP_MM * value for value in place]
        for label, place in in_voxels(scan, ("P", "I", "R")).items()
    }
    centres = read_centroids(write_centroids(tmp_path / name, places), scan.ct)
    for label, centre in scan.centres_lps_mm.items():
        assert np.allclose(centres[Level(label)], centre)


def test_centroids_that_are_no_numbers_and_the_sacrum_are_left_out(tmp_path: Path):
    path = tmp_path / "verse014_ctd.json"
    places = [{"label": 20, "X": 1.0, "Y": 2.0, "Z": 3.0}, {"label": 21, "X": float("nan"), "Y": 0, "Z": 0}]
    path.write_text(json.dumps([*places, {"label": 26, "X": 1, "Y": 1, "Z": 1}]), encoding="utf-8")
    assert list(read_centroids(path, made_scan({20: 0}).ct)) == [Level.L1]


@pytest.mark.parametrize("text", ["{}{", '[{"direction": ["P", "I", "S"]}]', '[{"label": 20, "X": 1}]', "3"])
def test_a_file_that_holds_no_centroids_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "verse014_ctd.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFile, match="centroids"):
        read_centroids(path, made_scan({20: 0}).ct)
