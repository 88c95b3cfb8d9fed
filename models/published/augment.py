"""Random views as the published system trained on them. No flips; the zoom keeps the ratio of height to width.

Source: wxwxwwxxx/VertebralFractureGrading, train/transform.py and main_distributed_contrastive.py. There the second
view begins with the boxes that the first one cut out, because they are cut in place; here both begin whole.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from models.published.channels import Floats, as_input, channels_of, fitted
from models.published.config import Augmentation
from models.published.patches import Patch

_PLANES = ((1, 2), (1, 3), (2, 3))


def random_view(patch: Patch, side: int, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Returns one view of a patch. Shapes: (3, side, side, side)."""
    channels = with_cuts(channels_of(patch), rng, settings)
    if rng.random() < settings.block_share:
        channels = with_intensity(channels, rng, settings)
        channels = turned(channels, rng, settings)
        channels = zoomed(channels, rng, settings)
        channels = shifted(channels, rng, settings)
    starts = [int(rng.integers(abs(length - side) + 1)) for length in channels.shape[1:]]
    placed = fitted(channels, side, (starts[0], starts[1], starts[2]))
    return as_input(with_cuts(placed, rng, settings), patch.level)


def with_cuts(channels: Floats, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Sets boxes to zero in all channels; their height follows that of the patch."""
    cut = channels.copy()
    x, y, z = channels.shape[1:]
    for _ in range(settings.cut_boxes):
        if rng.random() >= settings.cut_share:
            continue
        highest = min(round(settings.cut_voxels * z / x + 0.4), z)
        lengths = [int(rng.integers(min(settings.cut_voxels, most) + 1)) for most in (x, y)]
        lengths.append(int(rng.integers(highest + 1)))
        starts = [
            int(rng.integers(size - length + 1)) for size, length in zip((x, y, z), lengths, strict=True)
        ]
        where = tuple(slice(start, start + length) for start, length in zip(starts, lengths, strict=True))
        cut[(slice(None), *where)] = 0.0
    return cut


def with_intensity(channels: Floats, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Scales each CT channel by itself and adds noise; the mask stays."""
    scale = 1 + rng.uniform(-settings.intensity, settings.intensity, (2, 1, 1, 1))
    noise = rng.normal(0.0, settings.noise, (2, *channels.shape[1:]))
    varied = channels.copy()
    varied[:2] = np.clip(channels[:2] * scale + noise, 0.0, 1.0)
    return varied


def turned(channels: Floats, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Turns about the three axes by whole degrees, growing so that no corner is lost."""
    most = settings.turn_degrees
    for plane in _PLANES:
        channels = ndimage.rotate(
            channels, int(rng.integers(-most, most + 1)), axes=plane, reshape=True, order=0
        )
    return channels


def zoomed(channels: Floats, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Zooms alike along all axes."""
    factor = 1 + rng.uniform(-settings.zoom, settings.zoom)
    larger: Floats = ndimage.zoom(channels, (1, factor, factor, factor), order=0)
    return larger


def shifted(channels: Floats, rng: np.random.Generator, settings: Augmentation) -> Floats:
    """Shifts by whole voxels; what comes in is zero."""
    most = settings.shift_voxels
    by = rng.integers(-most, most + 1, 3)
    moved: Floats = ndimage.shift(channels, (0, *by), order=0)
    return moved
