"""The bundled weights on the demo CT, which is one of their training cases: that they work, not how well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.localiser import BUNDLED, load_localiser
from models.localiser.locate import NO_SPINE, UPSIDE_DOWN
from vfscreen.anatomy import Level, level_of
from vfscreen.errors import WeightsDamaged
from vfscreen.volume import Volume, reorient, sagittal_first

if TYPE_CHECKING:
    from vfscreen.ports import Localiser, Located

CENTRES = Path(__file__).parent.parent / "data" / "demo_centres.json"


@pytest.fixture(scope="module")
def localiser() -> Localiser:
    return load_localiser()


@pytest.fixture(scope="module")
def located(localiser: Localiser, demo_volume: Volume) -> Located:
    return localiser.locate(demo_volume)


@pytest.fixture(scope="module")
def upright(demo_volume: Volume) -> Volume:
    """The demo CT with array axes left, posterior, superior."""
    return reorient(demo_volume, (0, 1, 2), (1, 1, 1))


def true_centres() -> dict[Level, np.ndarray]:
    places = json.loads(CENTRES.read_text(encoding="utf-8"))["centres_lps_mm"]
    return {level_of(name): np.array(place) for name, place in places.items()}


def test_thirteen_or_more_of_t1_to_l2_are_rightly_named_within_6_mm(located: Located) -> None:
    found = {body.level: body.centre_lps_mm for body in located.vertebrae}
    near = [
        level for level, place in true_centres().items() if np.linalg.norm(found.get(level, 999) - place) < 6
    ]
    assert len(near) >= 13


def test_bodies_come_from_the_head_down_with_consecutive_names(located: Located) -> None:
    heights = [body.centre_lps_mm[2] for body in located.vertebrae]
    assert heights == sorted(heights, reverse=True)
    ranks = [body.level.rank for body in located.vertebrae if body.level.rank <= Level.T12.rank]
    assert ranks == list(range(ranks[0], ranks[0] + len(ranks)))


def test_a_header_that_swaps_head_and_feet_is_told(
    localiser: Localiser, located: Located, demo_volume: Volume
) -> None:
    affine = demo_volume.affine.copy()
    affine[2] *= -1
    turned = localiser.locate(Volume(demo_volume.voxels, affine))
    assert UPSIDE_DOWN not in located.warnings
    assert turned.warnings[0] == UPSIDE_DOWN
    assert not any(body.level_certain for body in turned.vertebrae)


def test_whole_bodies_have_points_heights_and_an_uncertainty(located: Located) -> None:
    for body in located.vertebrae:
        if body.whole:
            assert body.points is not None
            assert body.axes is not None
            assert body.heights is not None
            assert body.uncertainty_mm is not None
            assert 10 < body.heights.posterior < 40
            assert 0.3 < body.uncertainty_mm < 6
            assert np.linalg.norm(body.points.array().mean(0) - body.centre_lps_mm) < 0.01


def test_the_body_cut_by_the_lower_edge_is_refused_and_not_measured(located: Located) -> None:
    lowest = located.vertebrae[-1]
    assert lowest.level is Level.L3
    assert not lowest.whole
    assert lowest.points is None
    assert [refusal.reason for refusal in located.refusals if refusal.where == "L3"] == [
        "cut by the edge of the scan"
    ]


def test_another_orientation_of_the_array_gives_the_same_bodies(
    localiser: Localiser, demo_volume: Volume, located: Located
) -> None:
    turned = localiser.locate(sagittal_first(demo_volume))
    assert [body.level for body in turned.vertebrae] == [body.level for body in located.vertebrae]
    for own, other in zip(located.vertebrae, turned.vertebrae, strict=True):
        away_mm = np.linalg.norm(own.centre_lps_mm - other.centre_lps_mm)
        assert away_mm < 1.0, "the coarse grid of 4 mm begins at another corner, and no more"


def test_a_volume_without_spine_gives_no_body_and_says_so(localiser: Localiser, upright: Volume) -> None:
    flank = upright.voxels[:150]  # the right flank, ribs in view, no spine
    nothing = np.full((60, 60, 40), -1000, np.int16)
    for voxels in (np.ascontiguousarray(flank), nothing):
        located = localiser.locate(Volume(voxels, upright.affine))
        assert located.vertebrae == ()
        assert located.warnings == (NO_SPINE,)


def test_a_short_piece_of_the_spine_is_cut_at_both_ends(localiser: Localiser, upright: Volume) -> None:
    centres = true_centres()
    rows = [upright.indices_of(centres[level])[2] for level in (Level.T12, Level.T8)]
    low, high = round(min(rows)), round(max(rows))
    affine = upright.affine.copy()
    affine[:3, 3] = upright.lps_of(np.array([0, 0, low], float))
    piece = Volume(np.ascontiguousarray(upright.voxels[:, :, low : high + 1]), affine)
    located = localiser.locate(piece)
    whole = [body.centre_lps_mm for body in located.vertebrae if body.whole]
    assert len(whole) == 3
    for place, level in zip(whole, (Level.T9, Level.T10, Level.T11), strict=True):
        assert np.linalg.norm(place - centres[level]) < 6


def test_bodies_are_found_in_thick_slices_too(localiser: Localiser, upright: Volume) -> None:
    affine = upright.affine.copy()
    affine[:, 2] *= 2
    thick = localiser.locate(Volume(np.ascontiguousarray(upright.voxels[:, :, ::2]), affine))
    whole = [body for body in thick.vertebrae if body.whole]
    assert len(whole) >= 10


def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    copy = tmp_path / "localiser.safetensors"
    content = bytearray(BUNDLED.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    copy.with_suffix(".json").write_bytes(BUNDLED.with_suffix(".json").read_bytes())
    with pytest.raises(WeightsDamaged):
        load_localiser(copy)
