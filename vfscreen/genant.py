"""Six points, three heights, and what Genant's scale makes of them. Pure arithmetic.

Source: Genant HK et al., J Bone Miner Res 1993;8:1137. Conventions of reference height: see `Reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level

Float = NDArray[np.float64]


class Grade(IntEnum):
    """Genant's semi-quantitative grade."""

    NORMAL = 0
    MILD = 1
    MODERATE = 2
    SEVERE = 3


class ReadGrade(Enum):
    """What a reader may say: Genant's grades and ½, suspected under 20 %. Not graded is `None`, never NORMAL."""

    NORMAL = 0.0
    BORDERLINE = 0.5
    MILD = 1.0
    MODERATE = 2.0
    SEVERE = 3.0

    @property
    def sign(self) -> str:
        """The sign on the screen: 0, ½, 1, 2 or 3."""
        return "½" if self is ReadGrade.BORDERLINE else str(int(self.value))

    def soft(self) -> tuple[float, float, float, float]:
        """Shares of the four grades for training: ½ is half 0 and half 1."""
        if self is ReadGrade.BORDERLINE:
            return 0.5, 0.5, 0.0, 0.0
        shares = [0.0] * 4
        shares[int(self.value)] = 1.0
        return shares[0], shares[1], shares[2], shares[3]


class Shape(StrEnum):
    """Which height is lost most: anterior (wedge), middle (biconcave) or all of them (crush)."""

    NONE = "none"
    WEDGE = "wedge"
    BICONCAVE = "biconcave"
    CRUSH = "crush"


class Reference(StrEnum):
    """Against what a loss is measured."""

    OWN_POSTERIOR = "own_posterior"
    NEIGHBOURS = "neighbours"
    EXPECTED_BY_LEVEL = "expected_by_level"


POINT_NAMES = (
    "superior_anterior", "superior_middle", "superior_posterior",
    "inferior_anterior", "inferior_middle", "inferior_posterior",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SixPoints:
    """The six points of a body in its own mid-sagittal plane, on the disc-side edge of the bony endplates.

    Shapes: (3,) each. Frame: LPS mm.
    """

    superior_anterior: Float
    superior_middle: Float
    superior_posterior: Float
    inferior_anterior: Float
    inferior_middle: Float
    inferior_posterior: Float

    @classmethod
    def from_array(cls, points_lps_mm: Float) -> SixPoints:
        """Takes (6, 3) LPS mm in the order of `POINT_NAMES`."""
        return cls(*(np.asarray(point, float) for point in points_lps_mm))

    def array(self) -> Float:
        """Returns (6, 3) LPS mm in the order of `POINT_NAMES`."""
        return np.stack([getattr(self, name) for name in POINT_NAMES])


@dataclass(frozen=True, slots=True)
class Heights:
    """Anterior, middle and posterior height of a body. Units: mm."""

    anterior: float
    middle: float
    posterior: float

    def array(self) -> Float:
        """Returns (3,): anterior, middle, posterior."""
        return np.array([self.anterior, self.middle, self.posterior])


@dataclass(frozen=True, slots=True)
class Axes:
    """A body's own frame. Shapes: (3,) each. Frame: LPS mm; the directions are unit vectors.

    `left` x `posterior` = `superior`.
    """

    origin: Float
    left: Float
    posterior: Float
    superior: Float

    def matrix(self) -> Float:
        """Returns (3, 3), rows left, posterior, superior."""
        return np.stack([self.left, self.posterior, self.superior])


@dataclass(frozen=True, slots=True)
class Morphometry:
    """What the heights say: loss against a named reference, its noise band (half the 95 % interval), shape, grade.

    Units: loss and band in percent of the reference height.
    """

    reference: Reference
    loss_percent: float
    band_percent: float
    shape: Shape
    grade: Grade


def heights_of(points: SixPoints) -> Heights:
    """Measures the three heights, point to point, in mm."""
    array = points.array()
    anterior, middle, posterior = np.linalg.norm(array[:3] - array[3:], axis=1)
    return Heights(float(anterior), float(middle), float(posterior))


def axes_of(points: SixPoints) -> Axes:
    """Derives the body's own frame from its points.

    Posterior is the mean direction of the two endplates, superior is perpendicular to it within the points' plane,
    left is their cross product; the origin is the mean of the four corners.
    """
    array = points.array()
    corners = array[[0, 2, 3, 5]]
    upper, lower = array[2] - array[0], array[5] - array[3]
    posterior = _unit(_unit(upper) + _unit(lower))
    up = (array[0] + array[2] - array[3] - array[5]) / 2
    superior = _unit(up - posterior * float(up @ posterior))
    return Axes(corners.mean(0), np.cross(posterior, superior), posterior, superior)


def _unit(vector: Float) -> Float:
    return np.asarray(vector / np.linalg.norm(vector))


def grade_of_loss(loss_percent: float) -> Grade:
    """Cuts a loss by Genant: under 20 normal, 20-25 mild, over 25-40 moderate, over 40 severe.

    The definition leaves 25 and 40 open; they belong to the lower grade here, as in CaMos (20-25 / 26-40 / >40).
    """
    if loss_percent < 20:
        return Grade.NORMAL
    if loss_percent <= 25:
        return Grade.MILD
    return Grade.MODERATE if loss_percent <= 40 else Grade.SEVERE


# What a healthy body looks like, by level: log(Ha/Hp) and log(Hm/Hp) as quadratics of the level's place.
# `benchmarks/expected_shape.py` fits them on the grade-0 bodies of the development cases and prints source and size.
_EXPECTED_CENTRE = 11.0  # rank of T10 counted from T1 = 2, the middle of T1-L5
EXPECTED_LOG_ANTERIOR: tuple[float, float, float] = (-0.055, 0.0165, 0.0012)
EXPECTED_LOG_MIDDLE: tuple[float, float, float] = (-0.055, 0.0025, 0.0002)


def expected_ratios(level: Level) -> tuple[float, float]:
    """Returns the Ha/Hp and Hm/Hp that a healthy body of this level shows on average."""
    place = min(_place(level), _place(Level.L5)) - _EXPECTED_CENTRE
    powers = np.array([1.0, place, place**2])
    return float(np.exp(powers @ EXPECTED_LOG_ANTERIOR)), float(np.exp(powers @ EXPECTED_LOG_MIDDLE))


def _place(level: Level) -> float:
    """Counts T1 = 2 ... T12 = 13, L1 = 14 ... L6 = 19; T13 lies half way between T12 and L1."""
    if level is Level.T13:
        return 13.5
    return float(level.value - 6)


def losses(level: Level, heights: Heights, reference: Reference, neighbours: Sequence[Heights] = ()) -> Float:
    """Returns the missing share of anterior, middle and posterior height, (3,) in percent; negative means taller.

    `OWN_POSTERIOR` compares with Hp alone; `EXPECTED_BY_LEVEL` with Hp times the ratio expected at the level, and the
    posterior height itself with the mean of the neighbours' where there are any; `NEIGHBOURS` each with the mean of theirs.
    """
    own = heights.array()
    if reference is Reference.NEIGHBOURS and neighbours:
        wanted = np.mean([other.array() for other in neighbours], axis=0)
    else:
        anterior, middle = expected_ratios(level) if reference is Reference.EXPECTED_BY_LEVEL else (1.0, 1.0)
        posterior = heights.posterior
        if reference is Reference.EXPECTED_BY_LEVEL and neighbours:
            posterior = max(
                posterior, float(np.mean([other.posterior for other in neighbours])) * CRUSH_SLACK
            )
        wanted = posterior * np.array([anterior, middle, 1.0])
    return np.asarray(100.0 * (1.0 - own / wanted))


CRUSH_SLACK = 0.90
"""Neighbours' posterior heights vary: a body counts as crushed only below this share of their mean."""


def shape_of(losses_percent: Float, cut_percent: float = 20.0) -> Shape:
    """Names the shape: crush if the posterior height lacks the cut too, else by the larger of anterior and middle."""
    anterior, middle, posterior = (float(value) for value in losses_percent)
    if max(anterior, middle, posterior) < cut_percent:
        return Shape.NONE
    if posterior >= cut_percent:
        return Shape.CRUSH
    return Shape.WEDGE if anterior >= middle else Shape.BICONCAVE


def measure(
    level: Level,
    heights: Heights,
    uncertainty_mm: float,
    reference: Reference,
    neighbours: Sequence[Heights] = (),
) -> Morphometry:
    """Turns heights into loss, band, shape and grade.

    `uncertainty_mm` is half the 95 % interval of one height; the band is that of the ratio of two such heights.
    """
    lost = losses(level, heights, reference, neighbours)
    loss = float(max(lost.max(), 0.0))
    worst = int(lost.argmax())
    ratio = heights.array()[worst] / heights.posterior
    band = 100.0 * uncertainty_mm / heights.posterior * float(np.hypot(1.0, ratio))
    return Morphometry(reference, loss, band, shape_of(lost), grade_of_loss(loss))
