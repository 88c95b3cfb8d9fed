"""The supervised contrastive loss, plain and ordinal, and the alarm that tells when it has collapsed."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize

TEMPERATURE = 0.1
REACH_GRADES = 0.5
"""Neighbouring grades pull at exp(-2) = 0.14 of an equal one, those two apart at 0.02."""


def supcon(features: Tensor, labels: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Computes the supervised contrastive loss, sums outside the logarithm, averaged over anchors with a positive.

    Computed in float32 at least, whatever comes in (exp(1/0.07) overflows float16). Features are normalised here;
    a row of zeros stays zero and gets no gradient. Anchors without a positive are left out; if none has one (one
    example of each class, a batch of one or none), the loss is 0 and so is its gradient.

    Shapes: features (n, d), labels (n,) of any integer type; returns ().
    Raises:
        ValueError: shapes do not fit, or the temperature is not positive.
    Source: Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, equation 2 (L_out).
    """
    _check(features, labels, temperature)
    found, classes, sizes = torch.unique(labels, return_inverse=True, return_counts=True)
    alike = torch.eye(len(found), device=features.device)
    return _contrast(features, classes, sizes, alike, temperature)


def ordinal_supcon(
    features: Tensor, grades: Tensor, temperature: float = TEMPERATURE, reach_grades: float = REACH_GRADES
) -> Tensor:
    """Computes the supervised contrastive loss with soft positives: grades near each other pull too, but less.

    An anchor's positives are all others, weighted by exp(-|difference of grades| / reach) and normalised to 1. At
    its minimum similarity falls by temperature / reach a grade, so that grades 1 and 3 lie farther apart than 1 and
    2. As the reach goes to 0 it becomes `supcon`, whose precision, anchors without a positive (another one of their
    own grade) and empty cases it shares.

    Shapes: features (n, d), grades (n,) integer or float (½ is 0.5); returns ().
    Raises:
        ValueError: shapes do not fit, or temperature or reach is not positive.
    """
    _check(features, grades, temperature)
    if reach_grades <= 0:
        raise ValueError(f"a reach is positive, not {reach_grades}")
    found, classes, sizes = torch.unique(grades, return_inverse=True, return_counts=True)
    scale = found.to(torch.float32)
    alike = torch.exp(-(scale[:, None] - scale).abs() / reach_grades)
    return _contrast(features, classes, sizes, alike, temperature)


def _check(features: Tensor, labels: Tensor, temperature: float) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"features {tuple(features.shape)} and labels {tuple(labels.shape)} do not fit")
    if temperature <= 0:
        raise ValueError(f"a temperature is positive, not {temperature}")


def _contrast(features: Tensor, classes: Tensor, sizes: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """Averages -sum_p w_p log softmax(similarity / temperature)_p over the anchors that have one of their class.

    The weighted mean similarity to an anchor's positives comes from the sum over each class, so that the matrix of
    logits is the only large one.

    Shapes: features (n, d), classes (n,) from 0 to c - 1, sizes (c,), alike (c, c) with ones on its diagonal.
    """
    with torch.autocast(features.device.type, enabled=False):
        z = _unit(features.to(torch.promote_types(features.dtype, torch.float32)))  # (n, d)
        anchors = sizes[classes] > 1
        if not bool(anchors.any()):
            return z.sum() * 0.0
        alike = alike.to(z.dtype)
        sums = z.new_zeros(len(sizes), z.shape[1]).index_add(0, classes, z)  # (c, d)
        own = (z * z).sum(1)  # (n,)
        weights = (alike @ sizes.to(z.dtype))[classes] - 1  # (n,), of all others
        pulls = (z * (alike @ sums)[classes]).sum(1) - own
        attraction = pulls / weights.clamp(min=1)
        logits = (z / temperature) @ z.T  # (n, n)
        logits.fill_diagonal_(-math.inf)
        repulsion = torch.logsumexp(logits, dim=1)  # subtracts the row's maximum
        loss: Tensor = (repulsion - attraction / temperature)[anchors].mean()
        return loss


def _unit(features: Tensor) -> Tensor:
    """Normalises rows of any size, from the smallest number there is to the largest; zeros stay zeros."""
    largest = features.detach().abs().amax(1, keepdim=True)
    there = largest > 0
    return normalize(features / torch.where(there, largest, 1.0), dim=1) * there


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
    z = _unit(features.detach().float())
    similarity = z @ z.T
    others = similarity[~torch.eye(count, dtype=torch.bool, device=z.device)]
    near = abs(loss - collapse_level(count)) <= tolerance * collapse_level(count)
    return bool(near and float(others.std()) < 0.02)
