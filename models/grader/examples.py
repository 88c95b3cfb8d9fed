"""Labelled crops: real ones with readers' grades, and simulated fractures made from healthy bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from models.grader.crop import (
    Crop,
    as_hounsfield,
    cut_crop,
    grid_lps_mm,
    in_axes,
    neighbours_of,
    step_along_mm,
)  # fmt: skip
from models.grader.draw import Bodies, Plan, draw_plan
from models.simulate import healthy_places, moved_points
from models.simulated_look import densify, draw_look, within_body
from vfscreen.findings import Vertebra
from vfscreen.genant import Grade, SixPoints, axes_of, heights_of
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]
Shares = tuple[float, float, float, float]

LARGEST_ERROR_MM = 0.3
SMALLEST_JACOBIAN = 0.02
SPREAD_PERCENT = 2.5
"""Two careful measurements of one body differ by about so much (SD); near a cut the label is shared accordingly."""


@dataclass(frozen=True, slots=True)
class Example:
    """A crop with what is true of it.

    `shares` are those of the four grades (several readers, or a loss near a cut, share); `losses_percent` (3,) is the
    loss of anterior, middle and posterior height against expectation, NaN where it is not known; `own_loss_percent`
    that of a simulated one against its own original, the largest of the three.
    """

    crop: Crop
    shares: Shares
    losses_percent: Float
    patient: str
    body: str
    simulated: bool
    own_loss_percent: float = 0.0

    @property
    def grade(self) -> Grade:
        """The grade with the largest share, the lower of two that are equal."""
        return Grade(int(np.argmax(self.shares)))


def shares_of_loss(loss_percent: float, spread_percent: float = SPREAD_PERCENT) -> Shares:
    """Returns the shares of the grades for a loss: Genant's cuts, softened by the error of a measurement."""
    below = [float(ndtr((cut - loss_percent) / spread_percent)) for cut in (20.0, 25.0, 40.0)]
    return below[0], below[1] - below[0], below[2] - below[1], 1.0 - below[2]


def reader_example(
    volume: Volume, vertebra: Vertebra, others: Sequence[Vertebra], shares: Shares, patient: str, body: str
) -> Example:
    """Cuts out a body that readers graded; its losses are those that its points show."""
    crop = cut_crop(volume, vertebra, *neighbours_of(vertebra, others))
    return Example(crop, shares, crop.losses_percent(), patient, body, simulated=False)


def simulated_examples(
    volume: Volume,
    vertebrae: Sequence[Vertebra],
    healthy: Sequence[Vertebra],
    patient: str,
    count: int,
    seed: int,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Example]:
    """Makes `count` examples from the healthy bodies of one scan, the four grades in turn.

    Deformations that fold space, or cannot be undone to `LARGEST_ERROR_MM`, are drawn again.
    """
    rng = np.random.default_rng(seed)
    sources = [one for one in healthy if one.points is not None]
    made = drawn = 0
    while sources and made < count and drawn < 5 * count and not cancelled():
        vertebra = sources[drawn % len(sources)]
        drawn += 1
        example = simulated_example(volume, vertebra, vertebrae, Grade(made % 4), patient, rng)
        if example is not None:
            made += 1
            yield example


def simulated_example(
    volume: Volume,
    vertebra: Vertebra,
    vertebrae: Sequence[Vertebra],
    wanted: Grade,
    patient: str,
    rng: np.random.Generator,
) -> Example | None:
    """Makes one example whose loss lies in the wanted grade's range; None if this draw folds space."""
    if vertebra.points is None:
        return None
    above, below = neighbours_of(vertebra, vertebrae)
    plan = draw_plan((vertebra, above, below), wanted, rng)
    crop = None if plan is None else deformed_crop(volume, (vertebra, above, below), plan)
    if plan is None or crop is None:
        return None
    losses = crop.losses_percent()
    look = draw_look(rng)
    planes, points_mm = look.apply(crop.planes.astype(np.float32), crop.points_mm)
    whole = heights_of(vertebra.points).array()
    left = heights_of(moved_points(plan.fields, vertebra.points)).array()
    return Example(
        replace(
            crop,
            planes=as_hounsfield(planes),
            points_mm=points_mm,
            thickness_mm=max(look.thickness_mm or 0.0, crop.thickness_mm),
        ),
        shares_of_loss(float(losses.max())),
        losses,
        patient,
        f"{patient}/{vertebra.level}",
        simulated=True,
        own_loss_percent=float(100 * (1 - left / whole).max()),
    )


def deformed_crop(volume: Volume, bodies: Bodies, plan: Plan) -> Crop | None:
    """Cuts a body out of deformed space, resampling the CT once; None if space folds or cannot be undone."""
    moved = [
        moved_points(plan.fields, body.points) if body is not None and body.points is not None else None
        for body in bodies
    ]
    own = moved[0]
    if own is None:
        return None
    axes = axes_of(own)
    places = axes.origin + (grid_lps_mm(axes) - axes.origin) / plan.size
    healthy, error_mm = healthy_places(plan.fields, places)
    compression = _volume_ratio(places, healthy)
    if error_mm > LARGEST_ERROR_MM or compression.min() <= 0 or 1 / compression.max() < SMALLEST_JACOBIAN:
        return None
    scaled = [None if six is None else _scaled(six, axes.origin, plan.size) for six in moved]
    points_mm = in_axes(axes, scaled)
    planes = densify(
        sample(volume, healthy), 1 + (compression - 1) * within_body(points_mm[0]), plan.density_share
    )
    above, below = bodies[1:]
    return Crop(
        as_hounsfield(planes),
        points_mm,
        (bodies[0].level, above.level if above else None, below.level if below else None),
        step_along_mm(volume, axes.superior) * plan.size,
    )


def _volume_ratio(broken: Float, healthy: Float) -> NDArray[np.float32]:
    """Returns healthy volume per broken volume at every voxel of a grid; not positive where space is folded."""
    steps = [np.stack(np.gradient(grid, axis=(0, 1, 2)), -1) for grid in np.moveaxis(healthy - broken, -1, 0)]
    first = broken[0, 0, 0]
    frame = np.stack([broken[1, 0, 0] - first, broken[0, 1, 0] - first, broken[0, 0, 1] - first], -1)
    derivative = np.stack(steps, -2) @ np.linalg.inv(frame) + np.eye(3)
    ratio: NDArray[np.float32] = np.linalg.det(derivative).astype(np.float32)
    return ratio


def _scaled(points: SixPoints, origin: Float, size: float) -> SixPoints:
    return SixPoints.from_array(origin + (points.array() - origin) * size)
