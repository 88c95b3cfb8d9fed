"""The words in which the reading room tells what changed, how it speaks, and what is open or in hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag, auto

from vfscreen.genant import Shape


class Change(Flag):
    """What a screen must draw again."""

    ROWS = auto()
    CASE = auto()
    BODY = auto()
    SLICE = auto()
    WINDOW = auto()
    STATE = auto()
    TOOL = auto()
    GEOMETRY = auto()


class Tone(Enum):
    """How the state line speaks: plainly, of something stored, or of a failure (which stays)."""

    PLAIN = auto()
    STORED = auto()
    FAILURE = auto()


class Chooser(Enum):
    """The short list that is open beside the rail."""

    NOT_ASSESSABLE = auto()
    OTHER_DEFORMITY = auto()


class Tool(Enum):
    """What the mouse does to the picture's bodies until it is done."""

    MEASURE = auto()
    ADD = auto()


@dataclass(frozen=True, slots=True)
class Draft:
    """What was said of the vertebra here before its grade, to be stored with it."""

    shape: Shape | None = None
    sure: bool = True
