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
from models.grader.draw import Bodies, Plan, draw_aim, draw_plan
from models.simulate import healthy_places, moved_points
from models.simulated_look import densify, draw_look, within_body
from models.simulated_outcome import outcome_of
from vfscreen.findings import Vertebra
from vfscreen.genant import Grade, SixPoints, axes_of
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]
Shares = tuple[float, float, float, float]

LARGEST_ERROR_MM = 0.3
SMALLEST_JACOBIAN = 0.02
BROKEN_PERCENT = 10.0
"""A body that lost more of any of its own heights may show the signs of a fracture."""

LARGEST_LOSS_PERCENT = 60.0
TRIES = 12
SPREAD_PERCENT = 2.5
"""Two careful measurements of one body differ by about so much (SD); near a cut the label is shared accordingly."""


@dataclass(frozen=True, slots=True)
class Example:
    """A crop with what is true of it.

    `shares` are those of the four grades (several readers, or a loss near a cut, share); `losses_percent` (3,) is the
    loss of anterior, middle and posterior height against expectation, NaN where it is not known; `own_loss_percent`
    that of a simulated one against its own original, the largest of the three. A `control` is simulated in every way
    but this: its own heights were left as they are.
    """

    crop: Crop
    shares: Shares
    losses_percent: Float
    patient: str
    body: str
    simulated: bool
    own_loss_percent: float = 0.0
    control: bool = False

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
        aim = draw_aim(Grade(made % 4), rng)
        example = simulated_example(volume, vertebra, vertebrae, aim, patient, rng)
        if example is not None:
            made += 1
            yield example


def evenly_broken(
    volume: Volume,
    vertebrae: Sequence[Vertebra],
    healthy: Sequence[Vertebra],
    patient: str,
    per_body: int,
    seed: int,
) -> Iterator[Example]:
    """Makes `per_body` examples of every healthy body, their losses even from 0 to `LARGEST_LOSS_PERCENT`, and one
    control of each: the same resampling and confounders, its own heights as they are (but for a per cent or two that a
    deformed neighbour may pull along).

    Where a body cannot have a loss (it lacks more already, or space would fold), the next one gets it.
    """
    rng = np.random.default_rng(seed)
    sources = [one for one in healthy if one.points is not None]
    count = per_body * len(sources)
    even = (np.arange(count) + rng.random(count)) / max(count, 1) * LARGEST_LOSS_PERCENT
    aims: list[float | None] = [*(float(aim) for aim in rng.permutation(even)), *([None] * len(sources))]
    for place, aim in enumerate(aims):
        for attempt in range(TRIES):
            vertebra = sources[(place + attempt // 2) % len(sources)]
            example = simulated_example(volume, vertebra, vertebrae, aim, patient, rng)
            if example is not None:
                yield example
                break


def simulated_example(
    volume: Volume,
    vertebra: Vertebra,
    vertebrae: Sequence[Vertebra],
    aim_percent: float | None,
    patient: str,
    rng: np.random.Generator,
) -> Example | None:
    """Makes one example that loses `aim_percent` against expectation, or nothing of its own heights for None.

    Returns None if this body cannot, or this draw folds space.
    """
    if vertebra.points is None:
        return None
    above, below = neighbours_of(vertebra, vertebrae)
    plan = draw_plan((vertebra, above, below), aim_percent, rng)
    crop = None if plan is None else deformed_crop(volume, (vertebra, above, below), plan)
    if plan is None or crop is None:
        return None
    around = {one.level: one.points for one in (above, below) if one is not None and one.points is not None}
    outcome = outcome_of(plan.fields, vertebra.level, vertebra.points, around)
    own_loss_percent = float(outcome.own_losses_percent.max())
    look = draw_look(rng, broken=own_loss_percent > BROKEN_PERCENT)
    planes, points_mm = look.apply(crop.planes.astype(np.float32), crop.points_mm)
    return Example(
        replace(
            crop,
            planes=as_hounsfield(planes),
            points_mm=points_mm,
            thickness_mm=max(look.thickness_mm or 0.0, crop.thickness_mm),
        ),
        shares_of_loss(float(outcome.losses_percent.max())),
        outcome.losses_percent,
        patient,
        f"{patient}/{vertebra.level}",
        simulated=True,
        own_loss_percent=own_loss_percent,
        control=aim_percent is None,
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
