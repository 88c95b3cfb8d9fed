"""A mid-sagittal picture of a screening: the CT along the spine's own curve, six points, names and grades."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vfscreen import NOTICE
from vfscreen.durable import write_durably
from vfscreen.findings import Finding, Screening, Verdict
from vfscreen.volume import Volume, sample

Float = NDArray[np.float64]

WINDOW_HU = (-600.0, 1400.0)  # bone, 2000 wide around 400, as in the reading room
STEP_MM = 0.5
HALF_DEPTH_MM = 75.0
MARGIN_MM = 25.0
SLAB_MM = (-1.0, 0.0, 1.0)
FONT_SIZE = 20
FOOT_PX = 28
NARROWEST_PX = 420
"""The notice below must fit in."""

# Okabe and Ito's colours, told apart by the colour-blind; the grade is written beside them as well.
GRADE_COLOURS = ("#BBBBBB", "#56B4E9", "#F0E442", "#D55E00")
POINT_COLOUR = "#9BC9E2"


def draw_screening(volume: Volume, screening: Screening) -> Image.Image:
    """Draws the CT in the curved mid-sagittal sheet of the bodies found, head up, anterior left, with marks.

    Without any body the sheet is the plane through the middle of the volume.
    """
    centres = np.array([finding.vertebra.centre_lps_mm for finding in screening.findings]).reshape(-1, 3)
    y_mm, z_mm = _extent(volume, centres)
    sheet = _sheet(volume, centres, y_mm, z_mm)
    grey = np.clip((sheet - WINDOW_HU[0]) / (WINDOW_HU[1] - WINDOW_HU[0]), 0, 1)
    drawn = Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")
    picture = Image.new("RGB", (max(drawn.width, NARROWEST_PX), drawn.height + FOOT_PX))
    picture.paste(drawn)
    pen = ImageDraw.Draw(picture)
    for finding in screening.findings:
        _draw_finding(pen, finding, float(y_mm[0]), float(z_mm[0]), len(y_mm))
    pen.text((8, drawn.height + 6), NOTICE, fill="#FFFFFF", font=ImageFont.load_default(14))
    return picture


def write_picture(volume: Volume, screening: Screening, target: Path) -> None:
    """Writes the picture as PNG, whole or not at all."""
    content = io.BytesIO()
    draw_screening(volume, screening).save(content, "PNG")
    write_durably(target, content.getvalue())


def _extent(volume: Volume, centres: Float) -> tuple[Float, Float]:
    """Returns the columns' y (growing backwards) and the rows' z (falling), LPS mm."""
    low, high = volume.bounds_lps_mm()
    if len(centres):
        low = np.maximum(low, [low[0], centres[:, 1].min() - HALF_DEPTH_MM, centres[:, 2].min() - MARGIN_MM])
        high = np.minimum(
            high, [high[0], centres[:, 1].max() + HALF_DEPTH_MM, centres[:, 2].max() + MARGIN_MM]
        )
    return np.arange(low[1], high[1], STEP_MM), np.arange(high[2], low[2], -STEP_MM)


def _sheet(volume: Volume, centres: Float, y_mm: Float, z_mm: Float) -> NDArray[np.float32]:
    """Samples the sheet x(z) that runs through the centres; (rows, columns) Hounsfield units."""
    if len(centres):
        upward = centres[np.argsort(centres[:, 2])]
        x_mm = np.interp(z_mm, upward[:, 2], upward[:, 0])
    else:
        low, high = volume.bounds_lps_mm()
        x_mm = np.full(len(z_mm), (low[0] + high[0]) / 2)
    points = np.empty((len(z_mm), len(y_mm), 3))
    points[..., 1], points[..., 2] = y_mm[None], z_mm[:, None]
    slabs = []
    for offset in SLAB_MM:
        points[..., 0] = x_mm[:, None] + offset
        slabs.append(sample(volume, points))
    return np.asarray(np.mean(slabs, axis=0), np.float32)


def _draw_finding(pen: ImageDraw.ImageDraw, finding: Finding, y0: float, z0: float, width: int) -> None:
    """Draws one body's points, its name and what was said of it."""
    body = finding.vertebra
    if body.points is not None:
        for point in body.points.array():
            column, row = (float(point[1]) - y0) / STEP_MM, (z0 - float(point[2])) / STEP_MM
            pen.line((column - 4, row, column + 4, row), fill=POINT_COLOUR)
            pen.line((column, row - 4, column, row + 4), fill=POINT_COLOUR)
    row = max((z0 - float(body.centre_lps_mm[2])) / STEP_MM, FONT_SIZE / 2 + 2)
    words, colour = describe(finding)
    font = ImageFont.load_default(FONT_SIZE)
    column = min(
        (float(body.centre_lps_mm[1]) - y0 + 32.0) / STEP_MM, width - pen.textlength(words, font=font) - 6
    )
    pen.text(
        (column, row - FONT_SIZE / 2), words, fill=colour, font=font, stroke_width=2, stroke_fill="#000000"
    )


def describe(finding: Finding) -> tuple[str, str]:
    """Returns the words beside a body ("T12: 2 fracture") and their colour."""
    name = str(finding.vertebra.level) + ("" if finding.vertebra.level_certain else "?")
    if not finding.vertebra.whole:
        return f"{name} cut", GRADE_COLOURS[0]
    if finding.suggestion is None:
        return f"{name} not assessed", GRADE_COLOURS[0]
    grade, verdict = finding.suggestion.grade, finding.suggestion.verdict
    words = {
        Verdict.FRACTURE: f": {int(grade)} fracture",
        Verdict.UNCERTAIN: ": unsure",
        Verdict.NO_FRACTURE: ": 0",
    }
    colour = GRADE_COLOURS[max(int(grade), 1)] if verdict is not Verdict.NO_FRACTURE else GRADE_COLOURS[0]
    return name + words.get(verdict, ""), colour
