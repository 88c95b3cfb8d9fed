"""Screening: what was found is measured beside its intact neighbours, graded, and told from the head down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from tests.demo_bodies import demo_bodies
from vfscreen.anatomy import Level
from vfscreen.findings import (
    TOO_THICK,
    Finding,
    Refusal,
    Screening,
    SeriesFacts,
    Suggestion,
    Verdict,
    Vertebra,
    screening_to_json,
)
from vfscreen.genant import (
    Grade,
    Heights,
    Reference,
    Shape,
)
from vfscreen.intake import LoadedSeries
from vfscreen.ports import Located
from vfscreen.screening import NOTHING_FOUND, screen_series
from vfscreen.spine_morphometry import NO_INTACT_NEIGHBOUR, measure_all
from vfscreen.volume import Volume
from vfscreen.wire import screening_from_wire, screening_to_wire

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "screening.schema.json").read_text(encoding="utf-8"))
EXPECTED = Reference.EXPECTED_BY_LEVEL


@dataclass(frozen=True)
class Placed:
    """A localiser whose bodies were placed by hand."""

    located: Located
    name: str = "by hand"

    def locate(self, volume: Volume) -> Located:
        return self.located


@dataclass(frozen=True)
class Constant:
    """A grader that says the same of every measured body."""

    name: str = "constant"

    def grade(self, volume: Volume, vertebrae: Sequence[Vertebra]) -> list[Suggestion | None]:
        said = Suggestion(
            self.name, (0.6, 0.3, 0.06, 0.04), (Grade.NORMAL, Grade.MILD), np.ones(128, np.float32)
        )
        return [None if body.points is None else said for body in vertebrae]


def volume(spine_step_mm: float = 1.0) -> LoadedSeries:
    affine = np.diag([1.0, 1.0, spine_step_mm, 1.0])
    facts = SeriesFacts(
        "nifti",
        spacing_mm=(1.0, 1.0, spine_step_mm),
        slices=4,
        thickness_mm=spine_step_mm,
        along_spine_mm=spine_step_mm,
    )
    return LoadedSeries(Volume(np.zeros((4, 4, 4), np.int16), affine), facts, (), (Path("ct.nii"),))


def screened(located: Located, loaded: LoadedSeries | None = None) -> Screening:
    return screen_series(
        loaded or volume(), "ct.nii", Placed(located), Constant(), lambda _doing, _share: None
    )


def body(level: Level, anterior: float = 24.0, middle: float = 24.0, posterior: float = 25.0) -> Vertebra:
    """A body with these heights, in its place in a straight spine; points are not needed to measure."""
    return Vertebra(
        level, True, True, np.array([0.0, 0.0, -30.0 * level.rank]), 0.9,
        heights=Heights(anterior, middle, posterior), uncertainty_mm=0.7,
    )  # fmt: skip


def test_bodies_come_from_the_head_down_with_measurement_and_suggestion() -> None:
    bodies = demo_bodies()
    found = screened(Located(tuple(reversed(bodies))))
    assert [finding.vertebra.level for finding in found.findings] == [one.level for one in bodies]
    assert all(finding.morphometry and finding.suggestion for finding in found.findings)
    assert all(finding.morphometry.grade is Grade.NORMAL for finding in found.findings if finding.morphometry)
    assert found.models == {"localiser": "by hand", "grader": "constant"}
    assert set(found.seconds) == {"read", "localise", "grade"}


def test_progress_is_told_and_may_stop_the_run() -> None:
    told: list[tuple[str, float]] = []
    screen_series(volume(), "ct", Placed(Located(())), Constant(), lambda *said: told.append(said))
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert told[-1] == ("done", 1.0)

    def stop(_doing: str, _share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        screen_series(volume(), "ct", Placed(Located(())), Constant(), stop)


def test_refusals_and_warnings_travel() -> None:
    loaded = replace(volume(), warnings=("slices are 2.5 mm thick", "one of two series was chosen"))
    refusal = Refusal("T1", "cut by the upper edge of the scan")
    located = Located(tuple(demo_bodies()), (refusal,), ("levels may be one off", "slices are 2.5 mm thick"))
    found = screened(located, loaded)
    assert found.refusals == (refusal,)
    assert found.warnings == (
        "slices are 2.5 mm thick", "one of two series was chosen", "levels may be one off",
    )  # fmt: skip


def test_no_vertebra_at_all_is_said_and_not_an_empty_answer() -> None:
    assert screened(Located(())).refusals == (NOTHING_FOUND,)


def test_a_body_cut_by_the_view_is_listed_and_not_assessed() -> None:
    cut = replace(demo_bodies()[0], whole=False, points=None, axes=None, heights=None, uncertainty_mm=None)
    found = screened(Located((cut,), (Refusal(str(cut.level), "cut by the edge"),)))
    assert found.findings == (Finding(cut),)
    jsonschema.validate(screening_to_json(found), SCHEMA)


def test_thick_slices_flag_every_body_and_measure_none() -> None:
    found = screened(Located(tuple(demo_bodies())), volume(spine_step_mm=5.0))
    assert all(TOO_THICK in finding.vertebra.flags for finding in found.findings)
    assert all(finding.morphometry is None and finding.suggestion for finding in found.findings)


def test_overlapping_thick_slices_are_as_thick_as_any_others() -> None:
    every_mm = volume(spine_step_mm=2.5)
    found = screened(
        Located(tuple(demo_bodies())), replace(every_mm, facts=replace(every_mm.facts, along_spine_mm=5.0))
    )
    assert all(TOO_THICK in finding.vertebra.flags for finding in found.findings)
    assert all(finding.morphometry is None for finding in found.findings)


def test_thick_slices_across_the_spine_do_not_matter() -> None:
    loaded = volume()
    sagittal = replace(loaded, facts=replace(loaded.facts, thickness_mm=5.0))
    found = screened(Located(tuple(demo_bodies())), sagittal)
    assert all(finding.morphometry for finding in found.findings)


def test_a_crushed_body_shows_beside_its_neighbours_alone() -> None:
    spine = [body(Level.T11), body(Level.T12, 15, 15, 15.5), body(Level.L1), body(Level.L2)]
    measured = measure_all(spine, EXPECTED)
    assert [found.shape for found, _ in measured if found] == [
        Shape.NONE,
        Shape.CRUSH,
        Shape.NONE,
        Shape.NONE,
    ]
    alone, compared = measure_all(spine[1:2], EXPECTED)[0]
    assert alone is not None and alone.grade is Grade.NORMAL and not compared


def test_fractured_neighbours_are_passed_over() -> None:
    crushed = (15.0, 15.0, 15.5)
    spine = [
        body(Level.T9), body(Level.T10), body(Level.T11, *crushed), body(Level.T12, *crushed),
        body(Level.L1, *crushed), body(Level.L2), body(Level.L3),
    ]  # fmt: skip
    shapes = [found.shape for found, _ in measure_all(spine, EXPECTED) if found]
    assert shapes == [Shape.NONE] * 2 + [Shape.CRUSH] * 3 + [Shape.NONE] * 2


def test_a_body_without_intact_neighbours_is_flagged() -> None:
    wedged = replace(body(Level.T12, anterior=12.0), flags=("seen before",))
    found = screened(Located((wedged,)))
    assert found.findings[0].vertebra.flags == ("seen before", NO_INTACT_NEIGHBOUR)


@pytest.mark.parametrize("reference", list(Reference))
def test_the_convention_is_named_with_the_loss(reference: Reference) -> None:
    spine = [body(Level.T12), body(Level.L1)]
    assert all(found and found.reference is reference for found, _ in measure_all(spine, reference))


def test_without_neighbours_the_convention_falls_back_and_says_so() -> None:
    found, _ = measure_all([body(Level.T12)], Reference.NEIGHBOURS)[0]
    assert found is not None and found.reference is EXPECTED


def test_the_json_of_a_screening_is_what_its_schema_says() -> None:
    written = json.loads(json.dumps(screening_to_json(screened(Located(tuple(demo_bodies()))))))
    jsonschema.validate(written, SCHEMA)
    assert written["vertebrae"][0]["suggestion"]["verdict"] == Verdict.UNCERTAIN
    refused = Screening("ct", None, refusals=(Refusal("ct", "not a CT", "give a CT"),))
    jsonschema.validate(screening_to_json(refused), SCHEMA)
    del written["vertebrae"][0]["whole"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, SCHEMA)


def test_a_screening_crosses_the_pipe_with_nothing_lost() -> None:
    cut = replace(demo_bodies()[0], whole=False, points=None, axes=None, heights=None, uncertainty_mm=None)
    located = Located((*demo_bodies()[1:], cut), (Refusal("T1", "cut", "look"),), ("a warning",))
    sent = screened(located)
    received = screening_from_wire(json.loads(json.dumps(screening_to_wire(sent))))
    assert screening_to_json(received) == screening_to_json(sent)
    for one, other in zip(sent.findings, received.findings, strict=True):
        assert (one.vertebra.points is None) == (other.vertebra.points is None)
        if one.vertebra.points and other.vertebra.points and one.vertebra.axes and other.vertebra.axes:
            assert np.array_equal(one.vertebra.points.array(), other.vertebra.points.array())
            assert np.array_equal(one.vertebra.axes.matrix(), other.vertebra.axes.matrix())
        if one.suggestion and other.suggestion:
            assert np.array_equal(one.suggestion.embedding, other.suggestion.embedding)
    assert received.series == sent.series and received.refusals == sent.refusals


def test_a_refused_study_crosses_the_pipe_too() -> None:
    refused = Screening("ct", None, refusals=(Refusal("ct", "not a CT"),))
    assert screening_from_wire(json.loads(json.dumps(screening_to_wire(refused)))) == refused
