"""NRRD and MetaImage, through SimpleITK, whose world is LPS already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from SimpleITK import GetArrayViewFromImage, Image, ReadImage

from vfscreen.errors import NotACt, UnreadableFile, UnsupportedGeometry
from vfscreen.intake.scaling import Convert, to_hounsfield
from vfscreen.volume import Volume

_NRRD_SPACE = "NRRD_space"


def read_itk(path: Path, convert: Convert = to_hounsfield) -> tuple[Volume, tuple[str, ...]]:
    """Reads an NRRD or MetaImage file; its array axes come out slices first.

    Raises:
        NotACt: it has other than three axes, or colours. UnreadableFile: it is damaged.
        UnsupportedGeometry: an NRRD that does not name its space.
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
    if path.suffix.lower() in (".nrrd", ".nhdr") and _NRRD_SPACE not in image.GetMetaDataKeys():
        raise UnsupportedGeometry(
            "the header does not say how the volume lies in the patient (no `space`)",
            str(path),
            "export it again with its orientation, or as DICOM",
        )
    stored = GetArrayViewFromImage(image)
    voxels = convert(stored, stored.shape, 1.0, 0.0)
    return Volume(voxels, _affine_lps(image)), ()


def _affine_lps(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine[:, [2, 1, 0, 3]]  # ITK counts x fastest, its arrays z first
