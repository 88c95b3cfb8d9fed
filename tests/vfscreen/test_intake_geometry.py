"""A DICOM series that is no even axial stack is refused, by file and by distance."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dicom_writer import Writing, small_ct, write_enhanced, write_series, write_slice
from vfscreen.errors import MixedStudy, NothingToScreen, UnevenSlices, UnsupportedGeometry
from vfscreen.intake import read_study
from vfscreen.volume import Volume, reorient


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 52))


def moved(path: Path, offset_mm: tuple[float, float, float]) -> None:
    dataset = pydicom.dcmread(path)
    position = np.array(dataset.ImagePositionPatient, float) + offset_mm
    dataset.ImagePositionPatient = [f"{x:.6f}" for x in position]
    dataset.save_as(path)


def test_a_missing_slice_is_named_by_its_neighbours_and_both_distances(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct)
    files[5].unlink()
    with pytest.raises(UnevenSlices) as caught:
        read_study(tmp_path)
    assert caught.value.what == (
        "slices are missing: IM0004.dcm and IM0006.dcm lie 5.00 mm apart, where 2.50 mm is usual (places like this: 1)"
    )
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize("missing", range(1, 11))
def test_a_gap_is_found_wherever_it_is(ct: Volume, tmp_path: Path, missing: int):
    write_series(tmp_path, ct)[missing].unlink()
    with pytest.raises(UnevenSlices, match="slices are missing"):
        read_study(tmp_path)


def test_a_doubled_slice_is_named_with_its_double(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct)
    shutil.copy(files[3], tmp_path / "copy.dcm")
    with pytest.raises(
        UnevenSlices, match=r"1 doubled slice: (copy|IM0003)\.dcm and (copy|IM0003)\.dcm lie at the same"
    ):
        read_study(tmp_path)


def test_another_picture_at_the_same_place_is_a_double_too(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct)
    write_slice(tmp_path / "again.dcm", ct, 3, Writing())
    with pytest.raises(UnevenSlices, match="doubled"):
        read_study(tmp_path)


def test_a_second_copy_of_the_whole_series_in_another_folder_is_read_once(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "one", ct)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    loaded = read_study(tmp_path)
    assert loaded.facts.slices == 12
    assert loaded.warnings == ("copies of slices in another folder: each slice was read once (12)",)


def test_one_slice_out_of_step_is_refused(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct)
    moved(files[4], (0, 0, 0.9))
    with pytest.raises(UnevenSlices, match=r"IM0003\.dcm and IM0004\.dcm lie 3\.40 mm apart, where 2\.50"):
        read_study(tmp_path)


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(ct: Volume, tmp_path: Path):
    affine = ct.affine.copy()
    affine[2, 0] = 0.625
    for path in write_series(tmp_path, Volume(ct.voxels, affine)):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [f"{float(x):.1f}" for x in dataset.ImagePositionPatient]
        dataset.save_as(path)
    assert read_study(tmp_path).facts.thickness_mm == pytest.approx(0.625, abs=0.02)


def test_a_spacing_that_changes_along_the_way_is_refused_even_if_each_step_looks_right(
    ct: Volume, tmp_path: Path
):
    for k, path in enumerate(write_series(tmp_path, ct)):
        moved(path, (0, 0, 0.11 * max(0, k - 5)))
    with pytest.raises(UnevenSlices, match=r"spacing changes along the series, from 2\.50 to 2\.61 mm"):
        read_study(tmp_path)


def test_the_tag_spacing_between_slices_is_not_believed(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.SpacingBetweenSlices = "9.9"
        dataset.save_as(path)
    assert read_study(tmp_path).facts.thickness_mm == pytest.approx(2.5)


def test_a_tilted_series_is_refused_with_its_angle(ct: Volume, tmp_path: Path):
    angle = np.radians(14.0)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    write_series(tmp_path, Volume(ct.voxels, turn @ ct.affine))
    with pytest.raises(UnsupportedGeometry, match=r"tilted by 14\.0 degrees .*not handled yet"):
        read_study(tmp_path)


def test_a_gantry_tilt_is_refused_with_its_angle(ct: Volume, tmp_path: Path):
    angle = np.radians(10.0)
    affine = ct.affine.copy()  # the table moves along z, the slices are tilted
    affine[:3, 1] = ct.spacing_mm[1] * np.array([0, np.cos(angle), np.sin(angle)])
    write_series(tmp_path, Volume(ct.voxels, affine))
    with pytest.raises(UnsupportedGeometry, match=r"tilted by 10\.0 degrees"):
        read_study(tmp_path)


def test_a_leaning_stack_is_refused_with_its_angle(ct: Volume, tmp_path: Path):
    affine = ct.affine.copy()
    affine[1, 0] = 0.5
    write_series(tmp_path, Volume(ct.voxels, affine))
    with pytest.raises(UnsupportedGeometry, match=r"leans by 11\.3 degrees"):
        read_study(tmp_path)


def test_a_slice_beside_the_others_is_refused(ct: Volume, tmp_path: Path):
    moved(write_series(tmp_path, ct)[6], (4.0, 0, 0))
    with pytest.raises(UnevenSlices, match=r"IM0006\.dcm lies 4\.0 mm beside the line of the others"):
        read_study(tmp_path)


@pytest.mark.parametrize(("axes", "plane"), [((0, 2, 1), "sagittal"), ((1, 2, 0), "coronal")])
def test_other_planes_are_refused_by_name(ct: Volume, tmp_path: Path, axes: tuple[int, int, int], plane: str):
    write_series(tmp_path, reorient(ct, axes, (1, -1, 1)))
    with pytest.raises(
        UnsupportedGeometry, match=f"the slices are {plane}, not axial, which is not handled yet"
    ):
        read_study(tmp_path)


def test_two_acquisitions_of_one_region_are_a_mixture(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct, Writing(acquisition=1))
    write_series(tmp_path, ct, Writing(acquisition=2), name=lambda k: f"later{k}")
    with pytest.raises(MixedStudy, match="2 acquisitions of the same region"):
        read_study(tmp_path)


def test_two_kinds_of_slices_in_one_series_are_a_mixture(ct: Volume, demo_volume: Volume, tmp_path: Path):
    write_series(tmp_path, ct)
    write_series(tmp_path, small_ct(demo_volume, slice(60, 66), 8), name=lambda k: f"coarse{k}")
    with pytest.raises(MixedStudy, match="2 kinds of slices"):
        read_study(tmp_path)


def test_a_scout_filed_in_the_series_is_left_out_and_said(ct: Volume, demo_volume: Volume, tmp_path: Path):
    write_series(tmp_path, ct)
    scout = reorient(small_ct(demo_volume, slice(0, 60), 4), (1, 2, 0), (1, -1, 1))
    write_slice(tmp_path / "scout.dcm", scout, 64, Writing())
    loaded = read_study(tmp_path)
    assert loaded.facts.slices == 12
    assert loaded.warnings == ("pictures in the series that are no slices of the stack: left out (1)",)


@pytest.mark.parametrize(("count", "words"), [(1, "one slice is no volume"), (2, "2 slices are no volume")])
def test_too_few_slices_are_no_volume(ct: Volume, tmp_path: Path, count: int, words: str):
    for path in write_series(tmp_path, ct)[count:]:
        path.unlink()
    with pytest.raises(NothingToScreen, match=words):
        read_study(tmp_path)


@pytest.mark.parametrize("tag", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_slices_that_do_not_say_where_they_lie_are_refused(ct: Volume, tmp_path: Path, tag: str):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        delattr(dataset, tag)
        dataset.save_as(path)
    with pytest.raises(UnsupportedGeometry, match=rf"do not say where they lie \(no {tag}\)"):
        read_study(tmp_path)


def test_directions_that_are_none_are_refused(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]
        dataset.save_as(path)
    with pytest.raises(UnsupportedGeometry, match="no pair of directions"):
        read_study(tmp_path)


def test_frames_are_named_in_a_multi_frame_file(ct: Volume, tmp_path: Path):
    write_enhanced(tmp_path / "enhanced.dcm", ct)
    dataset = pydicom.dcmread(tmp_path / "enhanced.dcm")
    place = dataset.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0]
    place.ImagePositionPatient = [*place.ImagePositionPatient[:2], f"{place.ImagePositionPatient[2] + 1:.3f}"]
    dataset.save_as(tmp_path / "enhanced.dcm")
    with pytest.raises(UnevenSlices, match=r"enhanced\.dcm frame 4 and enhanced\.dcm frame 5 lie 3\.50 mm"):
        read_study(tmp_path / "enhanced.dcm")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turn=st.floats(-np.pi, np.pi),
    flips=st.tuples(*[st.booleans()] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
)
def test_any_turn_about_the_body_axis_keeps_every_voxel_in_its_place(
    ct: Volume,
    tmp_path_factory: pytest.TempPathFactory,
    turn: float,
    flips: tuple[bool, ...],
    origin: tuple[float, ...],
):
    spin = np.eye(4)
    spin[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine = spin @ ct.affine @ np.diag([-1.0 if flip else 1.0 for flip in (*flips, False)])
    affine[:3, 3] = origin
    written = replace(ct, affine=affine)
    folder = tmp_path_factory.mktemp("turned")
    write_series(folder, written)
    read = read_study(folder).volume
    corner = np.array([0.0, 17.0, 30.0])
    place = read.indices_of(written.lps_of(corner))
    assert np.allclose(place, place.round(), atol=1e-3)
    assert read.voxels[tuple(place.round().astype(int))] == ct.voxels[0, 17, 30]
