"""The published network: MONAI's SE-ResNet50 in three dimensions, a linear projection and a linear head.

Source: wxwxwwxxx/VertebralFractureGrading, train/model.py; Hu et al., Squeeze-and-Excitation Networks, CVPR 2018.
"""

from __future__ import annotations

import torch
from monai.networks.nets import SEResNet50
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.published.config import Head, NetConfig
from models.published.loss import Answers

CHANNELS = 3
GRADES = 4
FEATURE = 2048


class PublishedNet(nn.Module):
    """Looks at views (n, 3, side, side, side); with `Head.PROBE` the head's errors do not reach the encoder."""

    def __init__(self, config: NetConfig, head: Head) -> None:
        super().__init__()
        self.encoder = SEResNet50(
            layers=config.layers, spatial_dims=3, in_channels=CHANNELS, num_classes=GRADES
        )
        self.project = nn.Linear(FEATURE, config.embedding)
        self.head = head

    def forward(self, views: Tensor) -> Answers:
        """Runs encoder, projection and head."""
        maps = self.encoder.features(views)  # (n, 2048, side / 32, ...)
        feature = torch.flatten(self.encoder.adaptive_avg_pool(maps), 1)  # (n, 2048)
        seen = feature.detach() if self.head is Head.PROBE else feature
        return Answers(self.encoder.last_linear(seen), normalize(self.project(feature), dim=1))
