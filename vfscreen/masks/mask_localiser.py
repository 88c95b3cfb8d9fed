"""Bodies from somebody else's mask instead of our nets: levels and shapes are the mask's, endplates are read on the CT.

No network takes part. A whole vertebra is reduced to its body, six points are read off the mask in the body's own
mid-sagittal plane, and each goes part of the way to the half level between endplate and disc, as the localiser's do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vfscreen.anatomy import ASSESSED, USUAL, Level
from vfscreen.findings import Refusal, Vertebra
from vfscreen.frames import Frames, frames_of
from vfscreen.genant import SixPoints, axes_of, heights_of, three_heights
from vfscreen.half_level import Moved, towards_half_level
from vfscreen.intake import LoadedSeries
from vfscreen.masks import BodiesFrom, MaskSet
from vfscreen.masks.bodies import MaskBody, bodies_of_mask, boxes_of
from vfscreen.masks.reading import read_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.masks.total_segmentator import segmented
from vfscreen.ports import Located, Progress
from vfscreen.view_edge import beyond_the_edge, cut_by_view, flags_of_shape
from vfscreen.volume import Volume, slice_distance_mm

Float = NDArray[np.float64]

MASK_AND_CT_DIFFER = "mask and CT differ at an endplate"
HALF_LEVEL_SHARE = 0.6
"""How much of the way to the CT's half level a mask's points go."""
DIFFER_MM = 2.0
"""From which change of a height by the CT on the mask's endplates are called doubtful."""
EDGES_SEEN = 0.4
"""A mask of which fewer of the points lie at an endplate that the CT shows may be that of another CT."""
NOT_ITS_CT = (
    "few endplates of the mask are seen on the CT where the mask has them: is it the mask of this very CT?"
)
BASE_MM, PER_VOXEL, PER_CHANGE = 2.0, 0.45, 0.6
"""Parts of the uncertainty; chosen so that 95 of 100 heights of `benchmarks/foreign_masks.py` lie within it."""
GAP_SHARE = 1.5
"""Bodies further apart than this share of the usual distance have room for another between them."""


@dataclass(frozen=True, slots=True)
class MaskLocaliser:
    """Implements `vfscreen.ports.Localiser` for the one CT that the mask lies on."""

    name: str
    mask: MaskSet

    def locate(self, volume: Volume) -> Located:
        """Measures every thoracic and lumbar vertebra of the mask."""
        labels = self.mask.labels
        bodies = bodies_of_mask(labels, tuple(int(level) for level in ASSESSED))
        frames = frames_of(np.array([body.centre_lps_mm for body in bodies])) if bodies else None
        read = [
            points_of_mask(labels, body.label, body.centre_lps_mm, frames.left[k]) if frames else None
            for k, body in enumerate(bodies)
        ]
        vertebrae, refusals, sure = _measured(bodies, read, volume, self.mask.voxel_mm)
        refusals += [*_slivers(labels, bodies), *_gaps(bodies)]
        doubtful = (NOT_ITS_CT,) if vertebrae and sure < EDGES_SEEN else ()
        return Located(tuple(vertebrae), tuple(refusals), (*self.mask.warnings, *doubtful))


def load_mask(choice: BodiesFrom, loaded: LoadedSeries, progress: Progress) -> MaskLocaliser:
    """Reads the mask that was chosen for a CT, or has TotalSegmentator make it.

    Raises:
        MaskMismatch: it is no mask of vertebrae, or not of this CT. KnownError: as reading and segmenting say.
    """
    if choice.mask is not None:
        mask = read_mask(choice.mask, choice.kind, loaded)
        return MaskLocaliser(mask.name(), mask)
    with segmented(loaded.volume, str(loaded.source), progress) as folder:
        mask = read_mask(folder, choice.kind, loaded)
    return MaskLocaliser(mask.name(), mask)


def _measured(
    bodies: Sequence[MaskBody], read: Sequence[SixPoints | None], volume: Volume, voxel_mm: float
) -> tuple[list[Vertebra], list[Refusal], float]:
    """Returns the vertebrae, what is refused, and the share of points that lie at an edge of the CT."""
    placed = [points.array() for points in read if points is not None]
    if not placed:
        return [*map(_unmeasured, bodies)], [*map(_unreadable, bodies)], 0.0
    frames = _own_frames(placed)
    moved = towards_half_level(volume, frames, np.stack(placed), HALF_LEVEL_SHARE)
    cut = cut_by_view(moved.points, moved.margin_mm, slice_distance_mm(volume))
    cut |= beyond_the_edge(cut, moved.margin_mm)
    doubts = _doubts(moved, np.stack(placed), cut, volume, voxel_mm)
    vertebrae, refusals = [], []
    place = 0
    for body, points in zip(bodies, read, strict=True):
        if points is None:
            vertebrae.append(_unmeasured(body))
            refusals.append(_unreadable(body))
            continue
        if cut[place]:
            vertebrae.append(_unmeasured(body))
            refusals.append(Refusal(str(Level(body.label)), "cut by the edge of the scan"))
        else:
            vertebrae.append(_vertebra(body, SixPoints.from_array(moved.points[place]), *doubts[place]))
        place += 1
    return vertebrae, refusals, float((moved.trust > 0.5).mean())


def _own_frames(placed: Sequence[Float]) -> Frames:
    axes = [axes_of(SixPoints.from_array(points)) for points in placed]
    spacing_mm = np.array([1.3 * three_heights(points).mean() for points in placed])
    return Frames(
        np.stack([one.origin for one in axes]),
        np.stack([one.left for one in axes]),
        np.stack([one.posterior for one in axes]),
        np.stack([one.superior for one in axes]),
        spacing_mm,
    )


def _doubts(
    moved: Moved, earlier: Float, cut: NDArray[np.bool_], volume: Volume, voxel_mm: float
) -> list[tuple[float, tuple[str, ...]]]:
    """Returns for each body half the 95 % interval of one height, mm, and its flags."""
    change = three_heights(moved.points) - three_heights(earlier)
    of_shape = flags_of_shape(moved.points, moved.margin_mm, cut)
    coarsest_mm = max(slice_distance_mm(volume), voxel_mm)
    doubts = []
    for k in range(len(change)):
        furthest_mm = float(np.abs(change[k]).max())
        differ = (MASK_AND_CT_DIFFER,) if furthest_mm > DIFFER_MM else ()
        parts = (BASE_MM, PER_VOXEL * coarsest_mm, PER_CHANGE * furthest_mm)
        doubts.append((float(np.linalg.norm(parts)), (*differ, *of_shape[k])))
    return doubts


def _vertebra(body: MaskBody, points: SixPoints, uncertainty_mm: float, flags: tuple[str, ...]) -> Vertebra:
    return Vertebra(
        level=Level(body.label),
        level_certain=True,
        whole=True,
        centre_lps_mm=points.array().mean(0),
        confidence=1.0,
        points=points,
        axes=axes_of(points),
        heights=heights_of(points),
        uncertainty_mm=uncertainty_mm,
        flags=flags,
    )


def _unmeasured(body: MaskBody) -> Vertebra:
    return Vertebra(Level(body.label), True, False, body.centre_lps_mm, 1.0)


def _unreadable(body: MaskBody) -> Refusal:
    return Refusal(
        str(Level(body.label)),
        "its endplates cannot be read off the mask",
        "look at the mask, or screen without it",
    )


def _slivers(labels: Volume, bodies: Sequence[MaskBody]) -> Iterator[Refusal]:
    present = boxes_of(labels).keys() - {body.label for body in bodies}
    for level in ASSESSED:
        if int(level) in present:
            yield Refusal(str(level), "only a sliver of it is in the mask")


def _gaps(bodies: Sequence[MaskBody]) -> Iterator[Refusal]:
    """One refusal for every stretch of levels that the mask leaves out although there is room for them."""
    steps = [(Level(above.label), Level(below.label)) for above, below in pairwise(bodies)]
    apart_mm = [float(np.linalg.norm(a.centre_lps_mm - b.centre_lps_mm)) for a, b in pairwise(bodies)]
    missing = [[level for level in USUAL if a.rank < level.rank < b.rank] for a, b in steps]
    usual_mm = np.median(
        [mm / (1 + len(between)) for mm, between in zip(apart_mm, missing, strict=True)] or [0.0]
    )
    for between, here_mm in zip(missing, apart_mm, strict=True):
        if between and here_mm > GAP_SHARE * usual_mm:
            names = ", ".join(map(str, between))
            yield Refusal(names, "not in the mask, though there is room for it", "look here yourself")
