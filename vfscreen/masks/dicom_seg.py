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
from vfscreen.masks.names import level_coded, level_named
from vfscreen.volume import Volume

SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage (PS3.4, B.5)."""

_THIS_CT = "give the segmentation of this very CT"
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
    if own.frame_of_reference != said.frame_of_reference:
        raise MaskMismatch(
            "the segmentation is of another frame of reference than the CT", str(path), _THIS_CT
        )
    if own.series and loaded.facts.uid not in own.series:
        return ("the segmentation was made on another series of the same frame of reference",)
    return ()


def _belonging_of_ct(loaded: LoadedSeries) -> Belonging | None:
    if loaded.facts.kind != "dicom":
        return None
    tags = ["PatientID", "FrameOfReferenceUID", "ReferencedSeriesSequence"]
    return _belonging(dcmread(loaded.files[0], stop_before_pixels=True, specific_tags=tags, force=True))


def _belonging(content: Dataset) -> Belonging:
    references = content.get("ReferencedSeriesSequence") or []
    return Belonging(
        str(content.get("PatientID", "") or "").strip(),
        str(content.get("FrameOfReferenceUID", "") or ""),
        frozenset(str(one.get("SeriesInstanceUID", "")) for one in references),
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
