"""Whether numbers can be Hounsfield units at all.

Air is not always in view (a tight spine crop has none) and padding is common, so the test is what every CT of a
trunk or head shows: something lighter than water, something denser, and most of what is neither air nor metal within
200 HU of water. Measured on 34 CTs from 15 sources (bone, lung and soft kernels, crops of 40 x 70 x 70 mm, padded
ones, a head): that share is 0.52-0.97; with air stored as 0 instead of -1000 it is 0.1 or less.
"""

from __future__ import annotations

import numpy as np

from vfscreen.errors import NotHounsfield
from vfscreen.volume import Volume

SOFT_TISSUE_HU = 200
SOFT_TISSUE_SHARE = 0.25
_NO_TISSUE_HU = -500
_FAT_HU = -20
_BONE_HU = 200
_SLABS = 24


def check_hounsfield(volume: Volume, where: str) -> None:
    """Looks at a sample of the voxels.

    Raises:
        NotHounsfield: the numbers are labels, a windowed picture, raw scanner values or another modality.
    """
    step = max(1, volume.shape[0] // _SLABS)
    seen = volume.voxels[::step, ::2, ::2]
    low, high = int(volume.voxels.min()), int(volume.voxels.max())
    tissue = seen[seen > _NO_TISSUE_HU]
    soft = float(np.mean(np.abs(tissue) <= SOFT_TISSUE_HU)) if tissue.size else 0.0
    if low <= _FAT_HU and high >= _BONE_HU and soft >= SOFT_TISSUE_SHARE:
        return
    if low >= 0 and high < 256:
        what = f"labels or a grey picture, not CT values (all lie from {low} to {high})"
    elif low > _FAT_HU:
        what = f"values are not Hounsfield units (they run from {low} to {high}; air is not at -1000)"
    else:
        what = f"values are not Hounsfield units (from {low} to {high}, {soft:.0%} of the tissue within 200 of water)"
    raise NotHounsfield(what, where, "export the series again with its rescale slope and intercept")
