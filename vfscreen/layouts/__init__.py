"""Layouts of published data sets: which CT, mask, centroids and grades belong together. Reads no voxels."""

from vfscreen.layouts.find import files_beside, find_layout
from vfscreen.layouts.labelled import LabelledScan, LabelledSet

__all__ = ["LabelledScan", "LabelledSet", "files_beside", "find_layout"]
