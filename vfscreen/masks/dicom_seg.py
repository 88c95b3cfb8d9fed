"""DICOM SEG: segments named by code or text, checked to be of this patient and this frame of reference."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from vfscreen.anatomy import Level
from vfscreen.errors import MaskMismatch, UnreadableFile
from vfscreen.intake import LoadedSeries
from vfscreen.intake.survey import why_missing
from vfscreen.masks.names import level_coded, level_named
from vfscreen.volume import Volume

SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage (PS3.4, B.5)."""

MADE_ON_ANOTHER = "the segmentation was made on another series of the same frame of reference"
_THIS_CT = "give the segmentation of this very CT"
_BELONGING = (
    "PatientID",
    "FrameOfReferenceUID",
    "ReferencedSeriesSequence",
    "StudiesContainingOtherReferencedInstancesSequence",
)
_DAMAGED = (
    InvalidDicomError,
    struct.error,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Belonging:
    """What says of which patient, series and frame of reference an object is; empty where it does not say."""

    patient: str
    frame_of_reference: str
    series: frozenset[str]


def is_dicom_seg(path: Path) -> bool:
    """Says whether a file is a DICOM segmentation."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    except _DAMAGED:
        return False
    return str(header.get("SOPClassUID", "")) in SEGMENTATION


def series_of_mask(path: Path | None) -> frozenset[str]:
    """Returns the UIDs of the series that a mask says it was made on; empty for all masks but DICOM segmentations.

    What cannot be read says nothing here: whoever reads the mask says why.
    """
    if path is None:
        return frozenset()
    files = sorted(path.iterdir()) if path.is_dir() and not why_missing(path) else [path]
    found = [file for file in files if file.is_file() and is_dicom_seg(file)]
    if len(found) != 1:
        return frozenset()
    try:
        return _belonging(dcmread(found[0], stop_before_pixels=True, specific_tags=list(_BELONGING))).series
    except _DAMAGED:
        return frozenset()


def read_dicom_seg(path: Path, loaded: LoadedSeries) -> tuple[Volume, tuple[str, ...]]:
    """Reads the vertebrae of a segmentation as a mask of levels, on its own grid, and what must be said of it.

    Raises:
        MaskMismatch: it is of another patient or frame of reference, holds probabilities, or names no vertebra.
        UnreadableFile: it is damaged.
    """
    try:
        content = dcmread(path)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    storage = UID(str(content.get("SOPClassUID", "")))
    if storage not in SEGMENTATION:
        raise MaskMismatch(f"a DICOM file but no segmentation: {storage.name}", str(path), "give a DICOM SEG")
    if content.get("SegmentationType") == "FRACTIONAL":
        raise MaskMismatch(
            "the segmentation holds probabilities (its type is FRACTIONAL)", str(path), "export it as BINARY"
        )
    warnings = check_belonging(content, loaded, path)
    try:
        levels = {number: level for number, level in _levels(content, path) if level is not None}
        if not levels:
            names = ", ".join(str(one.get("SegmentLabel", "?")) for one in content.SegmentSequence)
            raise MaskMismatch(
                f"no segment is a vertebra ({names})", str(path), "name them as `T12` or by SNOMED code"
            )
        return _labels(content, levels), warnings
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def check_belonging(content: Dataset, loaded: LoadedSeries, path: Path) -> tuple[str, ...]:
    """Compares patient, frame of reference and series with those of the CT; returns what must be said.

    Raises:
        MaskMismatch: it is of something else.
    """
    said, own = _belonging_of_ct(loaded), _belonging(content)
    if said is None:
        return ("the CT is no DICOM: only its grid says that the segmentation is of this patient",)
    if said.patient and own.patient and said.patient != own.patient:
        raise MaskMismatch("the segmentation is of another patient", str(path), _THIS_CT)
    frames = {own.frame_of_reference, said.frame_of_reference}
    if len(frames) > 1 and "" not in frames:
        raise MaskMismatch(
            "the segmentation is of another frame of reference than the CT", str(path), _THIS_CT
        )
    if loaded.facts.uid in own.series:
        return ()
    if "" in frames:
        return ("the segmentation names no frame of reference: only its grid says that it is of this CT",)
    return (MADE_ON_ANOTHER,) if own.series else ()


def _belonging_of_ct(loaded: LoadedSeries) -> Belonging | None:
    if loaded.facts.kind != "dicom":
        return None
    header = dcmread(loaded.files[0], stop_before_pixels=True, specific_tags=list(_BELONGING), force=True)
    return _belonging(header)


def _belonging(content: Dataset) -> Belonging:
    studies = [content, *(content.get("StudiesContainingOtherReferencedInstancesSequence") or [])]
    references = [one for study in studies for one in study.get("ReferencedSeriesSequence") or []]
    return Belonging(
        str(content.get("PatientID", "") or "").strip(),
        str(content.get("FrameOfReferenceUID", "") or ""),
        frozenset(uid for one in references if (uid := str(one.get("SeriesInstanceUID", "")))),
    )


def _levels(content: Dataset, path: Path) -> Iterator[tuple[int, Level | None]]:
    for segment in content.SegmentSequence:
        codes = segment.get("SegmentedPropertyTypeCodeSequence") or [Dataset()]
        code = str(codes[0].get("CodeValue", "")), str(codes[0].get("CodingSchemeDesignator", ""))
        text = str(segment.get("SegmentLabel", ""))
        coded, named = level_coded(*code), level_named(text)
        if coded is not None and named is not None and coded is not named:
            raise MaskMismatch(
                f"segment {segment.SegmentNumber} is called {text} but coded as {coded}",
                str(path),
                "find out which is right and export it again",
            )
        yield int(segment.SegmentNumber), coded or named


def _labels(content: Dataset, levels: dict[int, Level]) -> Volume:
    from highdicom.seg import Segmentation  # takes a second to import, and few masks need it

    segments: Any = Segmentation.from_dataset(content, copy=False)
    volume = segments.get_volume(
        segment_numbers=sorted(levels), combine_segments=True, skip_overlap_checks=True, dtype=np.uint16
    )
    table = np.zeros(max(levels) + 1, np.int16)
    table[list(levels)] = [int(level) for level in levels.values()]
    voxels: NDArray[np.int16] = table[volume.array]
    return Volume(np.ascontiguousarray(voxels), np.asarray(volume.affine, float))


def _unreadable(path: Path, error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"the segmentation is damaged or cut short ({error})".replace("\n", " "), str(path), "export it again"
    )
