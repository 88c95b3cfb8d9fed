"""What a reconstruction kernel is good for, by its maker's name."""

from __future__ import annotations

import re
from enum import IntEnum


class Kernel(IntEnum):
    """Kinds of kernel; the higher, the better for reading bone."""

    LUNG = 0
    UNKNOWN = 1
    SOFT = 2
    STANDARD = 3
    BONE = 4

    @property
    def words(self) -> str:
        """How it reads in a sentence."""
        return f"{self.name.lower()} kernel"


_WORDS = (
    (Kernel.LUNG, re.compile(r"LUNG|PULM")),
    (Kernel.BONE, re.compile(r"BONE|OSSE|KNOCHEN|EDGE|DETAIL")),
    (Kernel.STANDARD, re.compile(r"STANDARD|\bSTN?D\b|CHST")),
    (Kernel.SOFT, re.compile(r"SOFT|SMOOTH|WEICHTEIL")),
)
"""Words that GE writes into the kernel, and everybody into the description."""

_CODES = (
    (Kernel.LUNG, re.compile(r"^L$|^FC5\d")),
    (Kernel.BONE, re.compile(r"^[DE]$|^Y[A-E]$|^FC3\d|^FC8\d")),
    (Kernel.STANDARD, re.compile(r"^[BC]$|^FC1\d|^FC0[4-9]")),
    (Kernel.SOFT, re.compile(r"^A$|^FC0[1-3]")),
)
"""Philips writes letters, Canon and Toshiba FC with a number; a rough sorting, for the choice among series only."""

_SIEMENS = re.compile(r"^([BHIUTJ][A-Z]?)(\d\d)")
_SIEMENS_IN_WORDS = re.compile(r"\b(B[A-Z]?)(\d\d)[A-Z]?\b")
"""Siemens: a letter for the region, then the sharpness from 10 to 99 (B31f, Br40, I70f, Bl57)."""


def kernel_of(kernel: str, description: str) -> Kernel:
    """Names the kind of kernel by ConvolutionKernel or, where that says nothing, by the series' description."""
    code, words = kernel.upper().strip(), description.upper()
    siemens = _SIEMENS.search(code)
    if siemens:
        return _siemens(siemens[1], int(siemens[2]))
    for kind, pattern in (*_WORDS, *_CODES):
        if pattern.search(code):
            return kind
    siemens = _SIEMENS_IN_WORDS.search(words)
    if siemens:
        return _siemens(siemens[1], int(siemens[2]))
    return next((kind for kind, pattern in _WORDS if pattern.search(words)), Kernel.UNKNOWN)


def _siemens(region: str, sharpness: int) -> Kernel:
    if region.endswith("L"):
        return Kernel.LUNG
    if sharpness >= 60:
        return Kernel.BONE
    return Kernel.STANDARD if sharpness >= 30 else Kernel.SOFT
