"""Whether a DICOM file ends before its pixels do; found from lengths alone, without decoding."""

from __future__ import annotations

import struct
from typing import BinaryIO

from pydicom.uid import UID

_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM = (0xFFFE, 0xE000)
_SEQUENCE_END = (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF


def pixels_are_whole(stream: BinaryIO, syntax: UID, size: int) -> bool:
    """Says whether the pixel data that begin at the stream's place lie inside a file of `size` bytes.

    Source: DICOM PS3.5, 7.1 (lengths of elements) and A.4 (encapsulated pixel data).
    """
    order = "<" if syntax.is_little_endian else ">"
    head = stream.read(8 if syntax.is_implicit_VR else 12)
    if len(head) < 8:
        return False
    if struct.unpack(order + "HH", head[:4]) != _PIXEL_DATA:
        return True  # float pixels and the like: no CT, so not for us to judge
    if not syntax.is_implicit_VR and len(head) < 12:
        return False
    (length,) = struct.unpack(order + "L", head[-4:])
    if length != _UNDEFINED:
        return bool(stream.tell() + length <= size)
    return _fragments_end(stream, size)


def _fragments_end(stream: BinaryIO, size: int) -> bool:
    while True:
        head = stream.read(8)
        if len(head) < 8:
            return False
        group, element, length = struct.unpack("<HHL", head)
        if (group, element) == _SEQUENCE_END:
            return True
        if (group, element) != _ITEM or stream.tell() + length > size:
            return False
        stream.seek(length, 1)
