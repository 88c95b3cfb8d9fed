"""A small made-up spine for tests of masks: its CT, and the mask of its whole vertebrae, both as volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from vfscreen.anatomy import Level
from vfscreen.findings import SeriesFacts
from vfscreen.intake import LoadedSeries
from vfscreen.volume import Volume

LEVELS = (Level.T12, Level.L1, Level.L2, Level.L3)
STEP_MM = 1.5
BODY_MM, DISC_MM, HALF_DEPTH_MM, HALF_WIDTH_MM = 24.0, 8.0, 15.0, 19.0
MARGIN_MM = 18.0
BONE_HU, DISC_HU, TISSUE_HU, AIR_HU = 300, 70, 30, -1000


@dataclass(frozen=True, slots=True)
class MadeSpine:
    """The CT and the mask (of `Level` numbers) on one grid, and each body's middle by level, LPS mm."""

    ct: Volume
    mask: Volume
    centres: Mapping[Level, np.ndarray]

    def loaded(self, path: Path = Path("ct.nii.gz")) -> LoadedSeries:
        """The CT as the door hands it on."""
        return LoadedSeries(volume=self.ct, facts=SeriesFacts(kind="nifti"), warnings=(), files=(path,))


def made_spine(
    levels: Sequence[Level] = LEVELS,
    *,
    leaning_deg: float = 0.0,
    anterior_mm: Mapping[Level, float] | None = None,
    margin_mm: float = MARGIN_MM,
    step_mm: float = STEP_MM,
    body_mm: float = BODY_MM,
) -> MadeSpine:
    """Makes vertebrae from the head down, each a body with its arch; `anterior_mm` makes wedges of some of them.

    Array axes: left, posterior, superior. `leaning_deg` turns the whole spine to the patient's left.
    """
    pitch = body_mm + DISC_MM
    length = pitch * len(levels) - DISC_MM
    sideways = length * abs(np.sin(np.deg2rad(leaning_deg)))
    sizes_mm = np.array([60.0 + sideways, 84.0, length + 2 * margin_mm])
    shape = tuple(int(n) for n in np.ceil(sizes_mm / step_mm))
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, 3] = (-sizes_mm[0] / 2, -34.0, -sizes_mm[2] / 2)
    axes = [affine[k, 3] + step_mm * np.arange(n) for k, n in enumerate(shape)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    angle = np.deg2rad(leaning_deg)
    aside, along = np.cos(angle) * x - np.sin(angle) * z, np.sin(angle) * x + np.cos(angle) * z
    labels = np.zeros(shape, np.int16)
    centres = {}
    for k, level in enumerate(levels):
        middle = length / 2 - body_mm / 2 - pitch * k
        front_mm = (anterior_mm or {}).get(level, body_mm)
        top = np.interp(y, [-HALF_DEPTH_MM, HALF_DEPTH_MM], [front_mm - body_mm / 2, body_mm / 2])
        up = along - middle
        round_body = (aside / HALF_WIDTH_MM) ** 2 + (y / HALF_DEPTH_MM) ** 4 <= 1.0
        body = round_body & (up >= -body_mm / 2) & (up <= top)
        pedicles = (np.abs(np.abs(aside) - 11) < 3) & (y > 10) & (y < 32) & (np.abs(up) < 5)
        arch = (np.abs(aside) < 14) & (y >= 30) & (y < 34) & (np.abs(up) < 8)
        spinous = (np.abs(aside) < 3) & (y >= 30) & (y < 46) & (np.abs(up) < 7)
        labels[body | pedicles | arch | spinous] = int(level)
        centres[level] = np.array([np.sin(angle) * middle, 0.0, np.cos(angle) * middle])
    column = (aside**2 + y**2 < 17**2) & (np.abs(along) < length / 2 + margin_mm)
    hu = np.where(labels > 0, BONE_HU, np.where(column, DISC_HU, TISSUE_HU))
    hu[y > 48] = AIR_HU
    return MadeSpine(Volume(hu.astype(np.int16), affine), Volume(labels, affine), centres)


def renumbered(mask: Volume, numbers: Mapping[Level, int]) -> Volume:
    """The mask with other numbers for its levels."""
    table = np.zeros(int(max(Level)) + 1, np.int16)
    for level, number in numbers.items():
        table[int(level)] = number
    return Volume(np.ascontiguousarray(table[mask.voxels]), mask.affine)


def save_mask(
    mask: Volume, path: Path, *, dtype: type = np.uint8, names: Mapping[int, str] | None = None
) -> Path:
    """Writes a mask as NIfTI; `names` go into its extended header, as TotalSegmentator writes them."""
    image = nibabel.Nifti1Image(mask.voxels.astype(dtype), np.diag([-1.0, -1.0, 1.0, 1.0]) @ mask.affine)
    if names is not None:
        entries = "".join(
            f'<Label Key="{key}" Red="0.1"><![CDATA[{name}]]></Label>\n' for key, name in names.items()
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <VolumeInformation Index="0">'
            f"<LabelTable>\n{entries}\n</LabelTable></VolumeInformation></CaretExtension>\n              "
        )
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, text.encode()))
    nibabel.save(image, path)
    return path


def save_structures(mask: Volume, folder: Path, prefix: str = "vertebrae_") -> Path:
    """Writes a folder with one file a vertebra, as TotalSegmentator does."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in np.unique(mask.voxels[mask.voxels > 0]):
        one = Volume((mask.voxels == number).astype(np.int16), mask.affine)
        save_mask(one, folder / f"{prefix}{Level(int(number))}.nii.gz")
    return folder
