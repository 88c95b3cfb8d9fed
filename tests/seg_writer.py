"""Writes DICOM segmentations of a made-up spine for tests, with highdicom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from tests.dicom_writer import uid_of
from tests.made_spine import MadeSpine
from vfscreen.anatomy import SNOMED, Level
from vfscreen.volume import reorient

VERTEBRA = Code("51282000", "SCT", "Vertebra")
CODES = {level: Code(code, "SCT", str(level)) for code, level in SNOMED.items() if level is not Level.SACRUM}
"""From a level to its code."""


def by_code(level: Level) -> tuple[str, Code]:
    return f"structure {int(level)}", CODES[level]


def by_text(level: Level) -> tuple[str, Code]:
    return f"{level} vertebra", VERTEBRA


def save_seg(
    spine: MadeSpine,
    series: Path,
    path: Path,
    named: Callable[[Level], tuple[str, Code]] = by_code,
    change: Callable[[Dataset], None] = lambda _: None,
    kind: SegmentationTypeValues = SegmentationTypeValues.BINARY,
) -> Path:
    """Writes the spine's mask as a SEG of the series, one segment a level; `change` alters it before it is saved."""
    slices = [dcmread(file) for file in sorted(series.iterdir())]
    for one in slices:  # what highdicom wants to copy from every source image
        for keyword in ("PatientBirthDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"):
            setattr(one, keyword, one.get(keyword, ""))
        one.PatientName = "Patient^One"
    axial = reorient(spine.mask, (2, 1, 0), (1, 1, 1))
    levels = list(spine.centres)
    descriptions = []
    for number, level in enumerate(levels, 1):
        label, code = named(level)
        descriptions.append(
            SegmentDescription(
                number, label, codes.SCT.AnatomicalStructure, code, SegmentAlgorithmTypeValues.MANUAL
            )
        )
    planes = np.stack([axial.voxels == int(level) for level in levels], -1)
    seg = Segmentation(
        slices, planes.astype(np.uint8), kind, descriptions, series_instance_uid=uid_of("seg", path.name),
        series_number=9, sop_instance_uid=uid_of("seg object", path.name), instance_number=1, manufacturer="tests",
        manufacturer_model_name="tests", software_versions="1", device_serial_number="1", max_fractional_value=1,
    )  # fmt: skip
    change(seg)
    seg.save_as(path)
    return path
