"""NRRD and MetaImage, through SimpleITK, whose world is LPS already."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from SimpleITK import GetArrayViewFromImage, Image, ReadImage

from vfscreen.errors import NotACt, UnreadableFile, UnsupportedGeometry
from vfscreen.intake.scaling import Convert, to_hounsfield
from vfscreen.volume import Volume

_NRRD_SPACE = "NRRD_space"
_LPS = "left-posterior-superior"
"""What ITK calls the space of every NRRD that names one of the patient's, after it turned it."""

_SAYS_VOXEL_SIZE = {
    ".nrrd": rb"^space directions:",
    ".nhdr": rb"^space directions:",
    ".mha": rb"^\s*Element(Spacing|Size)\s*=",
    ".mhd": rb"^\s*Element(Spacing|Size)\s*=",
}
"""The line of a header without which ITK would take voxels of 1 mm, along the patient's axes."""

_HEADER_BYTES = 1 << 16


def read_itk(path: Path, convert: Convert = to_hounsfield) -> tuple[Volume, tuple[str, ...]]:
    """Reads an NRRD or MetaImage file; its array axes come out slices first.

    Raises:
        NotACt: it has other than three axes, or colours. UnreadableFile: it is damaged.
        UnsupportedGeometry: the header does not say how the volume lies in the patient, or how large its voxels are.
    """
    try:
        if not path.is_file():
            raise UnreadableFile("there is no such file", str(path), "check the path")
        image = ReadImage(str(path))
    except RuntimeError as error:
        raise UnreadableFile("the file is damaged or cut short", str(path), "copy it again") from error
    size, channels = image.GetSize(), image.GetNumberOfComponentsPerPixel()
    if len(size) == 4 and size[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3 or channels != 1:
        raise NotACt(
            f"not one CT volume but an array of {' x '.join(map(str, size))} with {channels} values each",
            str(path),
            "give one volume of three axes",
        )
    if path.suffix.lower() in (".nrrd", ".nhdr") and _space_of(image) != _LPS:
        raise UnsupportedGeometry(
            "the header does not say how the volume lies in the patient (no anatomical `space`)",
            str(path),
            "export it again with its orientation, or as DICOM",
        )
    if not _says_voxel_size(path):
        raise UnsupportedGeometry(
            "the header does not say how large a voxel is",
            str(path),
            "export it again with its spacing, or as DICOM",
        )
    stored = GetArrayViewFromImage(image)
    voxels = convert(stored, stored.shape, 1.0, 0.0)
    return Volume(voxels, _affine_lps(image)), ()


def _space_of(image: Image) -> str:
    return image.GetMetaData(_NRRD_SPACE) if _NRRD_SPACE in image.GetMetaDataKeys() else ""


def _says_voxel_size(path: Path) -> bool:
    with path.open("rb") as stream:
        header = stream.read(_HEADER_BYTES)
    return re.search(_SAYS_VOXEL_SIZE[path.suffix.lower()], header, re.MULTILINE) is not None


def _affine_lps(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine[:, [2, 1, 0, 3]]  # ITK counts x fastest, its arrays z first
