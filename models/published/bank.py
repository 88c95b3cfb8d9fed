"""The patches of a data set, cut once and kept on disk, and which patients they train, choose and test."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.published.config import SplitConfig
from models.published.patches import Patch, aligned, cut_patch
from vfscreen.anatomy import Level
from vfscreen.cases import Split
from vfscreen.durable import write_durably
from vfscreen.errors import MaskMismatch, NotEnoughLabels, RefusedInput
from vfscreen.findings import Refusal
from vfscreen.genant import Grade
from vfscreen.intake import read_study
from vfscreen.intake.nifti import read_nifti
from vfscreen.layouts import LabelledScan
from vfscreen.split import Shares, draw_split
from vfscreen.volume import Volume

_PARTS = {"training": Split.TRAIN, "validation": Split.HELD_OUT, "test": Split.TEST}
_SAME_PLACE_MM = 0.5


@dataclass(frozen=True, slots=True)
class StoredPatch:
    """A patch on disk with its label; `split` is that of its patient."""

    path: Path
    patient: str
    level: Level
    grade: Grade
    split: Split

    def read(self) -> Patch:
        """Reads the patch."""
        with np.load(self.path) as content:
            return Patch(content["voxels"], content["mask"], self.level)


def cut_missing(scans: Sequence[LabelledScan], folder: Path, side: int) -> Iterator[Refusal]:
    """Cuts every graded vertebra whose patch is not in the folder; yields what could not be cut, and why."""
    for scan in scans:
        lacking = [level for level in scan.grades if not _path(folder, scan, level, side).is_file()]
        if scan.mask is None or not lacking:
            continue
        try:
            ct = read_study(scan.ct).volume
            volume, labels = aligned(ct, _mask_of(ct, scan.mask))
        except RefusedInput as error:
            yield Refusal(error.where, error.what, error.todo)
            continue
        for level in lacking:
            try:
                patch = cut_patch(volume, labels, level, side)
            except ValueError as error:
                yield Refusal(str(scan.mask), f"{error}, which is graded", "check the label of this grade")
                continue
            content = io.BytesIO()
            np.savez_compressed(content, voxels=patch.voxels, mask=patch.mask)
            write_durably(_path(folder, scan, level, side), content.getvalue())


def stored_patches(
    scans: Sequence[LabelledScan], folder: Path, side: int, shares: SplitConfig
) -> tuple[StoredPatch, ...]:
    """Lists the patches that were cut, in the order of scans and levels."""
    splits = splits_of(scans, shares)
    return tuple(
        StoredPatch(path, scan.patient, level, grade, splits[scan.patient])
        for scan in scans
        for level, grade in sorted(scan.grades.items())
        if (path := _path(folder, scan, level, side)).is_file()
    )


def of_split(patches: Sequence[StoredPatch], split: Split) -> tuple[StoredPatch, ...]:
    """Returns the patches of a split's patients.

    Raises:
        NotEnoughLabels: there are none.
    """
    found = tuple(patch for patch in patches if patch.split is split)
    if not found:
        raise NotEnoughLabels(
            f"no graded vertebra among the patients of the split {split}",
            "the data set",
            "add labelled scans, or change the shares under [split] of the settings",
        )
    return found


def splits_of(scans: Sequence[LabelledScan], shares: SplitConfig) -> dict[str, Split]:
    """Returns each patient's split: the set's own where every patient has one alone, else drawn by the name's hash."""
    parts: dict[str, set[str]] = {}
    for scan in scans:
        parts.setdefault(scan.patient, set()).add(scan.part)
    drawn = Shares(held_out_percent=shares.validation_percent, test_percent=shares.test_percent)
    if all(len(own) == 1 and own <= _PARTS.keys() for own in parts.values()):
        return {patient: _PARTS[own.pop()] for patient, own in parts.items()}
    return {patient: draw_split(patient, drawn) for patient in parts}


def _path(folder: Path, scan: LabelledScan, level: Level, side: int) -> Path:
    return folder / f"side{side}" / f"{scan.name}_{int(level)}.npz"


def _mask_of(ct: Volume, mask: Path) -> Volume:
    """Reads a mask.

    Raises:
        RefusedInput: it cannot be read. MaskMismatch: it does not lie where its CT lies.
    """
    volume, _ = read_nifti(mask)
    apart_mm = np.abs(np.array(volume.bounds_lps_mm()) - np.array(ct.bounds_lps_mm())).max()
    if apart_mm > _SAME_PLACE_MM + float(volume.spacing_mm.max()):
        raise MaskMismatch(
            f"the mask does not lie where its CT lies (up to {apart_mm:.0f} mm apart)",
            str(mask),
            "give the mask that was made on this CT",
        )
    return volume
