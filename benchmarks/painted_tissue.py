"""What lies round the bones of a painted scan: muscle, fat, lungs, vessels, bowel, discs, the canal, skin and air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.painted_spine import MaskedSpine, Surroundings, depths_mm, half_width_mm
from vfscreen.anatomy import Level
from vfscreen.frames import frames_of
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]
Region = NDArray[np.bool_]

FAT_HU, LUNG_HU, GAS_HU, AIR_HU = -100.0, -850.0, -700.0, -1000.0
CANAL_BACK_MM, CANAL_HALF_MM = 8.0, (9.0, 6.5)
"""The middle of the sac behind a body's rear wall, and half its width and depth."""
DISC_BULGE_MM, DISC_RISE_MM = 1.0, 4.0
"""How far a disc stands out over the walls, and how far it may reach into hollow endplates."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """The densities of one painted patient, HU, and how wide the body and its parts are, mm."""

    muscle_hu: float
    disc_hu: float
    canal_hu: float
    vessel_hu: float
    organ_hu: float
    fatty: float
    aorta_mm: float
    skin_mm: float


def draw_tissue(rng: np.random.Generator) -> Tissue:
    """Draws a patient; one in two has contrast in the vessels."""
    contrast = rng.random() < 0.5
    return Tissue(
        muscle_hu=rng.uniform(40, 65),
        disc_hu=rng.uniform(75, 105),
        canal_hu=rng.uniform(18, 42),
        vessel_hu=rng.uniform(130, 280) if contrast else rng.uniform(35, 50),
        organ_hu=rng.uniform(80, 120) if contrast else rng.uniform(40, 60),
        fatty=rng.uniform(-0.6, 0.4),
        aorta_mm=rng.uniform(9, 14),
        skin_mm=rng.uniform(48, 75),
    )


def smooth_field(
    shape: tuple[int, ...], reach_mm: tuple[float, float, float], step_mm: Float, rng: np.random.Generator
) -> Picture:
    """Random values of unit spread that change over `reach_mm` along each axis."""
    coarse = [max(4, round(n * s / r) + 3) for n, s, r in zip(shape, step_mm, reach_mm, strict=True)]
    field = rng.normal(0, 1, coarse).astype(np.float32)
    start = rng.uniform(0.2, 0.8, 3)
    for axis in range(
        3
    ):  # three products of small matrices: much quicker than one interpolation in three axes
        places = start[axis] + np.arange(shape[axis]) * step_mm[axis] / reach_mm[axis]
        away = np.abs(places[:, None] - np.arange(coarse[axis]))
        shares = np.clip(1 - away, 0, 1).astype(np.float32)
        field = np.moveaxis(np.tensordot(shares, field, (1, axis)), 0, axis)
    return np.ascontiguousarray(field / max(float(field[::3, ::3, ::3].std()), 1e-3), np.float32)


def paint_tissue(
    spine: MaskedSpine, grid: Volume, near: Surroundings, tissue: Tissue, rng: np.random.Generator
) -> Picture:
    """Paints everything but bone; (x, y, z) HU. Borders run smooth and wander by a few mm."""
    step = grid.spacing_mm
    wander = [smooth_field(grid.shape, (14.0, 14.0, 18.0), step, rng) * 2.0 for _ in range(2)]
    u, v = near.left_mm + wander[0], near.behind_mm + wander[1]
    patches = smooth_field(grid.shape, (9.0, 9.0, 14.0), step, rng)
    hu = FAT_HU + 8 * smooth_field(grid.shape, (5.0, 5.0, 5.0), step, rng)
    _paint_belly(hu, u, v, near, patches, tissue)
    _paint_chest(hu, u, v, near, tissue, smooth_field(grid.shape, (4.0, 4.0, 6.0), step, rng))
    _paint_muscle(hu, u, v, near, patches, tissue)
    _paint_vessels(hu, u, v, near, tissue)
    hu[v > near.half_depth_mm + tissue.skin_mm] = AIR_HU
    hu = np.asarray(ndimage.gaussian_filter(hu, 0.7 / step), np.float32)
    _paint_discs(hu, spine, grid, tissue, rng)
    _paint_canal(hu, spine, grid, tissue)
    return hu


def _paint_belly(
    hu: Picture, u: Picture, v: Picture, near: Surroundings, patches: Picture, tissue: Tissue
) -> None:
    front = v < -(near.half_depth_mm + 26)
    beside = (np.abs(u) > 52) & (v < near.half_depth_mm + 8)
    belly = (front | beside) & (near.rank > Level.T10 + 0.5)
    hu[belly & (patches > -0.3)] = tissue.organ_hu
    hu[belly & front & (patches > 1.5)] = GAS_HU


def _paint_chest(
    hu: Picture, u: Picture, v: Picture, near: Surroundings, tissue: Tissue, vessels: Picture
) -> None:
    """Lungs on both sides down to about T12, further behind than in front, with the mediastinum between them."""
    beside = near.half_width_mm + 4
    middle = np.where(v > -near.half_depth_mm, beside, beside + 10 + 0.3 * (-near.half_depth_mm - v))
    middle = middle + np.where(u > 0, 7.0, 0.0)  # the aorta runs on the left
    back = (
        near.half_depth_mm
        + 10
        + 14 * np.clip((np.abs(u) - 25) / 30, 0, 1)
        - 0.9 * np.maximum(np.abs(u) - 62, 0)
    )
    lowest = Level.T11 + 0.8 + 0.02 * (v + 20)
    widest = np.clip(20 + 35 * (near.rank - Level.T1), 0, 100)
    lung = (np.abs(u) > middle) & (v < back) & (near.rank < lowest) & (np.abs(u) < widest)
    chest = (near.rank < Level.T11) & ~lung
    hu[chest & (np.abs(u) < 30) & (v < -near.half_depth_mm - 6) & (vessels > -0.4)] = 40.0
    hu[lung] = LUNG_HU + 30 * np.maximum(vessels[lung], 0) ** 3
    wall = chest & (v > back) & (v < back + 22) & (near.rank < Level.T12)
    hu[wall & (vessels > -0.8)] = tissue.muscle_hu


def _paint_muscle(
    hu: Picture, u: Picture, v: Picture, near: Surroundings, patches: Picture, tissue: Tissue
) -> None:
    loin = np.clip((near.rank - Level.T12) / 4, 0, 1)
    erector = ((np.abs(u) - 30) / 31) ** 2 + ((v - near.half_depth_mm - 26) / (17 + 8 * loin)) ** 2 < 1
    between = (np.abs(u) < 6) & (v > near.half_depth_mm + 12) & (v < near.half_depth_mm + 42)
    radius = 4 + 20 * loin
    psoas = (near.rank > Level.T12) & (
        (np.abs(u) - near.half_width_mm - 0.7 * radius) ** 2 + (v - 2) ** 2 < radius**2
    )
    crura = (near.rank > Level.T11) & (near.rank < Level.L3) & (v < -near.half_depth_mm)
    crura &= (v > -near.half_depth_mm - 7) & (np.abs(u) < 16)
    hugging = (np.abs(u) < near.half_width_mm + 3) & (np.abs(v) < near.half_depth_mm + 3)
    lean = patches > tissue.fatty - 1.0
    hu[(erector | between) & lean] = tissue.muscle_hu
    hu[psoas | crura | hugging] = tissue.muscle_hu


def _paint_vessels(hu: Picture, u: Picture, v: Picture, near: Surroundings, tissue: Tissue) -> None:
    front = v + near.half_depth_mm
    down = np.clip((near.rank - Level.T5) / 12, 0, 1)
    aorta = np.hypot(u - 20 + 14 * down, front + 14 - 8 * (1 - down))
    seen = (near.rank > Level.T4) & (near.rank < Level.L4 + 0.5)
    hu[seen & (aorta < tissue.aorta_mm + 1.5)] = 45.0
    hu[seen & (aorta < tissue.aorta_mm)] = tissue.vessel_hu
    cava = (near.rank > Level.T10) & (((u + 18) / 12) ** 2 + ((front + 14) / 9) ** 2 < 1)
    hu[cava] = 0.6 * tissue.vessel_hu + 20


def _paint_discs(
    hu: Picture, spine: MaskedSpine, grid: Volume, tissue: Tissue, rng: np.random.Generator
) -> None:
    """A disc between two bodies: as wide as they are, bounded by the planes of their endplates' corners and middles."""
    points = spine.points()
    levels = np.array([float(body.level) for body in spine.bodies])
    if spine.bodies[0].whole:  # the body painted above the first one
        above = points[0] + points[0].mean(0) - points[1].mean(0)
        points, levels = np.concatenate([above[None], points]), np.concatenate([levels[:1], levels])
    points = np.concatenate([points, points[-1:] + (points[-1, 3:] - points[-1, :3]).mean(0) * 1.35])
    levels = np.concatenate([levels, levels[-1:]])
    width = half_width_mm(depths_mm(points), levels)
    left = frames_of(points.mean(1)).left
    for k in range(len(points) - 1):
        upper, lower = points[k, 3:], points[k + 1, :3]
        _paint_disc(
            hu,
            grid,
            upper,
            lower,
            left[k],
            float(width[k : k + 2].mean()),
            tissue.disc_hu + float(rng.normal(0, 6)),
        )


def _paint_disc(
    hu: Picture, grid: Volume, upper: Float, lower: Float, left: Float, width_mm: float, disc_hu: float
) -> None:
    ends = np.stack([(upper[k] + lower[k]) / 2 for k in (0, 2)])  # front and back
    centre, backward = ends.mean(0), ends[1] - ends[0]
    depth_mm = float(np.linalg.norm(backward)) * 1.1  # corners were read inside the walls
    backward = backward / np.linalg.norm(backward)
    up = np.cross(left, backward)
    reach = width_mm + 8
    low = np.clip(np.floor(grid.indices_of(centre - reach)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(grid.indices_of(centre + reach)).astype(int) + 1, 0, grid.shape)
    if (high <= low).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    places = np.moveaxis(np.mgrid[box].astype(np.float32), 0, -1)
    away = places @ grid.affine[:3, :3].T.astype(np.float32) + (grid.affine[:3, 3] - centre).astype(
        np.float32
    )
    u, v, w = away @ left, away @ backward, away @ up
    radius = np.hypot(u / (width_mm + DISC_BULGE_MM), v / (depth_mm / 2 + DISC_BULGE_MM))
    rise = DISC_RISE_MM * np.clip(1 - radius**4, 0, 1)
    bounds = []
    for plate in (lower, upper):
        at, height = (plate - centre) @ backward, (plate - centre) @ up
        bounds.append(np.interp(v, at, height))
    inside = (radius < 1) & (w > bounds[0] - rise) & (w < bounds[1] + rise)
    soft = ndimage.gaussian_filter(inside.astype(np.float32), 0.7)
    ring = 15 * np.clip((radius - 0.7) / 0.3, 0, 1)  # the annulus is a little denser
    hu[box] += soft * (disc_hu + ring - hu[box])


def _paint_canal(hu: Picture, spine: MaskedSpine, grid: Volume, tissue: Tissue) -> None:
    """The sac with epidural fat round it, behind the bodies from one end of the scan to the other."""
    points, frames = spine.points(), spine.frames
    wall = points[:, [2, 5]].mean(1) + (1.0 + CANAL_BACK_MM) * frames.posterior
    order = np.argsort(wall[:, 2])
    z = grid.affine[2, 3] + grid.affine[2, 2] * np.arange(grid.shape[2])
    x, y = (np.interp(z, wall[order, 2], wall[order, k]) for k in (0, 1))
    ends = wall[order[[0, 1, -2, -1]]]
    for axis, middle in ((0, x), (1, y)):
        slope = (ends[3, axis] - ends[2, axis]) / (ends[3, 2] - ends[2, 2])
        middle += slope * np.maximum(z - ends[3, 2], 0)
    y += 0.6 * np.maximum(ends[0, 2] - z, 0)  # the sacrum runs backwards
    along = [grid.affine[k, 3] + grid.affine[k, k] * np.arange(grid.shape[k]) for k in (0, 1)]
    u = (along[0][:, None, None] - x).astype(np.float32)
    v = (along[1][None, :, None] - y).astype(np.float32)
    radius = np.hypot(u / CANAL_HALF_MM[0], v / CANAL_HALF_MM[1])
    for size, density in ((1.35, FAT_HU + 40), (1.0, tissue.canal_hu)):
        soft = 1 / (1 + np.exp(np.clip((radius - size) * 12, -30, 30)))
        hu += soft * (np.float32(density) - hu)
