"""A net that reads the level off ribs, pedicles and pelvis on the straightened coronal strip."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.localiser.blocks import two_convolutions
from models.localiser.straighten import STRIP_DEPTHS_MM
from models.localiser.tube_net import normalised
from vfscreen.anatomy import USUAL
from vfscreen.volume import AIR_HU

Float = NDArray[np.float64]
Picture = NDArray[np.float32]

CLASSES = ("cervical", *(str(level) for level in USUAL), "sacral")
"""What a row of the strip can be, from the head down: 19 classes."""
ROW_MULTIPLE = 4


class LevelNet(nn.Module):
    """Convolutions over the strip, pooled sideways, then dilated convolutions along the spine.

    Shapes: (b, 7, rows, 64) normalised, rows a multiple of 4 -> (b, 19, rows / 4) logits of `CLASSES`.
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 48), along: int = 64) -> None:
        super().__init__()
        first, second, third = widths
        self.one = two_convolutions(len(STRIP_DEPTHS_MM), first)
        self.two = two_convolutions(first, second)
        self.three = two_convolutions(second, third)
        self.join = nn.Conv1d(4 * third, along, 1)
        self.along = nn.ModuleList(nn.Conv1d(along, along, 5, padding=2 * d, dilation=d) for d in (1, 2, 4))
        self.drop = nn.Dropout(0.3)
        self.head = nn.Conv1d(along, len(CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the logits of every fourth row."""
        x = self.one(x)
        x = self.two(functional.max_pool2d(x, 2))
        x = self.three(functional.max_pool2d(x, 2))  # b, c, rows/4, 16
        x = functional.adaptive_avg_pool2d(x, (x.shape[2], 4))  # left to right in quarters
        rows = self.join(x.permute(0, 1, 3, 2).flatten(1, 2))
        for layer in self.along:
            rows = rows + functional.relu(layer(self.drop(rows)))
        out: Tensor = self.head(rows)
        return out


def read_levels(net: LevelNet, strip: Picture, rows: Float) -> Float:
    """Reads log-probabilities of `CLASSES` at fractional rows of the strip; (n, 19).

    The strip is read twice, once mirrored, and the two are averaged.
    """
    count = strip.shape[1]
    padded = np.full(
        (strip.shape[0], -(-count // ROW_MULTIPLE) * ROW_MULTIPLE, strip.shape[2]), AIR_HU, np.float32
    )
    padded[:, :count] = strip
    both = np.stack([padded, padded[:, :, ::-1]])
    with torch.inference_mode():
        logits = net(normalised(torch.from_numpy(both))).mean(0)  # 19, rows/4
        chances = torch.log_softmax(logits, 0).numpy().astype(float)
    at = (np.asarray(rows) - 1.5) / ROW_MULTIPLE
    steps = np.arange(chances.shape[1])
    return np.stack([np.interp(at, steps, chances[k]) for k in range(len(CLASSES))], 1)
