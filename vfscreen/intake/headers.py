"""DICOM headers as small values: what a series is, and where each of its slices lies."""

from __future__ import annotations

import math
import re
import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, dcmread
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
)

from vfscreen.intake.whole import pixels_are_whole

CT_CLASSES = (CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DAMAGED = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
    LookupError,
    OverflowError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
)


class CutShort(Exception):
    """The file ends before its header or its pixels do, or is damaged in its header."""


class NoPicture(Exception):
    """A DICOM object that holds no picture: a report, a plan, a presentation state."""


@dataclass(frozen=True, slots=True)
class SeriesTags:
    """What the headers say of a series as a whole. The patient's identity stays inside intake."""

    patient_id: str
    issuer: str
    study_uid: str
    series_uid: str
    series_number: int | None
    modality: str
    sop_class: str
    description: str
    kernel: str
    kilovolt: float | None
    age_years: int | None
    sex: str
    study_date: str


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """One slice: a file, or one frame of a multi-frame file. Units: mm. Frame: LPS.

    `row_spacing_mm` is the distance of neighbouring rows. `padding` is a stored value that means "no picture here".
    """

    path: Path
    frame: int
    tags: SeriesTags
    sop_uid: str
    syntax: UID
    image_type: tuple[str, ...]
    rows: int
    columns: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    row_spacing_mm: float
    column_spacing_mm: float
    thickness_mm: float | None
    slope: float
    intercept: float
    rescale_type: str
    padding: int | None
    acquisition: int | None
    lossy: bool


def read_headers(path: Path, stream: BinaryIO, size: int) -> list[SliceHeader]:
    """Reads a DICOM file's header, without its pixels; a multi-frame file gives one entry a frame.

    Raises:
        CutShort: the file is damaged or ends too early. NoPicture: it holds no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd but readable values; what matters is checked here
            dataset = dcmread(stream, stop_before_pixels=True, force=True)
            if "Rows" not in dataset:
                what = UID(_text(dataset, "SOPClassUID")).name
                if not what or what.endswith("Image Storage"):
                    raise CutShort
                raise NoPicture(what)
            syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)))
            if syntax != DeflatedExplicitVRLittleEndian and not pixels_are_whole(stream, syntax, size):
                raise CutShort
            return _slices(path, dataset, syntax)
    except _DAMAGED as error:
        raise CutShort from error


def _slices(path: Path, dataset: Dataset, syntax: UID) -> list[SliceHeader]:
    tags = _series_tags(dataset)
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        return [_slice(path, 0, tags, syntax, dataset, [dataset])]
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    return [
        _slice(path, frame, tags, syntax, dataset, [*_groups([groups, *shared]), dataset])
        for frame, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence)
    ]


def _groups(owners: list[Dataset]) -> list[Dataset]:
    """Returns the functional groups that place, scale and time a frame; its own ones before the shared ones."""
    names = (
        "PlanePositionSequence",
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
        "FrameContentSequence",
        "CTImageFrameTypeSequence",
    )
    return [owner.get(name)[0] for owner in owners for name in names if owner.get(name)]


def _slice(
    path: Path, frame: int, tags: SeriesTags, syntax: UID, dataset: Dataset, places: list[Dataset]
) -> SliceHeader:
    spacing = _numbers(_first(places, "PixelSpacing"), 2) or (0.0, 0.0)
    image_type = _first(places, "FrameType") or dataset.get("ImageType") or ()
    return SliceHeader(
        path=path,
        frame=frame,
        tags=tags,
        sop_uid=str(dataset.get("SOPInstanceUID", "")),
        syntax=syntax,
        image_type=tuple(str(part).upper() for part in _many(image_type)),
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        position=_numbers(_first(places, "ImagePositionPatient"), 3),
        orientation=_numbers(_first(places, "ImageOrientationPatient"), 6),
        row_spacing_mm=spacing[0],
        column_spacing_mm=spacing[1],
        thickness_mm=_number(_first(places, "SliceThickness")),
        slope=_scale(_first(places, "RescaleSlope"), 1.0),
        intercept=_scale(_first(places, "RescaleIntercept"), 0.0),
        rescale_type=_one_line(_first(places, "RescaleType")).upper(),
        padding=_padding(dataset),
        acquisition=_whole(_first(places, "FrameAcquisitionNumber") or _first(places, "AcquisitionNumber")),
        lossy=str(dataset.get("LossyImageCompression", "")) == "01",
    )


def _series_tags(dataset: Dataset) -> SeriesTags:
    return SeriesTags(
        patient_id=_text(dataset, "PatientID"),
        issuer=_text(dataset, "IssuerOfPatientID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        series_number=_whole(dataset.get("SeriesNumber")),
        modality=_text(dataset, "Modality"),
        sop_class=_text(dataset, "SOPClassUID"),
        description=_parts(dataset.get("SeriesDescription")),
        kernel=_kernel(dataset),
        kilovolt=_number(dataset.get("KVP")),
        age_years=_age(dataset),
        sex=_text(dataset, "PatientSex"),
        study_date=_date(_text(dataset, "StudyDate")),
    )


def _kernel(dataset: Dataset) -> str:
    value = dataset.get("ConvolutionKernel")
    if value is None:
        groups = dataset.get("SharedFunctionalGroupsSequence")
        reconstruction = groups[0].get("CTReconstructionSequence") if groups else None
        value = reconstruction[0].get("ConvolutionKernel") if reconstruction else None
    return _parts(value)


def _age(dataset: Dataset) -> int | None:
    """Reads PatientAge (043Y, 018M), else counts whole years from birth to study."""
    text = _text(dataset, "PatientAge")
    if text[:-1].isdecimal():
        years_per_unit = {"Y": 1.0, "M": 1 / 12, "W": 1 / 52.18, "D": 1 / 365.25}
        if text[-1] in years_per_unit:
            return int(int(text[:-1]) * years_per_unit[text[-1]])
    born, seen = _text(dataset, "PatientBirthDate"), _text(dataset, "StudyDate")
    if len(born) == 8 and len(seen) == 8 and (born + seen).isdecimal():
        return int(seen[:4]) - int(born[:4]) - (seen[4:] < born[4:])
    return None


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else ""


def _padding(dataset: Dataset) -> int | None:
    """Returns PixelPaddingValue as the stored number that it means (some writers give it the wrong sign type)."""
    value = _whole(dataset.get("PixelPaddingValue"))
    if value is None or not 0 < int(dataset.get("BitsAllocated", 16)) <= 32:
        return None
    span = 1 << int(dataset.get("BitsAllocated", 16))
    if dataset.get("PixelRepresentation") == 1:
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value


def _first(places: Sequence[Dataset], keyword: str) -> Any:
    return next((place.get(keyword) for place in places if place.get(keyword) is not None), None)


def _many(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, MultiValue | list | tuple) else (value,)


def _text(dataset: Dataset, keyword: str) -> str:
    return _one_line(dataset.get(keyword))


def _parts(value: Any) -> str:
    """Joins what a backslash in the text parted."""
    return _one_line(" ".join(str(part) for part in _many(value)))


def _one_line(value: Any) -> str:
    """Damaged headers hold line ends and worse."""
    return "" if value is None else " ".join(_UNPRINTABLE.sub(" ", str(value)).split())


def _number(value: Any) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _scale(value: Any, otherwise: float) -> float:
    """Returns a slope or intercept; one that is there and is no number is damage, for any guess shifts every voxel."""
    if value is None or not str(value).strip():
        return otherwise
    number = _number(value)
    if number is None:
        raise ValueError("the rescaling is no number")
    return number


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = tuple(_number(part) for part in _many(value))
    if len(numbers) != count or any(number is None for number in numbers):
        return None
    return tuple(number for number in numbers if number is not None)
