"""An explanation made by hand of T12 of the demo CT, with noise for pictures."""

from __future__ import annotations

import numpy as np

from tests.demo_bodies import demo_bodies
from vfscreen.explanations import Explanation, Sheet, Unbroken
from vfscreen.findings import Suggestion
from vfscreen.genant import Grade, SixPoints

BODY = demo_bodies()[3]
assert BODY.points is not None and BODY.axes is not None
POINTS, AXES = BODY.points, BODY.axes


def affine(step_mm: float) -> np.ndarray:
    made = np.eye(4)
    made[:3, 0], made[:3, 1], made[:3, 2] = -step_mm * AXES.superior, step_mm * AXES.posterior, AXES.left
    made[:3, 3] = AXES.origin + 48.0 * AXES.superior - 26.0 * AXES.posterior
    return made


def suggestion(grade: Grade) -> Suggestion:
    probabilities = tuple(0.7 if one is grade else 0.1 for one in Grade)
    embedding = np.eye(128, dtype=np.float32)[int(grade)]
    return Suggestion("grader-1", probabilities, (grade,), embedding)  # type: ignore[arg-type] (four of them)


def explanation(*, unbroken: bool = True) -> Explanation:
    rng = np.random.default_rng(1)
    real = Sheet(rng.integers(-1000, 1500, (192, 128)).astype(np.int16), affine(0.5))
    other = Unbroken(
        Sheet(real.values[::-1].copy(), real.affine),
        SixPoints.from_array(POINTS.array() + 1.0),
        (8.0, 4.0, 0.0),
        (6.8, 3.4, 0.0),
        suggestion(Grade.NORMAL),
        5.0,
        1.5,
        7.0,
    )
    saliency = Sheet(rng.normal(0, 0.1, (96, 64)).astype(np.float32), affine(1.0))
    reason = "" if unbroken else "It lacks no height."
    return Explanation(
        suggestion(Grade.MODERATE), POINTS, real, saliency, other if unbroken else None, reason
    )
