"""A folder with one file a structure, as TotalSegmentator writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import made_spine, save_mask, save_structures
from vfscreen.anatomy import Level
from vfscreen.errors import MaskMismatch, UnreadableFile
from vfscreen.masks import MaskKind, MaskSet
from vfscreen.masks.reading import read_mask
from vfscreen.volume import Volume

SPINE = made_spine()


def read(folder: Path) -> MaskSet:
    return read_mask(folder, MaskKind.AUTO, SPINE.loaded())


def test_the_files_of_vertebrae_are_taken_and_all_others_passed_over(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    (tmp_path / "liver.nii.gz").write_bytes(b"not even a picture")
    (tmp_path / "statistics.json").write_text("{}", encoding="utf-8")
    mask = read(tmp_path)
    assert mask.form == "structures"
    assert (mask.labels.voxels == SPINE.mask.voxels).all()


def test_structures_that_are_out_of_view_are_empty_files(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    nothing = Volume(np.zeros_like(SPINE.mask.voxels), SPINE.mask.affine)
    save_mask(nothing, tmp_path / "vertebrae_T1.nii.gz")
    assert (read(tmp_path).labels.voxels == SPINE.mask.voxels).all()


def test_the_folder_of_a_case_may_hold_them_in_segmentations(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path / "segmentations")
    assert (read(tmp_path).labels.voxels == SPINE.mask.voxels).all()


def test_s1_beside_the_sacrum_is_part_of_it(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    top = Volume((SPINE.mask.voxels == int(Level.L3)).astype(np.int16), SPINE.mask.affine)
    save_mask(top, tmp_path / "vertebrae_S1.nii.gz")
    assert (read(tmp_path).labels.voxels == SPINE.mask.voxels).all()


def test_two_files_of_one_vertebra_are_refused(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    save_structures(SPINE.mask, tmp_path, prefix="old_")
    with pytest.raises(MaskMismatch, match=r"two files of L1: old_L1\.nii\.gz and vertebrae_L1\.nii\.gz"):
        read(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    damaged = tmp_path / "vertebrae_L1.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    with pytest.raises(UnreadableFile, match="damaged or cut short") as refused:
        read(tmp_path)
    assert refused.value.where == str(damaged)


def test_a_file_on_another_grid_is_named(tmp_path: Path) -> None:
    save_structures(SPINE.mask, tmp_path)
    other = made_spine((Level.L1, Level.L2))
    save_mask(other.mask, tmp_path / "vertebrae_L2.nii.gz")
    with pytest.raises(MaskMismatch, match="another grid") as refused:
        read(tmp_path)
    assert refused.value.where == str(tmp_path / "vertebrae_L2.nii.gz")


def test_a_folder_without_vertebrae_is_refused(tmp_path: Path) -> None:
    save_mask(SPINE.mask, tmp_path / "liver.nii.gz")
    with pytest.raises(MaskMismatch, match="no mask of a vertebra in this folder"):
        read(tmp_path)


def test_structures_of_nothing_are_refused(tmp_path: Path) -> None:
    nothing = Volume(np.zeros_like(SPINE.mask.voxels), SPINE.mask.affine)
    save_mask(nothing, tmp_path / "vertebrae_L1.nii.gz")
    with pytest.raises(MaskMismatch, match=r"no thoracic or lumbar vertebra \(nothing\)"):
        read(tmp_path)
