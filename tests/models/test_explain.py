"""An explanation: made of the shipped chain alone, laid in the CT's own coordinates, and true to the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from models.explain.explain import NO_HEIGHTS, NOTHING_MISSING, explain, severities
from models.explain.occlusion import BLOT_MM, occlusion_map
from models.grader.crop import (
    COLUMNS,
    MARGIN,
    PLANES,
    ROWS,
    VIEW_COLUMNS,
    VIEW_ROWS,
    Crop,
    cut_crop,
    neighbours_of,
)
from models.grader.net import GraderNet
from models.grader.suggest import CompactGrader, load_grader
from tests.broken_demo import WEDGE, Broken, broken_demo
from vfscreen.anatomy import Level
from vfscreen.errors import NoSuchThing
from vfscreen.explanations import Explanation
from vfscreen.findings import TOO_THICK, Verdict
from vfscreen.genant import Reference, SixPoints, heights_of
from vfscreen.spine_morphometry import missing_mm
from vfscreen.volume import Volume, sample

BY_LEVEL = Reference.EXPECTED_BY_LEVEL
SECONDS = 2.0


def silent(_doing: str, _share: float) -> None:
    """Progress that nobody follows."""


@pytest.fixture(scope="module")
def grader() -> CompactGrader:
    """The grader that is shipped."""
    return load_grader()


@pytest.fixture(scope="module")
def case(demo_volume: Volume) -> Broken:
    return broken_demo(demo_volume, WEDGE)


@pytest.fixture(scope="module")
def explanation(grader: CompactGrader, case: Broken) -> Explanation:
    return explain(grader, case.volume, case.bodies, case.place, silent)


def crop_of(case: Broken) -> Crop:
    body = case.bodies[case.place]
    return cut_crop(case.volume, body, *neighbours_of(body, case.bodies))


def test_it_explains_what_the_grader_suggests(
    explanation: Explanation, grader: CompactGrader, case: Broken
) -> None:
    suggested = grader.grade(case.volume, case.bodies)[case.place]
    assert suggested is not None
    assert explanation.suggestion.conformal_set == suggested.conformal_set
    np.testing.assert_allclose(explanation.suggestion.probabilities, suggested.probabilities, atol=1e-3)
    np.testing.assert_allclose(explanation.suggestion.embedding, suggested.embedding, atol=1e-3)


def test_every_picture_lies_where_the_ct_lies(explanation: Explanation, case: Broken) -> None:
    real = explanation.real
    rows, columns = real.values.shape
    places = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).astype(float)
    np.testing.assert_allclose(real.values, sample(case.volume, real.lps_of(places)), atol=0.6)
    np.testing.assert_allclose(real.places_of(real.lps_of(places)), places, atol=1e-9)
    assert real.step_mm == pytest.approx(0.5) and explanation.saliency.step_mm == pytest.approx(1.0)
    assert explanation.saliency.values.shape == (VIEW_ROWS, VIEW_COLUMNS)
    corners = [(-0.5, -0.5), (VIEW_ROWS - 0.5, VIEW_COLUMNS - 0.5)]
    edges = explanation.saliency.lps_of(np.array(corners))
    np.testing.assert_allclose(
        edges, real.lps_of(np.array([(-0.5, -0.5), (rows - 0.5, columns - 0.5)])), atol=1e-9
    )
    own = real.places_of(explanation.points.array())
    assert (own > 0).all() and (own < (rows, columns)).all()


def test_the_unbroken_body_has_the_heights_that_are_expected_and_is_called_normal(
    explanation: Explanation, case: Broken
) -> None:
    unbroken = explanation.unbroken
    assert unbroken is not None and explanation.why_not_unbroken == ""
    assert unbroken.missing_mm == missing_mm(case.bodies, case.place, BY_LEVEL)
    body = case.bodies[case.place]
    assert body.heights is not None
    gained = heights_of(unbroken.points).array() - body.heights.array()
    np.testing.assert_allclose(gained, unbroken.restored_mm, atol=1e-6)
    np.testing.assert_allclose(gained, unbroken.missing_mm, atol=0.1)
    assert explanation.suggestion.verdict is Verdict.FRACTURE
    assert unbroken.suggestion.verdict is Verdict.NO_FRACTURE
    assert unbroken.by_both > max(unbroken.by_picture, 0.0)
    np.testing.assert_array_equal(unbroken.sheet.affine, explanation.real.affine)
    assert unbroken.sheet.values.shape == explanation.real.values.shape


def test_what_lacks_nothing_has_no_unbroken_picture_but_a_reason(grader: CompactGrader, case: Broken) -> None:
    body = case.before[case.place]
    assert body.points is not None and body.axes is not None
    taller = body.points.array() + np.array([6.0, 6.0, 0, 0, 0, 0])[:, None] * body.axes.superior
    points = SixPoints.from_array(taller)
    alone = [replace(body, points=points, heights=heights_of(points))]
    assert missing_mm(alone, 0, BY_LEVEL) == (0.0, 0.0, 0.0)
    said = explain(grader, case.healthy, alone, 0, silent)
    assert said.unbroken is None and said.why_not_unbroken == NOTHING_MISSING
    thick = [replace(one, flags=(TOO_THICK,)) for one in case.bodies]
    said = explain(grader, case.volume, thick, case.place, silent)
    assert said.unbroken is None and said.why_not_unbroken == NO_HEIGHTS
    assert np.abs(said.saliency.values).max() > 0


def test_a_body_without_points_cannot_be_explained(grader: CompactGrader, case: Broken) -> None:
    bodies = [replace(case.bodies[0], points=None, heights=None), *case.bodies[1:]]
    with pytest.raises(NoSuchThing, match="nothing to explain"):
        explain(grader, case.volume, bodies, 0, silent)


def test_it_can_be_taken_back_at_every_stage(grader: CompactGrader, case: Broken) -> None:
    told: list[float] = []
    explain(grader, case.volume, case.bodies, case.place, lambda _, share: told.append(share))
    assert told == sorted(told) and len(told) > 5 and told[-1] < 1.0

    class TakenBack(Exception):
        pass

    def end(_doing: str, share: float) -> None:
        if share > 0.5:
            raise TakenBack

    with pytest.raises(TakenBack):
        explain(grader, case.volume, case.bodies, case.place, end)


def test_an_explanation_takes_less_than_two_seconds(grader: CompactGrader, case: Broken) -> None:
    """Of this process's own time: the machine may be busy with something else."""
    started = process_time()
    explain(grader, case.volume, case.bodies, case.place, silent)
    assert process_time() - started < SECONDS


def test_the_map_shows_the_place_that_an_answer_really_hangs_on() -> None:
    """An answer that reads one spot of the CT: the map is high there, and nothing where nothing is read."""
    planes = np.zeros((PLANES, ROWS, COLUMNS), np.int16)
    spot = slice(None), slice(MARGIN + 40, MARGIN + 44), slice(MARGIN + 20, MARGIN + 24)
    planes[spot] = 1000
    crop = Crop(planes, np.zeros((3, 6, 3), np.float32), (Level.T12, None, None), 1.0)

    def severity(crops: Sequence[Crop]) -> np.ndarray:
        return np.array([one.planes[spot].mean() / 1000 for one in crops])

    found = occlusion_map(severity, crop, silent)
    away_mm = np.hypot(np.arange(VIEW_ROWS)[:, None] - 41.5, np.arange(VIEW_COLUMNS) - 21.5)
    assert away_mm[np.unravel_index(int(found.argmax()), found.shape)] <= BLOT_MM
    assert found.max() > 0.5 and np.abs(found[away_mm > 3 * BLOT_MM]).max() < 0.01


def test_other_weights_give_another_map(grader: CompactGrader, case: Broken) -> None:
    """A map that stays when the weights are drawn at random shows edges of the picture, not what was learnt.

    Source: Adebayo J et al., Sanity checks for saliency maps, NeurIPS 2018.
    """
    crop = crop_of(case)
    learnt = occlusion_map(lambda crops: severities(grader, crops), crop, silent)
    for seed in (1, 2, 3):
        torch.manual_seed(seed)
        drawn = replace(grader, net=GraderNet(grader.trained.config.net).eval())
        other = occlusion_map(lambda crops, drawn=drawn: severities(drawn, crops), crop, silent)
        alike = abs(float(spearmanr(learnt.ravel(), other.ravel()).statistic))
        assert alike < 0.5, f"seed {seed}"
