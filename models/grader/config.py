"""The grader's settings, read from TOML or from a model card."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.grader.net import NetConfig
from models.grader.view import PointError

COMPACT = Path(__file__).parent.parent / "configs" / "compact.toml"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the network is trained; the weights are those of the four losses, `per_grade` a batch's share of a grade.

    `reach_grades` is how far the contrastive loss lets grades attract each other (0: only their own, the plain loss).
    `real_share` is how much of each grade's draws come from bodies that readers graded, where there are any.
    """

    steps: int = 600
    per_grade: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    temperature: float = 0.1
    reach_grades: float = 0.5
    supcon_weight: float = 0.3
    cross_entropy_weight: float = 1.0
    regression_weight: float = 20.0
    slip_weight: float = 1.0
    real_share: float = 0.15


@dataclass(frozen=True, slots=True)
class GraderConfig:
    """Everything that makes a grader, apart from its data and its seed."""

    net: NetConfig = field(default_factory=NetConfig)
    points: PointError = field(default_factory=PointError)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def from_mapping(cls, content: dict[str, Any]) -> GraderConfig:
        """Reads what `to_mapping` wrote, or a TOML file's tables."""
        first, second, third, fourth = (int(width) for width in content["net"]["widths"])
        return cls(
            NetConfig(**{**content["net"], "widths": (first, second, third, fourth)}),
            PointError(**content["points"]),
            TrainingConfig(**content["training"]),
        )

    def to_mapping(self) -> dict[str, Any]:
        """Writes the settings as plain tables."""
        return asdict(self)


def read_config(path: Path = COMPACT) -> GraderConfig:
    """Reads the settings of a TOML file."""
    return GraderConfig.from_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
