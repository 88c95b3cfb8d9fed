"""The published system's settings, read from TOML."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).parent.parent / "configs" / "published.toml"


class Head(StrEnum):
    """What the cross-entropy teaches: the linear head alone (released code), or the encoder too (the text)."""

    PROBE = "probe"
    JOINT = "joint"


@dataclass(frozen=True, slots=True)
class NetConfig:
    """The input's side in voxels, the width of the projection, and the blocks of each of the four stages."""

    side: int = 128
    embedding: int = 128
    layers: tuple[int, ...] = (3, 4, 6, 3)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How views differ. Lengths in voxels of a side of 128; shares are probabilities."""

    cut_voxels: int = 20
    cut_boxes: int = 2
    cut_share: float = 0.5
    block_share: float = 0.7
    intensity: float = 0.1
    noise: float = 0.05
    turn_degrees: int = 10
    zoom: float = 0.2
    shift_voxels: int = 10


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How the network is trained; `per_grade` vertebrae of each grade a batch and rank, each in two views.

    `gather`: contrast is over the views of all ranks together, not of each alone.
    """

    epochs: int = 5000
    per_grade: int = 3
    learning_rate: float = 0.005
    momentum: float = 0.9
    weight_decay: float = 1e-4
    milestones: tuple[int, ...] = (800, 900)
    decay: float = 0.1
    temperature: float = 0.07
    supcon_weight: float = 1.0
    cross_entropy_weight: float = 1.0
    head: Head = Head.PROBE
    gather: bool = False
    workers: int = 16


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """Shares of the patients, percent; a set's own split is taken where it has one."""

    validation_percent: int = 15
    test_percent: int = 20


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """Everything that makes the published system, apart from its data and its seed."""

    net: NetConfig = field(default_factory=NetConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    split: SplitConfig = field(default_factory=SplitConfig)

    @classmethod
    def from_mapping(cls, content: dict[str, Any]) -> PublishedConfig:
        """Reads a TOML file's tables."""
        net, training = dict(content["net"]), dict(content["training"])
        net["layers"] = tuple(net["layers"])
        training["milestones"] = tuple(training["milestones"])
        training["head"] = Head(training["head"])
        return cls(
            NetConfig(**net),
            Augmentation(**content["augmentation"]),
            TrainingConfig(**training),
            SplitConfig(**content["split"]),
        )

    def smoke(self) -> PublishedConfig:
        """Returns the same system, tiny: 32 voxels a side, one block a stage, one vertebra a grade, two epochs."""
        return replace(
            self,
            net=replace(self.net, side=32, layers=(1, 1, 1, 1)),
            augmentation=replace(self.augmentation, cut_voxels=5, shift_voxels=3),
            training=replace(self.training, epochs=2, per_grade=1, workers=0),
        )


def read_config(path: Path = PUBLISHED) -> PublishedConfig:
    """Reads the settings of a TOML file."""
    return PublishedConfig.from_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
