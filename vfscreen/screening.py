"""The main use case: one series in, every vertebral body found, measured and graded, or refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from vfscreen.findings import TOO_THICK, Finding, Refusal, Screening, SeriesFacts, Suggestion, Vertebra
from vfscreen.genant import Reference
from vfscreen.intake import LoadedSeries
from vfscreen.ports import Grader, Localiser, Located, Progress
from vfscreen.reference import EXPECTED, ReferenceTable
from vfscreen.spine_morphometry import NO_INTACT_NEIGHBOUR, measure_all
from vfscreen.thickness import too_thick

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
    table: ReferenceTable = EXPECTED,
) -> Screening:
    """Screens one series; `source` is told as given, `read_seconds` is how long reading it took."""
    progress("finding the vertebrae", 0.1)
    started = perf_counter()
    located = localiser.locate(loaded.volume)
    localised = perf_counter()

    progress("grading", 0.8)
    bodies = bodies_as_told(located, loaded.facts)
    suggestions = grader.grade(loaded.volume, bodies) if bodies else []
    graded = perf_counter()

    progress("done", 1.0)
    return Screening(
        source=source,
        series=loaded.facts,
        findings=findings_of(bodies, suggestions, reference, table),
        refusals=located.refusals if bodies else (*located.refusals, NOTHING_FOUND),
        warnings=tuple(dict.fromkeys((*loaded.warnings, *located.warnings))),
        models={"localiser": localiser.name, "grader": grader.name},
        seconds={"read": read_seconds, "localise": localised - started, "grade": graded - localised},
    )


def findings_of(
    bodies: Sequence[Vertebra],
    suggestions: Sequence[Suggestion | None],
    reference: Reference,
    table: ReferenceTable = EXPECTED,
) -> tuple[Finding, ...]:
    """Puts bodies, their measurement and the model's suggestion together."""
    measured = measure_all(bodies, reference, table)
    return tuple(
        Finding(_flagged(body, NO_INTACT_NEIGHBOUR) if found and not compared else body, found, suggestion)
        for body, (found, compared), suggestion in zip(bodies, measured, suggestions, strict=True)
    )


def bodies_as_told(located: Located, facts: SeriesFacts) -> list[Vertebra]:
    """Returns what was located from the head down, flagged where the slices are too thick to measure heights."""
    bodies = sorted(located.vertebrae, key=lambda body: -float(body.centre_lps_mm[2]))
    return [_flagged(body, TOO_THICK) for body in bodies] if too_thick(facts.along_spine_mm) else bodies


def _flagged(body: Vertebra, flag: str) -> Vertebra:
    return body if flag in body.flags else replace(body, flags=(*body.flags, flag))
