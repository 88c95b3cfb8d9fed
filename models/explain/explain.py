"""One explanation of one suggestion: the body as scanned and unbroken, and where the answer hangs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.explain.occlusion import occlusion_map
from models.explain.unbroken import Restored, Three, restored
from models.grader.crop import (
    FRONT_MM,
    VIEW_COLUMNS,
    VIEW_ROWS,
    Crop,
    as_hounsfield,
    cut_crop,
    grid_lps_mm,
    in_axes,
    neighbours_of,
)  # fmt: skip
from models.grader.suggest import CompactGrader
from models.grader.trained import say
from vfscreen.errors import NoSuchThing
from vfscreen.explanations import Explanation, Sheet, Unbroken
from vfscreen.findings import TOO_THICK, Suggestion, Vertebra
from vfscreen.genant import Axes, Reference, SixPoints, axes_of
from vfscreen.ports import Progress
from vfscreen.reference import EXPECTED, ReferenceTable
from vfscreen.spine_morphometry import missing_mm
from vfscreen.volume import Volume, plane_points, sample

Float = NDArray[np.float64]
Bodies = tuple[Vertebra, Vertebra | None, Vertebra | None]

SHEET_STEP_MM = 0.5
NOTHING_MISSING = "It lacks no height against what is usual at its level."
NO_HEIGHTS = "Its heights are not reliable, so nobody knows what it lacks."
FOLDS = "Its points cannot be moved back without folding the picture."


def explain(
    grader: CompactGrader,
    volume: Volume,
    bodies: Sequence[Vertebra],
    place: int,
    progress: Progress,
    *,
    reference: Reference = Reference.EXPECTED_BY_LEVEL,
    table: ReferenceTable = EXPECTED,
) -> Explanation:
    """Explains what the grader says of the body at `place`.

    `bodies` are those of the case from the head down: neighbours say what height is to be expected against the
    reference. `progress` may raise to end it.

    Raises:
        NoSuchThing: the body has no points, so that nothing was suggested.
    """
    body = bodies[place]
    if body.points is None:
        raise NoSuchThing(
            "nothing was suggested of this vertebra, so there is nothing to explain",
            str(body.level),
            "choose one that lies wholly in the scan",
        )
    progress("undoing the loss", 0.0)
    group = body, *neighbours_of(body, bodies)
    crop = cut_crop(volume, *group)
    missing = missing_mm(bodies, place, reference, table)
    unbroken, why_not = None, NO_HEIGHTS if missing is None else NOTHING_MISSING
    if missing is not None and max(missing) > 0:
        found = restored(body.points, missing, _points(group[1]), _points(group[2]))
        why_not = FOLDS if found is None else ""
        unbroken = None if found is None else _unbroken(grader, volume, group, crop, missing, found)
    saliency = occlusion_map(
        lambda crops: severities(grader, crops), crop, lambda doing, share: progress(doing, 0.1 + 0.9 * share)
    )
    axes = axes_of(body.points)
    hounsfield = as_hounsfield(sample(volume, _places(axes)))
    return Explanation(
        _suggested(grader, body, crop),
        body.points,
        Sheet(hounsfield, _affine(axes, SHEET_STEP_MM)),
        Sheet(saliency, _affine(axes, 1.0)),
        unbroken,
        why_not,
    )


def severities(grader: CompactGrader, crops: Sequence[Crop]) -> Float:
    """Returns where the grader puts each crop on its scale of severity, (n,), in log-odds."""
    return grader.trained.decision.severity(say(grader.net, crops).evidence)


def _unbroken(
    grader: CompactGrader, volume: Volume, group: Bodies, crop: Crop, missing: Three, found: Restored
) -> Unbroken:
    """Shows the restored body in the frame of the real one, and asks the grader about it in its own frame."""
    body, above, below = group
    assert body.points is not None
    healed = _healed_crop(volume, crop, (above, below), found)
    points_alone = replace(crop, points_mm=healed.points_mm)
    picture_alone = replace(healed, points_mm=crop.points_mm)
    whole, both, by_points, by_picture = severities(grader, [crop, healed, points_alone, picture_alone])
    axes = axes_of(body.points)
    hounsfield = as_hounsfield(sample(volume, found.field.forward(_places(axes))))
    return Unbroken(
        Sheet(hounsfield, _affine(axes, SHEET_STEP_MM)),
        found.points,
        missing,
        found.restored_mm,
        _suggested(grader, body, healed),
        float(whole - by_points),
        float(whole - by_picture),
        float(whole - both),
    )


def _healed_crop(
    volume: Volume, crop: Crop, others: tuple[Vertebra | None, Vertebra | None], found: Restored
) -> Crop:
    """Cuts the restored body out in its own axes, its neighbours where they would be then."""
    axes = axes_of(found.points)
    planes = as_hounsfield(sample(volume, found.field.forward(grid_lps_mm(axes))))
    sets = [found.points, *(_before_the_loss(found, _points(other)) for other in others)]
    return replace(crop, planes=planes, points_mm=in_axes(axes, sets))


def _before_the_loss(found: Restored, points: SixPoints | None) -> SixPoints | None:
    return None if points is None else SixPoints.from_array(found.field.inverse(points.array())[0])


def _suggested(grader: CompactGrader, body: Vertebra, crop: Crop) -> Suggestion:
    return grader.suggest([crop], np.array([TOO_THICK in body.flags]))[0]


def _points(body: Vertebra | None) -> SixPoints | None:
    return None if body is None else body.points


def _places(axes: Axes) -> Float:
    """Returns the places of a sheet's pixels, (rows, columns, 3) LPS mm: the view of the network, finer."""
    affine = _affine(axes, SHEET_STEP_MM)
    shape = round(VIEW_ROWS / SHEET_STEP_MM), round(VIEW_COLUMNS / SHEET_STEP_MM)
    return plane_points(
        affine[:3, 3], np.stack([-axes.superior, axes.posterior]), shape, (SHEET_STEP_MM, SHEET_STEP_MM)
    )


def _affine(axes: Axes, step_mm: float) -> Float:
    """Returns the affine of a sheet that covers the network's view in steps of this size."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = -step_mm * axes.superior, step_mm * axes.posterior
    affine[:3, 2] = step_mm * axes.left
    first_up = (VIEW_ROWS - step_mm) / 2
    first_back = -FRONT_MM - 0.5 + step_mm / 2
    affine[:3, 3] = axes.origin + first_up * axes.superior + first_back * axes.posterior
    return affine
