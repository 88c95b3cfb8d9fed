"""Bodies from a given mask: its levels, its shapes, the endplates of the CT, and in words what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.made_spine import BODY_MM, MadeSpine, made_spine, renumbered, save_mask
from vfscreen.anatomy import Level
from vfscreen.findings import Vertebra
from vfscreen.masks import BodiesFrom, MaskKind, MaskSet
from vfscreen.masks.mask_localiser import NOT_ITS_CT, MaskLocaliser, load_mask
from vfscreen.ports import Located
from vfscreen.volume import Volume


def located(spine: MadeSpine, mask: Volume | None = None) -> Located:
    labels = spine.mask if mask is None else mask
    return MaskLocaliser("mask", MaskSet(labels, "verse", 1.5)).locate(spine.ct)


def by_level(found: Located) -> Mapping[Level, Vertebra]:
    return {body.level: body for body in found.vertebrae}


@pytest.mark.parametrize("leaning_deg", [0.0, 20.0])
def test_every_vertebra_is_found_named_and_measured(leaning_deg: float) -> None:
    spine = made_spine(leaning_deg=leaning_deg)
    found = located(spine)
    assert found.refusals == () and found.warnings == ()
    assert [body.level for body in found.vertebrae] == list(spine.centres)
    for body in found.vertebrae:
        assert body.level_certain and body.whole and body.heights is not None
        assert np.linalg.norm(body.centre_lps_mm - spine.centres[body.level]) < 2.0
        assert body.uncertainty_mm is not None
        np.testing.assert_allclose(body.heights.array(), BODY_MM, atol=body.uncertainty_mm)


def test_endplates_go_to_the_edge_of_the_ct_where_the_mask_is_too_generous() -> None:
    spine = made_spine(step_mm=1.0)
    grown = spine.mask.voxels.copy()
    for number in np.unique(grown[grown > 0]):
        grown[:, :, :-1][(grown[:, :, 1:] == number) & (grown[:, :, :-1] == 0)] = number
    tight, loose = located(spine), located(spine, Volume(grown, spine.mask.affine))
    for one, other in zip(tight.vertebrae, loose.vertebrae, strict=True):
        assert one.heights is not None and other.heights is not None
        assert 0.0 <= other.heights.middle - one.heights.middle < 0.6  # of the millimetre that was added


def test_a_collapsed_body_keeps_its_place_and_its_shape() -> None:
    spine = made_spine(anterior_mm={Level.L1: 12.0})
    body = by_level(located(spine))[Level.L1]
    assert body.heights is not None
    assert body.heights.anterior < 0.65 * body.heights.posterior


@pytest.mark.parametrize(
    "levels",
    [
        (Level.T12, Level.T13, Level.L1),
        (Level.L5, Level.L6),
        (Level.T10, Level.T11, Level.L1, Level.L2),
    ],
)
def test_a_t13_an_l6_and_a_missing_t12_are_what_the_mask_says(levels: tuple[Level, ...]) -> None:
    found = located(made_spine(levels))
    assert [body.level for body in found.vertebrae] == list(levels)
    assert found.refusals == ()


def test_a_vertebra_that_the_mask_leaves_out_is_told() -> None:
    spine = made_spine()
    numbers = {level: int(level) for level in spine.centres if level is not Level.L1}
    found = located(spine, renumbered(spine.mask, numbers))
    assert [body.level for body in found.vertebrae] == [Level.T12, Level.L2, Level.L3]
    assert [(refusal.where, refusal.reason) for refusal in found.refusals] == [
        ("L1", "not in the mask, though there is room for it")
    ]


def test_bodies_at_the_edge_of_the_view_are_not_measured() -> None:
    spine = made_spine(margin_mm=0.0)
    found = by_level(located(spine))
    assert not found[Level.T12].whole and found[Level.T12].points is None
    assert found[Level.L1].whole and found[Level.L2].whole
    assert {refusal.where for refusal in located(spine).refusals} == {"T12", "L3"}


def test_a_process_that_hangs_into_the_view_is_no_body() -> None:
    spine = made_spine(margin_mm=0.0)
    voxels = spine.mask.voxels.copy()
    front, back = (
        spine.mask.indices_of(np.array(corner)).round().astype(int)
        for corner in ([-10.0, 28.0, 0.0], [10.0, 48.0, 0.0])
    )
    voxels[front[0] : back[0], front[1] : back[1], -14:-3] = int(Level.T11)
    found = located(spine, Volume(voxels, spine.mask.affine))
    assert not by_level(found)[Level.T11].whole and by_level(found)[Level.T11].points is None
    assert ("T11", "cut by the edge of the scan") in [(r.where, r.reason) for r in found.refusals]


def test_a_sliver_is_refused_by_its_name() -> None:
    spine = made_spine()
    voxels = spine.mask.voxels.copy()
    voxels[18:22, 20:24, -3:] = int(Level.T11)
    found = located(spine, Volume(voxels, spine.mask.affine))
    assert Level.T11 not in by_level(found)
    assert ("T11", "only a sliver of it is in the mask") in [(r.where, r.reason) for r in found.refusals]


def test_something_too_flat_for_endplates_is_told_and_not_measured() -> None:
    spine = made_spine()
    voxels = np.where(spine.mask.voxels == int(Level.L1), 0, spine.mask.voxels)
    middle = round(float(spine.mask.indices_of(spine.centres[Level.L1])[2]))
    voxels[5:35, 14:34, middle : middle + 2] = int(Level.L1)
    found = located(spine, Volume(voxels.astype(np.int16), spine.mask.affine))
    assert by_level(found)[Level.L1].points is None
    assert "its endplates cannot be read off the mask" in [refusal.reason for refusal in found.refusals]


def test_a_mask_whose_endplates_the_ct_does_not_show_is_doubted() -> None:
    spine = made_spine()
    flat = Volume(np.full(spine.ct.shape, 40, np.int16), spine.ct.affine)
    found = MaskLocaliser("mask", MaskSet(spine.mask, "verse", 1.5)).locate(flat)
    assert NOT_ITS_CT in found.warnings


def test_a_coarse_mask_is_less_certain() -> None:
    spine = made_spine()
    fine, coarse = (
        MaskLocaliser("mask", MaskSet(spine.mask, "verse", voxel_mm)).locate(spine.ct)
        for voxel_mm in (1.5, 3.0)
    )
    pairs = zip(fine.vertebrae, coarse.vertebrae, strict=True)
    assert all((one.uncertainty_mm or 0.0) < (other.uncertainty_mm or 0.0) for one, other in pairs)


def test_the_id_says_what_kind_of_mask_it_was(tmp_path: Path) -> None:
    spine = made_spine()
    saved = save_mask(spine.mask, tmp_path / "m.nii.gz")
    localiser = load_mask(BodiesFrom(saved, MaskKind.AUTO), spine.loaded(), lambda *_: None)
    assert localiser.name.startswith("mask-verse-")
    assert len(localiser.locate(spine.ct).vertebrae) == 4
