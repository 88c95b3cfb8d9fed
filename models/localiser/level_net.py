"""A net that reads off ribs, pedicles and pelvis on the straightened coronal strip what each body looks like."""

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

CLASSES = ("cervical", *(str(level) for level in USUAL), "sacral", "elsewhere")
"""What a row of the strip can look like: a part of the spine, from the head down, or no spine at all."""
CERVICAL, SACRAL, ELSEWHERE = 0, len(CLASSES) - 2, len(CLASSES) - 1
ROW_MULTIPLE = 4


class LevelNet(nn.Module):
    """Convolutions over the strip, pooled sideways, then convolutions along the spine.

    A row sees about 10 cm up and down: three bodies each way, too few to count from one anchor to the next.
    Shapes: (b, 7, rows, 64) normalised, rows a multiple of 4 -> (b, 20, rows / 4) logits of `CLASSES`.
    """

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 48), along: int = 64) -> None:
        super().__init__()
        first, second, third = widths
        self.one = two_convolutions(len(STRIP_DEPTHS_MM), first)
        self.two = two_convolutions(first, second)
        self.three = two_convolutions(second, third)
        self.join = nn.Conv1d(4 * third, along, 1)
        self.along = nn.ModuleList(nn.Conv1d(along, along, 5, padding=2) for _ in range(3))
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
    """Reads log-probabilities of `CLASSES` at fractional rows of the strip; (n, 20).

    The strip is read twice, once mirrored, and the two are averaged.
    """
    count = strip.shape[1]
    padded = np.full(
        (strip.shape[0], -(-count // ROW_MULTIPLE) * ROW_MULTIPLE, strip.shape[2]), AIR_HU, np.float32
    )
    padded[:, :count] = strip
    both = np.stack([padded, padded[:, :, ::-1]])
    with torch.inference_mode():
        logits = net(normalised(torch.from_numpy(both))).mean(0)  # 20, rows/4
        chances = torch.log_softmax(logits, 0).numpy().astype(float)
    at = (np.asarray(rows) - 1.5) / ROW_MULTIPLE
    steps = np.arange(chances.shape[1])
    return np.stack([np.interp(at, steps, chances[k]) for k in range(len(CLASSES))], 1)
