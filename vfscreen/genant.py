"""Six points, three heights, and what Genant's scale makes of them. Pure arithmetic.

Source: Genant HK et al., J Bone Miner Res 1993;8:1137. Conventions of reference height: `docs/reference_heights.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import Level
from vfscreen.reference import EXPECTED, LevelShape, ReferenceTable, posterior_at, shape_at

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
    """Against what a loss is measured: see `reference_heights`."""

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

    `table` names the table of healthy bodies, and `normal_percent` is half the range in which 95 of 100 of them lie;
    empty and None where the convention needs no table, or it does not say.
    Units: all in percent of the reference height.
    """

    reference: Reference
    loss_percent: float
    band_percent: float
    shape: Shape
    grade: Grade
    table: str = ""
    normal_percent: float | None = None

    @property
    def grades(self) -> tuple[Grade, ...]:
        """Every grade that the measurement's noise leaves possible; grade 1 alone is narrower than most bands."""
        low = grade_of_loss(self.loss_percent - self.band_percent)
        high = grade_of_loss(self.loss_percent + self.band_percent)
        return tuple(grade for grade in Grade if low <= grade <= high)


def three_heights(points: Float) -> Float:
    """Measures anterior, middle and posterior height, point to point; (..., 6, 3) -> (..., 3) mm."""
    return np.asarray(np.linalg.norm(points[..., :3, :] - points[..., 3:, :], axis=-1), float)


def heights_of(points: SixPoints) -> Heights:
    """Measures the three heights, point to point, in mm."""
    anterior, middle, posterior = three_heights(points.array())
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


CRUSH_SLACK = 0.90
"""Posterior heights of healthy neighbours differ by some percent: a body counts as crushed only below this share."""

NORMAL_SDS = 1.96
"""95 of 100 healthy bodies lie within so many SD."""


def expected_ratios(level: Level, table: ReferenceTable = EXPECTED) -> tuple[float, float]:
    """Returns the Ha/Hp and Hm/Hp that a healthy body of this level shows on average."""
    shape, _ = shape_at(level, table)
    return shape.anterior, shape.middle


def expected_posterior_mm(level: Level, neighbours: Mapping[Level, Heights]) -> float:
    """Predicts the posterior height of a body from its neighbours' and the usual growth from level to level, mm.

    Raises:
        ValueError: there are no neighbours.
    """
    if not neighbours:
        raise ValueError("a height cannot be predicted without neighbours")
    predicted = [other.posterior * posterior_at(level) / posterior_at(at) for at, other in neighbours.items()]
    return float(np.exp(np.mean(np.log(predicted))))


@dataclass(frozen=True, slots=True)
class ReferenceHeights:
    """What a body's heights are compared with.

    Shapes: heights (3,) anterior, middle, posterior, mm; noise (3,), how much the measurement's noise moves each, as a
    share of it for every mm by which one measured height is off.
    """

    heights_mm: Float
    noise_per_mm: Float


def reference_heights(
    level: Level,
    heights: Heights,
    reference: Reference,
    neighbours: Mapping[Level, Heights] = MappingProxyType({}),
    table: ReferenceTable = EXPECTED,
) -> ReferenceHeights:
    """Returns the heights that a body is measured against.

    `OWN_POSTERIOR`: its own posterior height, three times; it cannot see a crush. `EXPECTED_BY_LEVEL`: Hp times the
    table's ratios; where neighbours are given, Hp counts for no less than `CRUSH_SLACK` of what they predict.
    `NEIGHBOURS`: the mean of the same height of the neighbours, each taken to this level by the usual growth.

    Raises:
        ValueError: `NEIGHBOURS` was asked for without neighbours.
    """
    ratios = np.array([*expected_ratios(level, table), 1.0])
    if reference is Reference.NEIGHBOURS:
        if not neighbours:
            raise ValueError("the neighbours' convention needs at least one neighbour")
        posterior_mm = [_as_posterior(level, at, other, table) for at, other in neighbours.items()]
        grown = ratios * np.exp(np.mean(np.log(posterior_mm), axis=0))
        return ReferenceHeights(grown, 1.0 / (grown * np.sqrt(len(neighbours))))
    own = heights.posterior
    if reference is Reference.OWN_POSTERIOR:
        return ReferenceHeights(np.full(3, own), np.full(3, 1.0 / own))
    least = CRUSH_SLACK * expected_posterior_mm(level, neighbours) if neighbours else 0.0
    if own >= least:
        return ReferenceHeights(own * ratios, np.full(3, 1.0 / own))
    return ReferenceHeights(least * ratios, np.full(3, 1.0 / (least * np.sqrt(len(neighbours)))))


def _as_posterior(level: Level, at: Level, other: Heights, table: ReferenceTable) -> Float:
    """Returns the posterior height at this level that each height of a neighbour stands for, (3,) mm."""
    ratios = np.array([*expected_ratios(at, table), 1.0])
    return np.asarray(other.array() / ratios * posterior_at(level) / posterior_at(at))


def losses(
    level: Level,
    heights: Heights,
    reference: Reference,
    neighbours: Mapping[Level, Heights] = MappingProxyType({}),
    table: ReferenceTable = EXPECTED,
) -> Float:
    """Returns the missing share of anterior, middle and posterior height, (3,) in percent; negative means taller.

    Raises:
        ValueError: `NEIGHBOURS` was asked for without neighbours.
    """
    against = reference_heights(level, heights, reference, neighbours, table)
    return np.asarray(100.0 * (1.0 - heights.array() / against.heights_mm))


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
    table: ReferenceTable = EXPECTED,
) -> Morphometry:
    """Turns heights into loss, band, shape and grade.

    `uncertainty_mm` is half the 95 % interval of one height, here and at the neighbours; the band is that of the ratio
    of the height that is lost most and its reference.

    Raises:
        ValueError: `NEIGHBOURS` was asked for without neighbours.
    """
    against = reference_heights(level, heights, reference, neighbours, table)
    shares = heights.array() / against.heights_mm
    most = int(shares.argmin())
    loss = max(100.0 * (1.0 - float(shares[most])), 0.0)
    noise = np.hypot(1.0 / against.heights_mm[most], shares[most] * against.noise_per_mm[most])
    named, normal = "", None
    if reference is Reference.EXPECTED_BY_LEVEL:
        shape, named = shape_at(level, table)
        normal = _normal_percent(shape, most)
    return Morphometry(
        reference,
        loss,
        100.0 * uncertainty_mm * float(noise),
        shape_of(100.0 * (1.0 - shares)),
        grade_of_loss(loss),
        named,
        normal,
    )


def _normal_percent(shape: LevelShape, which: int) -> float | None:
    """Half the range of healthy bodies, in percent of the expected height; the posterior height has none."""
    mean, spread = ((shape.anterior, shape.anterior_sd), (shape.middle, shape.middle_sd), (1.0, None))[which]
    return None if spread is None else 100.0 * NORMAL_SDS * spread / mean
