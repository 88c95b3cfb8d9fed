"""A mask that was turned over, shifted or made on another CT lies beside the bones, whatever its header says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import STEP_MM, MadeSpine, made_spine, save_mask
from vfscreen.errors import MaskMismatch
from vfscreen.masks import MaskKind
from vfscreen.masks.on_bone import FEWEST_PLACES, brighter_inside, check_on_bone, surface_of
from vfscreen.masks.reading import read_mask
from vfscreen.volume import Volume, reorient

LEFT, BACK, UP = 0, 1, 2


@pytest.fixture(scope="module")
def spine() -> MadeSpine:
    """One that leans, so that its mirror image lies elsewhere."""
    return made_spine(leaning_deg=15.0)


def turned_over(mask: Volume, *axes: int) -> Volume:
    return Volume(np.ascontiguousarray(np.flip(mask.voxels, axes)), mask.affine)


def shifted(mask: Volume, axis: int, by_mm: float) -> Volume:
    voxels = np.roll(mask.voxels, round(by_mm / STEP_MM), axis)
    return Volume(np.ascontiguousarray(voxels), mask.affine)


@pytest.mark.parametrize(
    ("axes", "exchanged"),
    [
        ((LEFT,), "left and right"),
        ((BACK,), "front and back"),
        ((UP,), "head and feet"),
        ((LEFT, UP), "left and right, and head and feet"),
    ],
)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_mask_that_was_turned_over_is_refused_and_what_is_exchanged_is_said(
    axes: tuple[int, ...], exchanged: str, order: tuple[int, int, int], spine: MadeSpine
) -> None:
    """In whatever order the arrays run."""
    made = Volume(_unlike_itself(spine), spine.mask.affine)
    mask, ct = (
        reorient(one, order, (-1, 1, -1)) for one in (turned_over(made, *axes), _beneath(made, spine))
    )
    with pytest.raises(MaskMismatch, match=f"only with {exchanged} exchanged") as refused:
        check_on_bone(mask, ct, "mask.nii")
    assert refused.value.where == "mask.nii"


def _unlike_itself(spine: MadeSpine) -> np.ndarray:
    """The spine's vertebrae without the lowest one, so that head and feet differ."""
    return np.where(spine.mask.voxels == int(max(spine.centres)), 0, spine.mask.voxels).astype(np.int16)


def _beneath(mask: Volume, spine: MadeSpine) -> Volume:
    """A CT with bone where the mask is alone."""
    return Volume(np.where((spine.ct.voxels > 200) & (mask.voxels == 0), 40, spine.ct.voxels), mask.affine)


@pytest.mark.parametrize("axis", [LEFT, BACK, UP])
@pytest.mark.parametrize("by_mm", [-12.0, 12.0])
def test_a_mask_beside_the_bones_is_refused(axis: int, by_mm: float, spine: MadeSpine) -> None:
    with pytest.raises(MaskMismatch, match="does not lie on the bones of this CT"):
        check_on_bone(shifted(spine.mask, axis, by_mm), spine.ct, "mask.nii")


def test_a_mask_on_a_ct_without_bones_is_refused(spine: MadeSpine) -> None:
    noise = np.random.default_rng(0).normal(40, 20, spine.ct.shape).astype(np.int16)
    with pytest.raises(MaskMismatch, match="half is chance"):
        check_on_bone(spine.mask, Volume(noise, spine.ct.affine), "mask.nii")


@pytest.mark.parametrize("leaning_deg", [0.0, 15.0])
def test_a_mask_in_its_place_passes_even_where_it_is_its_own_mirror_image(leaning_deg: float) -> None:
    spine = made_spine(leaning_deg=leaning_deg)
    check_on_bone(spine.mask, spine.ct, "mask.nii")
    assert brighter_inside(surface_of(spine.mask), spine.ct) > 0.95


def test_noise_and_a_voxel_too_much_or_too_little_do_not_matter(spine: MadeSpine) -> None:
    noise = np.random.default_rng(0).normal(0, 150, spine.ct.shape)
    noisy = Volume((spine.ct.voxels + noise).astype(np.int16), spine.ct.affine)
    for by in (-1, 1):
        check_on_bone(Volume(np.roll(spine.mask.voxels, by, UP), spine.mask.affine), noisy, "mask.nii")


def test_a_mask_that_fills_the_view_has_no_surface_and_proves_nothing(spine: MadeSpine) -> None:
    full = Volume(np.full(spine.ct.shape, 20, np.int16), spine.ct.affine)
    assert len(surface_of(full).inside) < FEWEST_PLACES
    check_on_bone(full, spine.ct, "mask.nii")


def test_an_empty_mask_has_no_surface(spine: MadeSpine) -> None:
    assert len(surface_of(Volume(np.zeros_like(spine.mask.voxels), spine.mask.affine)).inside) == 0


def test_a_mirrored_file_does_not_come_through_the_door(spine: MadeSpine, tmp_path: Path) -> None:
    path = save_mask(turned_over(spine.mask, LEFT), tmp_path / "mask.nii.gz")
    with pytest.raises(MaskMismatch, match="only with left and right exchanged"):
        read_mask(path, MaskKind.VERSE, spine.loaded())
