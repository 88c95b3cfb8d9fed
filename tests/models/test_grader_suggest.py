"""The bundled grader on the demo CT, through the port that the rest of the program knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.grader import load_grader
from models.grader.suggest import BUNDLED
from vfscreen.errors import UnsupportedGeometry
from vfscreen.findings import TOO_THICK, Verdict, Vertebra
from vfscreen.model_files import read_card
from vfscreen.ports import Grader
from vfscreen.volume import Volume


@pytest.fixture(scope="module")
def grader() -> Grader:
    return load_grader()


def test_every_measured_body_gets_probabilities_a_set_and_an_embedding(
    grader: Grader, demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    for suggestion in grader.grade(demo_volume, demo_bodies):
        assert suggestion is not None
        assert suggestion.model == grader.name
        assert sum(suggestion.probabilities) == pytest.approx(1.0)
        assert min(suggestion.probabilities) >= 0
        assert suggestion.grade in suggestion.conformal_set
        assert suggestion.verdict is not Verdict.NOT_ASSESSED
        assert suggestion.embedding.shape == (128,)
        assert suggestion.embedding.dtype == np.float32
        assert float(np.linalg.norm(suggestion.embedding)) == pytest.approx(1.0, abs=1e-5)


def test_a_body_without_points_gets_none_and_the_others_keep_their_places(
    grader: Grader, demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    cut = replace(demo_bodies[0], points=None, axes=None, heights=None, whole=False)
    suggestions = grader.grade(demo_volume, [cut, *demo_bodies[3:5]])
    assert suggestions[0] is None
    assert all(one is not None for one in suggestions[1:])


def test_bodies_of_thick_slices_get_the_sets_of_thick_slices_even_where_they_overlap(
    demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    loaded = load_grader()
    doubtful = replace(loaded.trained.decision, least=0.5, least_thick=0.0)
    grader = replace(loaded, trained=replace(loaded.trained, decision=doubtful))
    thin, thick = demo_bodies[3], replace(demo_bodies[4], flags=(TOO_THICK,))
    sure, doubted = grader.grade(demo_volume, [thin, thick])
    assert sure is not None and len(sure.conformal_set) == 1
    assert doubted is not None and len(doubted.conformal_set) == 4


def test_nothing_measured_gives_nothing(grader: Grader, demo_volume: Volume) -> None:
    assert grader.grade(demo_volume, []) == []


def test_the_same_body_is_graded_the_same_twice(
    grader: Grader, demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    first, second = (grader.grade(demo_volume, demo_bodies)[2] for _ in range(2))
    assert first is not None and second is not None
    assert first.probabilities == second.probabilities


def test_a_body_pressed_to_half_its_height_is_called_fractured(
    grader: Grader, demo_volume: Volume, demo_bodies: list[Vertebra]
) -> None:
    body = demo_bodies[4]
    assert body.points is not None and body.axes is not None
    points = body.points.array()
    points[:2] -= 0.5 * (points[:2] - points[3:5])
    pressed = replace(body, points=type(body.points).from_array(points))
    suggestion = grader.grade(demo_volume, [*demo_bodies[:4], pressed, demo_bodies[5]])[4]
    assert suggestion is not None
    assert suggestion.verdict in (Verdict.FRACTURE, Verdict.UNCERTAIN)


def test_the_bundled_card_says_what_must_be_said() -> None:
    card = read_card(BUNDLED)
    assert card.licence == "CC BY-SA 4.0"
    assert {"CC BY-SA 4.0", "CC BY 3.0", "CC BY 4.0"} <= {source.licence for source in card.data}
    assert "ricord_80m" not in card.training_patients
    assert "verse007" in card.training_patients
    assert "simulated_share_of_examples" in card.metrics
    assert "must not be used" in card.notes.lower()
    assert BUNDLED.stat().st_size < 4_000_000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_points_that_are_no_finite_numbers_are_refused_by_their_level_and_the_grader_goes_on(
    grader: Grader, demo_volume: Volume, demo_bodies: list[Vertebra], value: float
) -> None:
    body = demo_bodies[3]
    assert body.points is not None
    points = body.points.array()
    points[1, 2] = value
    spoilt = replace(body, points=type(body.points).from_array(points))
    with pytest.raises(UnsupportedGeometry, match="no finite numbers") as told:
        grader.grade(demo_volume, [spoilt])
    assert told.value.where == str(body.level)
    assert grader.grade(demo_volume, [body])[0] is not None
