"""The main use case: one series in, every vertebral body found, measured and graded, or refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from vfscreen.anatomy import Level
from vfscreen.findings import TOO_THICK, Finding, Refusal, Screening, Suggestion, Vertebra
from vfscreen.genant import Grade, Heights, Morphometry, Reference, expected_posterior_mm, measure
from vfscreen.intake import LoadedSeries
from vfscreen.intake.loaded import thickness_warning
from vfscreen.ports import Grader, Localiser, Located, Progress
from vfscreen.volume import Volume, anatomical_axes

NO_INTACT_NEIGHBOUR = "no intact neighbour to compare with"

NEIGHBOURS_A_SIDE = 2
"""Up to two bodies above and two below predict a height. Source: McCloskey EV et al., Osteoporos Int 1993;3:138."""

SHORT_SHARE = 0.8
"""A body shorter than this share of what the rest of the spine predicts may be crushed, and predicts nothing."""

NOTHING_FOUND = Refusal(
    "the whole series",
    "no thoracic or lumbar vertebral body was found",
    "check that the spine is in the view",
)


def screen_series(
    loaded: LoadedSeries,
    source: str,
    localiser: Localiser,
    grader: Grader,
    progress: Progress,
    *,
    read_seconds: float = 0.0,
    reference: Reference = Reference.EXPECTED_BY_LEVEL,
) -> Screening:
    """Screens one series; `source` is told as given, `read_seconds` is how long reading it took."""
    progress("finding the vertebrae", 0.1)
    started = perf_counter()
    located = localiser.locate(loaded.volume)
    localised = perf_counter()

    progress("grading", 0.8)
    bodies = _from_the_head_down(located, too_thick=heights_unreliable(loaded.volume))
    suggestions = grader.grade(loaded.volume, bodies) if bodies else []
    graded = perf_counter()

    progress("done", 1.0)
    return Screening(
        source=source,
        series=loaded.facts,
        findings=findings_of(bodies, suggestions, reference),
        refusals=located.refusals if bodies else (*located.refusals, NOTHING_FOUND),
        warnings=tuple(dict.fromkeys((*loaded.warnings, *located.warnings))),
        models={"localiser": localiser.name, "grader": grader.name},
        seconds={"read": read_seconds, "localise": localised - started, "grade": graded - localised},
    )


def heights_unreliable(volume: Volume) -> bool:
    """Says whether the slices are too thick, along the spine, for heights to be measured."""
    along_spine = anatomical_axes(volume.affine)[0][2]
    return bool(thickness_warning(float(volume.spacing_mm[along_spine])))


def findings_of(
    bodies: Sequence[Vertebra], suggestions: Sequence[Suggestion | None], reference: Reference
) -> tuple[Finding, ...]:
    """Puts bodies, their measurement and the model's suggestion together."""
    measured = measure_all(bodies, reference)
    return tuple(
        Finding(_flagged(body, NO_INTACT_NEIGHBOUR) if found and not compared else body, found, suggestion)
        for body, (found, compared), suggestion in zip(bodies, measured, suggestions, strict=True)
    )


def measure_all(bodies: Sequence[Vertebra], reference: Reference) -> list[tuple[Morphometry | None, bool]]:
    """Measures each body (ordered from the head down) beside its nearest intact neighbours.

    A neighbour that is itself fractured would hide a crush, so those are passed over.

    Returns: for each body its morphometry, None where heights are missing or not to be trusted, and whether there was
    an intact neighbour.
    """
    sound = [i for i, body in enumerate(bodies) if _measurable(body)]
    intact = {i for i in sound if _is_intact(bodies, i, sound)}
    results: list[tuple[Morphometry | None, bool]] = [(None, False)] * len(bodies)
    for i in sound:
        neighbours = _neighbours(bodies, i, intact)
        results[i] = _measure(bodies[i], neighbours, reference), bool(neighbours)
    return results


def _is_intact(bodies: Sequence[Vertebra], place: int, sound: Sequence[int]) -> bool:
    """Judges who may serve as a neighbour: by its own shape, and by its height among all bodies of this spine.

    The median over the whole spine still holds where several bodies in a row are crushed.
    """
    own = bodies[place]
    assert own.heights is not None
    if _measure(own, {}).grade is not Grade.NORMAL:
        return False
    expected_mm = [
        expected_posterior_mm(own.level, {bodies[i].level: heights})
        for i in sound
        if i != place and (heights := bodies[i].heights) is not None
    ]
    return not expected_mm or own.heights.posterior >= SHORT_SHARE * float(np.median(expected_mm))


def _measurable(body: Vertebra) -> bool:
    return body.heights is not None and body.uncertainty_mm is not None and TOO_THICK not in body.flags


def _measure(
    body: Vertebra,
    neighbours: dict[Level, Heights],
    reference: Reference = Reference.EXPECTED_BY_LEVEL,
) -> Morphometry:
    assert body.heights is not None and body.uncertainty_mm is not None
    if reference is Reference.NEIGHBOURS and not neighbours:
        reference = Reference.EXPECTED_BY_LEVEL  # the result names the convention that was used
    return measure(body.level, body.heights, body.uncertainty_mm, reference, neighbours)


def _neighbours(bodies: Sequence[Vertebra], place: int, intact: set[int]) -> dict[Level, Heights]:
    """Returns the heights of the nearest intact bodies above and below."""
    above = sorted((i for i in intact if i < place), reverse=True)[:NEIGHBOURS_A_SIDE]
    below = sorted(i for i in intact if i > place)[:NEIGHBOURS_A_SIDE]
    found = {bodies[i].level: bodies[i].heights for i in (*above, *below)}
    return {level: heights for level, heights in found.items() if heights is not None}


def _from_the_head_down(located: Located, *, too_thick: bool) -> list[Vertebra]:
    bodies = sorted(located.vertebrae, key=lambda body: -float(body.centre_lps_mm[2]))
    return [_flagged(body, TOO_THICK) for body in bodies] if too_thick else bodies


def _flagged(body: Vertebra, flag: str) -> Vertebra:
    return body if flag in body.flags else replace(body, flags=(*body.flags, flag))
