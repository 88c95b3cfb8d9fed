"""Whether numbers can be Hounsfield units at all.

Air is not always in view (a tight spine crop has none) and padding is common, so the test is what every CT of a
trunk or head shows: something lighter than water, something denser than soft tissue, and most of what is not air
within 200 HU of water. Scanner values that were never rescaled lie 1024 higher: where padding hides that, soft tissue
still lies round 1024 instead of 0.

Measured on 31 development volumes, none of them test only (bone, lung and soft kernels, crops down to 70 x 110 x
110 mm, padded ones): 0.79-0.93 of the tissue lies within 200 HU of water, and at most 0.02 within 200 of 1024; of the
same volumes without their rescale intercept 0.17-0.87 lies round 1024.
"""

from __future__ import annotations

import numpy as np

from vfscreen.errors import NothingToScreen, NotHounsfield
from vfscreen.volume import Volume

SOFT_TISSUE_HU = 200
SOFT_TISSUE_SHARE = 0.5
UNSCALED_WATER = 1024
UNSCALED_SHARE = 0.12
_NO_TISSUE_HU = -500
_FAT_HU = -20
_BONE_HU = 200
_LABELS_END = 256
_SLABS = 24


def check_hounsfield(volume: Volume, where: str) -> None:
    """Looks at the range of the voxels, and at a sample of them.

    Raises:
        NotHounsfield: the numbers are labels, a windowed picture, raw scanner values or another modality.
        NothingToScreen: they may well be Hounsfield units, of air or water without any bone.
    """
    low, high = int(volume.voxels.min()), int(volume.voxels.max())
    step = max(1, volume.shape[0] // _SLABS)
    seen = volume.voxels[::step, ::2, ::2]
    tissue = seen[seen > _NO_TISSUE_HU]
    soft = _share_near(tissue, 0)
    unscaled = _share_near(tissue, UNSCALED_WATER)
    if low <= _FAT_HU and high >= _BONE_HU and soft >= SOFT_TISSUE_SHARE and unscaled <= UNSCALED_SHARE:
        return
    todo = "export the series again with its rescale slope and intercept"
    if low >= 0 and high < _LABELS_END:
        what = f"labels or a grey picture, not CT values (they run from {low} to {high})"
        todo = "give the CT itself"
    elif unscaled > UNSCALED_SHARE or low > _FAT_HU:
        what = f"values are not Hounsfield units (they run from {low} to {high}; air is not at -1000)"
    elif high < _BONE_HU:
        raise NothingToScreen(
            f"there is no bone in it (values run from {low} to {high})",
            where,
            "give a CT that shows the spine",
        )
    else:
        what = (
            f"values are not Hounsfield units (from {low} to {high}, only {soft:.0%} of them as soft tissue)"
        )
    raise NotHounsfield(what, where, todo)


def _share_near(values: np.ndarray[tuple[int, ...], np.dtype[np.int16]], centre: int) -> float:
    if not values.size:
        return 0.0
    return float(np.mean(np.abs(values.astype(np.int32) - centre) <= SOFT_TISSUE_HU))
