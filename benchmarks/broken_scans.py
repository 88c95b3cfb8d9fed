"""Scans in which one body is broken: real CT of a patient, resampled once through the fields of `models.simulate`.

A field draws out a scan's own blur with the disc, so that what was scanned in thick slices looks less sharp than a
broken body in such slices is. Thin slices may be broken and then averaged to thick ones, as a scanner would have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.grader.cases import GradedCase
from models.grader.crop import neighbours_of
from models.grader.draw import Plan, draw_plan
from models.grader.examples import LARGEST_LOSS_PERCENT, TRIES, deformed_crop
from models.simulate import Field, healthy_places
from models.simulated_outcome import Outcome, outcome_of
from vfscreen.findings import Vertebra
from vfscreen.volume import Volume, anatomical_axes, plane_points, sample, slice_distance_mm

Float = NDArray[np.float64]

FINEST_MM = 0.8
"""Axes with finer voxels are read at this step."""
AROUND_MM = 60.0
"""How far beyond the bodies' centres the scan goes, where the patient's own goes as far."""


@dataclass(frozen=True, slots=True)
class BrokenScan:
    """A scan and what happened to one of its bodies; `control` if its own heights were left as they are.

    Frame: `centre_lps_mm` (3,) is where the body lies in the scan.
    """

    scan: Volume
    body: Vertebra
    centre_lps_mm: Float
    outcome: Outcome
    control: bool


def broken_scans(case: GradedCase, per_body: int, seed: int) -> Iterator[BrokenScan]:
    """Breaks every healthy body of a case `per_body` times, losses even from 0 to 60 %, and makes one control of each.

    The draws are those of the grader's simulated bodies (`models.grader.examples.evenly_broken`), without what is
    painted there on crops, and with no mineral conserved. A body that cannot have its loss is drawn again.
    """
    rng = np.random.default_rng(seed)
    sources = [one for one in case.healthy if one.points is not None]
    count = per_body * len(sources)
    even = rng.permutation((np.arange(count) + rng.random(count)) / max(count, 1) * LARGEST_LOSS_PERCENT)
    aims: list[float | None] = [*(float(aim) for aim in even), *([None] * len(sources))]
    for place, aim in enumerate(aims):
        for attempt in range(TRIES):
            body = sources[(place + attempt // 2) % len(sources)]
            plan = _plan(case, body, aim, rng)
            if plan is not None:
                yield _broken(case, body, plan, control=aim is None)
                break


def _plan(case: GradedCase, body: Vertebra, aim: float | None, rng: np.random.Generator) -> Plan | None:
    """Draws what happens to a body; None if it cannot have this loss, or space would fold."""
    bodies = (body, *neighbours_of(body, case.vertebrae))
    plan = draw_plan(bodies, aim, rng)
    return plan if plan is not None and deformed_crop(case.volume, bodies, plan) is not None else None


def _broken(case: GradedCase, body: Vertebra, plan: Plan, *, control: bool) -> BrokenScan:
    assert body.points is not None
    around = {
        one.level: one.points
        for one in neighbours_of(body, case.vertebrae)
        if one is not None and one.points is not None
    }
    outcome = outcome_of(plan.fields, body.level, body.points, around)
    places = np.stack([one.centre_lps_mm for one in case.vertebrae])
    for field in plan.fields:
        places = field.forward(places)
    scan = deformed_scan(case.volume, plan.fields, places)
    return BrokenScan(scan, body, outcome.points.array().mean(0), outcome, control)


def deformed_scan(volume: Volume, fields: Sequence[Field], places: Float) -> Volume:
    """Reads the part of a volume round some places (n, 3) of deformed space, on the volume's own axes."""
    spacing = volume.spacing_mm
    steps = np.maximum(spacing, FINEST_MM)
    indices = volume.indices_of(places)
    low = np.maximum(np.floor(indices.min(0) - AROUND_MM / spacing), 0)
    high = np.minimum(np.ceil(indices.max(0) + AROUND_MM / spacing), np.array(volume.shape) - 1)
    shape = tuple(int(count) for count in np.floor((high - low) * spacing / steps) + 1)
    affine = volume.affine.copy()
    affine[:3, :3] *= steps / spacing
    affine[:3, 3] = volume.lps_of(low)
    axes = (volume.affine[:3, :3] / spacing).T
    healthy, _ = healthy_places(fields, plane_points(affine[:3, 3], axes, shape, tuple(map(float, steps))))
    hu = np.round(sample(volume, healthy)).clip(-1024, 3071)
    return Volume(np.ascontiguousarray(hu.astype(np.int16)), affine)


def thickened(volume: Volume, slice_mm: float) -> Volume:
    """Averages slices across the patient's long axis until they are about this thick; what is over is cut."""
    axis = anatomical_axes(volume.affine)[0][2]
    together = max(1, round(slice_mm / slice_distance_mm(volume)))
    count = volume.shape[axis] // together
    kept = np.moveaxis(volume.voxels, axis, 0)[: count * together].astype(np.float32)
    mean = kept.reshape(count, together, *kept.shape[1:]).mean(1)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (together - 1) / 2
    affine[:3, axis] *= together
    return Volume(np.ascontiguousarray(np.moveaxis(np.round(mean).astype(np.int16), 0, axis)), affine)
