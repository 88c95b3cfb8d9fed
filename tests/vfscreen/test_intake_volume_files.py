"""NIfTI, NRRD and MetaImage files come through the door with a right affine, or are refused."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dicom_writer import small_ct
from vfscreen.errors import (
    MixedStudy,
    NotACt,
    NothingToScreen,
    NotHounsfield,
    UnreadableFile,
    UnsupportedGeometry,
)
from vfscreen.intake import read_files, read_study
from vfscreen.intake.scaling import hounsfield_slab
from vfscreen.volume import Volume, reorient, sample

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume)


def write_nifti(
    path: Path, volume: Volume, *, sform: int = 1, qform: int = 1, dtype: type = np.int16
) -> Path:
    image = nibabel.Nifti1Image(volume.voxels.astype(dtype), None)
    affine = RAS_TO_LPS @ volume.affine
    image.header.set_sform(affine, sform)
    image.header.set_qform(affine, qform)
    nibabel.save(image, path)
    return path


def write_itk(path: Path, axial: Volume) -> Path:
    image = SimpleITK.GetImageFromArray(axial.voxels)
    image.SetSpacing(axial.spacing_mm[::-1].tolist())
    image.SetOrigin(axial.affine[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


def same_place(read: Volume, written: Volume) -> bool:
    points = written.lps_of(np.indices(written.shape).reshape(3, -1).T[::97].astype(float))
    return np.allclose(sample(read, points), sample(written, points), atol=0.51)


def test_the_demo_ct_is_read_in_hounsfield_units_and_patient_coordinates(demo_ct: Path, demo_volume: Volume):
    image = nibabel.load(demo_ct)
    indices = np.array([100.0, 300.0, 60.0])
    lps = (RAS_TO_LPS @ image.affine @ [*indices, 1.0])[:3]
    assert sample(demo_volume, lps) == pytest.approx(float(image.dataobj[100, 300, 60]))
    assert demo_volume.voxels.min() == -1024


def test_the_facts_of_the_demo_ct_are_those_of_its_scan(demo_ct: Path):
    facts = read_study(demo_ct).facts
    assert (facts.kind, facts.slices, facts.thickness_mm) == ("nifti", 133, 2.5)
    assert facts.sha256 == hashlib.sha256(demo_ct.read_bytes()).hexdigest()
    assert (facts.pseudonym, facts.uid) == ("", "")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_every_kind_of_file_gives_the_same_voxels_at_the_same_place(ct: Volume, tmp_path: Path, suffix: str):
    path = tmp_path / f"ct{suffix}"
    (write_nifti if suffix.startswith(".nii") else write_itk)(path, ct)
    loaded = read_study(path)
    assert same_place(loaded.volume, ct)
    assert loaded.files == (path,)
    assert loaded.source == path


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=st.permutations([0, 1, 2]), signs=st.tuples(*[st.sampled_from([-1, 1])] * 3))
def test_any_orientation_is_read_to_the_same_place(
    ct: Volume, tmp_path: Path, axes: list[int], signs: tuple[int, ...]
):
    turned = reorient(ct, (axes[0], axes[1], axes[2]), (signs[0], signs[1], signs[2]))
    loaded = read_study(write_nifti(tmp_path / "turned.nii", turned))
    assert same_place(loaded.volume, ct)
    assert loaded.facts.slices == 20  # the 2.5 mm axis, wherever it went


def test_a_sagittal_scan_counts_its_sagittal_slices(ct: Volume, tmp_path: Path):
    affine = ct.affine.copy()
    affine[:3, 2] *= 4.0 / ct.spacing_mm[2]
    loaded = read_study(write_nifti(tmp_path / "sagittal.nii", Volume(ct.voxels, affine)))
    assert (loaded.facts.slices, loaded.facts.thickness_mm) == (128, pytest.approx(4.0))
    assert loaded.warnings == ()  # heights lie in the sagittal slices: their distance does not blur them
    assert loaded.facts.along_spine_mm == pytest.approx(2.5)


def test_thick_slices_along_the_spine_are_said(ct: Volume, tmp_path: Path):
    affine = ct.affine.copy()
    affine[2, 0] = 5.0
    loaded = read_study(write_nifti(tmp_path / "thick.nii.gz", Volume(ct.voxels, affine)))
    assert loaded.warnings == ("slices are 5.0 mm thick: heights are not reliable",)


def test_floats_with_holes_become_whole_numbers_and_air(ct: Volume, tmp_path: Path):
    values = ct.voxels.astype(np.float32) + 0.25
    values[0, 0, 0], values[0, 0, 1], values[0, 0, 2] = np.nan, -np.inf, 1e9
    image = nibabel.Nifti1Image(values, RAS_TO_LPS @ ct.affine)
    nibabel.save(image, tmp_path / "float.nii")
    volume = read_study(tmp_path / "float.nii").volume
    read = reorient(volume, (2, 1, 0), (1, 1, 1)).voxels
    assert read[0, 0, :3].tolist() == [-1024, -1024, 32767]
    assert np.array_equal(read[1:], ct.voxels[1:])


def test_what_is_lighter_than_air_is_air():
    assert hounsfield_slab(np.array([-3024, -1025, -1024, 40]), 1.0, 0.0).tolist() == [
        -1024,
        -1024,
        -1024,
        40,
    ]
    assert hounsfield_slab(np.array([0, 1024, 5000], np.uint16), 2.0, -1024.5).tolist() == [-1024, 1024, 8976]


def test_a_trailing_axis_of_one_is_no_fourth_dimension(ct: Volume, tmp_path: Path):
    image = nibabel.Nifti1Image(ct.voxels[..., None], RAS_TO_LPS @ ct.affine)
    nibabel.save(image, tmp_path / "one.nii")
    assert same_place(read_study(tmp_path / "one.nii").volume, ct)


def test_a_time_series_is_refused(ct: Volume, tmp_path: Path):
    nibabel.save(nibabel.Nifti1Image(np.stack([ct.voxels] * 2, -1), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(NotACt, match="20 x 128 x 128 x 2"):
        read_study(tmp_path / "four.nii")


def test_colours_and_single_slices_are_refused(ct: Volume, tmp_path: Path):
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), True), str(tmp_path / "rgb.mha")
    )
    with pytest.raises(NotACt, match="3 values each"):
        read_study(tmp_path / "rgb.mha")
    write_nifti(tmp_path / "slice.nii", Volume(ct.voxels[:1], ct.affine))
    with pytest.raises(NotACt, match="one slice"):
        read_study(tmp_path / "slice.nii")


def test_a_header_that_does_not_say_how_it_lies_is_refused(ct: Volume, tmp_path: Path):
    with pytest.raises(UnsupportedGeometry, match="does not say how the volume lies"):
        read_study(write_nifti(tmp_path / "lost.nii", ct, sform=0, qform=0))
    (tmp_path / "lost.nrrd").write_bytes(
        b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nspacings: 1 1 1\nencoding: raw\nendian: little\n\n"
        + bytes(128)
    )
    with pytest.raises(UnsupportedGeometry, match="no anatomical `space`"):
        read_study(tmp_path / "lost.nrrd")


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed"])
def test_a_space_that_is_not_the_patients_is_refused(ct: Volume, tmp_path: Path, space: str):
    path = write_itk(tmp_path / "ct.nrrd", ct)
    path.write_bytes(path.read_bytes().replace(b"left-posterior-superior", space.encode()))
    with pytest.raises(UnsupportedGeometry, match="no anatomical `space`"):
        read_study(path)


@pytest.mark.parametrize(
    ("name", "line"),
    [("ct.nrrd", b"space directions:"), ("ct.mha", b"ElementSpacing ="), ("ct.mhd", b"ElementSpacing =")],
)
def test_a_size_of_voxels_that_is_not_said_is_not_guessed(ct: Volume, tmp_path: Path, name: str, line: bytes):
    path = write_itk(tmp_path / name, ct)
    before, after = path.read_bytes().split(line)
    path.write_bytes(before + after.split(b"\n", 1)[1])
    with pytest.raises(UnsupportedGeometry, match="does not say how large a voxel is"):
        read_study(path)


def test_an_atlas_space_gives_way_to_the_scanners(ct: Volume, tmp_path: Path):
    image = nibabel.Nifti1Image(ct.voxels, None)
    image.header.set_sform(np.diag([2.0, 2.0, 2.0, 1.0]), 4)
    image.header.set_qform(RAS_TO_LPS @ ct.affine, 1)
    nibabel.save(image, tmp_path / "atlas.nii")
    assert same_place(read_study(tmp_path / "atlas.nii").volume, ct)


def test_sform_and_qform_may_not_disagree_about_sides(ct: Volume, tmp_path: Path):
    image = nibabel.Nifti1Image(ct.voxels, None)
    image.header.set_sform(RAS_TO_LPS @ ct.affine, 1)
    mirrored = np.diag([-1.0, 1.0, 1.0, 1.0]) @ RAS_TO_LPS @ ct.affine
    image.header.set_qform(mirrored, 1)
    nibabel.save(image, tmp_path / "mirrored.nii")
    with pytest.raises(UnsupportedGeometry, match="which side is which"):
        read_study(tmp_path / "mirrored.nii")


def test_a_small_disagreement_of_sform_and_qform_is_said(ct: Volume, tmp_path: Path):
    image = nibabel.Nifti1Image(ct.voxels, None)
    shifted = RAS_TO_LPS @ ct.affine
    image.header.set_sform(shifted, 1)
    shifted[0, 3] += 3.0
    image.header.set_qform(shifted, 1)
    nibabel.save(image, tmp_path / "shifted.nii")
    loaded = read_study(tmp_path / "shifted.nii")
    assert same_place(loaded.volume, ct)
    assert loaded.warnings == ("sform and qform differ by up to 3.0 mm: the sform was used",)


def test_sform_and_qform_may_not_disagree_about_the_size_of_a_voxel(ct: Volume, tmp_path: Path):
    image = nibabel.Nifti1Image(ct.voxels, None)
    affine = RAS_TO_LPS @ ct.affine
    image.header.set_sform(affine, 2)
    image.header.set_qform(affine @ np.diag([1.0, 1.03, 1.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "scaled.nii")
    with pytest.raises(UnsupportedGeometry, match="how large a voxel is"):
        read_study(tmp_path / "scaled.nii")


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_lengths_in_another_unit_are_refused(ct: Volume, tmp_path: Path, factor: float):
    affine = np.diag([factor, factor, factor, 1.0]) @ ct.affine
    with pytest.raises(UnsupportedGeometry, match=r"the header gives voxels of .* mm in all"):
        read_study(write_nifti(tmp_path / "unit.nii", Volume(ct.voxels, affine)))


def test_a_sheared_or_flat_grid_is_refused(ct: Volume, tmp_path: Path):
    sheared = ct.affine.copy()
    sheared[1, 0] = 0.5
    with pytest.raises(UnsupportedGeometry, match=r"sheared by 11\.3 degrees"):
        read_study(write_nifti(tmp_path / "sheared.nii", Volume(ct.voxels, sheared), qform=0))
    image = nibabel.Nifti1Image(ct.voxels, None)
    image.header.set_sform(np.diag([1.0, 1.0, 0.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "flat.nii")
    with pytest.raises(UnsupportedGeometry, match="no grid"):
        read_study(tmp_path / "flat.nii")


def test_values_that_are_not_hounsfield_units_are_refused(ct: Volume, tmp_path: Path):
    planning = Volume((ct.voxels.astype(np.int32) + 1024).astype(np.int16), ct.affine)
    with pytest.raises(NotHounsfield, match="air is not at -1000"):
        read_study(write_nifti(tmp_path / "planning.nii.gz", planning))


def test_raw_values_are_found_out_even_behind_negative_padding(ct: Volume, tmp_path: Path):
    raw = (ct.voxels.astype(np.int32) + 1024).astype(np.int16)
    raw[:, :10, :] = -2000
    with pytest.raises(NotHounsfield, match="air is not at -1000"):
        read_study(write_nifti(tmp_path / "padded.nii", Volume(raw, ct.affine)))


def test_air_and_water_are_said_to_have_no_bone(ct: Volume, tmp_path: Path):
    for highest in (-900, 60):
        soft = Volume(np.minimum(ct.voxels, highest), ct.affine)
        with pytest.raises(NothingToScreen, match=f"no bone in it .*from -1024 to {highest}"):
            read_study(write_nifti(tmp_path / "soft.nii", soft))


def test_a_mask_is_called_labels(ct: Volume, tmp_path: Path):
    mask = Volume((ct.voxels > 200).astype(np.int16) * 22, ct.affine)
    with pytest.raises(NotHounsfield, match=r"labels or a grey picture.*give the CT itself"):
        read_study(write_nifti(tmp_path / "mask.nii.gz", mask))


def test_a_normalised_picture_is_refused(ct: Volume, tmp_path: Path):
    stretched = Volume(np.clip(ct.voxels.astype(np.int32) * 8, -8000, 30000).astype(np.int16), ct.affine)
    with pytest.raises(NotHounsfield, match="as soft tissue"):
        read_study(write_nifti(tmp_path / "stretched.nii", stretched))


def test_a_tight_crop_without_air_is_a_ct(demo_volume: Volume, tmp_path: Path):
    trunk = small_ct(demo_volume, slice(0, 22), 2)
    inside = trunk.voxels[:, 130:180, 105:150]
    assert inside.min() > -300
    assert (
        read_study(write_nifti(tmp_path / "crop.nii", Volume(inside.copy(), trunk.affine))).facts.kind
        == "nifti"
    )


def test_a_padded_volume_is_a_ct(ct: Volume, tmp_path: Path):
    padded = np.full((ct.shape[0], 400, 400), -1024, np.int16)
    padded[:, :128, :128] = ct.voxels
    assert read_study(write_nifti(tmp_path / "padded.nii.gz", Volume(padded, ct.affine))).facts.slices == 20


@pytest.mark.parametrize("name", ["cut.nii.gz", "empty.nii.gz", "noise.nii", "cut.mha", "noise.nrrd"])
def test_a_damaged_file_is_named(ct: Volume, tmp_path: Path, name: str):
    path = tmp_path / name
    if name == "cut.nii.gz":
        whole = write_nifti(tmp_path / "whole.nii.gz", ct).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "cut.mha":
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(ct.voxels), str(path))
        path.write_bytes(path.read_bytes()[:5000])
    else:
        path.write_bytes(b"" if name.startswith("empty") else bytes(range(256)) * 40)
    with pytest.raises(UnreadableFile) as caught:
        read_study(path)
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)


def test_a_byte_that_was_changed_inside_a_packed_file_is_found(ct: Volume, tmp_path: Path):
    path = write_nifti(tmp_path / "ct.nii.gz", ct)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # of the check sum at the very end
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="CRC check failed"):
        read_study(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes that look like files")
def test_a_pipe_that_is_called_like_a_volume_is_not_waited_on(tmp_path: Path):
    os.mkfifo(tmp_path / "ct.nii.gz")
    with pytest.raises(UnreadableFile, match="the file is empty"):
        read_study(tmp_path)


def test_gzip_that_holds_something_else_is_refused(tmp_path: Path):
    (tmp_path / "text.nii.gz").write_bytes(gzip.compress(b"no picture" * 100))
    with pytest.raises(UnreadableFile):
        read_study(tmp_path / "text.nii.gz")


def test_what_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(UnreadableFile, match="no such file"):
        read_study(tmp_path / "nothing.nii.gz")
    with pytest.raises(NothingToScreen, match="no CT here"):
        read_study(tmp_path)


def test_a_folder_with_one_volume_is_that_volume_and_with_two_is_refused(ct: Volume, tmp_path: Path):
    write_nifti(tmp_path / "a.nii", ct)
    (tmp_path / "notes.txt").write_text("looks fine")
    loaded = read_study(tmp_path)
    assert loaded.files == (tmp_path / "a.nii",)
    assert loaded.warnings == ("left out: notes.txt: not a CT but a .txt file",)
    write_nifti(tmp_path / "b.nii", ct)
    with pytest.raises(MixedStudy, match=r"2 volumes in one folder \(a.nii, b.nii\)"):
        read_study(tmp_path)


def test_a_known_file_is_read_again_unless_it_is_gone(ct: Volume, tmp_path: Path):
    path = write_nifti(tmp_path / "a.nii", ct)
    first = read_study(path)
    assert np.array_equal(read_files(first.files, first.facts).volume.voxels, first.volume.voxels)
    path.unlink()
    for gone in (
        path,
        tmp_path / ("long" * 2000),
    ):  # as in a folder that was closed: not even to be asked for
        with pytest.raises(UnreadableFile, match="1 of the 1 files of this series are gone"):
            read_files([gone], first.facts)


def test_a_file_that_was_replaced_by_another_ct_is_refused(ct: Volume, tmp_path: Path):
    path = write_nifti(tmp_path / "a.nii", ct)
    first = read_study(path)
    write_nifti(path, Volume(ct.voxels[1:].copy(), ct.affine))
    with pytest.raises(UnreadableFile, match="changed since import"):
        read_files(first.files, first.facts)


def test_two_cts_with_one_and_the_same_header_file_are_two(ct: Volume, tmp_path: Path):
    digests = []
    for name, voxels in (("a", ct.voxels), ("b", ct.voxels[::-1].copy())):
        (tmp_path / name).mkdir()
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels), str(tmp_path / name / "ct.mhd"))
        digests.append(read_study(tmp_path / name / "ct.mhd").facts.sha256)
    assert (tmp_path / "a/ct.mhd").read_bytes() == (tmp_path / "b/ct.mhd").read_bytes()
    assert digests[0] != digests[1]
