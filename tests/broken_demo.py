"""A vertebra of the demo CT broken by the simulation: a CT round it, and every body's points after it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.simulate import Deformity, Field, field_of, moved_points
from tests.demo_bodies import demo_bodies
from vfscreen.findings import Vertebra
from vfscreen.genant import axes_of, heights_of
from vfscreen.volume import Volume, sample

HALF_MM = np.array([16.0, 54.0, 66.0])
"""Wide enough for the view of one body, however it lies."""

WEDGE = Deformity((9.0, 5.0, 0.5), superior_share=0.8, crowding=0.2, dent_skew=1.2, side_tilt=0.1)
BICONCAVE = Deformity((2.0, 8.0, 1.0), superior_share=0.3, dent_width=1.2, discs_mm=(5.0, 7.0))
CRUSH = Deformity((7.0, 8.0, 7.5), superior_share=0.6, crowding=0.1)


@dataclass(frozen=True, slots=True)
class Broken:
    """The CT round a body before and after, on one grid, and the bodies of the case before and after."""

    healthy: Volume
    volume: Volume
    before: list[Vertebra]
    bodies: list[Vertebra]
    place: int


def broken_demo(demo_volume: Volume, deformity: Deformity, place: int = 3) -> Broken:
    """Breaks one of T9 to L2 and resamples the CT round it once, at 1 mm."""
    before = demo_bodies()
    points = before[place].points
    assert points is not None
    field = field_of(points, deformity)
    centre = before[place].centre_lps_mm
    affine = np.eye(4)
    affine[:3, 3] = centre - HALF_MM
    shape = (2 * HALF_MM).astype(int) + 1
    places = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1) + affine[:3, 3]
    healthy = _volume(sample(demo_volume, places), affine)
    broken = _volume(sample(demo_volume, field.inverse(places)[0]), affine)
    return Broken(healthy, broken, before, [_moved(body, field) for body in before], place)


def _moved(body: Vertebra, field: Field) -> Vertebra:
    assert body.points is not None
    points = moved_points([field], body.points)
    axes = axes_of(points)
    return replace(body, points=points, axes=axes, heights=heights_of(points), centre_lps_mm=axes.origin)


def _volume(values: np.ndarray, affine: np.ndarray) -> Volume:
    return Volume(np.ascontiguousarray(np.clip(np.rint(values), -1024, 3071).astype(np.int16)), affine)
