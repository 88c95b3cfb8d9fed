"""A vertebra segmentation that was read, checked and laid onto the grid of its CT."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vfscreen.volume import Volume


@dataclass(frozen=True, slots=True)
class MaskSet:
    """Whole vertebrae as labelled voxels.

    `labels` lies on the CT's grid; a voxel holds the number of its `Level`, 0 where there is none. `form` is what the
    mask was, in one word (verse, totalsegmentator, structures, dicom-seg); `voxel_mm` how long its own voxels were
    along the patient's axis, before it was laid onto this grid.
    """

    labels: Volume
    form: str
    voxel_mm: float
    warnings: tuple[str, ...] = ()

    def name(self) -> str:
        """Returns what stands in the place of a localiser's id: the form and the first digits of the labels' sha256."""
        return f"mask-{self.form}-{hashlib.sha256(self.labels.voxels.data).hexdigest()[:12]}"
