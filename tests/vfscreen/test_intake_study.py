"""One study a path: the best series is chosen and said, mixtures and what is no CT are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from tests.dicom_writer import Writing, cut, small_ct, uid_of, write_series
from vfscreen.errors import MixedStudy, NotACt, NothingToScreen, NotHounsfield, UnevenSlices, UnreadableFile
from vfscreen.intake import read_study
from vfscreen.intake.kernel import Kernel, kernel_of
from vfscreen.volume import Volume, reorient


@pytest.fixture(scope="module")
def ct(demo_volume: Volume) -> Volume:
    return small_ct(demo_volume, slice(40, 60))


def respaced(volume: Volume, every: int) -> Volume:
    affine = volume.affine @ np.diag([every, 1.0, 1.0, 1.0])
    return Volume(np.ascontiguousarray(volume.voxels[::every]), affine)


def write_report(path: Path, sop_class: str, patient: str = "patient 1") -> None:
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = sop_class, uid_of(path.name)
    report.Modality, report.PatientID = "SR", patient
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.save_as(path, enforce_file_format=True)


def test_the_thin_bone_series_is_chosen_and_the_choice_is_said(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "soft", ct, Writing(series="a", number=2, description="SOFT 2.5", kernel="B31f"))
    write_series(tmp_path / "bone", ct, Writing(series="b", number=3, description="BONE 2.5", kernel="B60f"))
    write_series(
        tmp_path / "thick", respaced(ct, 2), Writing(series="c", number=4, description="BONE 5", kernel="B70")
    )
    coronal = reorient(ct, (1, 2, 0), (1, -1, 1))
    write_series(
        tmp_path / "coronal", coronal, Writing(series="d", number=5, description="COR", kernel="B60f")
    )
    loaded = read_study(tmp_path)
    assert loaded.facts.description == "BONE 2.5"
    assert loaded.warnings[0] == "chosen of 4 series: series 3 BONE 2.5 (2.5 mm, 20 slices, bone kernel)"
    assert set(loaded.warnings[1:]) == {
        "not chosen: series 2 SOFT 2.5: 2.5 mm, 20 slices, standard kernel",
        "not chosen: series 4 BONE 5: 5 mm, 10 slices, bone kernel",
        "not chosen: series 5 COR: the slices are coronal, not axial, which is not handled yet",
    }


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (Writing(kernel="STANDARD"), Writing(kernel="LUNG")),
        (Writing(kernel="BONE"), Writing(kernel="SOFT")),
        (Writing(thickness_mm=2.5, kernel="LUNG"), Writing(thickness_mm=5.0, kernel="BONE")),
        (Writing(number=1), Writing(number=2)),
    ],
)
def test_the_better_of_two_is_chosen_whichever_comes_first(
    ct: Volume, tmp_path: Path, better: Writing, worse: Writing
):
    write_series(tmp_path / "1", ct, replace(better, series="better", description="better"))
    write_series(tmp_path / "0", ct, replace(worse, series="worse", description="worse"))
    assert read_study(tmp_path).facts.description == "better"


def test_thin_slices_are_worth_more_than_a_sharper_kernel(ct: Volume, tmp_path: Path):
    thin = Volume(np.repeat(ct.voxels, 2, axis=0), ct.affine @ np.diag([0.5, 1.0, 1.0, 1.0]))
    write_series(tmp_path / "thin", thin, Writing(series="thin", description="thin"))
    write_series(tmp_path / "sharp", ct, Writing(series="sharp", description="sharp", kernel="BONE"))
    assert read_study(tmp_path).facts.description == "thin"


def test_most_of_the_body_is_worth_more_than_a_sharper_kernel(
    ct: Volume, demo_volume: Volume, tmp_path: Path
):
    write_series(tmp_path / "short", ct, Writing(series="short", kernel="BONE", thickness_mm=1.0))
    write_series(
        tmp_path / "long", small_ct(demo_volume, slice(20, 80)), Writing(series="long", description="long")
    )
    assert read_study(tmp_path).facts.description == "long"


def test_scouts_and_projections_are_never_chosen(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "thick", respaced(ct, 2), Writing(series="a", description="axial"))
    mip = Writing(series="b", number=2, image_type=("DERIVED", "SECONDARY", "MIP"), description="thin mip")
    write_series(tmp_path / "mip", ct, mip)
    scout = Writing(
        series="c", number=3, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), description="scout"
    )
    write_series(tmp_path / "scout", ct, scout)
    loaded = read_study(tmp_path)
    assert loaded.facts.description == "axial"
    assert {said for said in loaded.warnings if said.startswith("not chosen")} == {
        "not chosen: series 2 thin mip: not CT slices but a maximum intensity projection",
        "not chosen: series 3 scout: not CT slices but a scout view",
    }


def test_several_patients_are_refused(ct: Volume, tmp_path: Path):
    for k in range(3):
        write_series(tmp_path, ct, Writing(patient=f"p{k}"), name=lambda i, k=k: f"{k}-{i}")
    with pytest.raises(MixedStudy, match="3 patients in one folder"):
        read_study(tmp_path)


def test_the_same_number_from_two_hospitals_is_two_patients(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "a", ct, Writing(issuer="north"))
    write_series(tmp_path / "b", ct, Writing(issuer="south"))
    with pytest.raises(MixedStudy, match="2 patients"):
        read_study(tmp_path)


def test_two_studies_of_one_patient_are_refused(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "a", ct, Writing(study="2024"))
    write_series(tmp_path / "b", ct, Writing(study="2025"))
    with pytest.raises(MixedStudy, match="2 studies of one patient"):
        read_study(tmp_path)


def test_another_modality_is_refused_by_name(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct, Writing(modality="MR"))
    with pytest.raises(NotACt, match="not a CT: its modality is MR"):
        read_study(tmp_path)


def test_a_picture_of_a_screen_is_no_ct(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        dataset.SOPClassUID = SecondaryCaptureImageStorage
        dataset.save_as(path)
    with pytest.raises(NotACt, match="not CT slices but Secondary Capture Image Storage"):
        read_study(tmp_path)


def test_values_declared_as_something_else_are_refused(ct: Volume, tmp_path: Path):
    write_series(tmp_path, ct, Writing(rescale_type="ED"))
    with pytest.raises(NotHounsfield, match="declared as ED"):
        read_study(tmp_path)


def test_a_lost_rescale_intercept_is_found_out(ct: Volume, tmp_path: Path):
    for path in write_series(tmp_path, ct):
        dataset = pydicom.dcmread(path)
        del dataset.RescaleIntercept, dataset.RescaleSlope
        dataset.save_as(path)
    with pytest.raises(NotHounsfield, match="air is not at -1000"):
        read_study(tmp_path)


def test_the_reason_is_that_of_the_longest_series_if_none_can_be_read(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "gap", ct, Writing(series="gap"))[7].unlink()
    write_series(tmp_path / "one", ct, Writing(series="one"))[0].rename(tmp_path / "kept")
    for path in (tmp_path / "one").iterdir():
        path.unlink()
    with pytest.raises(UnevenSlices, match="slices are missing"):
        read_study(tmp_path)


def test_reports_beside_the_series_are_said(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "ct", ct)
    write_report(tmp_path / "report.dcm", BasicTextSRStorage)
    write_report(tmp_path / "letter.dcm", EncapsulatedPDFStorage)
    assert set(read_study(tmp_path).warnings) == {
        "left out: report.dcm: DICOM, but no picture (Basic Text SR Storage)",
        "left out: letter.dcm: DICOM, but no picture (Encapsulated PDF Storage)",
    }


def test_a_volume_beside_the_series_is_said(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "ct", ct)
    (tmp_path / "mask.nii.gz").write_bytes(b"somebody's mask")
    assert read_study(tmp_path).warnings == ("left out: mask.nii.gz: a volume beside the DICOM series",)


def test_many_files_with_the_same_fault_share_a_line(ct: Volume, tmp_path: Path):
    write_series(tmp_path / "ct", ct)
    for k in range(40):
        (tmp_path / f"{k:02}.dll").write_bytes(b"MZ, of the viewer on the disc")
    assert read_study(tmp_path).warnings == ("left out: 00.dll and 39 more files: not a CT but a .dll file",)


def test_one_file_that_is_no_ct_is_refused_by_its_reason(ct: Volume, tmp_path: Path):
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(UnreadableFile, match="not a CT but a PDF"):
        read_study(tmp_path / "report.pdf")
    (tmp_path / "empty.dcm").touch()
    with pytest.raises(UnreadableFile, match="the file is empty"):
        read_study(tmp_path / "empty.dcm")
    slices = write_series(tmp_path / "ct", ct)
    with pytest.raises(NothingToScreen, match="one slice is no volume"):
        read_study(slices[0])
    cut(slices[0])
    with pytest.raises(UnreadableFile, match="damaged or cut short"):
        read_study(slices[0])


def test_a_folder_without_any_ct_says_how_much_it_looked_at(tmp_path: Path):
    for k in range(4):
        (tmp_path / f"{k}.txt").write_text("no picture")
    with pytest.raises(
        NothingToScreen, match=r"no CT among 4 files \(0.txt and 3 more: not a CT but a .txt file\)"
    ):
        read_study(tmp_path)
    (tmp_path / "IM1.dcm").touch()
    with pytest.raises(NothingToScreen, match=r"no CT among 5 files \(IM1.dcm: the file is empty\)"):
        read_study(tmp_path)


def test_an_archive_is_to_be_unpacked(tmp_path: Path):
    (tmp_path / "study.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(UnreadableFile, match=r"a \.zip archive, which is not looked into.*unpack it"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("kernel", "description", "kind"),
    [
        ("BONEPLUS", "", Kernel.BONE), ("STANDARD", "", Kernel.STANDARD), ("LUNG", "BONE", Kernel.LUNG),
        ("SOFT", "", Kernel.SOFT), ("B60f", "", Kernel.BONE), ("B31f", "", Kernel.STANDARD), ("B20s", "", Kernel.SOFT),
        ("Br40d", "", Kernel.STANDARD), ("Hr68", "", Kernel.BONE), ("Bl57", "", Kernel.LUNG),
        ("I70f 3", "", Kernel.BONE),
        ("FC30", "", Kernel.BONE), ("FC51", "", Kernel.LUNG), ("FC08", "", Kernel.STANDARD), ("FC02", "", Kernel.SOFT),
        ("B", "", Kernel.STANDARD), ("YA", "", Kernel.BONE), ("L", "", Kernel.LUNG), ("A", "", Kernel.SOFT),
        ("", "Thorax 1.0 B70f", Kernel.BONE), ("", "L SPINE bone", Kernel.BONE), ("", "T12 L1", Kernel.UNKNOWN),
        ("", "", Kernel.UNKNOWN), ("XYZ", "soft tissue", Kernel.SOFT),
    ],
)  # fmt: skip
def test_kernels_are_known_by_their_makers_names(kernel: str, description: str, kind: Kernel):
    assert kernel_of(kernel, description) is kind
