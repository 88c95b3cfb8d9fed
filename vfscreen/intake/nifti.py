"""NIfTI: the one place where its RAS world is turned to LPS."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from vfscreen.errors import NotACt, UnreadableFile, UnsupportedGeometry
from vfscreen.intake.scaling import Convert, to_hounsfield
from vfscreen.volume import Volume, anatomical_axes

Float = NDArray[np.float64]

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER, _ALIGNED = 1, 2  # NIfTI-1 xform codes that mean this patient's space; 3 and 4 are atlases
_AGREE_MM = 0.5
_AGREE_SIZE = 0.01
_PIECE_BYTES = 1 << 20
_DAMAGED = (
    ImageFileError,
    HeaderDataError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
)


def read_nifti(path: Path, convert: Convert = to_hounsfield) -> tuple[Volume, tuple[str, ...]]:
    """Reads a NIfTI file; its array axes come out reversed (slices first), which costs no copy.

    Raises:
        NotACt: it has other than three axes, or colours. UnreadableFile: it is damaged or cut short.
        UnsupportedGeometry: its header does not say, or contradicts itself on, how it lies in the patient.
    """
    try:
        # mmap=False: a mapped file could not be moved or deleted on Windows for as long as the case is open.
        image = nibabel.load(path, mmap=False)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    if not isinstance(image, nibabel.Nifti1Image):
        raise UnreadableFile("this is no NIfTI file", str(path), "convert it to NIfTI or DICOM")
    shape = image.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or image.get_data_dtype().kind not in "iuf":
        raise NotACt(
            f"not one CT volume but an array of {' x '.join(map(str, image.shape))} {image.get_data_dtype()}",
            str(path),
            "give one volume of three axes",
        )
    affine, warnings = _affine_ras(image.header, shape, path)
    stored = image.dataobj
    try:
        slabs = _slabs(path, stored.offset, shape, stored.dtype)
        voxels = convert(slabs, shape[::-1], stored.slope, stored.inter)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    reversed_axes = (_RAS_TO_LPS @ affine)[:, [2, 1, 0, 3]]
    return Volume(voxels, reversed_axes), warnings


def write_nifti(volume: Volume, path: Path) -> Path:
    """Writes a volume as it lies in the patient, for programs of others, and returns the path."""
    reversed_axes = volume.affine[:, [2, 1, 0, 3]]
    nibabel.save(nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), _RAS_TO_LPS @ reversed_axes), path)
    return path


def _slabs(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Reads one slab of the slowest axis at a time; nibabel would hold all of them twice while it unzips."""
    count = shape[0] * shape[1]
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        stream.seek(offset)
        for _ in range(shape[2]):
            content = stream.read(count * dtype.itemsize)
            if len(content) < count * dtype.itemsize:
                raise EOFError("it ends before its last slice")
            yield np.frombuffer(content, dtype).reshape(shape[1], shape[0])
        if path.suffix.lower() == ".gz":
            while stream.read(_PIECE_BYTES):  # the check sum of all that was read stands at the very end
                pass


def _affine_ras(
    header: nibabel.Nifti1Header, shape: tuple[int, ...], path: Path
) -> tuple[Float, tuple[str, ...]]:
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    sform_code, qform_code = int(sform_code), int(qform_code)
    patient = [
        matrix
        for matrix, code in ((sform, sform_code), (qform, qform_code))
        if code in (_SCANNER, _ALIGNED) and matrix is not None
    ]
    if not patient:
        raise UnsupportedGeometry(
            "the header does not say how the volume lies in the patient",
            str(path),
            "export it again with its orientation, or as DICOM",
        )
    for matrix in patient:
        if not np.isfinite(matrix).all() or abs(float(np.linalg.det(matrix[:3, :3]))) < 1e-9:
            raise UnsupportedGeometry("the affine is no grid", str(path), "export it again")
    chosen = np.asarray(patient[0], np.float64)
    if len(patient) == 1 or _apart_mm(patient[0], patient[1], shape) <= _AGREE_MM:
        return chosen, ()
    if anatomical_axes(patient[0]) != anatomical_axes(patient[1]):
        raise UnsupportedGeometry(
            "sform and qform contradict each other on which side is which",
            str(path),
            "find out which is right and export it again",
        )
    sizes = [np.linalg.norm(matrix[:3, :3], axis=0) for matrix in patient]
    if not np.allclose(sizes[0], sizes[1], rtol=_AGREE_SIZE, atol=0.0):
        raise UnsupportedGeometry(
            f"sform and qform contradict each other on how large a voxel is ({_size(sizes[0])} and {_size(sizes[1])})",
            str(path),
            "find out which is right and export it again",
        )
    # Where both are patient space but differ in more than rounding, ITK and nibabel also follow the sform.
    apart = _apart_mm(patient[0], patient[1], shape)
    return chosen, (f"sform and qform differ by up to {apart:.1f} mm: the sform was used",)


def _apart_mm(first: Float, second: Float, shape: tuple[int, ...]) -> float:
    ends = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"), -1).reshape(8, 3)
    matrix = first - second
    return float(np.linalg.norm(ends @ matrix[:3, :3].T + matrix[:3, 3], axis=1).max())


def _size(spacing_mm: Float) -> str:
    return " x ".join(f"{x:.3g}" for x in spacing_mm) + " mm"


def _unreadable(path: Path, error: Exception) -> UnreadableFile:
    if isinstance(error, FileNotFoundError | PermissionError):  # a stick that was pulled, a closed folder
        return UnreadableFile("the file cannot be read", str(path), "check the path and your rights to it")
    return UnreadableFile(
        f"the file is damaged or cut short ({error})".replace("\n", " "), str(path), "copy it again"
    )
