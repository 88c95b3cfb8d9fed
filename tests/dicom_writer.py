"""Writes DICOM series for tests from a volume: any names, any order, any fault that a hospital's folder may have.

Where slices lie follows from the volume's affine, so a tilted, leaning or sagittal series is written from a volume
with such an affine; a gap is a file that is deleted afterwards, a double one that is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    MRImageStorage,
    generate_uid,
)

from vfscreen.volume import Volume, reorient


@dataclass(frozen=True, slots=True)
class Writing:
    """How a series is written. `study` and `series` are any words; the UIDs are made from them."""

    patient: str = "patient 1"
    issuer: str = ""
    study: str = "study 1"
    series: str = "series 1"
    number: int = 1
    description: str = "spine"
    kernel: str = "STANDARD"
    modality: str = "CT"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    thickness_mm: float | None = None
    acquisition: int = 1
    slope: float = 1.0
    intercept: float = -1024.0
    rescale_type: str = "HU"
    signed: bool = False
    padding: int | None = None
    syntax: UID = ExplicitVRLittleEndian

    @property
    def series_uid(self) -> str:
        """The SeriesInstanceUID."""
        return uid_of(self.patient, self.study, self.series)


def uid_of(*words: str) -> str:
    """Returns the same UID for the same words."""
    return str(generate_uid(entropy_srcs=["vfscreen tests", *words]))


def small_ct(volume: Volume, slices: slice = slice(40, 60), every: int = 4) -> Volume:
    """Cuts a small axial piece out of a CT: some slices, every few pixels; (slice, row, column) in LPS."""
    axial = reorient(volume, (2, 1, 0), (1, 1, 1))
    voxels = axial.voxels[slices, ::every, ::every]
    affine = axial.affine @ np.diag([1.0, every, every, 1.0])
    affine[:3, 3] = axial.lps_of(np.array([slices.start, 0.0, 0.0]))
    return Volume(np.ascontiguousarray(voxels), affine)


def write_series(
    folder: Path,
    volume: Volume,
    how: Writing | None = None,
    name: Callable[[int], str] = lambda k: f"IM{k:04d}.dcm",
) -> list[Path]:
    """Writes one file a slice of axis 0 and returns them in that order."""
    how = how or Writing()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name(k) for k in range(volume.shape[0])]
    for k, path in enumerate(paths):
        write_slice(path, volume, k, how)
    return paths


def write_slice(path: Path, volume: Volume, k: int, how: Writing) -> None:
    """Writes slice `k` of a volume."""
    dataset = _series_level(how)
    dataset.SOPInstanceUID = uid_of(how.patient, how.study, how.series, path.name)
    dataset.InstanceNumber = volume.shape[0] - k  # as scanners do that run from head to feet
    _place(dataset, volume, k)
    dataset.SliceThickness = _thickness_mm(volume, how)
    dataset.RescaleSlope, dataset.RescaleIntercept = how.slope, how.intercept
    dataset.RescaleType = how.rescale_type
    _pixels(dataset, volume.voxels[k], how)
    _save(dataset, path, how)


def write_enhanced(path: Path, volume: Volume, how: Writing | None = None) -> None:
    """Writes a whole volume as one Enhanced CT file."""
    how = how or Writing()
    dataset = _series_level(how)
    dataset.SOPClassUID = EnhancedCTImageStorage
    dataset.SOPInstanceUID = uid_of(how.patient, how.study, how.series, path.name)
    measures, scaling, reconstruction = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _pixel_spacing(volume)
    measures.SliceThickness = _thickness_mm(volume, how)
    scaling.RescaleSlope, scaling.RescaleIntercept = how.slope, how.intercept
    scaling.RescaleType = how.rescale_type
    reconstruction.ConvolutionKernel = how.kernel
    del dataset.ConvolutionKernel
    shared = Dataset()
    shared.CTReconstructionSequence = Sequence([reconstruction])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([scaling])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([_frame(volume, k) for k in range(volume.shape[0])])
    _pixels(dataset, volume.voxels, how)
    dataset.NumberOfFrames = volume.shape[0]
    _save(dataset, path, how)


def cut(path: Path, share: float = 0.5) -> None:
    """Cuts a file short, as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _series_level(how: Writing) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage if how.modality == "CT" else MRImageStorage
    dataset.Modality = how.modality
    dataset.ImageType = list(how.image_type)
    dataset.PatientName, dataset.PatientID, dataset.IssuerOfPatientID = how.patient, how.patient, how.issuer
    dataset.PatientSex, dataset.PatientAge = "F", "071Y"
    dataset.StudyInstanceUID = uid_of(how.patient, how.study)
    dataset.SeriesInstanceUID = how.series_uid
    dataset.FrameOfReferenceUID = uid_of(how.patient, how.study, "frame")
    dataset.StudyDate, dataset.StudyTime = "20260102", "101112"
    dataset.SeriesNumber, dataset.SeriesDescription = how.number, how.description
    dataset.ConvolutionKernel, dataset.KVP = how.kernel, 120
    dataset.AcquisitionNumber = how.acquisition
    return dataset


def _place(dataset: Dataset, volume: Volume, k: int) -> None:
    directions = volume.affine[:3, :3] / volume.spacing_mm
    dataset.ImagePositionPatient = [f"{x:.6f}" for x in volume.lps_of(np.array([k, 0.0, 0.0]))]
    dataset.ImageOrientationPatient = [f"{x:.8f}" for x in (*directions[:, 2], *directions[:, 1])]
    dataset.PixelSpacing = _pixel_spacing(volume)


def _frame(volume: Volume, k: int) -> Dataset:
    whole, position, orientation, frame = Dataset(), Dataset(), Dataset(), Dataset()
    _place(whole, volume, k)
    position.ImagePositionPatient = whole.ImagePositionPatient
    orientation.ImageOrientationPatient = whole.ImageOrientationPatient
    frame.PlanePositionSequence = Sequence([position])
    frame.PlaneOrientationSequence = Sequence([orientation])
    return frame


def _pixel_spacing(volume: Volume) -> list[str]:
    return [f"{x:.6f}" for x in volume.spacing_mm[1:]]


def _thickness_mm(volume: Volume, how: Writing) -> str:
    return f"{volume.spacing_mm[0] if how.thickness_mm is None else how.thickness_mm:.4f}"


def _pixels(dataset: Dataset, hounsfield: np.ndarray, how: Writing) -> None:
    stored = np.rint((hounsfield.astype(float) - how.intercept) / how.slope)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = hounsfield.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, int(how.signed)
    if how.padding is not None:
        dataset.add_new("PixelPaddingValue", "SS" if how.signed else "US", how.padding)
    dataset.PixelData = stored.astype("<i2" if how.signed else "<u2").tobytes()


def _save(dataset: Dataset, path: Path, how: Writing) -> None:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if how.syntax.is_compressed and how.syntax != JPEGLosslessSV1:
        dataset.compress(how.syntax, generate_instance_uid=False)
    else:
        dataset["PixelData"].VR = "OW"
    dataset.save_as(path, enforce_file_format=True)
    if how.syntax == JPEGLosslessSV1:
        _to_jpeg_lossless(path)


def _to_jpeg_lossless(path: Path) -> None:
    """Compresses a file in place through gdcm, which alone of the decoders here can also write JPEG Lossless."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(path))
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def with_affine(volume: Volume, affine: np.ndarray) -> Volume:
    """Returns the same voxels at another place."""
    return replace(volume, affine=np.asarray(affine, float))
