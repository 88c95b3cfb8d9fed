"""The grey window that a DICOM file names for itself."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue


def window_as_sent(file: Path) -> tuple[float, float] | None:
    """Returns width and level of a file's first window, None where it names none or is no DICOM file.

    Units: HU. Source: DICOM PS3.3, C.11.2.1.2 (several windows may be given; the first one counts).
    """
    try:
        dataset = pydicom.dcmread(
            file, stop_before_pixels=True, specific_tags=["WindowWidth", "WindowCenter"]
        )
    except (InvalidDicomError, OSError):
        return None
    width, level = dataset.get("WindowWidth"), dataset.get("WindowCenter")
    if width is None or level is None:
        return None
    first = [value[0] if isinstance(value, MultiValue) else value for value in (width, level)]
    return float(first[0]), float(first[1])
