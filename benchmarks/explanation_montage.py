"""Draws what a suggestion can be checked by, on fractures simulated in the demo CT: `docs/pictures/explanations.jpg`.

A row a fracture (wedge, biconcave, crush): the CT before it was broken, the broken vertebra with its six points, the
same with the missing height given back by what is expected at its level, and where the grader's answer hangs.

The last line of stdout is one JSON object: the mean difference to the CT before, in and round the body, of the broken
and of the unbroken picture (HU), the largest error of the heights that came back (mm), by how much the severity falls
with unbroken points or an unbroken picture alone (log-odds), and how long an explanation takes (by the clock, and of
one processor). Half a minute.

Demo CT: LIDC-IDRI-0001, The Cancer Imaging Archive, CC BY 3.0.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.explain.explain import explain
from models.explain.unbroken import restored
from models.grader.suggest import load_grader
from models.simulate import Deformity, field_of, moved_points
from vfscreen.anatomy import Level, level_of
from vfscreen.demo_case import demo_ct
from vfscreen.explanations import Explanation, Sheet
from vfscreen.findings import Vertebra
from vfscreen.genant import POINT_NAMES, Axes, SixPoints, axes_of, heights_of
from vfscreen.intake import read_study
from vfscreen.volume import Volume, plane_points, sample

POINTS = Path("tests/data/demo_points.json")
PICTURE = Path("docs/pictures/explanations.jpg")
LEVEL = Level.T12
FRACTURES = {
    "wedge": Deformity((9.0, 5.0, 0.5), superior_share=0.8, crowding=0.2, dent_skew=1.2, side_tilt=0.1),
    "biconcave": Deformity((2.0, 8.0, 1.0), superior_share=0.3, dent_width=1.2, discs_mm=(5.0, 7.0)),
    "crush": Deformity((7.0, 8.0, 7.5), superior_share=0.6, crowding=0.1),
}
HALF_MM = np.array([16.0, 54.0, 66.0])
LEVEL_HU, WIDTH_HU = 300.0, 1000.0
SCALE = 2
POINT, FOR, AGAINST = (86, 180, 233), np.array([230, 159, 0]), np.array([86, 180, 233])

Float = NDArray[np.float64]


def main() -> int:
    """Draws the picture and prints the figures."""
    torch.set_num_threads(1)
    volume, bodies, grader = read_study(demo_ct()).volume, demo_bodies(), load_grader()
    place = [body.level for body in bodies].index(LEVEL)
    rows, figures, seconds, cpu_seconds = [], {}, [], []
    for name, deformity in FRACTURES.items():
        broken, after = break_one(volume, bodies, place, deformity)
        started, busy = time.perf_counter(), time.process_time()
        explanation = explain(grader, broken, after, place, lambda _doing, _share: None)
        seconds.append(time.perf_counter() - started)
        cpu_seconds.append(time.process_time() - busy)
        figures[name] = differences(volume, broken, bodies, after, place) | hangs_on(explanation)
        rows.append(row_of(name, volume, explanation))
        print(name, figures[name], f"{seconds[-1]:.2f} s", file=sys.stderr)
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    for number, row in enumerate(rows):
        sheet.paste(row, (0, number * row.height))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(PICTURE, quality=86, optimize=True)
    times = {"seconds": round(median(seconds), 2), "cpu_seconds": round(median(cpu_seconds), 2)}
    print(json.dumps({"picture": str(PICTURE), **times, **figures}))
    return 0


def demo_bodies() -> list[Vertebra]:
    """Returns the bodies of the demo CT as they were marked, from the head down."""
    bodies = []
    for name, places in json.loads(POINTS.read_text(encoding="utf-8"))["bodies"].items():
        points = SixPoints.from_array(np.array([places[point] for point in POINT_NAMES]))
        bodies.append(
            _body(Vertebra(level_of(name), True, True, np.zeros(3), 1.0, uncertainty_mm=1.0), points)
        )
    return bodies


def _body(body: Vertebra, points: SixPoints) -> Vertebra:
    axes = axes_of(points)
    return replace(body, points=points, axes=axes, heights=heights_of(points), centre_lps_mm=axes.origin)


def points_of(body: Vertebra) -> SixPoints:
    """Returns the points of a body that has some."""
    assert body.points is not None
    return body.points


def break_one(
    volume: Volume, bodies: list[Vertebra], place: int, deformity: Deformity
) -> tuple[Volume, list[Vertebra]]:
    """Breaks one body: a CT of its surroundings at 1 mm, resampled once, and all bodies as they are then."""
    field = field_of(points_of(bodies[place]), deformity)
    affine = np.eye(4)
    affine[:3, 3] = bodies[place].centre_lps_mm - HALF_MM
    shape = tuple(int(2 * half) + 1 for half in HALF_MM)
    places = plane_points(affine[:3, 3], np.eye(3), shape, (1.0, 1.0, 1.0))
    voxels = np.rint(sample(volume, field.inverse(places)[0])).astype(np.int16)
    after = [_body(body, moved_points([field], points_of(body))) for body in bodies]
    return Volume(voxels, affine), after


def differences(
    volume: Volume, broken: Volume, before: list[Vertebra], after: list[Vertebra], place: int
) -> dict[str, float]:
    """Undoes exactly what was lost, and compares body and endplates with the CT before, in the body's own axes."""
    was, now = points_of(before[place]), points_of(after[place])
    lost = np.maximum(heights_of(was).array() - heights_of(now).array(), 0.0)
    missing = float(lost[0]), float(lost[1]), float(lost[2])
    found = restored(now, missing, points_of(after[place - 1]), points_of(after[place + 1]))
    assert found is not None
    healthy = sample(volume, around(axes_of(was), was))
    as_it_is = sample(broken, around(axes_of(now), was))
    undone = sample(broken, found.field.forward(around(axes_of(found.points), was)))
    return {
        "difference_broken_hu": round(float(np.abs(as_it_is - healthy).mean()), 1),
        "difference_unbroken_hu": round(float(np.abs(undone - healthy).mean()), 1),
        "height_error_mm": round(
            float(np.abs(heights_of(found.points).array() - heights_of(was).array()).max()), 3
        ),
    }


def hangs_on(explanation: Explanation) -> dict[str, float]:
    """Returns by how much the severity falls with unbroken points alone, and with an unbroken picture alone."""
    unbroken = explanation.unbroken
    assert unbroken is not None
    return {
        "severity_by_points": round(unbroken.by_points, 1),
        "severity_by_picture": round(unbroken.by_picture, 1),
    }


def around(axes: Axes, size: SixPoints) -> Float:
    """Returns places in three planes of a body as large as `size`, 6 mm beyond its endplates; LPS mm."""
    own = axes_of(size)
    corners = (size.array() - own.origin) @ own.matrix().T
    beyond = np.array([6.0, -1.0, 6.0])
    low, high = corners.min(0) - beyond, corners.max(0) + beyond
    first = axes.origin + np.array([-6.0, low[1], low[2]]) @ axes.matrix()
    shape = (3, int(high[1] - low[1]), int(high[2] - low[2]))
    return plane_points(first, axes.matrix(), shape, (6.0, 1.0, 1.0))


def row_of(name: str, volume: Volume, explanation: Explanation) -> Image.Image:
    """Draws one fracture: before, broken, unbroken, map."""
    real, unbroken = explanation.real, explanation.unbroken
    assert unbroken is not None
    rows, columns = real.values.shape
    places = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), -1).astype(float)
    before = Sheet(sample(volume, real.lps_of(places)), real.affine)
    tiles = [
        tile(before, None, "before, as scanned"),
        tile(real, explanation.points, f"{name}: grade {int(explanation.suggestion.grade)} suggested"),
        tile(unbroken.sheet, unbroken.points, f"unbroken: grade {int(unbroken.suggestion.grade)} suggested"),
        tile(real, None, "where the answer hangs", explanation.saliency),
    ]
    row = Image.new("RGB", (sum(one.width for one in tiles), tiles[0].height))
    for number, one in enumerate(tiles):
        row.paste(one, (number * one.width, 0))
    return row


def tile(sheet: Sheet, points: SixPoints | None, words: str, changes: Sheet | None = None) -> Image.Image:
    """Draws a sheet, with points or a map laid over it; the colour is full at one unit of log-odds."""
    rows, columns = sheet.values.shape
    size = (columns * SCALE, rows * SCALE)
    grey = np.clip((sheet.values.astype(float) - LEVEL_HU) / WIDTH_HU + 0.5, 0, 1) * 255
    picture = Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    if changes is not None:
        change = np.asarray(
            Image.fromarray(changes.values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        )
        share = 0.6 * np.clip(np.abs(change), 0, 1)[..., None]
        colour = np.where(change[..., None] > 0, FOR, AGAINST)
        mixed = (1 - share) * np.asarray(picture) + share * colour
        picture = Image.fromarray(mixed.astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    if points is not None:
        for row, column in (sheet.places_of(points.array()) + 0.5) * SCALE:
            pen.line([column - 4, row, column + 4, row], fill=POINT)
            pen.line([column, row - 4, column, row + 4], fill=POINT)
    pen.text((4, 3), words, fill=(255, 255, 120))
    return picture


if __name__ == "__main__":
    raise SystemExit(main())
