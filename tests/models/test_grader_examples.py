"""Simulated fractures of real bodies: the loss that was wanted, mineral kept, and zero loss that changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.grader.bank_file import read_examples, write_examples
from models.grader.crop import cut_crop, neighbours_of
from models.grader.draw import Plan, draw_plan
from models.grader.examples import (
    LARGEST_LOSS_PERCENT,
    Example,
    deformed_crop,
    evenly_broken,
    reader_example,
    shares_of_loss,
    simulated_examples,
)
from models.simulate import Deformity, field_of, moved_points
from models.simulated_look import Bridge, Cleft, Look, Node, densify, draw_look
from models.simulated_outcome import outcome_of
from models.simulated_scan import Streaks, thick_slices
from vfscreen.findings import Vertebra
from vfscreen.genant import Grade, heights_of
from vfscreen.volume import Volume


def test_each_grade_comes_out_where_it_was_aimed(demo_examples: list[Example]) -> None:
    aimed = [Grade(number % 4) for number in range(len(demo_examples))]
    ranges = {0: (-30, 21), 1: (18, 28), 2: (23, 43), 3: (38, 66)}
    for wanted, one in zip(aimed, demo_examples, strict=True):
        low, high = ranges[wanted]
        assert low <= one.losses_percent.max() <= high
        assert sum(one.shares) == pytest.approx(1.0)


def test_zero_loss_through_the_same_resampling_is_the_body_itself(
    demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    body = demo_bodies[2]
    assert body.points is not None
    above, below = neighbours_of(body, demo_bodies)
    nothing = Plan((field_of(body.points, Deformity()),), size=1.0, density_share=1.0)
    same = deformed_crop(demo_volume, (body, above, below), nothing)
    plain = cut_crop(demo_volume, body, above, below)
    assert same is not None
    # A grid is read in float32, places one by one in float64: a voxel in a thousand may round the other way.
    apart_hu = np.abs(same.planes.astype(int) - plain.planes)
    assert apart_hu.max() <= 1 and (apart_hu > 0).mean() < 1e-3
    np.testing.assert_allclose(same.points_mm, plain.points_mm, atol=1e-4)


def test_compressed_bone_keeps_its_mineral(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    body = demo_bodies[2]
    assert body.points is not None
    above, below = neighbours_of(body, demo_bodies)
    crush = field_of(body.points, Deformity((7.0, 7.0, 7.0), superior_share=0.5, crowding=0.0))
    crops = [
        deformed_crop(demo_volume, (body, above, below), Plan(fields, 1.0, share))
        for fields, share in (((), 0.0), ((crush,), 0.0), ((crush,), 1.0))
    ]
    means = [float(crop.planes[4, 55:61, 30:44].clip(0).mean()) for crop in crops if crop is not None]
    assert len(means) == 3
    before, unchanged, kept = means
    assert unchanged == pytest.approx(before, rel=0.15)
    assert kept > 1.25 * unchanged


def test_water_and_air_are_never_made_denser() -> None:
    planes = np.array([[[-900.0, 0.0, 200.0]]], np.float32)
    assert densify(planes, np.full((1, 1, 3), 1.5, np.float32), 1.0).tolist() == [[[-900.0, 0.0, 300.0]]]


def test_a_space_that_folds_is_refused(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    body = demo_bodies[2]
    assert body.points is not None
    mad = field_of(
        body.points, Deformity((0.0, 14.0, 0.0), 1.0, crowding=0.0, discs_mm=(1.0, 1.0), tilts_deg=(40, 40))
    )
    assert deformed_crop(demo_volume, (body, None, None), Plan((mad,), 1.0, 0.0)) is None


def test_a_schmorl_node_sinks_into_the_endplate_and_leaves_the_label(demo_examples: list[Example]) -> None:
    one = demo_examples[0]
    planes = one.crop.planes.astype(np.float32)
    node = Node(upper=True, place=0.5, depth_mm=5.0, radius_mm=5.0, side_mm=0.0, follows=0.5)
    holed, points_mm = Look(node=node).apply(planes, one.crop.points_mm)
    changed = np.abs(holed - planes) > 30
    assert 20 < changed.sum() < 4000
    assert points_mm[0, 1, 2] == pytest.approx(one.crop.points_mm[0, 1, 2] - 2.5)


def test_thick_slices_blur_along_the_spine_alone(demo_examples: list[Example]) -> None:
    planes = demo_examples[0].crop.planes.astype(np.float32)
    thick = thick_slices(planes, 4.0, 0.3)
    assert np.abs(np.diff(thick, axis=1)).mean() < 0.85 * np.abs(np.diff(planes, axis=1)).mean()
    columns = np.abs(np.diff(thick, axis=2)).mean() / np.abs(np.diff(planes, axis=2)).mean()
    assert columns > 0.6


def test_confounders_do_not_know_the_grade() -> None:
    looks = [draw_look(np.random.default_rng(seed), broken=False) for seed in range(200)]
    assert 0.2 < np.mean([look.band is not None for look in looks]) < 0.4
    assert 0.05 < np.mean([look.node is not None for look in looks]) < 0.2
    assert any(look.streaks is not None for look in looks)
    assert all(look.cleft is None for look in looks)


def test_only_a_broken_body_has_a_cleft_and_not_often() -> None:
    looks = [draw_look(np.random.default_rng(seed), broken=True) for seed in range(200)]
    assert 0.02 < np.mean([look.cleft is not None for look in looks]) < 0.2


def test_a_cleft_of_gas_lies_inside_the_body(demo_examples: list[Example]) -> None:
    one = demo_examples[0].crop
    planes = one.planes.astype(np.float32)
    cleft = Cleft(upper=True, filled_hu=-700.0, depth_mm=4.0, thickness_mm=3.0, share=0.5)
    gap = cleft.paint(planes, one.points_mm[0]) < planes - 200
    assert 20 < gap.sum() < 600
    rows = np.nonzero(gap)[1]
    top, bottom = one.points_mm[0, :3, 2].max(), one.points_mm[0, 3:, 2].min()
    heights = (planes.shape[1] - 1) / 2 - rows
    assert (heights < top + 1).all()
    assert (heights > bottom - 1).all()


def test_metal_throws_bands_that_are_bright_and_dark_in_its_own_slices_alone(
    demo_examples: list[Example],
) -> None:
    planes = demo_examples[0].crop.planes.astype(np.float32)
    metal = Streaks(25.0, 0.0, peak_hu=400.0, wave_mm=20.0, phase=0.0, turn=0.2)
    change = metal.paint(planes) - planes
    near = change[:, 56:60, 20:60]
    assert near.max() > 60
    assert near.min() < -60
    assert np.abs(change[:, :35]).max() < 1.0


def test_a_look_without_confounders_changes_nothing(demo_examples: list[Example]) -> None:
    one = demo_examples[0].crop
    planes = one.planes.astype(np.float32)
    alone = one.points_mm.copy()
    alone[1:] = np.nan
    for look in (Look(), Look(bridge=Bridge(below=True, bulge_mm=3.0, thickness_mm=5.0, peak_hu=400.0))):
        same, points_mm = look.apply(planes, alone)
        np.testing.assert_array_equal(same, planes)
        np.testing.assert_array_equal(points_mm, alone)


def test_a_body_that_has_lost_too_much_already_gives_no_mild_fracture(demo_bodies: list[Vertebra]) -> None:
    plans = [draw_plan((demo_bodies[2], None, None), 50.0, np.random.default_rng(seed)) for seed in range(10)]
    assert all(plan is not None for plan in plans)
    healthy = demo_bodies[2]
    assert healthy.points is not None
    broken = moved_points([field_of(healthy.points, Deformity((12.0, 6.0, 1.0)))], healthy.points)
    impossible = (replace(healthy, points=broken), None, None)
    assert draw_plan(impossible, 5.0, np.random.default_rng(0)) is None


def test_losses_asked_for_evenly_leave_no_gap(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    made = list(evenly_broken(demo_volume, demo_bodies, demo_bodies, "demo", 5, seed=1))
    broken, controls = ([one for one in made if one.control is what] for what in (False, True))
    losses = np.sort([one.losses_percent.max() for one in broken])
    assert len(broken) == 5 * len(demo_bodies)
    assert losses[-1] > LARGEST_LOSS_PERCENT - 5
    assert np.diff(losses).max() < 8.0
    assert len(controls) == len(demo_bodies)
    assert all(abs(one.own_loss_percent) < 5.0 for one in controls)


def test_the_demo_bodies_wedged_together_are_each_of_grade_0(demo_bodies: list[Vertebra]) -> None:
    above, own, below = demo_bodies[1:4]
    plans = [draw_plan((own, above, below), 15.0, np.random.default_rng(seed)) for seed in range(60)]
    together = [plan for plan in plans if plan is not None and len(plan.fields) == 3]
    assert 2 <= len(together) <= 25
    for plan in together:
        for body in (above, own, below):
            assert body.points is not None
            around = {
                one.level: one.points
                for one in (above, own, below)
                if one is not body and one.points is not None
            }
            outcome = outcome_of(plan.fields, body.level, body.points, around)
            assert outcome.losses_percent.max() < 22.0


def test_an_outcome_says_heights_losses_and_grade(demo_bodies: list[Vertebra]) -> None:
    body = demo_bodies[2]
    assert body.points is not None
    whole = heights_of(body.points)
    crush = field_of(
        body.points, Deformity((0.5 * whole.anterior, 0.5 * whole.middle, 0.5 * whole.posterior))
    )
    around = {one.level: one.points for one in (demo_bodies[1], demo_bodies[3]) if one.points is not None}
    outcome = outcome_of([crush], body.level, body.points, around)
    np.testing.assert_allclose(outcome.own_losses_percent, 50.0, atol=1.0)
    np.testing.assert_allclose(outcome.heights.array(), 0.5 * whole.array(), rtol=0.02)
    assert outcome.grade is Grade.SEVERE
    nothing = outcome_of([], body.level, body.points, around)
    assert nothing.own_losses_percent.max() == 0.0
    assert nothing.grade is Grade.NORMAL


def test_near_a_cut_the_label_is_shared() -> None:
    assert shares_of_loss(0.0) == pytest.approx((1, 0, 0, 0), abs=1e-6)
    assert shares_of_loss(20.0)[0] == pytest.approx(0.5)
    assert shares_of_loss(60.0) == pytest.approx((0, 0, 0, 1), abs=1e-6)


def test_a_readers_grade_stays_with_the_crop(demo_volume: Volume, demo_bodies: list[Vertebra]) -> None:
    one = reader_example(demo_volume, demo_bodies[1], demo_bodies, (0.5, 0.5, 0.0, 0.0), "p", "b")
    assert one.grade is Grade.NORMAL
    assert not one.simulated
    assert one.crop.levels[1:] == (demo_bodies[0].level, demo_bodies[2].level)


def test_the_same_seed_makes_the_same_examples_and_a_cancel_stops_them(
    demo_volume: Volume, demo_bodies: list[Vertebra], demo_examples: list[Example]
) -> None:
    again = list(simulated_examples(demo_volume, demo_bodies, demo_bodies, "demo", 3, seed=5))
    for first, second in zip(demo_examples, again, strict=False):
        np.testing.assert_array_equal(first.crop.planes, second.crop.planes)
    assert not list(
        simulated_examples(demo_volume, demo_bodies, demo_bodies, "demo", 3, seed=5, cancelled=lambda: True)
    )


def test_examples_come_back_from_disk_as_they_went(demo_examples: list[Example], tmp_path: Path) -> None:
    path = tmp_path / "bank" / "demo.npz"
    write_examples(path, demo_examples[:4])
    for before, after in zip(demo_examples, read_examples(path), strict=False):
        np.testing.assert_array_equal(before.crop.planes, after.crop.planes)
        np.testing.assert_array_equal(before.crop.points_mm, after.crop.points_mm)
        assert before.crop.levels == after.crop.levels
        assert (before.shares, before.body, before.simulated) == (after.shares, after.body, after.simulated)
        assert before.control is after.control
