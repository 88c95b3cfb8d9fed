"""The contrastive loss against hand-listed pairs, the oracle, and every batch that could break it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor

from models.losses import collapse_level, has_collapsed, ordinal_supcon, supcon


def naive(features: Tensor, labels: list[int], temperature: float) -> float:
    z = [row / row.norm() for row in features.double()]
    terms = []
    for i, anchor in enumerate(z):
        positives = [p for p in range(len(z)) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        everyone = sum(math.exp(float(anchor @ z[a]) / temperature) for a in range(len(z)) if a != i)
        likelihoods = [math.log(math.exp(float(anchor @ z[p]) / temperature) / everyone) for p in positives]
        terms.append(-sum(likelihoods) / len(positives))
    return sum(terms) / len(terms) if terms else 0.0


def naive_ordinal(features: Tensor, grades: list[float], temperature: float, reach: float) -> float:
    z = [row / row.norm() for row in features.double()]
    terms = []
    for i, anchor in enumerate(z):
        others = [p for p in range(len(z)) if p != i]
        if not any(grades[p] == grades[i] for p in others):
            continue
        everyone = sum(math.exp(float(anchor @ z[a]) / temperature) for a in others)
        pulls = [math.exp(-abs(grades[p] - grades[i]) / reach) for p in others]
        said = [math.log(math.exp(float(anchor @ z[p]) / temperature) / everyone) for p in others]
        terms.append(-sum(pull * word for pull, word in zip(pulls, said, strict=True)) / sum(pulls))
    return sum(terms) / len(terms) if terms else 0.0


def some_features(count: int, seed: int = 0, width: int = 16) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    temperature=st.sampled_from([0.07, 0.1, 0.5]),
    seed=st.integers(0, 99),
)
def test_it_is_the_sum_over_hand_listed_pairs(labels: list[int], temperature: float, seed: int) -> None:
    features = some_features(len(labels), seed)
    loss = supcon(features, torch.tensor(labels), temperature)
    assert float(loss) == pytest.approx(naive(features, labels, temperature), abs=1e-4)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_it_agrees_with_pytorch_metric_learning(temperature: float) -> None:
    features = some_features(24, seed=3).requires_grad_()
    labels = torch.arange(24) % 5
    ours = supcon(features, labels, temperature)
    (our_gradient,) = torch.autograd.grad(ours, features)
    theirs = SupConLoss(temperature)(features, labels)
    (their_gradient,) = torch.autograd.grad(theirs, features)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-3, atol=1e-5)


def test_its_gradient_is_right() -> None:
    features = some_features(7, width=5).double().requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 0])
    assert torch.autograd.gradcheck(lambda z: supcon(z, labels, 0.3), (features,))


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_neither_overflows_nor_loses_the_value(precision: torch.dtype) -> None:
    features = some_features(16).to(precision).requires_grad_()
    labels = torch.arange(16) % 4
    loss = supcon(features, labels, 0.07)
    loss.backward()
    assert loss.dtype == torch.float32
    assert features.grad is not None and bool(features.grad.isfinite().all())
    expected = naive(features.detach().float(), labels.tolist(), 0.07)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


def test_autocast_does_not_reach_into_it() -> None:
    features = some_features(16)
    labels = torch.arange(16) % 4
    with torch.autocast("cpu", torch.bfloat16):
        inside = supcon(features, labels)
    assert float(inside) == float(supcon(features, labels))


@pytest.mark.parametrize("count", [0, 1])
def test_a_batch_of_one_or_none_gives_no_loss_and_no_gradient(count: int) -> None:
    features = some_features(count).requires_grad_()
    loss = supcon(features, torch.zeros(count, dtype=torch.long))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert features.grad is not None and not bool(features.grad.any())


def test_without_any_positive_there_is_no_loss() -> None:
    features = some_features(4).requires_grad_()
    loss = supcon(features, torch.arange(4))
    assert float(loss.detach()) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    grades=st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=12),
    temperature=st.sampled_from([0.07, 0.1, 0.5]),
    reach=st.sampled_from([0.2, 0.5, 2.0]),
    seed=st.integers(0, 99),
)
def test_the_ordinal_loss_is_the_sum_over_weighted_pairs(
    grades: list[float], temperature: float, reach: float, seed: int
) -> None:
    features = some_features(len(grades), seed)
    loss = ordinal_supcon(features, torch.tensor(grades), temperature, reach)
    assert float(loss) == pytest.approx(naive_ordinal(features, grades, temperature, reach), abs=1e-4)


def test_with_no_reach_the_ordinal_loss_is_the_plain_one() -> None:
    features, grades = some_features(20), torch.arange(20) % 4
    assert float(ordinal_supcon(features, grades, 0.07, 1e-3)) == pytest.approx(
        float(supcon(features, grades, 0.07)), rel=1e-6
    )


def test_the_gradient_of_the_ordinal_loss_is_right() -> None:
    features = some_features(7, width=5).double().requires_grad_()
    grades = torch.tensor([0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 0.5])
    assert torch.autograd.gradcheck(lambda z: ordinal_supcon(z, grades, 0.3, 0.7), (features,))


def test_at_its_minimum_the_farther_grade_lies_farther() -> None:
    grades = torch.arange(16) % 4
    features = some_features(16).requires_grad_()
    optimiser = torch.optim.Adam([features], 0.05)
    for _ in range(200):
        optimiser.zero_grad()
        torch.autograd.backward(ordinal_supcon(features, grades, 0.1, 0.5))
        optimiser.step()
    z = torch.nn.functional.normalize(features.detach(), dim=1)
    middle = torch.stack([z[grades == grade].mean(0) for grade in range(4)])
    alike = middle @ middle.T
    assert float(alike[1, 1]) > float(alike[1, 2]) > float(alike[1, 3])
    assert float(alike[0, 1]) > float(alike[0, 2]) > float(alike[0, 3])


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_the_ordinal_loss_keeps_its_value_in_half_precision(precision: torch.dtype) -> None:
    features = some_features(16).to(precision).requires_grad_()
    grades = torch.arange(16) % 4
    loss = ordinal_supcon(features, grades, 0.07)
    loss.backward()
    assert features.grad is not None and bool(features.grad.isfinite().all())
    expected = naive_ordinal(features.detach().float(), [float(one) for one in grades], 0.07, 0.5)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("grades", [[], [2], [0, 1, 2, 3]])
def test_without_any_positive_the_ordinal_loss_is_nothing(grades: list[int]) -> None:
    features = some_features(len(grades)).requires_grad_()
    loss = ordinal_supcon(features, torch.tensor(grades, dtype=torch.long))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert features.grad is not None and not bool(features.grad.any())


def test_the_ordinal_loss_of_one_grade_alone_is_the_plain_one() -> None:
    features, grades = some_features(6), torch.full((6,), 2)
    assert float(ordinal_supcon(features, grades)) == pytest.approx(float(supcon(features, grades)), rel=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-4, 1e30])
def test_how_long_the_features_are_changes_nothing(size: float) -> None:
    features, labels = some_features(8), torch.arange(8) % 3
    stretched = (features * size).requires_grad_()
    loss = supcon(stretched, labels)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(supcon(features, labels)), rel=1e-4)
    assert stretched.grad is not None and bool(stretched.grad.isfinite().all())


def test_the_largest_and_smallest_half_numbers_are_taken() -> None:
    rows = torch.tensor([[65504.0, 65504.0], [6e-8, -6e-8], [1.0, 0.5], [0.0, 0.0]]).half().requires_grad_()
    loss = supcon(rows, torch.tensor([0, 1, 0, 1]))
    loss.backward()
    assert bool(loss.isfinite())
    assert rows.grad is not None and bool(rows.grad[[0, 2, 3]].isfinite().all())
    assert not bool(rows.grad[3].any())


def test_an_anchor_without_positive_is_left_out_of_the_mean() -> None:
    features = some_features(5)
    labels = torch.tensor([0, 0, 1, 1, 2])
    assert float(supcon(features, labels)) == pytest.approx(naive(features, labels.tolist(), 0.1), rel=1e-5)


def test_one_class_alone_spreads_evenly_at_best() -> None:
    equal = torch.ones(6, 8)
    assert float(supcon(equal, torch.zeros(6, dtype=torch.long))) == pytest.approx(math.log(5))


def test_a_zero_vector_stays_finite() -> None:
    features = torch.cat([torch.zeros(1, 8), some_features(5, width=8)]).requires_grad_()
    loss = supcon(features, torch.tensor([0, 0, 1, 1, 0, 1]))
    loss.backward()
    assert features.grad is not None and bool(features.grad.isfinite().all())


def test_wrong_shapes_and_temperatures_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        supcon(some_features(4), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="positive"):
        supcon(some_features(4), torch.zeros(4, dtype=torch.long), 0.0)
    with pytest.raises(ValueError, match="reach"):
        ordinal_supcon(some_features(4), torch.zeros(4, dtype=torch.long), 0.1, 0.0)


def test_the_alarm_rings_when_all_embeddings_are_one() -> None:
    labels = torch.arange(24) % 4
    collapsed = torch.ones(24, 128) + 1e-4 * some_features(24, width=128)
    loss = float(supcon(collapsed, labels))
    assert loss == pytest.approx(collapse_level(24), rel=1e-3)
    assert has_collapsed(collapsed, loss)
    ordinal = float(ordinal_supcon(collapsed, labels))
    assert ordinal == pytest.approx(collapse_level(24), rel=1e-3)
    assert has_collapsed(collapsed, ordinal)


def test_the_alarm_is_silent_on_features_that_differ() -> None:
    labels = torch.arange(24) % 4
    features = some_features(24, width=128)
    assert not has_collapsed(features, float(supcon(features, labels)))
    assert not has_collapsed(torch.ones(2, 8), 0.0)
