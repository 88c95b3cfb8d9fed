"""The pixels of a stack, decoded slice by slice into one int16 array."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from vfscreen.errors import UnreadableFile
from vfscreen.intake.headers import SliceHeader
from vfscreen.intake.scaling import HIGHEST_HU, hounsfield_slab, room_for
from vfscreen.volume import AIR_HU

DECODERS: dict[UID, str] = {
    JPEGLossless: "gdcm",
    JPEGLosslessSV1: "gdcm",
    JPEGExtended12Bit: "gdcm",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    RLELossless: "pydicom",
}
"""Which of the installed decoders reads what: named, so that no machine quietly uses another one."""

_PADDING_MAY_BE_BELOW_HU = -900
_PADDING_MAY_BE_ABOVE_HU = 3071
"""Some archives declare 0 as padding where 0 is water: only a value that no tissue has is taken for padding."""


def read_voxels(slices: tuple[SliceHeader, ...]) -> NDArray[np.int16]:
    """Decodes the slices in their order; returns (slice, row, column) Hounsfield units.

    Raises:
        UnreadableFile: a file is damaged, or compressed in a way that cannot be decoded; it is named.
    """
    try:
        voxels = room_for((len(slices), slices[0].rows, slices[0].columns))
    except ValueError as error:
        raise UnreadableFile(str(error), str(slices[0].path), "copy or export it again") from error
    numbered = list(enumerate(slices))
    for path, group in groupby(numbered, key=lambda pair: pair[1].path):
        members = list(group)
        try:
            _read_file(path, members, voxels)
        except (RuntimeError, ValueError, LookupError, AttributeError, TypeError, OSError, EOFError) as error:
            raise UnreadableFile(
                f"{_what_failed(members[0][1], error)} ({error})".replace("\n", " "),
                str(path),
                "copy or export it again",
            ) from error
    return voxels


def _read_file(path: Path, members: list[tuple[int, SliceHeader]], voxels: NDArray[np.int16]) -> None:
    frames = [header.frame for _, header in members]
    plugin = DECODERS.get(members[0][1].syntax, "")
    # pydicom looks for pixels in the deflated bytes when it is given a path.
    source = dcmread(path) if members[0][1].syntax == DeflatedExplicitVRLittleEndian else path
    decoded = iter_pixels(source, indices=frames, raw=True, decoding_plugin=plugin)
    for (place, header), stored in zip(members, decoded, strict=True):
        if stored.shape != voxels.shape[1:]:
            raise ValueError(f"a picture of {stored.shape} where {voxels.shape[1:]} was announced")
        voxels[place] = _hounsfield(stored, header)


def _hounsfield(stored: NDArray[Any], header: SliceHeader) -> NDArray[np.int16]:
    values = hounsfield_slab(stored, header.slope, header.intercept)
    if header.padding is not None:
        padding_hu = header.padding * header.slope + header.intercept
        if not _PADDING_MAY_BE_BELOW_HU < padding_hu <= _PADDING_MAY_BE_ABOVE_HU and padding_hu <= HIGHEST_HU:
            values[stored == header.padding] = AIR_HU
    return values


def _what_failed(header: SliceHeader, error: Exception) -> str:
    if isinstance(error, FileNotFoundError | PermissionError):  # a stick that was pulled, a closed folder
        return "the file cannot be read"
    if header.syntax.is_compressed and header.syntax not in DECODERS:
        return f"compressed as {header.syntax.name}, which cannot be read here"
    return "the pixels are damaged or cut short"
