"""Plausible CT scans painted on masks of vertebrae, seeded: no grey value of a patient takes part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from benchmarks.painted_bone import Bones, bones_of
from benchmarks.painted_spine import MaskedSpine, surroundings
from benchmarks.painted_tissue import Tissue, draw_tissue, paint_tissue, smooth_field
from vfscreen.frames import Frames
from vfscreen.volume import Volume

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

PIXEL_MM, FINEST_MM = 0.9, 1.0
"""In the slice, and at most from layer to layer before they are averaged to slices."""
NEAR_MM = 5.0
"""Further from its surface than this, bone looks like its inside, and soft tissue as if there were no bone."""
VEIN_MM, VEIN_HU = (5.0, 2.2), 30.0
"""Half width and half height of the vein that enters a body's rear wall; it reaches to the middle of the body."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one patient's bone and one scanner's picture look. Units: HU and mm.

    `blur_mm` is the spread of the scanner's point; `sharpen` how much a sharp kernel adds; `view_mm` what the scan
    shows beside, before and behind the spine, `beyond_mm` above and below it.
    """

    tissue: Tissue
    spongy_hu: float
    arch_hu: float
    cortex_hu: float
    shell_mm: float
    arch_shell_mm: float
    grain_hu: float
    blur_mm: float
    sharpen: float
    noise_hu: float
    noise_mm: float
    slice_mm: float
    view_mm: tuple[float, float, float]
    beyond_mm: tuple[float, float]

    @property
    def layers(self) -> int:
        """How many layers are painted for a slice."""
        return int(np.ceil(self.slice_mm / FINEST_MM))


def draw_look(rng: np.random.Generator, osteoporotic: bool) -> Look:
    """Draws a patient and a scanner; the bone of an osteoporotic patient is thin throughout, broken bodies or not."""
    uniform = rng.uniform
    sharp = rng.random() < 0.4
    return Look(
        tissue=draw_tissue(rng),
        spongy_hu=uniform(70, 150) if osteoporotic else uniform(120, 230),
        arch_hu=uniform(180, 350),
        cortex_hu=uniform(900, 1300),
        shell_mm=uniform(0.5, 0.75) if osteoporotic else uniform(0.6, 0.9),
        arch_shell_mm=uniform(1.2, 2.0),
        grain_hu=uniform(25, 50),
        blur_mm=uniform(0.45, 0.65) if sharp else uniform(0.6, 0.9),
        sharpen=uniform(0.2, 0.6) if sharp else 0.0,
        noise_hu=uniform(25, 55) if sharp else uniform(10, 30),
        noise_mm=uniform(0.3, 0.5) if sharp else uniform(0.5, 0.9),
        slice_mm=float(rng.choice((1.0, 1.25, 1.5, 2.0, 2.5))),
        view_mm=(uniform(50, 95), uniform(45, 100), uniform(65, 100)),
        beyond_mm=(uniform(10, 35), uniform(25, 70)),
    )


def paint_scan(spine: MaskedSpine, look: Look, rng: np.random.Generator) -> Volume:
    """Paints a spine as this patient on this scanner: axes run to the left, backwards and upwards."""
    grid = _grid(spine, look)
    bones = bones_of(spine, grid)
    hu = paint_tissue(spine, grid, surroundings(spine, grid), look.tissue, rng)
    _paint_bone(hu, bones, _spongy(spine, grid, bones, look, rng), look)
    return _scanned(hu, grid, look, rng)


def _grid(spine: MaskedSpine, look: Look) -> Volume:
    """The scan's box; it ends with the mask's own where that cuts a body."""
    points = spine.points().reshape(-1, 3)
    low, high = points.min(0), points.max(0)
    beside, before, behind = look.view_mm
    low -= (beside - 20, before - 15, look.beyond_mm[1])
    high += (beside - 20, behind - 15, look.beyond_mm[0])
    own_low, own_high = spine.labels.bounds_lps_mm()
    if not spine.bodies[0].whole:
        high[2] = own_high[2]
    if not spine.bodies[-1].whole:
        low[2] = own_low[2]
    step = np.array([PIXEL_MM, PIXEL_MM, look.slice_mm / look.layers])
    shape = np.ceil((high - low) / step).astype(int)
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low
    return Volume(np.zeros(tuple(shape), np.int16), affine)


def _spongy(spine: MaskedSpine, grid: Volume, bones: Bones, look: Look, rng: np.random.Generator) -> Picture:
    """What fills the bones: trabeculae that run up and down, denser below the endplates, and a vein in each body."""
    step = grid.spacing_mm
    inside = look.arch_hu + bones.body * (look.spongy_hu - look.arch_hu)
    for reach, share in (((9.0, 9.0, 9.0), 0.5), ((3.0, 3.0, 5.0), 0.6), ((1.2, 1.2, 3.0), 0.7)):
        inside += look.grain_hu * share * smooth_field(grid.shape, reach, step, rng)
    inside += 0.25 * look.spongy_hu * np.clip(1 - bones.depth_mm / 5, 0, 1) * bones.body
    for k in range(len(spine.bodies)):
        _paint_vein(inside, grid, spine.points()[k], spine.frames, k)
    return inside


def _paint_vein(inside: Picture, grid: Volume, six: Float, frames: Frames, k: int) -> None:
    entry = six[[2, 5]].mean(0)
    reach = np.linalg.norm(six[[2, 5]].mean(0) - six[[0, 3]].mean(0)) / 2
    low = np.clip(np.floor(grid.indices_of(entry - 20)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(grid.indices_of(entry + 20)).astype(int), 0, grid.shape)
    if (high <= low).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    away = np.moveaxis(np.mgrid[box].astype(np.float32), 0, -1) * grid.spacing_mm + grid.affine[:3, 3] - entry
    u, v, w = away @ frames.left[k], away @ frames.posterior[k], away @ frames.superior[k]
    share = np.clip(1 + v / reach, 0, 1)  # 1 at the wall, 0 in the middle of the body
    size = np.hypot(u / (VEIN_MM[0] * share + 0.1), w / (VEIN_MM[1] * share + 0.1))
    vein = np.clip(1.5 - size, 0, 1) * (share > 0)
    inside[box] += (vein * (VEIN_HU - inside[box])).astype(np.float32)


def _paint_bone(hu: Picture, bones: Bones, spongy: Picture, look: Look) -> None:
    """Lays a blurred shell and its filling over the soft tissue: blurring it as a plane is exact and needs no grid."""
    near = np.abs(bones.depth_mm) < NEAR_MM
    deep = bones.depth_mm >= NEAR_MM
    hu[deep] = spongy[deep]
    depth, body, soft = bones.depth_mm[near], bones.body[near], hu[near]
    shell = look.arch_shell_mm + body * (look.shell_mm - look.arch_shell_mm)
    outer, inner = ndtr(depth / look.blur_mm), ndtr((depth - shell) / look.blur_mm)
    hu[near] = soft + (look.cortex_hu - soft) * (outer - inner) + (spongy[near] - soft) * inner


def _scanned(hu: Picture, grid: Volume, look: Look, rng: np.random.Generator) -> Volume:
    """Makes slices of their thickness, sharpens them as the kernel does, and adds noise that is grained like it."""
    count = hu.shape[2] // look.layers
    slices = hu[:, :, : count * look.layers].reshape(*hu.shape[:2], count, look.layers).mean(3)
    soft = ndimage.gaussian_filter(slices, (1.2, 1.2, 0.0))
    slices = slices + np.float32(look.sharpen) * (slices - soft)
    grain = rng.normal(0, 1, slices.shape).astype(np.float32)
    grain = ndimage.gaussian_filter(grain, (look.noise_mm / PIXEL_MM, look.noise_mm / PIXEL_MM, 0.3))
    slices += np.float32(look.noise_hu / grain.std()) * grain
    affine = grid.affine.copy()
    affine[2, 3] += (look.layers - 1) / 2 * affine[2, 2]
    affine[2, 2] *= look.layers
    voxels = np.clip(np.rint(slices), -1024, 3071).astype(np.int16)
    return Volume(np.ascontiguousarray(voxels), affine)
