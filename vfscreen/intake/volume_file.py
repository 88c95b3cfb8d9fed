"""CT volumes that come as one file with an affine: NIfTI, NRRD, MetaImage. Any orientation is taken."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfscreen.errors import NotACt, UnreadableFile, UnsupportedGeometry
from vfscreen.findings import SeriesFacts
from vfscreen.intake.hounsfield import check_hounsfield
from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.nifti import read_nifti
from vfscreen.intake.size import check_size
from vfscreen.thickness import thickness_warning
from vfscreen.volume import Volume, anatomical_axes

Float = NDArray[np.float64]

_KINDS = {
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".nrrd": "nrrd",
    ".nhdr": "nrrd",
    ".mha": "metaimage",
    ".mhd": "metaimage",
}
HEADERS_ALONE = (".nhdr", ".mhd")

SKEW_COSINE = 0.02
"""Axes may be off the right angle by a degree; more is a sheared grid (gantry tilt that somebody converted)."""

_ONE_AXIS_IS_COARSER = 1.05


def kind_of(path: Path) -> str | None:
    """Returns "nifti", "nrrd" or "metaimage" by the file's name, None for anything else."""
    name = path.name.lower()
    return next((kind for suffix, kind in _KINDS.items() if name.endswith(suffix)), None)


def read_volume_file(path: Path) -> LoadedSeries:
    """Reads a NIfTI, NRRD or MetaImage file; the pseudonym stays empty.

    Raises:
        NotACt: it has other than three axes, or colours. NotHounsfield: its values are something else.
        NothingToScreen: nothing in it is as dense as bone. UnreadableFile: it is damaged.
        UnsupportedGeometry: its grid is sheared, its place in the patient or the size of its voxels unknown.
    """
    if kind_of(path) == "nifti":
        volume, warnings = read_nifti(path)
    else:
        from vfscreen.intake.itk import read_itk  # SimpleITK takes 0.3 s to import, and few cases need it

        volume, warnings = read_itk(path)
    if min(volume.shape) < 2:
        raise NotACt("one slice is no volume", str(path), "give the whole volume")
    check_size(volume, str(path))
    _check_right_angles(volume, path)
    check_hounsfield(volume, str(path))
    facts = _facts(volume, path)
    return LoadedSeries(volume, facts, (*warnings, *thickness_warning(facts.along_spine_mm)), (path,))


def scan_axis(volume: Volume) -> int:
    """Returns the array axis that runs through the slices.

    A file does not say how it was scanned: it is the axis with the widest spacing, and where all are alike within
    five percent the one that runs along the body.
    """
    spacing = volume.spacing_mm
    widest = int(np.argmax(spacing))
    if float(spacing[widest]) > _ONE_AXIS_IS_COARSER * float(np.delete(spacing, widest).max()):
        return widest
    return anatomical_axes(volume.affine)[0][2]


def _digest(path: Path, volume: Volume) -> str:
    """Returns the sha256 of a file's bytes; of a header whose voxels lie in another file, together with the voxels."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
    except OSError as error:
        raise UnreadableFile("the file cannot be read", str(path), "check the file and its rights") from error
    if path.suffix.lower() in HEADERS_ALONE:
        digest.update(volume.voxels.data)
    return digest.hexdigest()


def _facts(volume: Volume, path: Path) -> SeriesFacts:
    axis = scan_axis(volume)
    first, second, third = (float(value) for value in volume.spacing_mm)
    return SeriesFacts(
        kind=kind_of(path) or "",
        spacing_mm=(first, second, third),
        slices=volume.shape[axis],
        thickness_mm=float(volume.spacing_mm[axis]),
        along_spine_mm=float(volume.spacing_mm[anatomical_axes(volume.affine)[0][2]]),
        sha256=_digest(path, volume),
    )


def _check_right_angles(volume: Volume, path: Path) -> None:
    directions = volume.affine[:3, :3] / volume.spacing_mm
    cosines = np.abs(directions.T @ directions - np.eye(3))
    if float(cosines.max()) > SKEW_COSINE:
        degrees = float(np.degrees(np.arcsin(min(1.0, float(cosines.max())))))
        raise UnsupportedGeometry(
            f"the grid is sheared by {degrees:.1f} degrees, which is not handled yet",
            str(path),
            "resample it to a grid with right angles",
        )
