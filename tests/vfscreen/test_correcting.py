"""What a reader corrects: names in every direction, bodies added and taken away, points; losses follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.demo_bodies import demo_bodies
from vfscreen.anatomy import ASSESSED, Level
from vfscreen.cases import Body, BodyEdit, Case, GeometrySource
from vfscreen.correcting import (
    HAND_UNCERTAINTY_MM,
    added,
    as_t13,
    findings_now,
    measured,
    removed,
    shifted,
    shifted_from,
    to_grade_again,
    vouched_for,
)
from vfscreen.errors import ImpossiblePoints, NoSuchName
from vfscreen.findings import PLACED_BY_HAND, Finding, SeriesFacts, Suggestion, Vertebra
from vfscreen.genant import Grade, Heights, Reference, SixPoints, measure
from vfscreen.reference import EXPECTED, ReferenceTable

T11, T12, T13, L1, L2, L3, L6 = (Level[name] for name in ("T11", "T12", "T13", "L1", "L2", "L3", "L6"))


def case_of(*vertebrae: Vertebra, findings: dict[str, Finding] | None = None) -> Case:
    """A case with these bodies, version 4 each, called b0, b1 and so on from the head down."""
    bodies = tuple(
        Body(f"b{place}", 4, GeometrySource.LOCALISER, vertebra) for place, vertebra in enumerate(vertebrae)
    )
    return Case("s", Path("x"), (), SeriesFacts("nifti"), (), bodies, findings or {}, {}, {})


def spine(*levels: Level, certain: bool = True) -> Case:
    """Bodies with these names, 30 mm apart."""
    return case_of(
        *(
            Vertebra(level, certain, True, np.array([0.0, 0.0, -30.0 * place]), 0.9)
            for place, level in enumerate(levels)
        )
    )


def names_after(case: Case, edit: BodyEdit) -> list[Level]:
    """The names from the head down once the edit is done."""
    kept = [
        edit.changed.get(body.body_id, body.vertebra)
        for body in case.bodies
        if body.body_id not in edit.removed
    ]
    found = sorted((*kept, *edit.added), key=lambda vertebra: -float(vertebra.centre_lps_mm[2]))
    assert all(edit.seen[body_id] == 4 for body_id in (*edit.changed, *edit.removed))
    return [vertebra.level for vertebra in found]


def test_all_names_go_one_down_and_back_up() -> None:
    case = spine(T11, T12, L1)
    assert names_after(case, shifted(case, 1)) == [T12, L1, L2]
    assert names_after(case, shifted(case, -1)) == [Level.T10, T11, T12]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([T12, T13, L1], [T13, L1, L2]),
        ([Level.T10, T11, L1], [T11, L1, L2]),
        ([Level.L4, Level.L5], [Level.L5, L6]),
        ([Level.T1, Level.T2], [Level.T2, Level.T3]),
    ],
    ids=["T13", "no T12", "L6", "usual"],
)
def test_a_spine_of_another_kind_keeps_its_kind(before: list[Level], after: list[Level]) -> None:
    assert names_after(spine(*before), shifted(spine(*before), 1)) == after
    assert names_after(spine(*after), shifted(spine(*after), -1)) == before


@given(st.lists(st.sampled_from(ASSESSED[1:-1]), unique=True, min_size=1), st.sampled_from([1, -1]))
def test_a_shift_never_gives_a_name_twice(levels: list[Level], steps: int) -> None:
    case = spine(*sorted(levels, key=lambda level: level.rank))
    try:
        names = names_after(case, shifted(case, steps))
    except NoSuchName:
        return
    assert len(set(names)) == len(names)
    assert names == sorted(names, key=lambda level: level.rank)


def test_names_end_at_l6_and_at_c1() -> None:
    with pytest.raises(NoSuchName, match="beyond L6"):
        shifted(spine(Level.L5, L6), 1)
    with pytest.raises(NoSuchName, match="beyond C1"):
        shifted(spine(Level.C1), -1)


def test_whoever_shifts_the_names_vouches_for_them() -> None:
    case = spine(T12, L1, certain=False)
    assert all(vertebra.level_certain for vertebra in shifted(case, 1).changed.values())
    edit = vouched_for(case)
    assert edit is not None and names_after(case, edit) == [T12, L1]
    assert all(vertebra.level_certain for vertebra in edit.changed.values())
    assert vouched_for(spine(T12, L1)) is None


def test_from_here_down_names_leave_t12_out_and_take_it_back() -> None:
    case = spine(T11, T12, L1)
    assert names_after(case, shifted_from(case, "b1", 1)) == [T11, L1, L2]
    gap = spine(T11, L1, L2)
    with pytest.raises(NoSuchName, match="T11 is the vertebra above"):
        shifted_from(gap, "b1", -1)  # this spine has no T12: one up is T11
    wide = spine(Level.T10, T12, L1)
    assert names_after(wide, shifted_from(wide, "b1", -1)) == [Level.T10, T11, T12]


def test_the_body_below_t12_becomes_t13_and_back() -> None:
    case = spine(T12, L1, L2, L3)
    assert names_after(case, as_t13(case, "b1")) == [T12, T13, L1, L2]
    thirteen = spine(T12, T13, L1, L2)
    assert names_after(thirteen, as_t13(thirteen, "b1")) == [T12, L1, L2, L3]
    with pytest.raises(NoSuchName, match="between T12 and L1"):
        as_t13(case, "b2")


def test_an_added_body_takes_the_free_name() -> None:
    case = spine(T11, L1)
    assert names_after(case, added(case, np.array([0, 0, -15.0]))) == [T11, T12, L1]
    above = spine(T12, L1)
    assert names_after(above, added(above, np.array([0, 0, 30.0]))) == [T11, T12, L1]
    assert names_after(above, added(above, np.array([0, 0, -60.0]))) == [T12, L1, L2]


def test_where_no_name_is_free_those_below_go_one_down_and_stay_as_uncertain_as_they_were() -> None:
    case = spine(T11, T12, L1, certain=False)
    edit = added(case, np.array([0, 0, -15.0]))
    assert names_after(case, edit) == [T11, T12, L1, L2]
    assert not any(vertebra.level_certain for vertebra in (*edit.changed.values(), *edit.added))


def test_the_first_body_of_all_is_t12_and_not_certain() -> None:
    (new,) = added(case_of(), np.array([1.0, 2.0, 3.0])).added
    assert (new.level, new.level_certain, new.whole, new.points) == (T12, False, True, None)


def test_a_body_that_is_none_closes_the_names_within_the_spine_and_not_at_its_ends() -> None:
    case = spine(T11, T12, L1, L2)
    assert names_after(case, removed(case, "b1")) == [T11, T12, L1]
    assert names_after(case, removed(case, "b0")) == [T12, L1, L2]
    assert names_after(case, removed(case, "b3")) == [T11, T12, L1]


def test_a_t13_takes_up_what_is_too_many() -> None:
    case = spine(T11, T12, T13, L1, L2)
    assert names_after(case, removed(case, "b2")) == [T11, T12, L1, L2]
    assert names_after(case, removed(case, "b1")) == [T11, T12, L1, L2]


def test_points_placed_by_hand_are_measured_at_once_and_say_so() -> None:
    cut = replace(demo_bodies()[2], whole=False, points=None, axes=None, heights=None, flags=("odd edge",))
    placed = demo_bodies()[2].points
    assert placed is not None
    case = case_of(cut)
    vertebra = measured(case, case.bodies[0], placed).changed["b0"]
    assert vertebra.heights == demo_bodies()[2].heights
    assert (vertebra.whole, vertebra.flags, vertebra.uncertainty_mm) == (
        True,
        (PLACED_BY_HAND,),
        HAND_UNCERTAINTY_MM,
    )


@pytest.mark.parametrize("order", [[3, 4, 5, 0, 1, 2], [2, 1, 0, 5, 4, 3], [0, 1, 2, 0, 1, 2]])
def test_points_that_make_no_body_are_refused(order: Sequence[int]) -> None:
    points = demo_bodies()[2].points
    assert points is not None
    case = case_of(demo_bodies()[2])
    with pytest.raises(ImpossiblePoints, match="do not make a vertebral body"):
        measured(case, case.bodies[0], SixPoints.from_array(points.array()[list(order)]))


def screened(*vertebrae: Vertebra) -> Case:
    """A case in which the program said something of each body."""
    suggestion = Suggestion("g", (0.9, 0.05, 0.03, 0.02), (Grade.NORMAL,), np.zeros(128, np.float32))
    findings = {}
    for place, vertebra in enumerate(vertebrae):
        assert vertebra.heights is not None
        loss = measure(vertebra.level, vertebra.heights, 1.0, Reference.OWN_POSTERIOR)
        findings[f"b{place}"] = Finding(vertebra, loss, suggestion)
    return case_of(*vertebrae, findings=findings)


def test_suggestions_stand_as_long_as_nobody_changed_anything() -> None:
    case = screened(*demo_bodies())
    found = findings_now(case, Reference.OWN_POSTERIOR)
    assert list(found) == [body.body_id for body in case.bodies]
    assert all(finding.suggestion is case.findings[body_id].suggestion for body_id, finding in found.items())
    assert to_grade_again(case, "g") == ()


def test_a_loss_that_was_kept_beside_other_neighbours_is_not_shown_again() -> None:
    case = screened(*demo_bodies())
    shown = findings_now(case, Reference.NEIGHBOURS)
    assert shown["b1"].morphometry is not None
    stale = replace(shown["b1"].morphometry, loss_percent=99.0)
    kept = {
        **shown,
        "b1": replace(shown["b1"], morphometry=stale),
        "b2": replace(shown["b2"], morphometry=None),
    }
    again = findings_now(replace(case, findings=kept), Reference.NEIGHBOURS)
    losses = {body_id: finding.morphometry for body_id, finding in again.items()}
    assert losses == {body_id: finding.morphometry for body_id, finding in shown.items()}


def test_another_table_measures_neighbours_again_too() -> None:
    other = ReferenceTable("other", {L1: replace(EXPECTED.levels[L1], anterior=0.8)})
    case = screened(*demo_bodies())
    before = findings_now(case, Reference.NEIGHBOURS)
    after = findings_now(replace(case, findings=before), Reference.NEIGHBOURS, other)
    losses = [
        finding.morphometry.loss_percent
        for found in (before, after)
        for body, finding in zip(case.bodies, found.values(), strict=True)
        if body.vertebra.level is L1 and finding.morphometry is not None
    ]
    assert losses[1] < losses[0], "a body of which less is expected lacks less"


def test_another_convention_measures_again_and_keeps_the_suggestions() -> None:
    found = findings_now(screened(*demo_bodies()), Reference.EXPECTED_BY_LEVEL)
    losses = [finding.morphometry for finding in found.values()]
    assert {None if loss is None else loss.reference for loss in losses} == {Reference.EXPECTED_BY_LEVEL}
    assert all(finding.suggestion is not None for finding in found.values())


def test_a_renamed_spine_is_measured_anew_and_keeps_its_suggestions() -> None:
    case = screened(*demo_bodies())
    names = shifted(case, 1).changed
    renamed = replace(case, bodies=tuple(replace(b, vertebra=names[b.body_id]) for b in case.bodies))
    found = findings_now(renamed, Reference.EXPECTED_BY_LEVEL)
    first = found["b0"].morphometry
    assert first is not None and first.reference is Reference.EXPECTED_BY_LEVEL
    assert found["b0"].suggestion is not None
    assert to_grade_again(renamed, "g") == ()


def test_a_moved_body_loses_its_suggestion_until_it_is_graded_again() -> None:
    case = screened(*demo_bodies())
    points = demo_bodies()[1].points
    assert points is not None
    lower = points.array()
    lower[1, 2] -= 6.0
    moved = measured(case, case.bodies[1], SixPoints.from_array(lower)).changed["b1"]
    bodies = (case.bodies[0], replace(case.bodies[1], vertebra=moved), *case.bodies[2:])
    now = replace(case, bodies=bodies)
    found = findings_now(now, Reference.EXPECTED_BY_LEVEL)
    assert found["b1"].suggestion is None and found["b0"].suggestion is not None
    assert found["b1"].morphometry is not None and found["b1"].morphometry.loss_percent > 15
    assert isinstance(moved.heights, Heights)
    assert [body.body_id for body in to_grade_again(now, "g")] == ["b1"]


def test_renamed_bodies_are_graded_on_their_own_points_once_a_grader_looked_at_others() -> None:
    case = screened(*demo_bodies())
    points = demo_bodies()[1].points
    assert points is not None
    elsewhere = replace(demo_bodies()[1], points=SixPoints.from_array(points.array() + 1.0))
    there = {**case.findings, "b1": replace(case.findings["b1"], vertebra=elsewhere)}
    there["b3"] = replace(there["b3"], suggestion=None)
    del there["b2"]
    now = replace(case, findings=there)
    assert [body.body_id for body in to_grade_again(now, "g")] == ["b1", "b2", "b3"]
    assert to_grade_again(now, "not this grader: its screening will see them") == ()
    cut = replace(demo_bodies()[1], whole=False, points=None, axes=None, heights=None)
    without = replace(now, bodies=(replace(case.bodies[1], vertebra=cut), *case.bodies[4:]))
    assert to_grade_again(without, "g") == ()
