"""Scans of any number of slices, made of the demo CT: its slices drawn closer, and the body mirrored where it ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vfscreen.demo_case import demo_ct
from vfscreen.intake.nifti import read_nifti
from vfscreen.volume import Volume, reorient


def axial_demo() -> Volume:
    """The demo CT as a scanner stacks it: axis 0 from feet to head, then rows and columns."""
    volume, _ = read_nifti(demo_ct())
    return reorient(volume, (2, 1, 0), (1, 1, 1))


def made_scan(axial: Volume, slices: int, step_mm: float) -> Volume:
    """Reads `slices` slices `step_mm` apart out of a stack; beyond its end it is read back again.

    Shapes: axial (slices, rows, columns), as the result.
    """
    last = axial.shape[0] - 1
    along = np.arange(slices) * step_mm / float(axial.spacing_mm[0])
    places = last - np.abs(last - along % (2 * last))
    below = np.minimum(places.astype(int), last - 1)
    voxels = np.empty((slices, *axial.shape[1:]), np.int16)
    for k, (low, share) in enumerate(zip(below, (places - below).astype(np.float32), strict=True)):
        pair = axial.voxels[low : low + 2].astype(np.float32)
        voxels[k] = np.rint(pair[0] + share * (pair[1] - pair[0]))
    affine = axial.affine.copy()
    affine[:3, 0] *= step_mm / float(axial.spacing_mm[0])
    return Volume(voxels, affine)


def written_as_dicom(volume: Volume, folder: Path) -> Path:
    """Writes a stack as a folder of DICOM files."""
    from tests.dicom_writer import Writing, write_series

    write_series(folder, volume, Writing(series="made", description="made of the demo CT"))
    return folder
