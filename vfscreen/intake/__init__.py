"""The door: DICOM folders, NIfTI, NRRD and MetaImage files become volumes with a right affine, or are refused."""

from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.study import read_study

__all__ = ["LoadedSeries", "read_study"]
