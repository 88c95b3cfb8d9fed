"""The localiser: tube, line, straightened stack, chain, names, points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.localiser.chain import Chain, best_chain, disc_extent, peaks_of, too_high
from models.localiser.curve import Curve, curve_through, framed
from models.localiser.endplates import find_points
from models.localiser.level_net import ELSEWHERE, LevelNet
from models.localiser.looks import level_chances, looks_upside_down
from models.localiser.measure import cut_bodies, doubts_of
from models.localiser.naming import Naming, name_chain
from models.localiser.points_net import PointsNet
from models.localiser.spine_line import spine_line
from models.localiser.stack_net import StackMaps, StackNet, read_stack
from models.localiser.straighten import STACK_MM, Stack, sagittal_stack
from models.localiser.tube_net import TubeNet, tube_probability
from vfscreen.findings import Refusal, Vertebra
from vfscreen.genant import SixPoints, axes_of, heights_of
from vfscreen.ports import Located
from vfscreen.volume import Volume, slice_distance_mm

Float = NDArray[np.float64]

NO_SPINE = "no thoracic or lumbar spine was found in this volume"
UNCERTAIN_NAMES = (
    "the level names are not certain: they are consecutive, but may be off by one or more as a whole"
)
UPSIDE_DOWN = (
    "this spine looks upside down, as if the file had head and feet swapped: names and suggestions are not to be "
    "trusted, export the study again"
)
UNUSUAL_COUNT = "this spine seems to have {}: count them yourself, and shift the names if that is wrong"
MISSING_BODY = "a body must lie here but could not be placed"
HIDDEN_BODY = "a broken body may lie here, taken for part of a disc"
PASSES = 3
"""How often the line is read, each time along the bodies of the time before; the chain that scores best is kept."""
SETTLED_MM = 1.5
EXTEND_MM = 32.0
BEYOND_ENDS = 2
SACRAL_SHARE = np.float32(0.9)
LOWEST_CHAIN = 0.35
"""A chain whose members score less than this on average is none."""
CLEAR_BODY, FAIR_BODY, FAIR_BODIES = 0.88, 0.80, 5
"""A spine has a body this clear, or this many fair ones; chosen on slabs and pieces beside spines of others."""
OFF_SPINE = 0.02
"""Two opinions: how much a chain looks like no spine to the level net, times what its clearest body lacks to be one.
From here on it is none; chosen on the same material."""


@dataclass(frozen=True, slots=True)
class Nets:
    """The four nets of the localiser."""

    tube: TubeNet
    stack: StackNet
    level: LevelNet
    points: PointsNet


@dataclass(frozen=True, slots=True)
class Found:
    """A chain of body centres, and what it is worth (`Chain`).

    Shapes: centres (n, 3) LPS mm; scores (n,); places (n,); discs (n - 1,), how much of the way to the next body is
    disc, in rows; sacrum (n + 1,).
    """

    centres: Float
    scores: Float
    places: NDArray[np.intp]
    discs: Float
    sacrum: Float
    worth: float


@dataclass(frozen=True, slots=True)
class SpineLocaliser:
    """Implements `vfscreen.ports.Localiser`."""

    name: str
    nets: Nets

    def locate(self, volume: Volume) -> Located:
        """Finds, names and measures every vertebral body that can be seen."""
        found = find_bodies(self.nets, volume)
        if found is None:
            return Located((), (), (NO_SPINE,))
        looks = level_chances(self.nets.level, volume, found.centres)
        if np.exp(looks[:, ELSEWHERE]).mean() * (1.0 - found.scores.max()) > OFF_SPINE:
            return Located((), (), (NO_SPINE,))
        naming = name_chain(looks, found.places, found.sacrum)
        if looks_upside_down(self.nets.level, volume, found.centres, found.places, looks):
            located = _described(self.nets, volume, found, replace(naming, probability=0.0))
            return replace(located, warnings=(UPSIDE_DOWN, *located.warnings))
        return _described(self.nets, volume, found, naming)


def find_bodies(nets: Nets, volume: Volume) -> Found | None:
    """Finds the chain of bodies; None if there is no spine in view."""
    probability, grid = tube_probability(nets.tube, volume)
    line = spine_line(probability, grid, STACK_MM)
    if line is None:
        return None
    best: Found | None = None
    for _ in range(PASSES):
        found = _along(nets, volume, _in_view(line, volume))
        if found is None:
            break
        settled = best is not None and _same_place(best, found)
        if best is None or found.worth > best.worth:
            best = found
        if settled or len(found.centres) < 2:
            break
        line = curve_through(found.centres, STACK_MM, (EXTEND_MM, EXTEND_MM), smooth_mm=5.0)
    return best if best is not None and _convincing(best) else None


def _convincing(found: Found) -> bool:
    """Says whether a chain is a spine: shoulders, ilia and ribs give short chains in which no member is clear."""
    return bool(found.scores.max() >= CLEAR_BODY or (found.scores >= FAIR_BODY).sum() >= FAIR_BODIES)


def _same_place(one: Found, other: Found) -> bool:
    """Says whether two passes found the same bodies."""
    return len(one.centres) == len(other.centres) and bool(
        np.linalg.norm(one.centres - other.centres, axis=1).max() < SETTLED_MM
    )


def _in_view(line: Curve, volume: Volume) -> Curve:
    """Cuts a line to the stretch that runs inside the volume."""
    inside = np.flatnonzero(volume.contains(line.points))
    if len(inside) < 8:
        return line
    return framed(line.points[inside[0] : inside[-1] + 1], line.step_mm)


def _along(nets: Nets, volume: Volume, line: Curve) -> Found | None:
    stack = sagittal_stack(volume, line)
    maps = read_stack(nets.stack, stack)
    either = np.maximum(
        maps.body, SACRAL_SHARE * maps.sacrum
    )  # the first sacral body may end the chain: it is named later
    peaks = peaks_of(np.where(stack.inside, either, np.float32(0)), stack.step_mm)
    chain = best_chain(peaks, maps.disc, stack.step_mm)
    scores = np.array([link.peak.score for link in chain.links])
    if not len(scores) or scores.mean() < LOWEST_CHAIN:
        return None
    places = np.cumsum([link.steps for link in chain.links]) - chain.links[0].steps
    discs = [disc_extent(above.peak, below.peak, maps.disc) for above, below in pairwise(chain.links)]
    signs = _sacral_signs(chain, stack, maps)
    return Found(_centres(chain, stack, maps), scores, places, np.array(discs), signs, chain.worth)


def _centres(chain: Chain, stack: Stack, maps: StackMaps) -> Float:
    """Places of the chain's members; how far one lies beside the line is the median of it and its neighbours."""
    beside_mm = [float(maps.left_mm[round(link.peak.row), round(link.peak.column)]) for link in chain.links]
    steady_mm = ndimage.median_filter(np.array(beside_mm), size=3, mode="nearest")
    return np.array(
        [
            stack.curve.place(link.peak.row, float(left_mm), stack.posterior_of(link.peak.column))
            for link, left_mm in zip(chain.links, steady_mm, strict=True)
        ]
    )


def _sacral_signs(chain: Chain, stack: Stack, maps: StackMaps) -> Float:
    """How much each member, and the place below the last, looks like the first sacral body; NaN out of view."""
    rows = np.array([link.peak.row for link in chain.links])
    columns = np.array([link.peak.column for link in chain.links])
    gap = float(rows[-1] - rows[-2]) if len(rows) > 1 else 30.0 / stack.step_mm
    rows, columns = np.append(rows, rows[-1] + 0.9 * gap), np.append(columns, columns[-1] + 4.0)
    signs = np.full(len(rows), np.nan)
    for k, (row, column) in enumerate(zip(rows, columns, strict=True)):
        window = (
            slice(max(round(row - 0.35 * gap), 0), max(round(row + 0.35 * gap), 0) + 1),
            slice(max(round(column - 14), 0), max(round(column + 14), 0) + 1),
        )
        seen = stack.inside[window]
        if seen.size and seen.mean() > 0.5:
            signs[k] = float(maps.sacrum[window][seen].max())
    return signs


def _described(nets: Nets, volume: Volume, found: Found, naming: Naming) -> Located:
    """Measures the bodies that have a thoracic or lumbar name and says what is refused."""
    found, naming = _near_named(found, naming)
    kept = [k for k, level in enumerate(naming.levels) if level is not None]
    if not kept:
        return Located((), (), (NO_SPINE,))
    final = find_points(nets.points, volume, found.centres)
    cut = cut_bodies(final, slice_distance_mm(volume))
    doubts = doubts_of(final, cut)
    whole = ~cut & np.array([level is not None for level in naming.levels])
    crowded = too_high(found.discs) & whole[:-1] & whole[1:] & (np.diff(found.places) == 1)
    if crowded.any():
        naming = replace(naming, probability=0.0)
    vertebrae, refusals = [], _missing(found, naming, crowded)
    for k in kept:
        level = naming.levels[k]
        assert level is not None  # `kept` holds the named ones
        common = (level, naming.certain, not bool(cut[k]))
        if cut[k]:
            vertebrae.append(Vertebra(*common, found.centres[k], float(found.scores[k])))
            refusals.append(Refusal(str(level), "cut by the edge of the scan"))
            continue
        points = SixPoints.from_array(final.points[k])
        vertebrae.append(
            Vertebra(
                *common,
                final.points[k].mean(0),
                float(found.scores[k]),
                points,
                axes_of(points),
                heights_of(points),
                doubts[k].uncertainty_mm,
                doubts[k].flags,
            )
        )
    return Located(tuple(vertebrae), tuple(refusals), _warnings(naming))


def _near_named(found: Found, naming: Naming) -> tuple[Found, Naming]:
    """Leaves out the neck and the sacrum, but for the members that frames and comparisons at the ends need."""
    named = [k for k, level in enumerate(naming.levels) if level is not None]
    near = slice(max(named[0] - BEYOND_ENDS, 0), named[-1] + BEYOND_ENDS + 1) if named else slice(0)
    return (
        replace(
            found,
            centres=found.centres[near],
            scores=found.scores[near],
            places=found.places[near],
            discs=found.discs[near.start : near.stop - 1] if named else found.discs[:0],
            sacrum=found.sacrum[near],
        ),
        replace(naming, levels=naming.levels[near]),
    )


def _warnings(naming: Naming) -> tuple[str, ...]:
    """What the user should know about the names."""
    unsure = () if naming.certain else (UNCERTAIN_NAMES,)
    return (*unsure, UNUSUAL_COUNT.format(naming.unusual)) if naming.unusual else unsure


def _missing(found: Found, naming: Naming, crowded: NDArray[np.bool_]) -> list[Refusal]:
    """One refusal for every body that must, or may, lie between two found ones."""
    refusals = []
    for k in np.flatnonzero((np.diff(found.places) > 1) | crowded):
        above, below = naming.levels[k], naming.levels[k + 1]
        if above is not None and below is not None:
            reason = HIDDEN_BODY if crowded[k] else MISSING_BODY
            refusals.append(Refusal(f"between {above} and {below}", reason, "look here yourself"))
    return refusals
