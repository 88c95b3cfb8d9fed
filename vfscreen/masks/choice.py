"""Where bodies come from, if not from our own localiser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vfscreen.masks.numbering import MaskKind


@dataclass(frozen=True, slots=True)
class BodiesFrom:
    """A segmentation in place of the localiser: that at `mask`, or, without one, what TotalSegmentator makes."""

    mask: Path | None
    kind: MaskKind = MaskKind.AUTO
