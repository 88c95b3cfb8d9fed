"""A localiser without learning, beside which the trained one stands: same cases, same figures. About five minutes.

Thresholds find what lies as a body, its canal and its arch do; dynamic programming draws the line through it; beside
the canal pedicles and foramina take turns, once a body, and their own period says how far bodies are apart; walls and
endplates are the steepest falls, moved to the half level. It has no idea of names: it calls the lowest body L5.
Constants were set by hand on the demo CT and `verse007`, before any other case was looked at.

Needs the development cases (`VFSCREEN_CASES`). Writes `benchmarks/results/localiser_classical.json`.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.localiser import score_case
from benchmarks.localiser_tables import MEASURABLE_MM, figures_of
from models.localiser.curve import Curve, curve_through
from models.localiser.straighten import STACK_MM, sagittal_stack
from models.localiser.truth import CASES, ct_path, read_truth, read_volume
from vfscreen.anatomy import ASSESSED, Level
from vfscreen.findings import Vertebra
from vfscreen.frames import Frames, frames_of
from vfscreen.genant import SixPoints, axes_of, heights_of, three_heights
from vfscreen.half_level import half_levels
from vfscreen.ports import Located
from vfscreen.volume import Volume, resample, sample, slice_distance_mm

Float = NDArray[np.float64]

RESULTS = Path(__file__).resolve().parent / "results" / "localiser_classical.json"
GRID_MM = 4.0
BODY_HU, CANAL_HU, ARCH_HU = (110, 900), (-60, 110), (180, 2000)
CANAL_BEHIND_MM, ARCH_BEHIND_MM, BLUR_MM = 24.0, 40.0, 5.0
LEAST_SCORE = 0.06
"""Share of a slice's best product of body, canal and arch below which no spine passes."""
SPACING_MM = (15.0, 44.0)
WINDOW_MM = 150.0
SPACING_SD = 0.14
ALIKE_SHARE = 0.6
PEDICLE_PICTURES, PEDICLE_BEHIND_MM, PEDICLE_SHARE = [1, 5], (12.0, 24.0), 0.2
"""In which pictures of the stack pedicles lie (12 mm aside), how far behind, how far above the centre (of a period)."""
UNCERTAINTY_MM = 2.5
REACH_MM = np.arange(0.0, 30.0, 0.5)


@dataclass(frozen=True, slots=True)
class Classical:
    """Implements `vfscreen.ports.Localiser` with thresholds and profiles."""

    name: str = "classical"

    def locate(self, volume: Volume) -> Located:
        """Finds bodies; none of their names is certain."""
        line = spine_line(resample(volume, GRID_MM))
        if line is None:
            return Located(())
        rows = body_rows(volume, line)
        if len(rows) < 2:
            return Located(())
        centres = line.points[rows]
        frames = frames_of(centres)
        points = six_points(volume, frames)
        lowest = ASSESSED.index(Level.L5)
        levels = [ASSESSED[max(lowest - k, 0)] for k in reversed(range(len(centres)))]
        bodies = [_body(level, own, volume) for level, own in zip(levels, points, strict=True)]
        return Located(tuple(bodies))


def spine_line(grid: Volume) -> Curve | None:
    """Draws the line of bodies from the head down; None where nothing has a canal and an arch behind it."""
    hu = grid.voxels.astype(np.float32)
    blur = BLUR_MM / GRID_MM
    body, canal, arch = (
        ndimage.gaussian_filter(((hu > low) & (hu < high)).astype(np.float32), blur)
        for low, high in (BODY_HU, CANAL_HU, ARCH_HU)
    )
    behind = [round(mm / GRID_MM) for mm in (CANAL_BEHIND_MM, ARCH_BEHIND_MM)]
    score = body * _forward(canal, behind[0]) * _forward(arch, behind[1])  # left, posterior, superior
    if score.max() < LEAST_SCORE:
        return None
    path = _smoothest(np.moveaxis(score, 2, 0)[::-1])
    rows = np.arange(grid.shape[2])[::-1]
    clear = score[path[:, 0], path[:, 1], rows] > LEAST_SCORE
    if clear.sum() < 8:
        return None
    kept = slice(int(np.argmax(clear)), len(clear) - int(np.argmax(clear[::-1])))
    places = np.column_stack([path, rows])[kept].astype(float)
    places[:, :2] = ndimage.gaussian_filter1d(places[:, :2], 3.0, axis=0, mode="nearest")
    return curve_through(grid.lps_of(places), STACK_MM)


def _forward(values: NDArray[np.float32], voxels: int) -> NDArray[np.float32]:
    """Brings what lies so many voxels behind to each place."""
    moved = np.zeros_like(values)
    moved[:, :-voxels] = values[:, voxels:]
    return moved


def _smoothest(slices: NDArray[np.float32]) -> NDArray[np.intp]:
    """The path of the highest sum from slice to slice that moves by at most one voxel a step; (slices, 2)."""
    total, came = slices[0].copy(), []
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for one in slices[1:]:
        padded = np.pad(total, 1, constant_values=-np.inf)
        options = np.stack([padded[1 + i :, 1 + j :][: one.shape[0], : one.shape[1]] for i, j in steps])
        came.append(options.argmax(0))
        total = one + options.max(0)
    place = np.array(np.unravel_index(int(total.argmax()), total.shape))
    path = [place]
    for choice in reversed(came):
        place = place + np.array(steps[choice[tuple(place)]])
        path.append(place)
    return np.array(path[::-1])


def body_rows(volume: Volume, line: Curve) -> NDArray[np.intp]:
    """Finds the rows of the bodies' centres: a little below their pedicles, which are bright between dark foramina."""
    stack = sagittal_stack(volume, line)
    columns = slice(*(round(stack.column_of(mm)) for mm in PEDICLE_BEHIND_MM))
    profile = stack.hu[PEDICLE_PICTURES, :, columns].mean((0, 2)).astype(float)
    profile = ndimage.gaussian_filter1d(profile, 2.0 / STACK_MM)
    swing = profile - ndimage.gaussian_filter1d(profile, 14.0 / STACK_MM)
    swing /= max(float(swing.std()), 1e-3)
    periods = _periods(swing)
    pedicles = _periodic_peaks(swing, periods)
    rows = np.round(pedicles + PEDICLE_SHARE * periods[pedicles]).astype(int)
    return rows[rows < len(line.points)]


def _periods(swing: Float) -> Float:
    """The local period of the profile in rows, by its autocorrelation in a sliding window."""
    low, high = (round(mm / STACK_MM) for mm in SPACING_MM)
    half = round(WINDOW_MM / 2 / STACK_MM)
    places = np.arange(0, len(swing), 8)
    found = []
    for place in places:
        part = swing[max(place - half, 0) : place + half]
        part = part - part.mean()
        lags = np.arange(low, min(high, len(part) - 2))
        if len(lags) < 2:
            found.append(24.0 / STACK_MM)
            continue
        likeness = np.array([float(np.mean(part[:-lag] * part[lag:])) for lag in lags])
        most = float(likeness.max())
        high_enough = likeness >= most - (1 - ALIKE_SHARE) * abs(
            most
        )  # two periods are alike too: the first counts
        first = int(np.argmax(high_enough))
        end = first + int(np.argmin(np.append(high_enough[first:], False)))
        found.append(float(lags[first + int(np.argmax(likeness[first:end]))]))
    steady = ndimage.median_filter(np.array(found), size=5, mode="nearest")
    return np.interp(np.arange(len(swing)), places, steady)


def _periodic_peaks(swing: Float, periods: Float) -> NDArray[np.intp]:
    """The chain of bright rows, each about a period below the one before, that is brightest in sum."""
    best, before = swing.copy(), np.full(len(swing), -1)
    for row in range(len(swing)):
        period = periods[row]
        above = np.arange(max(int(row - 1.5 * period), 0), max(int(row - 0.6 * period), 0))
        if len(above):
            ratio = np.log((row - above) / period)
            value = best[above] - (ratio / SPACING_SD) ** 2 / 2
            chosen = int(value.argmax())
            if value[chosen] > 0:
                best[row] += value[chosen]
                before[row] = above[chosen]
    row, chain = int(best.argmax()), []
    while row >= 0:
        chain.append(row)
        row = int(before[row])
    return np.array(chain[::-1])


def six_points(volume: Volume, frames: Frames) -> Float:
    """Places (n, 6, 3) points: walls at mid height, endplates in front, in the middle and behind."""
    fronts = np.array([_wall(volume, frames, k, -1.0) for k in range(len(frames))])
    backs = np.array([_wall(volume, frames, k, 1.0) for k in range(len(frames))])
    columns = np.stack([fronts + 1.5, (fronts + backs) / 2, backs - 1.5], 1)
    points = np.zeros((len(frames), 6, 3))
    for k, spacing_mm in enumerate(frames.spacing_mm):
        for place, behind_mm in enumerate(columns[k]):
            start = frames.origins[k] + behind_mm * frames.posterior[k]
            for side, up in enumerate((1.0, -1.0)):
                away = _steepest(
                    volume, start, up * frames.superior[k], (0.26 * spacing_mm, 0.6 * spacing_mm)
                )
                points[k, 3 * side + place] = start + up * away * frames.superior[k]
    outward = np.repeat([1.0, -1.0], 3)[None, :, None] * frames.superior[:, None]
    offset_mm = half_levels(volume, frames, points).offset_mm
    return np.asarray(points + np.where(np.abs(offset_mm) < 3.0, offset_mm, 0.0)[..., None] * outward)


def _wall(volume: Volume, frames: Frames, k: int, way: float) -> float:
    """How far behind the centre the front (way -1) or back wall lies, mm."""
    return way * _steepest(volume, frames.origins[k], way * frames.posterior[k], (8.0, 24.0))


def _steepest(volume: Volume, start: Float, direction: Float, between_mm: tuple[float, float]) -> float:
    """How far along a direction the brightness falls most steeply, mm."""
    hu = sample(volume, start + REACH_MM[:, None] * direction).astype(float)
    slope = np.gradient(ndimage.gaussian_filter1d(hu, 2.0))
    low, high = between_mm
    allowed = (low <= REACH_MM) & (high >= REACH_MM)
    return float(REACH_MM[np.where(allowed, slope, np.inf).argmin()])


def _body(level: Level, points: Float, volume: Volume) -> Vertebra:
    six = SixPoints.from_array(points)
    if not volume.contains(points, margin_mm=1.0).all():
        return Vertebra(level, False, False, points.mean(0), 0.5)
    return Vertebra(
        level, False, True, points.mean(0), 0.5, six, axes_of(six), heights_of(six), UNCERTAINTY_MM
    )


def height_errors_from_true_centres(cases: Path) -> Float:
    """Returns the errors of all heights, mm, where the bodies are known and walls and endplates alone are searched."""
    errors = []
    for entry in CASES:
        truth, volume = read_truth(cases, entry), read_volume(ct_path(cases, entry.name))
        if not entry.trained or slice_distance_mm(volume) > MEASURABLE_MM:
            continue
        found = six_points(volume, frames_of(truth.centres_lps_mm))
        for body, points in zip(truth.bodies, found, strict=True):
            if body.whole and body.points_lps_mm is not None:
                errors.append(three_heights(points) - three_heights(body.points_lps_mm))
    return np.abs(np.concatenate(errors))


def main() -> int:
    """Scores the cases and prints the figures; exits 2 with a sentence where the cases are missing."""
    if "VFSCREEN_CASES" not in os.environ:
        print("Set VFSCREEN_CASES to the folder of the development cases.", file=sys.stderr)
        return 2
    cases = Path(os.environ["VFSCREEN_CASES"])
    results = []
    for entry in CASES:
        results.append(asdict(score_case(cases, entry, Classical(), 0 if entry.trained else None)))
        found = sum(body["found_level"] is not None for body in results[-1]["bodies"])
        told = f"{entry.name}: {found} of {len(results[-1]['bodies'])}, false {len(results[-1]['false'])}"
        print(told, file=sys.stderr, flush=True)
    figures = {
        name: value
        for name, value in figures_of(results).items()
        if not name.startswith(
            ("levels_", "height_within")
        )  # it names nothing, and its uncertainty is a constant
    }
    errors = height_errors_from_true_centres(cases)
    figures |= {
        "height_error_median_from_true_centres_mm": float(np.median(errors)),
        "height_error_p95_from_true_centres_mm": float(np.percentile(errors, 95)),
    }
    RESULTS.write_text(json.dumps({"figures": figures, "cases": results}, indent=1) + "\n")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
