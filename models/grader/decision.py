from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    logits: Float
    regressed_percent: Float
    measured_percent: Float
    thickness_mm: Float

    @classmethod
    def none(cls):
        return cls(np.zeros((0, 4)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Decision:
    temperature: float = 1.0

    def probabilities(self, e):
        l = e.logits / self.temperature
        p = np.exp(l - l.max(1, keepdims=True))
        return p / p.sum(1, keepdims=True)


PLAIN = Decision()
