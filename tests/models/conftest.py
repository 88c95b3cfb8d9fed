"""Bodies of the demo CT with six points, and a few labelled crops made from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from models.grader.examples import Example
    from vfscreen.findings import Vertebra
    from vfscreen.volume import Volume

POINTS = Path(__file__).parent.parent / "data" / "demo_points.json"


@pytest.fixture(scope="session")
def demo_bodies() -> list[Vertebra]:
    """T9 to L2 of the demo CT, from the head down."""
    from vfscreen.anatomy import level_of
    from vfscreen.findings import Vertebra
    from vfscreen.genant import POINT_NAMES, SixPoints, axes_of, heights_of

    bodies = []
    for name, places in json.loads(POINTS.read_text(encoding="utf-8"))["bodies"].items():
        points = SixPoints.from_array(np.array([places[point] for point in POINT_NAMES]))
        axes = axes_of(points)
        bodies.append(
            Vertebra(
                level_of(name),
                True,
                True,
                axes.origin,
                1.0,
                points,
                axes,
                heights_of(points),
                uncertainty_mm=1.0,
            )
        )
    return bodies


@pytest.fixture(scope="session")
def demo_examples(demo_volume: Volume, demo_bodies: list[Vertebra]) -> list[Example]:
    """Twenty-four simulated examples, the four grades in turn."""
    from models.grader.examples import simulated_examples

    return list(simulated_examples(demo_volume, demo_bodies, demo_bodies, "demo", 24, seed=5))
