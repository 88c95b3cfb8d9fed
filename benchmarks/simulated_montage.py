"""Draws simulated fractures of the demo case: `docs/pictures/simulated_fractures.png` and `simulated_shapes.png`.

The first has one column a source body: as it is, then grade 0 to 3 as drawn for training, with the points that go with
them. The second has one body as wedge, biconcave and crush, losing more and more. The last line of stdout is one JSON
object. Demo CT: LIDC-IDRI-0001, The Cancer Imaging Archive, CC BY 3.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from models.grader.crop import COLUMNS, FRONT_MM, MARGIN, PLANES, ROWS, neighbours_of
from models.grader.draw import Plan, draw_aim, draw_deformity
from models.grader.examples import (
    Example,
    deformed_crop,
    reader_example,
    shares_of_loss,
    simulated_example,
)
from models.simulate import field_of
from vfscreen.anatomy import level_of
from vfscreen.demo_case import demo_ct
from vfscreen.findings import Vertebra
from vfscreen.genant import POINT_NAMES, Grade, Shape, SixPoints, axes_of, heights_of
from vfscreen.intake import read_study
from vfscreen.volume import Volume

POINTS = Path("tests/data/demo_points.json")
PICTURE = Path("docs/pictures/simulated_fractures.png")
SHAPES_PICTURE = Path("docs/pictures/simulated_shapes.png")
SHAPES = (Shape.WEDGE, Shape.BICONCAVE, Shape.CRUSH)
LOSSES = (12.0, 22.0, 32.0, 42.0, 52.0, 60.0)
SCALE = 2
LEVEL_HU, WIDTH_HU = 300.0, 1000.0
OWN, OTHER = (255, 90, 80), (90, 170, 255)


def main() -> int:
    """Draws both pictures."""
    bodies = []
    for name, places in json.loads(POINTS.read_text(encoding="utf-8"))["bodies"].items():
        points = SixPoints.from_array(np.array([places[point] for point in POINT_NAMES]))
        axes = axes_of(points)
        bodies.append(Vertebra(level_of(name), True, True, axes.origin, 1.0, points, axes))
    volume = read_study(demo_ct()).volume
    by_grade = [grades_of(volume, body, bodies) for body in bodies[1:-1]]
    save([list(row) for row in zip(*by_grade, strict=True)], PICTURE)
    save(
        [[shown(volume, bodies[3], bodies, shape, loss) for loss in LOSSES] for shape in SHAPES],
        SHAPES_PICTURE,
    )
    print(json.dumps({"pictures": [str(PICTURE), str(SHAPES_PICTURE)], "bodies": len(by_grade)}))
    return 0


def grades_of(volume: Volume, body: Vertebra, bodies: Sequence[Vertebra]) -> list[Example]:
    """Draws a body as it is, then one example a grade as for training."""
    rng = np.random.default_rng(7 + int(body.level))
    column = [reader_example(volume, body, bodies, (1.0, 0.0, 0.0, 0.0), "demo", f"demo/{body.level}")]
    for grade in Grade:
        drawn = None
        while drawn is None:
            drawn = simulated_example(volume, body, bodies, draw_aim(grade, rng), "demo", rng)
        column.append(drawn)
    return column


def shown(volume: Volume, body: Vertebra, bodies: Sequence[Vertebra], shape: Shape, loss: float) -> Example:
    """Deforms a body to a shape and loss against expectation, with nothing painted on."""
    if body.points is None:
        raise ValueError(f"{body.level} has no points")
    around = neighbours_of(body, bodies)
    known = {
        one.level: heights_of(one.points) for one in around if one is not None and one.points is not None
    }
    rng = np.random.default_rng(3)
    crop = None
    while crop is None:
        deformity = draw_deformity(body.level, heights_of(body.points), known, loss, rng, shape)
        if deformity is not None:
            calm = replace(deformity, tilts_deg=(0.0, 0.0))
            plan = Plan((field_of(body.points, calm),), size=1.0, density_share=0.7)
            crop = deformed_crop(volume, (body, *around), plan)
    losses = crop.losses_percent()
    return Example(
        crop,
        shares_of_loss(float(losses.max())),
        losses,
        "demo",
        f"demo/{body.level} {shape}",
        simulated=True,
    )


def save(rows: Sequence[Sequence[Example]], path: Path) -> None:
    """Puts the tiles of each row side by side and writes the sheet."""
    tiles = [[tile(one) for one in row] for row in rows]
    width, height = tiles[0][0].size
    sheet = Image.new("RGB", (width * len(tiles[0]), height * len(tiles)))
    for y, row in enumerate(tiles):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * width, y * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256).save(path, optimize=True)


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
