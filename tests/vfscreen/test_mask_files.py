"""A file of labels lies on the grid of its CT, holds whole numbers, and is whole; else it is refused in words."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_spine import made_spine, save_mask
from vfscreen.errors import MaskMismatch, UnreadableFile
from vfscreen.masks import MaskKind, MaskSet
from vfscreen.masks.grid import onto_grid
from vfscreen.masks.reading import read_mask
from vfscreen.volume import Volume, reorient

SPINE = made_spine()
TURNS = st.tuples(st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3))


def read(path: Path) -> MaskSet:
    return read_mask(path, MaskKind.AUTO, SPINE.loaded())


def moved(mask: Volume, by_mm: tuple[float, float, float]) -> Volume:
    affine = mask.affine.copy()
    affine[:3, 3] += by_mm
    return Volume(mask.voxels, affine)


def coarser(mask: Volume, factor: int = 2) -> Volume:
    """Every other voxel of the mask, as programs write that work on a coarse grid."""
    affine = mask.affine @ np.diag([factor, factor, factor, 1.0])
    return Volume(np.ascontiguousarray(mask.voxels[::factor, ::factor, ::factor]), affine)


@settings(max_examples=20, deadline=None)
@given(turn=TURNS)
def test_the_order_of_the_array_does_not_matter(turn: tuple[list[int], tuple[int, int, int]]) -> None:
    first, second, third = turn[0]
    turned = reorient(SPINE.mask, (first, second, third), turn[1])
    placed, said = onto_grid(turned, SPINE.ct, "mask")
    assert said == ()
    assert (placed.voxels == SPINE.mask.voxels).all()
    assert placed.affine is SPINE.ct.affine


def test_affines_that_differ_by_rounding_are_the_same_grid(tmp_path: Path) -> None:
    saved = save_mask(moved(SPINE.mask, (0.01, -0.02, 0.1)), tmp_path / "m.nii.gz")
    assert (read(saved).labels.voxels == SPINE.mask.voxels).all()


@pytest.mark.parametrize("by_mm", [(0.0, 0.0, 1.5), (0.7, 0.0, 0.0), (0.0, 200.0, 0.0)])
def test_a_mask_at_another_place_is_refused(by_mm: tuple[float, float, float], tmp_path: Path) -> None:
    saved = save_mask(moved(SPINE.mask, by_mm), tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match="lies on another grid") as refused:
        read(saved)
    assert refused.value.where == str(saved)
    assert "from this very CT" in refused.value.todo


def test_a_part_of_the_grid_is_refused(tmp_path: Path) -> None:
    part = Volume(np.ascontiguousarray(SPINE.mask.voxels[:, :, :-6]), SPINE.mask.affine)
    with pytest.raises(MaskMismatch, match="another grid"):
        read(save_mask(part, tmp_path / "m.nii.gz"))


def test_a_turned_grid_is_refused(tmp_path: Path) -> None:
    angle = np.deg2rad(5)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    tilted = Volume(SPINE.mask.voxels, turn @ SPINE.mask.affine)
    with pytest.raises(MaskMismatch, match="another grid"):
        read(save_mask(tilted, tmp_path / "m.nii.gz"))


def test_another_resolution_of_the_same_box_is_read_off_and_said(tmp_path: Path) -> None:
    mask = read(save_mask(coarser(SPINE.mask), tmp_path / "m.nii.gz"))
    assert mask.labels.shape == SPINE.ct.shape
    assert mask.voxel_mm == pytest.approx(3.0)
    assert any("voxels of 3 x 3 x 3 mm" in sentence for sentence in mask.warnings)
    both = (mask.labels.voxels > 0) & (SPINE.mask.voxels > 0)
    assert 2 * both.sum() / ((mask.labels.voxels > 0).sum() + (SPINE.mask.voxels > 0).sum()) > 0.85


def test_whole_numbers_kept_as_floats_are_labels(tmp_path: Path) -> None:
    saved = save_mask(SPINE.mask, tmp_path / "m.nii.gz", dtype=np.float64)
    assert (read(saved).labels.voxels == SPINE.mask.voxels).all()


def test_probabilities_are_no_labels(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(
        (SPINE.mask.voxels > 0) * np.float32(0.37), np.diag([-1.0, -1.0, 1.0, 1.0]) @ SPINE.mask.affine
    )
    nibabel.save(image, tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match=r"holds 0\.37, which is no label"):
        read(tmp_path / "m.nii.gz")


def test_the_ct_itself_is_no_mask(tmp_path: Path) -> None:
    saved = save_mask(SPINE.ct, tmp_path / "ct.nii.gz", dtype=np.int16)
    with pytest.raises(MaskMismatch, match="holds -1000, which is no label"):
        read(saved)


def test_an_empty_mask_is_refused(tmp_path: Path) -> None:
    empty = Volume(np.zeros_like(SPINE.mask.voxels), SPINE.mask.affine)
    with pytest.raises(MaskMismatch, match="the mask is empty"):
        read(save_mask(empty, tmp_path / "m.nii.gz"))


def test_a_mask_cut_short_is_refused(tmp_path: Path) -> None:
    saved = save_mask(SPINE.mask, tmp_path / "m.nii.gz")
    saved.write_bytes(saved.read_bytes()[:-900])
    with pytest.raises(UnreadableFile, match="damaged or cut short"):
        read(saved)


def test_noise_under_the_name_of_a_mask_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.nii").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(UnreadableFile, match="damaged or cut short"):
        read(tmp_path / "m.nii")


def test_several_volumes_in_one_file_are_refused(tmp_path: Path) -> None:
    four = np.stack([SPINE.mask.voxels] * 3, -1)
    nibabel.save(nibabel.Nifti1Image(four, np.diag([-1.0, -1.0, 1.0, 1.0])), tmp_path / "m.nii.gz")
    with pytest.raises(MaskMismatch, match="not one mask but an array of"):
        read(tmp_path / "m.nii.gz")


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="the mask: there is no such file"):
        read(tmp_path / "nowhere.nii.gz")


def test_a_mask_in_nrrd_is_read(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(SPINE.mask.voxels.transpose(2, 1, 0)))
    image.SetSpacing([float(value) for value in SPINE.mask.spacing_mm])
    image.SetOrigin([float(value) for value in SPINE.mask.affine[:3, 3]])
    SimpleITK.WriteImage(image, str(tmp_path / "m.nrrd"))
    assert (read(tmp_path / "m.nrrd").labels.voxels == SPINE.mask.voxels).all()


def test_the_same_labels_have_the_same_name_in_any_file(tmp_path: Path) -> None:
    one = read(save_mask(SPINE.mask, tmp_path / "one.nii.gz"))
    other = read(save_mask(SPINE.mask, tmp_path / "other.nii", dtype=np.int32))
    assert one.name() == other.name()
