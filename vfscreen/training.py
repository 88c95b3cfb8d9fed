"""What goes to the trainer and what comes back: plain values with their JSON, so that they cross a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

Shares = tuple[float, float, float, float]
"""Shares (or probabilities) of the grades 0-3; they add up to one."""


class Depth(StrEnum):
    """How much is trained anew: the decision alone (calibration and cuts), everything from the bundled weights, or
    everything from nothing.
    """

    REFRESH = "refresh"
    RETRAIN = "retrain"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """One training: the snapshot to learn from, where to start, whom to compare with, where to write.

    `start` and `champion` are weights files; `challenger` is the new model's id, `output` the folder it is written to.
    `steps` None leaves the number to the trainer; `simulated` is how many fractures are simulated on each body that
    readers call normal.
    """

    snapshot: Path
    start: Path
    champion: Path
    output: Path
    challenger: str
    depth: Depth = Depth.RETRAIN
    steps: int | None = None
    simulated: int = 12
    threads: int = 1
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Writes the order."""
        paths = {name: str(getattr(self, name)) for name in _PATHS}
        return asdict(self) | paths | {"depth": str(self.depth)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrainingOrder:
        """Reads what `to_json` wrote."""
        paths = {name: Path(content[name]) for name in _PATHS}
        return cls(**content | paths | {"depth": Depth(content["depth"])})


_PATHS = ("snapshot", "start", "champion", "output")


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a training is: what is being done, the share done (0 to 1), and the loss where there is one."""

    doing: str
    share: float
    step: int = 0
    steps: int = 0
    loss: float | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model says of one held-out body, beside what its readers said (soft where they differ)."""

    body_id: str
    pseudonym: str
    truth: Shares
    probabilities: Shares


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: the challenger's weights, the loss at each report, both models on the same held-out bodies.

    `left_out` says in words which labelled bodies could not be used, and why.
    """

    weights: Path
    losses: tuple[float, ...]
    champion: tuple[Scored, ...]
    challenger: tuple[Scored, ...]
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Writes the result."""
        return asdict(self) | {"weights": str(self.weights)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Trained:
        """Reads what `to_json` wrote."""
        return cls(
            weights=Path(content["weights"]),
            losses=tuple(content["losses"]),
            champion=scored_from_json(content["champion"]),
            challenger=scored_from_json(content["challenger"]),
            left_out=tuple(content["left_out"]),
            seconds=content["seconds"],
        )


def scored_from_json(content: Sequence[dict[str, Any]]) -> tuple[Scored, ...]:
    """Reads scored bodies."""
    return tuple(
        Scored(
            entry["body_id"],
            entry["pseudonym"],
            shares_of(entry["truth"]),
            shares_of(entry["probabilities"]),
        )
        for entry in content
    )


def shares_of(values: Sequence[float]) -> Shares:
    """Takes four numbers for shares.

    Raises:
        ValueError: they are not four.
    """
    first, second, third, fourth = values
    return first, second, third, fourth
