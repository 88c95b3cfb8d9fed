"""Draws simulated fractures of the demo case, one column a source body: `docs/pictures/simulated_fractures.png`.

The first row is the body as it is, then grade 0 to 3 as drawn for training, with the points that go with them. The last
line of stdout is one JSON object. Demo CT: LIDC-IDRI-0001, The Cancer Imaging Archive, CC BY 3.0.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from models.grader.crop import COLUMNS, FRONT_MM, MARGIN, PLANES, ROWS
from models.grader.examples import Example, reader_example, simulated_example
from vfscreen.anatomy import level_of
from vfscreen.demo_case import demo_ct
from vfscreen.findings import Vertebra
from vfscreen.genant import POINT_NAMES, Grade, SixPoints, axes_of
from vfscreen.intake import read_study

POINTS = Path("tests/data/demo_points.json")
PICTURE = Path("docs/pictures/simulated_fractures.png")
SCALE = 2
LEVEL_HU, WIDTH_HU = 300.0, 1000.0
OWN, OTHER = (255, 90, 80), (90, 170, 255)


def main() -> int:
    """Draws the picture."""
    bodies = []
    for name, places in json.loads(POINTS.read_text(encoding="utf-8"))["bodies"].items():
        points = SixPoints.from_array(np.array([places[point] for point in POINT_NAMES]))
        axes = axes_of(points)
        bodies.append(Vertebra(level_of(name), True, True, axes.origin, 1.0, points, axes))
    volume = read_study(demo_ct()).volume
    rng = np.random.default_rng(7)
    columns = []
    for body in bodies[1:-1]:
        column = [reader_example(volume, body, bodies, (1.0, 0.0, 0.0, 0.0), "demo", str(body.level))]
        for grade in Grade:
            drawn = None
            while drawn is None:
                drawn = simulated_example(volume, body, bodies, grade, "demo", rng)
            column.append(drawn)
        columns.append(column)
    tiles = [[tile(one) for one in column] for column in columns]
    width, height = tiles[0][0].size
    sheet = Image.new("RGB", (width * len(tiles), height * len(tiles[0])))
    for x, pictures in enumerate(tiles):
        for y, picture in enumerate(pictures):
            sheet.paste(picture, (x * width, y * height))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256).save(PICTURE, optimize=True)
    print(json.dumps({"picture": str(PICTURE), "bodies": len(columns), "rows": len(columns[0])}))
    return 0


def tile(example: Example) -> Image.Image:
    """Draws the middle plane of a crop with its points and its loss."""
    plane = example.crop.planes[PLANES // 2].astype(float)
    grey = np.clip((plane - LEVEL_HU) / WIDTH_HU + 0.5, 0, 1) * 255
    picture = Image.fromarray(grey.astype(np.uint8)).resize(
        (COLUMNS * SCALE, ROWS * SCALE), Image.Resampling.BICUBIC
    )
    picture = picture.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for number, points in enumerate(example.crop.points_mm):
        for point in points[np.isfinite(points).all(1)]:
            x = (point[1] + FRONT_MM + MARGIN + 0.5) * SCALE
            y = ((ROWS - 1) / 2 - point[2] + 0.5) * SCALE
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], outline=OTHER if number else OWN)
    loss = float(example.losses_percent.max())
    words = f"{example.body.removeprefix('demo/')}  loss {loss:.0f} %" + (
        "" if example.simulated else "  as scanned"
    )
    pen.text((4, 3), words, fill=(255, 255, 120))
    return picture


if __name__ == "__main__":
    raise SystemExit(main())
