"""How findings and known errors cross the pipes between our processes: as JSON, with nothing lost on the way.

The JSON of `screen` (`vfscreen.findings`) is for people and other programs and rounds; this one is for ourselves.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vfscreen import errors
from vfscreen.anatomy import level_of
from vfscreen.errors import KnownError
from vfscreen.findings import Finding, Refusal, Screening, SeriesFacts, Suggestion, Vertebra
from vfscreen.genant import Axes, Grade, Heights, Morphometry, Reference, Shape, SixPoints
from vfscreen.known_bodies import KnownBodies
from vfscreen.masks import BodiesFrom, MaskKind

Json = dict[str, Any]


def screening_to_wire(screening: Screening) -> Json:
    """Writes a screening so that `screening_from_wire` gives back the same values."""
    return {
        "source": screening.source,
        "series": None if screening.series is None else facts_to_wire(screening.series),
        "findings": [finding_to_wire(finding) for finding in screening.findings],
        "refusals": [asdict(refusal) for refusal in screening.refusals],
        "warnings": list(screening.warnings),
        "models": dict(screening.models),
        "seconds": dict(screening.seconds),
    }


def screening_from_wire(content: Json) -> Screening:
    """Reads what `screening_to_wire` wrote."""
    series = content["series"]
    return Screening(
        source=content["source"],
        series=None if series is None else facts_from_wire(series),
        findings=tuple(finding_from_wire(finding) for finding in content["findings"]),
        refusals=tuple(Refusal(**refusal) for refusal in content["refusals"]),
        warnings=tuple(content["warnings"]),
        models=content["models"],
        seconds=content["seconds"],
    )


def facts_to_wire(facts: SeriesFacts) -> Json:
    """Writes what is known of a series."""
    return asdict(facts)


def facts_from_wire(content: Json) -> SeriesFacts:
    """Reads what `facts_to_wire` wrote."""
    return SeriesFacts(**content | {"spacing_mm": tuple(content["spacing_mm"])})


def finding_to_wire(finding: Finding) -> Json:
    """Writes one finding."""
    return {
        "vertebra": vertebra_to_wire(finding.vertebra),
        "morphometry": None if finding.morphometry is None else asdict(finding.morphometry),
        "suggestion": None if finding.suggestion is None else suggestion_to_wire(finding.suggestion),
    }


def finding_from_wire(content: Json) -> Finding:
    """Reads what `finding_to_wire` wrote."""
    measured, suggested = content["morphometry"], content["suggestion"]
    return Finding(
        vertebra=vertebra_from_wire(content["vertebra"]),
        morphometry=None if measured is None else _morphometry(measured),
        suggestion=None if suggested is None else suggestion_from_wire(suggested),
    )


def vertebra_to_wire(body: Vertebra) -> Json:
    """Writes one body with its points, axes and heights."""
    axes = body.axes
    return {
        "level": str(body.level),
        "level_certain": body.level_certain,
        "whole": body.whole,
        "centre_lps_mm": body.centre_lps_mm.tolist(),
        "confidence": body.confidence,
        "points_lps_mm": None if body.points is None else body.points.array().tolist(),
        "axes": None if axes is None else [axes.origin.tolist(), *axes.matrix().tolist()],
        "heights_mm": None if body.heights is None else asdict(body.heights),
        "uncertainty_mm": body.uncertainty_mm,
        "flags": list(body.flags),
        "body_id": body.body_id,
    }


def vertebra_from_wire(content: Json) -> Vertebra:
    """Reads what `vertebra_to_wire` wrote."""
    points, axes, heights = content["points_lps_mm"], content["axes"], content["heights_mm"]
    return Vertebra(
        level=level_of(content["level"]),
        level_certain=content["level_certain"],
        whole=content["whole"],
        centre_lps_mm=np.array(content["centre_lps_mm"], float),
        confidence=content["confidence"],
        points=None if points is None else SixPoints.from_array(np.array(points, float)),
        axes=None if axes is None else Axes(*(np.array(row, float) for row in axes)),
        heights=None if heights is None else Heights(**heights),
        uncertainty_mm=content["uncertainty_mm"],
        flags=tuple(content["flags"]),
        body_id=content["body_id"],
    )


def suggestion_to_wire(suggestion: Suggestion) -> Json:
    """Writes a suggestion with its embedding."""
    return {
        "model": suggestion.model,
        "probabilities": list(suggestion.probabilities),
        "conformal_set": [int(grade) for grade in suggestion.conformal_set],
        "embedding": suggestion.embedding.tolist(),
    }


def suggestion_from_wire(content: Json) -> Suggestion:
    """Reads what `suggestion_to_wire` wrote."""
    first, second, third, fourth = content["probabilities"]
    return Suggestion(
        model=content["model"],
        probabilities=(first, second, third, fourth),
        conformal_set=tuple(Grade(grade) for grade in content["conformal_set"]),
        embedding=np.array(content["embedding"], np.float32),
    )


def bodies_from_to_wire(choice: BodiesFrom | KnownBodies | None) -> Json | None:
    """Writes where bodies come from instead of the localiser."""
    if choice is None:
        return None
    if isinstance(choice, KnownBodies):
        return {
            "name": choice.name,
            "vertebrae": [vertebra_to_wire(body) for body in choice.vertebrae],
            "refusals": [asdict(refusal) for refusal in choice.refusals],
        }
    return {"mask": None if choice.mask is None else str(choice.mask), "kind": str(choice.kind)}


def bodies_from_from_wire(content: Json | None) -> BodiesFrom | KnownBodies | None:
    """Reads what `bodies_from_to_wire` wrote."""
    if content is None:
        return None
    if "vertebrae" in content:
        bodies = tuple(vertebra_from_wire(body) for body in content["vertebrae"])
        return KnownBodies(content["name"], bodies, tuple(Refusal(**one) for one in content["refusals"]))
    mask = content["mask"]
    return BodiesFrom(None if mask is None else Path(mask), MaskKind(content["kind"]))


def error_to_wire(error: KnownError) -> dict[str, str]:
    """Writes a known error with its class."""
    return {"kind": type(error).__name__, "what": error.what, "where": error.where, "todo": error.todo}


def error_from_wire(content: dict[str, str]) -> KnownError:
    """Reads what `error_to_wire` wrote; a class that we do not know becomes a plain `KnownError`."""
    found = getattr(errors, content["kind"], KnownError)
    known = found if isinstance(found, type) and issubclass(found, KnownError) else KnownError
    return known(content["what"], content["where"], content["todo"])


def _morphometry(content: Json) -> Morphometry:
    return Morphometry(
        reference=Reference(content["reference"]),
        loss_percent=content["loss_percent"],
        band_percent=content["band_percent"],
        shape=Shape(content["shape"]),
        grade=Grade(content["grade"]),
        table=content["table"],
        normal_percent=content["normal_percent"],
    )
