"""Grey windows in Hounsfield units, and slabs."""

from __future__ import annotations

from dataclasses import dataclass, replace

_NARROWEST_HU = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """A named window. Units: HU."""

    name: str
    width: float
    level: float

    def moved(self, width: float, level: float) -> Window:
        """Returns the window with width and level changed by hand."""
        return replace(
            self, name="Own", width=max(self.width + width, _NARROWEST_HU), level=self.level + level
        )

    def __str__(self) -> str:
        return f"{self.name} W{self.width:.0f} L{self.level:.0f}"


# Sources: Weasis and TotalSegmentator's report for bone; OHIF for the other two.
BONE = Window("Bone", 2000, 400)
BONE_WIDE = Window("Bone wide", 2500, 480)
SOFT_TISSUE = Window("Soft tissue", 400, 40)
SLABS_MM = (0.0, 3.0, 5.0)
"""Over how much of the body the picture is the mean; 0 is one slice."""
