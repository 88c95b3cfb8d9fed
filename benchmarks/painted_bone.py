"""How deep each voxel lies inside bone: vertebrae of a mask, one more above them, ribs and a sacrum of plain shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.painted_spine import MaskedSpine, depths_mm, half_width_mm
from vfscreen.anatomy import Level
from vfscreen.masks.bodies import boxes_of
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]
Box = tuple[slice, slice, slice]

FAR_MM = -12.0
"""Deeper than this outside nothing is known of a bone."""
MARGIN_MM = 10.0
SMOOTH_MM = 0.8
DRAWN_ROUND_MM = 0.7
"""Masks are drawn round the blurred shell: the half level between endplate and disc then lies 0.3 mm outside of them,
as it does on the four VerSe cases of which there is a CT."""
WALL_MM = 3.5
"""How far behind the corners the arch begins."""
RIB_GRID_MM = 2.0
RIB_RADIUS_MM = 4.2
RIB_LEVELS = range(int(Level.T1), int(Level.T12) + 1)
RIB_WAY = np.array(
    [
        [-2.0, 0.25, 0.3],
        [17.0, 0.9, 0.25],
        [38.0, 1.25, 0.0],
        [66.0, 1.0, -0.6],
        [88.0, 0.1, -1.3],
        [98.0, -1.2, -2.1],
    ]
)
"""A rib's way from its head: mm beyond the body's side; depths of the body behind its middle; heights above it."""
SACRUM_LENGTH_MM, SACRUM_TILT = 85.0, 0.3
SACRUM_DISC_MM = 8.0


@dataclass(frozen=True, slots=True)
class Bones:
    """How deep voxels lie inside bone, mm (negative outside), and how far they belong to a body rather than an arch.

    Shapes: depth_mm, body (x, y, z); `body` is 1 in vertebral bodies and the sacrum, 0 in arches and ribs.
    """

    depth_mm: Picture
    body: Picture


def bones_of(spine: MaskedSpine, grid: Volume) -> Bones:
    """Lays all bones onto a grid whose axes run to the left, backwards and upwards."""
    bones = Bones(np.full(grid.shape, FAR_MM, np.float32), np.zeros(grid.shape, np.float32))
    boxes = boxes_of(spine.labels)
    points = spine.points()
    above = points[0].mean(0) - points[1].mean(0)
    for body, posterior, six in zip(spine.bodies, spine.frames.posterior, points, strict=True):
        depth = _depth_of(spine.labels, int(body.level), boxes[int(body.level)])
        wall = six[[2, 5]].mean(0) + WALL_MM * posterior
        _add(bones, grid, depth, wall, posterior)
        if body is spine.bodies[0] and body.whole:
            affine = depth.affine.copy()
            affine[:3, 3] += above
            _add(bones, grid, _Depth(depth.mm, affine), wall + above, posterior)
    _add_ribs(bones, spine, grid)
    _add_sacrum(bones, spine, grid)
    return bones


@dataclass(frozen=True, slots=True)
class _Depth:
    """A vertebra's depth on a piece of the mask's own grid, with that piece's affine."""

    mm: Picture
    affine: Float


def _depth_of(labels: Volume, label: int, box: tuple[slice, ...]) -> _Depth:
    spacing = labels.spacing_mm
    pad = np.ceil(MARGIN_MM / spacing).astype(int)
    inside = np.pad(labels.voxels[box] == label, [(int(n), int(n)) for n in pad])
    pieces, count = ndimage.label(inside)
    sizes = ndimage.sum_labels(inside, pieces, range(1, count + 1))
    inside = ndimage.binary_fill_holes(pieces == 1 + int(np.argmax(sizes)))
    half = 0.5 * float(spacing.min())
    within = np.maximum(ndimage.distance_transform_edt(inside, sampling=spacing) - half, 0)
    beyond = np.maximum(ndimage.distance_transform_edt(~inside, sampling=spacing) - half, 0)
    depth = (
        ndimage.gaussian_filter((within - beyond).astype(np.float32), SMOOTH_MM / spacing) - DRAWN_ROUND_MM
    )
    affine = labels.affine.copy()
    affine[:3, 3] = labels.lps_of(np.array([side.start for side in box], float) - pad)
    return _Depth(np.asarray(depth, np.float32), affine)


def _add(bones: Bones, grid: Volume, depth: _Depth, wall: Float, posterior: Float) -> None:
    """Joins a vertebra to the bones; what lies in front of its rear wall is body."""
    ends = np.stack(np.meshgrid(*[(0, n - 1) for n in depth.mm.shape], indexing="ij"), -1).reshape(8, 3)
    corners = grid.indices_of(ends @ depth.affine[:3, :3].T + depth.affine[:3, 3])
    low = np.clip(np.floor(corners.min(0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, grid.shape)
    if (high <= low).any():
        return
    box: Box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    start = grid.affine.copy()
    start[:3, 3] = grid.lps_of(low.astype(float))
    to_piece = np.linalg.inv(depth.affine) @ start
    laid = ndimage.affine_transform(
        depth.mm, to_piece[:3, :3], to_piece[:3, 3], output_shape=tuple(high - low), order=1, cval=FAR_MM
    )
    x, y, z = np.meshgrid(*[np.arange(n, dtype=np.float32) for n in laid.shape], indexing="ij", sparse=True)
    back = sum((start[k, k] * axis * posterior[k] for k, axis in enumerate((x, y, z))), start=np.float32(0.0))
    behind = back + float((start[:3, 3] - wall) @ posterior)
    nearer = laid > bones.depth_mm[box]
    bones.depth_mm[box][nearer] = laid[nearer]
    bones.body[box][nearer] = _step(-behind / 1.5)[nearer]


def _step(x: NDArray[np.floating]) -> Picture:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), np.float32)


def _add_ribs(bones: Bones, spine: MaskedSpine, grid: Volume) -> None:
    ways = [way for way in _rib_ways(spine) if len(way)]
    if not ways:
        return
    shape = tuple(int(np.ceil(n * grid.spacing_mm[k] / RIB_GRID_MM)) + 1 for k, n in enumerate(grid.shape))
    away = np.ones(shape, bool)
    indices = np.rint((np.concatenate(ways) - grid.affine[:3, 3]) / RIB_GRID_MM).astype(int)
    seen = indices[((indices >= 0) & (indices < shape)).all(1)]
    if not len(seen):
        return
    away[tuple(seen.T)] = False
    mm = RIB_RADIUS_MM - RIB_GRID_MM * ndimage.distance_transform_edt(away)
    scale = np.diag(grid.affine)[:3] / RIB_GRID_MM
    depth = ndimage.affine_transform(
        mm.astype(np.float32), scale, output_shape=grid.shape, order=1, cval=FAR_MM
    )
    nearer = depth > bones.depth_mm
    bones.depth_mm[nearer] = depth[nearer]
    bones.body[nearer] = 0.0


def _rib_ways(spine: MaskedSpine) -> list[Float]:
    points, frames = spine.points(), spine.frames
    depth = depths_mm(points)
    width = half_width_mm(depth, np.array([float(body.level) for body in spine.bodies]))
    ways = []
    for k, body in enumerate(spine.bodies):
        if int(body.level) not in RIB_LEVELS:
            continue
        stops = RIB_WAY[: 4 if body.level is Level.T12 else 5 if body.level is Level.T11 else 6]
        fine = np.linspace(0, len(stops) - 1, 160)
        aside, back, up = (np.interp(fine, np.arange(len(stops)), stops[:, axis]) for axis in range(3))
        for side in (-1.0, 1.0):
            ways.append(
                points[k].mean(0)
                + (side * (width[k] + aside))[:, None] * frames.left[k]
                + (back * depth[k])[:, None] * frames.posterior[k]
                + (up * frames.spacing_mm[k])[:, None] * frames.superior[k]
            )
    return ways


def _add_sacrum(bones: Bones, spine: MaskedSpine, grid: Volume) -> None:
    """A wedge with wings below the lowest body, tilted back, with the line between its first two bodies."""
    frames, six = spine.frames, spine.points()[-1]
    backward = six[5] - six[3]
    depth = float(np.linalg.norm(backward))
    left, backward = frames.left[-1], backward / depth
    down = np.cross(backward, left)
    down = down * np.sign(-(down @ frames.superior[-1]))
    along = np.cos(SACRUM_TILT) * down + np.sin(SACRUM_TILT) * backward
    back = np.cos(SACRUM_TILT) * backward - np.sin(SACRUM_TILT) * down
    start = six[[3, 5]].mean(0) + SACRUM_DISC_MM * down
    x, y, z = (
        (grid.affine[k, 3] + grid.affine[k, k] * np.arange(n)).astype(np.float32) - np.float32(start[k])
        for k, n in enumerate(grid.shape)
    )
    rows = z < 30.0  # nothing of it lies higher
    places = (x[:, None, None], y[None, :, None], z[None, None, rows])
    u, v, w = (
        sum((axis[k] * places[k] for k in range(3)), start=np.float32(0.0)) for axis in (left, back, along)
    )
    share = np.clip(w / SACRUM_LENGTH_MM, 0, 1)
    half = depth / 2 * (1 - 0.6 * share)
    body = np.minimum(half * (1 - np.hypot(u / (1.45 * half), (v - 8 * share**2) / half)), w)
    body = np.minimum(body, np.abs(w - 27.0) - 0.2)
    wing = np.minimum(
        9.0 - np.abs(v - 6 - 6 * share), np.minimum(54 - 0.5 * w - np.abs(u), w - 6 + 0.1 * np.abs(u))
    )
    bone = np.minimum(np.maximum(body, wing), SACRUM_LENGTH_MM - w).astype(np.float32)
    nearer = bone > bones.depth_mm[:, :, rows]
    bones.depth_mm[:, :, rows] = np.where(nearer, bone, bones.depth_mm[:, :, rows])
    bones.body[:, :, rows] = np.where(nearer, np.float32(1), bones.body[:, :, rows])
