"""Six points, three heights, and what Genant's scale makes of them. Pure arithmetic.

Source: Genant HK et al., J Bone Miner Res 1993;8:1137. Conventions of reference height: see `Reference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class ExpectedShape:
    """What healthy bodies look like by level: quadratics of its place, fitted by `benchmarks/expected_shape.py`.

    Each is (constant, linear, square) of `place - EXPECTED_CENTRE`; logarithms of Ha/Hp, Hm/Hp, and of Hp in mm up to
    a factor of the person's own (only differences of `log_posterior` between levels mean something).
    """

    log_anterior: tuple[float, float, float]
    log_middle: tuple[float, float, float]
    log_posterior: tuple[float, float, float]
    source: str


EXPECTED_CENTRE = 11.0
"""Place of T10 when T1 is counted as 2 and L5 as 18: about the middle of what is screened."""

EXPECTED = ExpectedShape(
    log_anterior=(-0.09012, 0.00767, 0.00208),
    log_middle=(-0.0882, 0.00011, -0.00016),
    log_posterior=(3.2206, 0.03719, -0.00031),
    source="103 marked normal bodies of 16 patients; residual SD, patient left out: 6.8 % (Ha/Hp), 6.2 % (Hm/Hp)",
)

CRUSH_SLACK = 0.90
"""Posterior heights of healthy neighbours differ by some percent: a body counts as crushed only below this share."""


def expected_ratios(level: Level, shape: ExpectedShape = EXPECTED) -> tuple[float, float]:
    """Returns the Ha/Hp and Hm/Hp that a healthy body of this level shows on average."""
    powers = _powers(level)
    return float(np.exp(powers @ shape.log_anterior)), float(np.exp(powers @ shape.log_middle))


def expected_posterior_mm(
    level: Level, neighbours: Mapping[Level, Heights], shape: ExpectedShape = EXPECTED
) -> float:
    """Predicts the posterior height of a body from its neighbours' and the usual growth from level to level, mm.

    Raises:
        ValueError: there are no neighbours.
    """
    if not neighbours:
        raise ValueError("a height cannot be predicted without neighbours")
    grown = [
        np.log(heights.posterior) + float((_powers(level) - _powers(other)) @ shape.log_posterior)
        for other, heights in neighbours.items()
    ]
    return float(np.exp(np.mean(grown)))


def _powers(level: Level) -> Float:
    """Returns (3,): 1, x, x squared of the level's place; T1 = 2, T12 = 13, T13 = 13.5, L1 = 14, L5 and L6 = 18."""
    place = 13.5 if level is Level.T13 else float(min(level, Level.L5) - 6)
    return np.array([1.0, place - EXPECTED_CENTRE, (place - EXPECTED_CENTRE) ** 2])


def losses(
    level: Level,
    heights: Heights,
    reference: Reference,
    neighbours: Mapping[Level, Heights] = MappingProxyType({}),
) -> Float:
    """Returns the missing share of anterior, middle and posterior height, (3,) in percent; negative means taller.

    `OWN_POSTERIOR` compares with Hp alone, so it cannot see a crush. `EXPECTED_BY_LEVEL` compares with Hp times the
    ratio expected at the level; where neighbours are given, Hp itself counts for no less than `CRUSH_SLACK` of what
    they predict. `NEIGHBOURS` compares each height with the mean of the same height of the neighbours.

    Raises:
        ValueError: `NEIGHBOURS` was asked for without neighbours.
    """
    own = heights.array()
    if reference is Reference.NEIGHBOURS:
        if not neighbours:
            raise ValueError("the neighbours' convention needs at least one neighbour")
        return np.asarray(
            100.0 * (1.0 - own / np.mean([other.array() for other in neighbours.values()], axis=0))
        )
    anterior, middle, posterior = 1.0, 1.0, heights.posterior
    if reference is Reference.EXPECTED_BY_LEVEL:
        anterior, middle = expected_ratios(level)
        if neighbours:
            posterior = max(posterior, CRUSH_SLACK * expected_posterior_mm(level, neighbours))
    return np.asarray(100.0 * (1.0 - own / (posterior * np.array([anterior, middle, 1.0]))))


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
    neighbours: Mapping[Level, Heights] = MappingProxyType({}),
) -> Morphometry:
    """Turns heights into loss, band, shape and grade.

    `uncertainty_mm` is half the 95 % interval of one height; the band is that of the ratio of two such heights.

    Raises:
        ValueError: `NEIGHBOURS` was asked for without neighbours.
    """
    lost = losses(level, heights, reference, neighbours)
    loss = float(max(lost.max(), 0.0))
    ratio = float(heights.array()[int(lost.argmax())]) / heights.posterior
    band = 100.0 * uncertainty_mm / heights.posterior * float(np.hypot(1.0, ratio))
    return Morphometry(reference, loss, band, shape_of(lost), grade_of_loss(loss))
