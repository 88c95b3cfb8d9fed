"""The supervised contrastive loss, and the alarm that tells when it has collapsed."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

TEMPERATURE = 0.1


def supcon(features: Tensor, labels: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Computes the supervised contrastive loss, sums outside the logarithm, averaged over anchors with a positive.

    The mean similarity to an anchor's positives comes from the sum over its class, so that the matrix of logits is
    the only large one. Computed in float32 at least, whatever comes in (exp(1/0.07) overflows float16), and features
    are normalised here (zero stays zero). Anchors without a positive are left out; if none has one (one example of
    each class, a batch of one or none), the loss is 0 and so is its gradient.

    Shapes: features (n, d), labels (n,) of any integer type; returns ().
    Raises:
        ValueError: shapes do not fit, or the temperature is not positive.
    Source: Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2 (L_out).
    """
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"features {tuple(features.shape)} and labels {tuple(labels.shape)} do not fit")
    if temperature <= 0:
        raise ValueError(f"a temperature is positive, not {temperature}")
    with torch.autocast(features.device.type, enabled=False):
        precise = features.to(torch.promote_types(features.dtype, torch.float32))
        z = normalize(precise, dim=1)  # (n, d)
        _, classes, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
        positives = sizes[classes] - 1  # (n,)
        anchors = positives > 0
        if not bool(anchors.any()):
            return z.sum() * 0.0
        sums = z.new_zeros(len(sizes), z.shape[1]).index_add(0, classes, z)  # (classes, d)
        own = (z * z).sum(1)  # (n,)
        attraction = ((z * sums[classes]).sum(1) - own) / positives.clamp(min=1)
        logits = (z / temperature) @ z.T  # (n, n)
        logits.fill_diagonal_(-math.inf)
        repulsion = torch.logsumexp(logits, dim=1)  # subtracts the row's maximum
        loss: Tensor = (repulsion - attraction / temperature)[anchors].mean()
        return loss


def collapse_level(count: int) -> float:
    """Returns the loss of `count` equal embeddings, ln(count - 1): complete collapse, whatever the labels."""
    return math.log(max(count - 1, 1))


def has_collapsed(features: Tensor, loss: float, tolerance: float = 0.02) -> bool:
    """Says whether a batch has (nearly) one embedding for all: loss at ln(n - 1) and similarities without spread.

    Shapes: features (n, d). Fewer than three embeddings never count as collapsed.
    """
    count = len(features)
    if count < 3:
        return False
    z = normalize(features.detach().float(), dim=1)
    similarity = z @ z.T
    others = similarity[~torch.eye(count, dtype=torch.bool, device=z.device)]
    near = abs(loss - collapse_level(count)) <= tolerance * collapse_level(count)
    return bool(near and float(others.std()) < 0.02)
