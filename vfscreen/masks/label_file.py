"""Masks that come as one NIfTI, NRRD or MetaImage file: whole numbers, never scaled to Hounsfield units."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nibabel
import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import MaskMismatch, NotACt
from vfscreen.intake.nifti import read_nifti
from vfscreen.intake.scaling import room_for
from vfscreen.intake.volume_file import kind_of
from vfscreen.volume import Volume

_LARGEST = int(np.iinfo(np.int16).max)
_LABEL_TODO = "give a mask of whole numbers, one for each vertebra"


def read_label_file(path: Path) -> Volume:
    """Reads the numbers of a mask, as int16, in the file's own order.

    Raises:
        MaskMismatch: its values are no labels, or it has other than three axes.
        RefusedInput: the file cannot be read, as for a CT.
    """
    convert = partial(_to_labels, where=str(path))
    try:
        if kind_of(path) == "nifti":
            return read_nifti(path, convert)[0]
        from vfscreen.intake.itk import read_itk  # SimpleITK takes 0.3 s to import, and few masks need it

        return read_itk(path, convert)[0]
    except NotACt as error:
        words = error.what.replace("not one CT volume but", "not one mask but")
        raise MaskMismatch(words, error.where, "give one mask of three axes") from error


def names_in(path: Path) -> dict[int, str]:
    """Returns the names that a NIfTI file gives its numbers in its extended header, as TotalSegmentator does.

    Empty where there are none, or none that can be read: the numbers then speak for themselves.
    """
    if kind_of(path) != "nifti":
        return {}
    names: dict[int, str] = {}
    for extension in nibabel.load(path).header.extensions:
        content = extension.get_content()
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        if "<LabelTable>" in text:
            names |= _label_table(text)
    return names


def _label_table(text: str) -> dict[int, str]:
    try:
        tree = ElementTree.fromstring(text.strip("\x00 \r\n\t"))
    except ElementTree.ParseError:
        return {}
    return {
        int(entry.get("Key", "0")): (entry.text or "").strip()
        for entry in tree.iter("Label")
        if entry.get("Key", "").isdigit() and entry.get("Key") != "0"
    }


def _to_labels(
    slabs: Iterable[NDArray[Any]], shape: tuple[int, ...], slope: float, intercept: float, *, where: str
) -> NDArray[np.int16]:
    voxels = room_for(shape)
    for slab, target in zip(slabs, voxels, strict=True):
        scaled = slab if slope == 1.0 and intercept == 0.0 else slab.astype(float) * slope + intercept
        target[...] = _whole_numbers(scaled, where)
    return voxels


def _whole_numbers(values: NDArray[Any], where: str) -> NDArray[Any]:
    if values.dtype.kind == "f":
        odd = values[values != np.rint(values)]  # NaN differs from itself
        if odd.size:
            raise MaskMismatch(
                f"the mask holds {odd[0]:.3g}, which is no label: probabilities, or a picture",
                where,
                _LABEL_TODO,
            )
    lowest, highest = values.min(initial=0), values.max(initial=0)
    if lowest < 0 or highest > _LARGEST:
        wrong = lowest if lowest < 0 else highest
        raise MaskMismatch(f"the mask holds {wrong:.0f}, which is no label", where, _LABEL_TODO)
    return values
