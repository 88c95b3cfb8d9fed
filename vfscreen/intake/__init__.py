"""The door: DICOM folders, NIfTI, NRRD and MetaImage files become volumes with a right affine, or are refused."""

from vfscreen.intake.loaded import LoadedSeries
from vfscreen.intake.study import Pseudonyms, read_files, read_study
from vfscreen.intake.tree import judge

__all__ = ["LoadedSeries", "Pseudonyms", "judge", "read_files", "read_study"]
