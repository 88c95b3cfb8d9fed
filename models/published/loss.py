"""What the published network is taught by: contrast over its embeddings, cross-entropy over its head, one to one."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import cross_entropy

from models.losses import supcon
from models.published.config import TrainingConfig
from models.published.ranks import gathered


class Answers(NamedTuple):
    """What the network says of n views. Shapes: logits (n, 4); embedding (n, 128), L2-normalised."""

    logits: Tensor
    embedding: Tensor


class JointLoss(NamedTuple):
    """The losses of one batch: the weighted sum, and each alone. Shapes: ()."""

    total: Tensor
    contrast: Tensor
    cross_entropy: Tensor


def joint_loss(answers: Answers, grades: Tensor, settings: TrainingConfig) -> JointLoss:
    """Adds up contrast and cross-entropy; contrast is over the views of all ranks if the settings ask for it."""
    embedding, labels = answers.embedding, grades
    if settings.gather:
        embedding, labels = gathered(embedding, labels)
    contrast = supcon(embedding, labels, settings.temperature)
    probe = cross_entropy(answers.logits.float(), grades)
    total = settings.supcon_weight * contrast + settings.cross_entropy_weight * probe
    return JointLoss(total, contrast, probe)
