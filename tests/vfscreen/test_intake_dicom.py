"""DICOM series come through the door voxel for voxel, whatever their files are called and however they are packed."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    MPEG2MPML,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom_writer import Writing, cut, small_ct, uid_of, write_enhanced, write_series
from vfscreen.errors import UnreadableFile
from vfscreen.intake import LoadedSeries, read_files, read_study
from vfscreen.thickness import too_thick
from vfscreen.volume import Volume, reorient


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 52))


def assert_same(loaded: LoadedSeries, ct: Volume) -> None:
    assert np.array_equal(loaded.volume.voxels, ct.voxels)
    assert np.allclose(loaded.volume.affine, ct.affine, atol=1e-5)


def test_slices_are_placed_by_where_they_lie_not_by_name_or_number(ct: Volume, tmp_path: Path):
    names = [f"{word}{k}" for k, word in enumerate(random.Random(7).sample("abcdefghijkl", 12))]
    files = write_series(tmp_path, ct, name=lambda k: names[k])
    loaded = read_study(tmp_path)
    assert_same(loaded, ct)
    assert loaded.files == tuple(files)
    assert loaded.source == tmp_path


def test_the_facts_are_those_of_the_header_and_name_nobody(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct, Writing(patient="MUELLER^ANNA", kernel="B60f", description="BONE 2.5"))
    facts = read_study(tmp_path).facts
    assert (facts.kind, facts.modality, facts.kernel, facts.description) == (
        "dicom",
        "CT",
        "B60f",
        "BONE 2.5",
    )
    assert facts.uid == uid_of("MUELLER^ANNA", "study 1", "series 1")
    assert facts.study_uid == uid_of("MUELLER^ANNA", "study 1")
    assert (facts.slices, facts.thickness_mm) == (12, pytest.approx(2.5))
    assert facts.spacing_mm == pytest.approx((2.5, 2.8125, 2.8125))
    assert (facts.kilovolt, facts.age_years, facts.sex, facts.study_date) == (120.0, 71, "F", "2026-01-02")
    assert "MUELLER" not in repr(facts)


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless],
    ids=lambda syntax: syntax.keyword,
)
def test_every_lossless_packing_decodes_exactly(ct: Volume, tmp_path: Path, syntax: UID, signed: bool):
    intercept = 0.0 if signed else -1024.0
    write_series(tmp_path, ct, Writing(syntax=syntax, signed=signed, intercept=intercept))
    assert_same(read_study(tmp_path), ct)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.keyword,
)
def test_every_plain_packing_is_read(ct: Volume, tmp_path: Path, syntax: UID):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        plain = {"implicit_vr": syntax.is_implicit_VR, "little_endian": syntax.is_little_endian}
        pydicom.dcmwrite(path, dataset, **plain, force_encoding=True)
    assert_same(read_study(tmp_path), ct)


def test_files_without_the_preamble_are_read(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        path.write_bytes(path.read_bytes()[132:])
    assert_same(read_study(tmp_path), ct)


def test_a_multi_frame_file_is_read(ct: Volume, tmp_path: Path):
    write_enhanced(tmp_path / "enhanced", ct, Writing(kernel="BONE"))
    loaded = read_study(tmp_path / "enhanced")
    assert_same(loaded, ct)
    assert loaded.facts.kernel == "BONE"
    assert loaded.files == (tmp_path / "enhanced",)
    assert_same(read_files(loaded.files, loaded.facts), ct)


def test_each_slice_is_rescaled_by_its_own_header(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct, Writing(intercept=-1024.0))
    for k, path in enumerate(sorted(tmp_path.iterdir())):
        if k % 2:
            dataset = pydicom.dcmread(path)
            dataset.PixelData = (dataset.pixel_array * 2 + 1000).astype("<u2").tobytes()
            dataset.RescaleSlope, dataset.RescaleIntercept = 0.5, -1524
            dataset.save_as(path)
    assert_same(read_study(tmp_path), ct)


def test_padding_reads_as_air_whatever_sign_its_tag_has(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct, Writing(signed=True, intercept=-1024.0, padding=-2000))
    for path in files:
        dataset = pydicom.dcmread(path)
        stored = dataset.pixel_array.copy()
        stored[:5] = -2000
        dataset.PixelData = stored.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
        dataset.save_as(path)
    voxels = read_study(tmp_path).volume.voxels
    assert (voxels[:, :5] == -1024).all()
    assert np.array_equal(voxels[:, 5:], ct.voxels[:, 5:])


def test_bright_padding_reads_as_air_but_declared_water_stays_water(ct: Volume, tmp_path: Path):
    def padded(folder: Path, value: int) -> np.ndarray:
        for path in write_series(folder, ct, Writing(signed=True, intercept=0.0, padding=value)):
            dataset = pydicom.dcmread(path)
            stored = dataset.pixel_array.copy()
            stored[:5] = value
            dataset.PixelData = stored.tobytes()
            dataset.save_as(path)
        return read_study(folder).volume.voxels[:, :5]

    assert (padded(tmp_path / "bright", 8000) == -1024).all()
    assert (padded(tmp_path / "water", 0) == 0).all()


def test_a_stack_turned_about_its_own_axis_keeps_its_place(ct: Volume, tmp_path: Path):
    feet_first_prone = reorient(ct, (2, 1, 0), (-1, -1, -1))
    write_series(tmp_path, feet_first_prone)
    loaded = read_study(tmp_path)
    assert np.array_equal(reorient(loaded.volume, (2, 1, 0), (1, 1, 1)).voxels, ct.voxels)
    assert np.allclose(reorient(loaded.volume, (2, 1, 0), (1, 1, 1)).affine, ct.affine, atol=1e-5)


def test_other_files_in_the_folder_do_no_harm_and_are_said(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "a" / "b", ct)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "README").write_text("from the archive")
    (tmp_path / "DICOMDIR").write_bytes(b"an index")
    loaded = read_study(tmp_path)
    assert_same(loaded, ct)
    assert set(loaded.warnings) == {
        "left out: report.pdf: not a CT but a PDF",
        "left out: README: neither DICOM nor another kind of CT",
    }


def test_a_damaged_file_beside_a_good_series_is_said(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct)
    cut(files[-1])
    loaded = read_study(tmp_path)
    assert loaded.facts.slices == 11  # nothing but the warning tells that the uppermost slice is missing
    damaged = "a DICOM file that is damaged or cut short"
    assert loaded.warnings == (f"could not be read: {files[-1].name}: {damaged}",)


@pytest.mark.parametrize("share", [0.01, 0.02, 0.03, 0.04, 0.3, 0.999])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless], ids=lambda syntax: syntax.keyword)
def test_a_file_cut_anywhere_is_found_without_decoding(ct: Volume, tmp_path: Path, share: float, syntax: UID):
    files = write_series(tmp_path, ct, Writing(syntax=syntax))
    cut(files[0], share)
    loaded = read_study(tmp_path)
    assert loaded.facts.slices == 11
    assert [said.split(": ")[2] for said in loaded.warnings] == ["a DICOM file that is damaged or cut short"]


def test_pixels_damaged_inside_are_named_by_file(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct, Writing(syntax=JPEGLSLossless))
    dataset = pydicom.dcmread(files[3])
    dataset["PixelData"].value = dataset.PixelData[:40] + bytes(len(dataset.PixelData) - 40)
    content = files[3].read_bytes()
    files[3].write_bytes(content[:-600] + bytes(590) + content[-10:])
    with pytest.raises(UnreadableFile) as caught:
        read_study(tmp_path)
    assert caught.value.where == str(files[3])


def test_a_packing_that_no_decoder_reads_is_named(ct: Volume, tmp_path: Path):
    files = write_series(tmp_path, ct, Writing(syntax=RLELossless))
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.file_meta.TransferSyntaxUID = MPEG2MPML
        dataset.save_as(path)
    with pytest.raises(UnreadableFile, match=r"MPEG2 .*cannot be read here"):
        read_study(tmp_path)


def test_coloured_slices_are_refused(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = np.repeat(dataset.pixel_array, 3).tobytes()
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
        dataset.save_as(path)
    with pytest.raises(UnreadableFile, match=r"a picture of \(128, 128, 3\)"):
        read_study(tmp_path)


def test_a_size_that_no_ct_has_is_refused(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.Rows = dataset.Columns = 60000
        dataset.save_as(path)
    with pytest.raises(UnreadableFile, match="announces 12 x 60000 x 60000 voxels"):
        read_study(tmp_path)


def test_lossy_pictures_are_said(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.LossyImageCompression = "01"
        dataset.save_as(path)
    assert read_study(tmp_path).warnings == ("the pictures were compressed with loss",)


@pytest.mark.parametrize(
    ("spacing_mm", "thickness_mm", "said"), [(2.5, 5.0, "5.0"), (5.0, 1.0, "5.0"), (4.25, None, "4.2")]
)
def test_thick_slices_are_said_by_distance_or_thickness(
    ct: Volume, tmp_path: Path, spacing_mm: float, thickness_mm: float | None, said: str
):
    affine = ct.affine.copy()
    affine[2, 0] = spacing_mm
    write_series(tmp_path, Volume(ct.voxels, affine), Writing(thickness_mm=thickness_mm))
    loaded = read_study(tmp_path)
    assert loaded.warnings == (f"slices are {said} mm thick: heights are not reliable",)
    assert loaded.facts.thickness_mm == loaded.facts.along_spine_mm == max(spacing_mm, thickness_mm or 0.0)
    assert too_thick(loaded.facts.along_spine_mm)


def test_the_files_of_a_series_are_read_again_as_they_were(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct)
    write_series(tmp_path, ct, Writing(series="another", number=2), name=lambda k: f"other{k}")
    first = read_study(tmp_path)
    assert_same(read_files(first.files, first.facts), ct)
    cut(first.files[-1])
    with pytest.raises(UnreadableFile, match=r"changed since import \(1 of its 12 files\)"):
        read_files(first.files, first.facts)
    shutil.rmtree(tmp_path)
    with pytest.raises(UnreadableFile, match="12 of the 12 files of this series are gone"):
        read_files(first.files, first.facts)


def test_a_series_that_was_replaced_by_another_one_under_the_same_names_is_refused(
    ct: Volume, tmp_path: Path
):
    write_series(tmp_path, ct)
    first = read_study(tmp_path)
    write_series(tmp_path, ct, Writing(patient="somebody else"))
    with pytest.raises(UnreadableFile, match="changed since import"):
        read_files(first.files, first.facts)


def test_a_series_that_was_cut_out_anew_under_its_old_uid_is_refused(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct)
    first = read_study(tmp_path)
    write_series(tmp_path, Volume(ct.voxels, ct.affine @ np.diag([0.5, 1.0, 1.0, 1.0])))
    with pytest.raises(UnreadableFile, match="changed since import"):
        read_files(first.files, first.facts)


@pytest.mark.parametrize(
    ("age", "birth", "years"),
    [
        ("043Y", "", 43),
        ("018M", "", 1),
        ("", "19551231", 70),
        ("", "19560102", 70),
        ("", "", None),
        ("old", "", None),
    ],
)
def test_age_is_read_or_counted(ct: Volume, tmp_path: Path, age: str, birth: str, years: int | None):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.PatientAge, dataset.PatientBirthDate = age, birth
        dataset.save_as(path)
    assert read_study(tmp_path).facts.age_years == years


def test_one_writing_differs_from_another_by_its_uids():
    one = Writing()
    assert one.series_uid != replace(one, series="another").series_uid
