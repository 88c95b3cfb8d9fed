"""The published system's patches, channels and views, against what its code says they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.published.augment import random_view, shifted, turned, with_cuts, with_intensity, zoomed
from models.published.bank import cut_missing, of_split, splits_of, stored_patches
from models.published.channels import as_input, channels_of, fitted, plain_view
from models.published.config import PUBLISHED, Augmentation, Head, SplitConfig, read_config
from models.published.patches import Patch, aligned, cut_patch
from tests.made_layouts import MadeScan, made_scan, write_image, write_published_set
from vfscreen.anatomy import Level
from vfscreen.cases import Split
from vfscreen.errors import NotEnoughLabels
from vfscreen.layouts import LabelledScan, find_layout
from vfscreen.volume import Volume, reorient

SIDE = 32
SETTINGS = Augmentation(cut_voxels=5, shift_voxels=3)


@pytest.fixture(scope="module")
def scan() -> MadeScan:
    return made_scan({19: 0, 20: 50})


@pytest.fixture(scope="module")
def patch(scan: MadeScan) -> Patch:
    return cut_patch(*on_grid(scan), Level.T12, SIDE)


def on_grid(scan: MadeScan) -> tuple[Volume, np.ndarray]:
    return aligned(scan.ct, Volume(scan.mask.astype(np.int16), scan.ct.affine))


def test_the_settings_are_those_of_the_released_code():
    config = read_config(PUBLISHED)
    assert (config.net.side, config.net.embedding) == (128, 128)
    training = config.training
    assert (training.learning_rate, training.momentum, training.weight_decay) == (0.005, 0.9, 1e-4)
    assert (training.milestones, training.decay, training.temperature) == ((800, 900), 0.1, 0.07)
    assert (training.supcon_weight, training.cross_entropy_weight) == (1.0, 1.0)
    assert (training.per_grade, training.head, training.gather) == (3, Head.PROBE, False)
    assert config.augmentation == Augmentation()


def test_a_patch_is_the_square_round_the_whole_vertebra(scan: MadeScan, patch: Patch):
    # 20 voxels across the body, 29 from its front to the end of the arch: the square is 29 wide.
    assert patch.voxels.shape == (SIDE, SIDE, round(12 * SIDE / 29))
    assert patch.mask.any(axis=(1, 2)).mean() == pytest.approx(20 / 29, abs=2 / SIDE)
    assert patch.mask.any(axis=(0, 2)).all() and patch.mask.any(axis=(0, 1)).all()
    assert patch.voxels[patch.mask > 0].mean() == pytest.approx(350, abs=30)


def test_a_crush_shows_as_the_ratio_of_height_to_width_alone(scan: MadeScan, patch: Patch):
    pressed = cut_patch(*on_grid(scan), Level.L1, SIDE)
    assert pressed.voxels.shape[:2] == patch.voxels.shape[:2]
    assert pressed.voxels.shape[2] == pytest.approx(patch.voxels.shape[2] / 2, abs=1)


def test_it_does_not_matter_how_the_array_lies(scan: MadeScan, patch: Patch):
    labels = Volume(scan.mask.astype(np.int16), scan.ct.affine)
    lain = [reorient(one, (1, 2, 0), (1, -1, -1)) for one in (scan.ct, labels)]
    again = cut_patch(*aligned(lain[0], lain[1]), Level.T12, SIDE)
    assert np.array_equal(again.mask, patch.mask)
    assert np.abs(again.voxels.astype(int) - patch.voxels).max() <= 1


def test_a_step_that_differs_along_the_spine_is_made_equal(scan: MadeScan, patch: Patch):
    affine = scan.ct.affine.copy()
    affine[:3, 2] *= 2
    every_other = Volume(np.ascontiguousarray(scan.ct.voxels[:, :, ::2]), affine)
    labels = Volume(np.ascontiguousarray(scan.mask[:, :, ::2].astype(np.int16)), affine)
    thick = cut_patch(*aligned(every_other, labels), Level.T12, SIDE)
    assert thick.voxels.shape[2] == pytest.approx(patch.voxels.shape[2], abs=3)


def test_beyond_the_edge_of_the_scan_there_is_nothing(scan: MadeScan):
    narrow = slice(0, 30)
    cut = Volume(np.ascontiguousarray(scan.ct.voxels[10:30, narrow]), scan.ct.affine)
    labels = Volume(np.ascontiguousarray(scan.mask[10:30, narrow].astype(np.int16)), scan.ct.affine)
    patch = cut_patch(*aligned(cut, labels), Level.T12, SIDE)
    assert patch.voxels.shape[0] == patch.voxels.shape[1] == SIDE
    assert not patch.voxels[0].any()


def test_a_vertebra_that_the_mask_lacks_is_refused(scan: MadeScan):
    with pytest.raises(ValueError, match="no L5"):
        cut_patch(*on_grid(scan), Level.L5, SIDE)


def test_the_channels_are_two_windows_and_the_mask():
    values = np.array([-1000, -60, 40, 140, 400, 1150, 3000], np.int16).reshape(7, 1, 1)
    channels = channels_of(Patch(values, np.ones((7, 1, 1), np.uint8), Level.L1))
    assert channels[0].ravel().tolist() == pytest.approx([0, 0, 0.5, 1, 1, 1, 1])
    assert channels[1].ravel().tolist() == pytest.approx([0, 290 / 1500, 390 / 1500, 490 / 1500, 0.5, 1, 1])


@pytest.mark.parametrize(("level", "brightness"), [(Level.C1, 1 / 28), (Level.L1, 20 / 28), (Level.T13, 1.0)])
def test_the_level_is_the_brightness_of_the_mask(level: Level, brightness: float):
    ones = np.ones((3, 2, 2, 2), np.float32)
    seen = as_input(ones, level)
    assert seen[2].max() == pytest.approx(brightness)
    assert seen[:2].min() == 1.0


def test_the_plain_view_is_centred_and_its_first_axis_runs_to_the_head(patch: Patch):
    view = plain_view(patch, SIDE)
    assert view.shape == (3, SIDE, SIDE, SIDE)
    height = patch.voxels.shape[2]
    there = np.flatnonzero(view[2].any(axis=(1, 2)))
    assert (there[0], there[-1] + 1) == ((SIDE - height) // 2, (SIDE - height) // 2 + height)


def test_what_is_longer_than_the_cube_is_cropped_to_its_middle():
    long = np.arange(3 * 4 * 4 * 10, dtype=np.float32).reshape(3, 4, 4, 10)
    assert np.array_equal(fitted(long, 4), long[..., 3:7])


def test_the_same_seed_gives_the_same_view_and_another_another(patch: Patch):
    first, again = (random_view(patch, SIDE, np.random.default_rng(1), SETTINGS) for _ in range(2))
    other = random_view(patch, SIDE, np.random.default_rng(2), SETTINGS)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (3, SIDE, SIDE, SIDE) and first.dtype == np.float32
    assert first.min() >= 0.0 and first.max() <= 1.0


def test_views_leave_the_patch_as_it_was(patch: Patch):
    voxels, mask = patch.voxels.copy(), patch.mask.copy()
    for seed in range(5):
        random_view(patch, SIDE, np.random.default_rng(seed), SETTINGS)
    assert np.array_equal(patch.voxels, voxels) and np.array_equal(patch.mask, mask)


def test_cuts_blank_all_channels_and_are_no_longer_than_allowed():
    whole = np.ones((3, 30, 30, 15), np.float32)
    settings = Augmentation(cut_voxels=6, cut_boxes=1, cut_share=1.0)
    for seed in range(20):
        cut = with_cuts(whole, np.random.default_rng(seed), settings)
        gone = np.argwhere(cut == 0)
        if len(gone):
            assert (np.ptp(gone[:, 1:], axis=0) < (6, 6, 3)).all()
            assert set(gone[:, 0]) == {0, 1, 2}


def test_noise_and_brightness_leave_the_mask_alone(patch: Patch):
    channels = channels_of(patch)
    varied = with_intensity(channels, np.random.default_rng(0), SETTINGS)
    assert np.array_equal(varied[2], channels[2])
    assert 0.005 < np.abs(varied[:2] - channels[:2]).mean() < 0.1


def test_a_zoom_keeps_the_ratio_of_height_to_width(patch: Patch):
    channels = channels_of(patch)
    for seed in range(5):
        larger = zoomed(channels, np.random.default_rng(seed), SETTINGS)
        ratio = larger.shape[3] / larger.shape[1]
        assert ratio == pytest.approx(channels.shape[3] / channels.shape[1], abs=0.03)


def test_turning_loses_no_corner_and_shifting_stays_within_its_bound(patch: Patch):
    channels = channels_of(patch)
    larger = turned(channels, np.random.default_rng(3), SETTINGS)
    assert all(after >= before for before, after in zip(channels.shape, larger.shape, strict=True))
    assert larger[2].sum() == pytest.approx(channels[2].sum(), rel=0.15)
    moved = shifted(channels, np.random.default_rng(3), SETTINGS)
    assert moved.shape == channels.shape


def test_patients_never_stand_on_two_sides(tmp_path: Path):
    scans = [
        LabelledScan(f"verse{n}{series}", f"verse{n}", tmp_path / "ct.nii.gz")
        for n in range(60)
        for series in "ab"
    ]
    splits = splits_of(scans, SplitConfig())
    assert set(splits) == {f"verse{n}" for n in range(60)}
    assert set(splits.values()) == set(Split)
    assert splits_of(scans[::-1], SplitConfig()) == splits


def test_a_set_with_its_own_split_keeps_it(tmp_path: Path):
    parts = ["training", "validation", "test"]
    scans = [LabelledScan(part, part, tmp_path / "ct.nii.gz", part=part) for part in parts]
    assert list(splits_of(scans, SplitConfig()).values()) == [Split.TRAIN, Split.HELD_OUT, Split.TEST]


def test_a_patient_in_two_parts_of_a_split_makes_it_be_drawn_anew(tmp_path: Path):
    scans = [
        LabelledScan(f"{patient}-{part}", patient, tmp_path / "ct.nii.gz", part=part)
        for patient, part in [("a", "training"), ("a", "test"), ("b", "training")]
    ]
    assert len(splits_of(scans, SplitConfig())) == 2


def test_patches_are_cut_once_and_what_cannot_be_cut_is_named(tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": {19: 0, 20: 2}, "b": {20: 1}})
    (folder / "annotation.yaml").write_text("a: {19: 0, 20: 2, 24: 1}\nb: {20: 1}\n", encoding="utf-8")
    found = find_layout(folder)
    assert found is not None
    refused = list(cut_missing(found.scans, tmp_path / "patches", SIDE))
    assert [one.reason for one in refused] == ["the mask holds no L5, which is graded"]
    stored = stored_patches(found.scans, tmp_path / "patches", SIDE, SplitConfig())
    assert [(one.patient, one.level, int(one.grade)) for one in stored] == [
        ("a", Level.T12, 0), ("a", Level.L1, 2), ("b", Level.L1, 1),
    ]  # fmt: skip
    assert stored[0].read().voxels.shape[:2] == (SIDE, SIDE)
    changed = stored[0].path.stat().st_mtime_ns
    list(cut_missing(found.scans, tmp_path / "patches", SIDE))
    assert stored[0].path.stat().st_mtime_ns == changed


def test_a_mask_of_another_place_is_refused(tmp_path: Path):
    folder = write_published_set(tmp_path / "set", {"a": {19: 0}})
    scan = made_scan({19: 0})
    affine = scan.ct.affine.copy()
    affine[:3, 3] += 40.0
    write_image(folder / "seg" / "a.nii.gz", scan.mask, affine)
    found = find_layout(folder)
    assert found is not None
    (refusal,) = cut_missing(found.scans, tmp_path / "patches", SIDE)
    assert "does not lie where its CT lies (up to 40 mm apart)" in refusal.reason


def test_a_split_without_patients_says_so():
    with pytest.raises(NotEnoughLabels, match="held_out"):
        of_split((), Split.HELD_OUT)
