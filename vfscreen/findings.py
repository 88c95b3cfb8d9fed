"""What the program says about a series (findings) and what a person says (readings), and the JSON of `screen`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vfscreen import NOTICE
from vfscreen.anatomy import Level
from vfscreen.genant import POINT_NAMES, Axes, Grade, Heights, Morphometry, ReadGrade, Shape, SixPoints

Float = NDArray[np.float64]
SCHEMA = "vfscreen/screening/1"

TOO_THICK = "slices too thick for height measurement"
"""The flag of a body whose heights are not to be trusted; such a body has no morphometry."""


PLACED_BY_HAND = "points placed by hand"
"""The flag of a body whose six points a reader placed: they are no opinion of the program's."""


class Verdict(StrEnum):
    """What the conformal set says: {0} no fracture; 0 not in it: fracture; both: uncertain; nothing measured."""

    NO_FRACTURE = "no_fracture"
    FRACTURE = "fracture"
    UNCERTAIN = "uncertain"
    NOT_ASSESSED = "not_assessed"


def verdict_of(conformal_set: tuple[Grade, ...]) -> Verdict:
    """Reads the verdict off a conformal set; an empty set means that nothing was assessed."""
    if not conformal_set:
        return Verdict.NOT_ASSESSED
    if conformal_set == (Grade.NORMAL,):
        return Verdict.NO_FRACTURE
    return Verdict.UNCERTAIN if Grade.NORMAL in conformal_set else Verdict.FRACTURE


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What is known of a series; no names. Units: mm, kV, years. Empty or None where the file does not say.

    `spacing_mm` is along the array's axes; `slices` and `thickness_mm` along the scan's own axis (through the slices).
    `along_spine_mm` is how much of the spine one voxel shows, 0 where it is not known (see `vfscreen.thickness`).
    """

    kind: str
    uid: str = ""
    description: str = ""
    modality: str = "CT"
    kernel: str = ""
    spacing_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slices: int = 0
    thickness_mm: float = 0.0
    along_spine_mm: float = 0.0
    kilovolt: float | None = None
    age_years: int | None = None
    sex: str = ""
    study_date: str = ""
    study_uid: str = ""
    pseudonym: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Vertebra:
    """A body that the localiser (or a reader, or a mask) placed. Frame: LPS mm.

    A body cut by the view has `whole=False` and neither points, axes nor heights. `uncertainty_mm` is half the 95 %
    interval of one height. `body_id` is empty until the store gave one.
    """

    level: Level
    level_certain: bool
    whole: bool
    centre_lps_mm: Float
    confidence: float
    points: SixPoints | None = None
    axes: Axes | None = None
    heights: Heights | None = None
    uncertainty_mm: float | None = None
    flags: tuple[str, ...] = ()
    body_id: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the model says of one body.

    Shapes: probabilities (4,) over grades 0-3; embedding (128,) float32, L2-normalised.
    `fracture_probability` is P(grade >= 1); triage orders by P(grade >= 2).
    """

    model: str
    probabilities: tuple[float, float, float, float]
    conformal_set: tuple[Grade, ...]
    embedding: NDArray[np.float32]

    @property
    def fracture_probability(self) -> float:
        """P(grade >= 1)."""
        return 1.0 - self.probabilities[0]

    @property
    def triage_probability(self) -> float:
        """P(grade >= 2)."""
        return self.probabilities[2] + self.probabilities[3]

    @property
    def grade(self) -> Grade:
        """The most probable grade."""
        return Grade(int(np.argmax(self.probabilities)))

    @property
    def verdict(self) -> Verdict:
        """What the conformal set says."""
        return verdict_of(self.conformal_set)


@dataclass(frozen=True, slots=True)
class Finding:
    """A body with what was measured and suggested; both are None where it could not be assessed."""

    vertebra: Vertebra
    morphometry: Morphometry | None = None
    suggestion: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that is not screened: where (a level, a slice, a file), why, and what to do (may be empty)."""

    where: str
    reason: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Screening:
    """One run of the program over one series; findings from the head down."""

    source: str
    series: SeriesFacts | None
    findings: tuple[Finding, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    models: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Phase(StrEnum):
    """First: given before the program showed any opinion on that body; final: after."""

    FIRST = "first"
    FINAL = "final"


class Mode(StrEnum):
    """Read: nothing shown until every visible level is graded, random order. Screen: ordered by suspicion."""

    READ = "read"
    SCREEN = "screen"


class NotAssessable(StrEnum):
    """Why a body cannot be graded."""

    CUT_OFF = "cut_off"
    METAL_OR_CEMENT = "metal_or_cement"
    MOTION = "motion"
    OTHER = "other"
    NOT_SAID = "not_said"


class OtherDeformity(StrEnum):
    """A deformity that is not an osteoporotic fracture."""

    SCHMORL_OR_ENDPLATE = "schmorl_or_endplate"
    SCHEUERMANN = "scheuermann"
    CONGENITAL = "congenital"
    TUMOUR_SUSPECTED = "tumour_suspected"
    OLD_SURGERY = "old_surgery"
    NOT_SAID = "not_said"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader said of one body at one time; a correction is a new reading that supersedes the old one.

    `grade` None with neither `not_assessable` nor `other_deformity` is a withdrawn reading (an undo).
    `revealed_at` is when the program's opinion was shown to this reader, None if it was not yet.
    """

    reader: str
    body_id: str
    geometry_version: int
    grade: ReadGrade | None
    phase: Phase
    mode: Mode
    order_known: bool
    time: datetime
    shape: Shape | None = None
    not_assessable: NotAssessable | None = None
    other_deformity: OtherDeformity | None = None
    sure: bool = True
    flag: bool = False
    note: str = ""
    bulk: bool = False
    revealed_at: datetime | None = None
    supersedes: int | None = None
    reading_id: int | None = None


def screening_to_json(screening: Screening) -> dict[str, Any]:
    """Writes a screening in the schema `vfscreen/screening/1` (`docs/screening.schema.json`)."""
    facts = screening.series
    series = None
    if facts is not None:
        series = {
            "kind": facts.kind,
            "uid": facts.uid,
            "description": facts.description,
            "spacing_mm": [round(value, 4) for value in facts.spacing_mm],
            "slices": facts.slices,
            "thickness_mm": round(facts.thickness_mm, 4),
        }
    return {
        "schema": SCHEMA,
        "source": screening.source,
        "series": series,
        "vertebrae": [finding_to_json(finding) for finding in screening.findings],
        "refusals": [_refusal_to_json(refusal) for refusal in screening.refusals],
        "warnings": list(screening.warnings),
        "models": dict(screening.models),
        "seconds": {name: round(value, 3) for name, value in screening.seconds.items()},
        "notice": NOTICE,
    }


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """Writes one finding; what was not measured is null."""
    body = finding.vertebra
    return {
        "level": str(body.level),
        "level_certain": body.level_certain,
        "whole": body.whole,
        "confidence": round(body.confidence, 4),
        "centre_lps_mm": _rounded(body.centre_lps_mm),
        "points_lps_mm": None
        if body.points is None
        else {name: _rounded(getattr(body.points, name)) for name in POINT_NAMES},
        "heights_mm": None if body.heights is None else _heights_to_json(body.heights),
        "uncertainty_mm": None if body.uncertainty_mm is None else round(body.uncertainty_mm, 2),
        "morphometry": None if finding.morphometry is None else _morphometry_to_json(finding.morphometry),
        "suggestion": None if finding.suggestion is None else _suggestion_to_json(finding.suggestion),
        "flags": list(body.flags),
    }


def _refusal_to_json(refusal: Refusal) -> dict[str, str]:
    text = {"where": refusal.where, "reason": refusal.reason}
    return text | ({"todo": refusal.todo} if refusal.todo else {})


def _heights_to_json(heights: Heights) -> dict[str, float]:
    return {name: round(getattr(heights, name), 2) for name in ("anterior", "middle", "posterior")}


def _morphometry_to_json(morphometry: Morphometry) -> dict[str, Any]:
    return {
        "reference": str(morphometry.reference),
        "loss_percent": round(morphometry.loss_percent, 1),
        "band_percent": round(morphometry.band_percent, 1),
        "shape": str(morphometry.shape),
        "grade": int(morphometry.grade),
        "grades_within_band": [int(grade) for grade in morphometry.grades],
        "table": morphometry.table,
        "normal_percent": None
        if morphometry.normal_percent is None
        else round(morphometry.normal_percent, 1),
    }


def _suggestion_to_json(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "model": suggestion.model,
        "probabilities": [round(value, 4) for value in suggestion.probabilities],
        "fracture_probability": round(suggestion.fracture_probability, 4),
        "grade": int(suggestion.grade),
        "set": [int(grade) for grade in suggestion.conformal_set],
        "verdict": str(suggestion.verdict),
    }


def _rounded(point: Float) -> list[float]:
    return [round(float(value), 3) for value in point]
