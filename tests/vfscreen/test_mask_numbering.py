"""Whose numbers a mask uses is found out from what it holds, or asked; never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import made_spine, renumbered, save_mask
from vfscreen.anatomy import TOTALSEGMENTATOR, TOTALSEGMENTATOR_1, Level
from vfscreen.errors import MaskMismatch
from vfscreen.masks import MaskKind
from vfscreen.masks.reading import read_mask
from vfscreen.volume import Volume

SPINE = made_spine()
NUMBERS = {level: number for number, level in TOTALSEGMENTATOR.items() if level is not Level.SACRUM}
OLD_NUMBERS = {level: number for number, level in TOTALSEGMENTATOR_1.items() if level is not Level.SACRUM}


def read(mask: Volume, path: Path, kind: MaskKind = MaskKind.AUTO) -> np.ndarray:
    return read_mask(save_mask(mask, path), kind, SPINE.loaded()).labels.voxels


def with_organ(mask: Volume, number: int) -> Volume:
    """The mask with some organ in a corner in front of the spine."""
    voxels = mask.voxels.copy()
    voxels[2:8, 2:6, 2:8] = number
    return Volume(voxels, mask.affine)


def test_numbers_of_verse_are_levels_as_they_are(tmp_path: Path) -> None:
    mask = read_mask(save_mask(SPINE.mask, tmp_path / "m.nii.gz"), MaskKind.AUTO, SPINE.loaded())
    assert mask.form == "verse" and mask.name().startswith("mask-verse-")
    assert (mask.labels.voxels == SPINE.mask.voxels).all()


def test_verse_masks_with_sacrum_and_coccyx_keep_the_sacrum_alone(tmp_path: Path) -> None:
    spine = made_spine((Level.L4, Level.L5))
    voxels = spine.mask.voxels.copy()
    voxels[16:24, 20:30, :4] = 26
    voxels[16:24, 32:36, :4] = 27
    saved = save_mask(Volume(voxels, spine.mask.affine), tmp_path / "m.nii.gz")
    found = np.unique(read_mask(saved, MaskKind.AUTO, spine.loaded()).labels.voxels)
    assert found.tolist() == [0, 23, 24, 26]


def test_numbers_of_totalsegmentator_with_organs_are_recognised(tmp_path: Path) -> None:
    mask = with_organ(renumbered(SPINE.mask, NUMBERS), 116)
    assert (read(mask, tmp_path / "m.nii.gz") == SPINE.mask.voxels).all()


def test_numbers_of_its_first_version_are_recognised_where_they_reach_l5(tmp_path: Path) -> None:
    spine = made_spine((Level.L3, Level.L4, Level.L5))
    saved = save_mask(renumbered(spine.mask, OLD_NUMBERS), tmp_path / "m.nii.gz")
    mask = read_mask(saved, MaskKind.AUTO, spine.loaded())
    assert mask.form == "totalsegmentator-v1"
    assert (mask.labels.voxels == spine.mask.voxels).all()


def test_numbers_that_both_versions_know_are_asked_about(tmp_path: Path) -> None:
    spine = made_spine((Level.T5, Level.T6, Level.T7, Level.T8), body_mm=14.0)
    saved = save_mask(renumbered(spine.mask, OLD_NUMBERS), tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match="TotalSegmentator and TotalSegmentator version 1") as refused:
        read_mask(saved, MaskKind.AUTO, spine.loaded())
    assert "--mask-kind totalsegmentator or --mask-kind totalsegmentator-v1" in refused.value.todo
    told = read_mask(saved, MaskKind.TOTALSEGMENTATOR_1, spine.loaded())
    assert (told.labels.voxels == spine.mask.voxels).all()
    other = read_mask(saved, MaskKind.TOTALSEGMENTATOR, spine.loaded())
    assert np.unique(other.labels.voxels).tolist() == [0, 21, 22, 23, 24]


def test_vertebrae_too_far_apart_for_the_levels_of_version_1_are_of_the_present_one(tmp_path: Path) -> None:
    mask = renumbered(SPINE.mask, NUMBERS)
    assert (read(mask, tmp_path / "m.nii.gz") == SPINE.mask.voxels).all()


def test_a_row_that_goes_on_beyond_the_numbers_of_version_1_is_of_the_present_one(tmp_path: Path) -> None:
    spine = made_spine((Level.C7, Level.T1, Level.T2, Level.T3), body_mm=12.0)
    saved = save_mask(renumbered(spine.mask, NUMBERS), tmp_path / "m.nii.gz")
    assert read_mask(saved, MaskKind.AUTO, spine.loaded()).form == "totalsegmentator"


def test_a_single_label_says_too_little(tmp_path: Path) -> None:
    spine = made_spine((Level.L1,))
    saved = save_mask(spine.mask, tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match="not VerSe: its L1 alone says too little; not TotalSegm"):
        read_mask(saved, MaskKind.AUTO, spine.loaded())
    assert (read_mask(saved, MaskKind.VERSE, spine.loaded()).labels.voxels == spine.mask.voxels).all()


def test_names_in_the_header_settle_it(tmp_path: Path) -> None:
    names = {number: f"vertebrae_{level}" for level, number in NUMBERS.items()} | {52: "aorta"}
    saved = save_mask(with_organ(renumbered(SPINE.mask, NUMBERS), 52), tmp_path / "m.nii.gz", names=names)
    mask = read_mask(saved, MaskKind.AUTO, SPINE.loaded())
    assert mask.form == "named"
    assert (mask.labels.voxels == SPINE.mask.voxels).all()


def test_a_label_that_the_header_does_not_name_is_refused(tmp_path: Path) -> None:
    names = {number: f"vertebrae_{level}" for level, number in NUMBERS.items()}
    saved = save_mask(with_organ(renumbered(SPINE.mask, NUMBERS), 52), tmp_path / "m.nii.gz", names=names)
    with pytest.raises(MaskMismatch, match=r"contradicts the names .* no label 52"):
        read_mask(saved, MaskKind.AUTO, SPINE.loaded())


@pytest.mark.parametrize("number", [29, 99, 200])
def test_an_unknown_label_is_named(number: int, tmp_path: Path) -> None:
    with pytest.raises(
        MaskMismatch, match=f"what the mask's labels mean .*not VerSe: it has no label {number}"
    ):
        read(with_organ(SPINE.mask, number), tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match=f"numbers of VerSe: it has no label {number}"):
        read(with_organ(SPINE.mask, number), tmp_path / "m.nii.gz", MaskKind.VERSE)


def test_numbers_that_run_upwards_are_not_those_of_verse(tmp_path: Path) -> None:
    upside_down = {level: 24 - k for k, level in enumerate(SPINE.centres)}
    with pytest.raises(MaskMismatch, match="its L2 would lie below its L3"):
        read(renumbered(SPINE.mask, upside_down), tmp_path / "m.nii.gz", MaskKind.VERSE)


def test_organs_alone_are_no_mask_of_vertebrae(tmp_path: Path) -> None:
    organs = Volume(np.where(SPINE.mask.voxels == 20, 5, 0).astype(np.int16), SPINE.mask.affine)
    with pytest.raises(MaskMismatch, match="no vertebra among the labels"):
        read(organs, tmp_path / "m.nii.gz", MaskKind.TOTALSEGMENTATOR)


def test_cervical_vertebrae_alone_are_nothing_to_screen(tmp_path: Path) -> None:
    spine = made_spine((Level.C5, Level.C6))
    with pytest.raises(MaskMismatch, match=r"no thoracic or lumbar vertebra \(C5, C6\)"):
        read_mask(save_mask(spine.mask, tmp_path / "m.nii.gz"), MaskKind.VERSE, spine.loaded())


def test_t13_and_l6_are_in_their_place(tmp_path: Path) -> None:
    spine = made_spine((Level.T12, Level.T13, Level.L1))
    mask = read_mask(save_mask(spine.mask, tmp_path / "m.nii.gz"), MaskKind.AUTO, spine.loaded())
    assert np.unique(mask.labels.voxels).tolist() == [0, 19, 20, 28]


def test_a_sliver_at_the_edge_of_the_view_does_not_upset_the_order(tmp_path: Path) -> None:
    voxels = SPINE.mask.voxels.copy()
    voxels[18:22, 50:53, 60:70] = int(Level.T11)  # the tip of its spinous process, behind L1
    sliver = Volume(voxels, SPINE.mask.affine)
    assert (read(sliver, tmp_path / "m.nii.gz") == voxels).all()
