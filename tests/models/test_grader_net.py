"""The network's heads: chances that are chances, grades that keep their order, a probe that changes nothing."""

from __future__ import annotations

import pytest
import torch

from models.grader.examples import Example
from models.grader.net import GraderNet, NetConfig
from models.grader.view import plain_views

SMALL = NetConfig((8, 16, 16, 24), 48)
MOST_PARAMETERS = 4_000_000


def test_the_ordered_head_gives_the_logarithms_of_chances(demo_examples: list[Example]) -> None:
    torch.manual_seed(0)
    heads = GraderNet(SMALL)(plain_views([one.crop for one in demo_examples[:6]]))
    torch.testing.assert_close(heads.logits.exp().sum(1), torch.ones(6))
    assert heads.embedding.shape == (6, 128)
    torch.testing.assert_close(heads.embedding.norm(dim=1), torch.ones(6))


@pytest.mark.parametrize("severity", [-80.0, -3.0, 0.0, 3.0, 80.0])
def test_more_severity_never_makes_a_higher_grade_less_probable(severity: float) -> None:
    head = GraderNet(SMALL).grade
    with torch.no_grad():
        head.severity.weight.zero_()
        head.severity.weight[0, 0] = 1.0
    evidence = torch.zeros(2, head.severity.in_features)
    evidence[:, 0] = torch.tensor([severity, severity + 0.5])
    beyond = head(evidence).exp().flip(1).cumsum(1)  # P(3), P(>= 2), P(>= 1), 1
    assert bool((beyond[1] >= beyond[0] - 1e-6).all())
    assert bool(head(evidence).isfinite().all())


def test_the_regressed_losses_correct_the_measured_ones(demo_examples: list[Example]) -> None:
    net = GraderNet(SMALL)
    views = plain_views([one.crop for one in demo_examples[:4]])
    with torch.no_grad():
        net.loss.weight.zero_()
        net.loss.bias.zero_()
    torch.testing.assert_close(net(views).loss_share, views.measured)


@pytest.mark.parametrize("probe", [False, True])
def test_a_probe_leaves_the_encoder_alone(demo_examples: list[Example], probe: bool) -> None:
    net = GraderNet(NetConfig((8, 16, 16, 24), 48, probe=probe))
    heads = net(plain_views([one.crop for one in demo_examples[:4]]))
    heads.logits[:, 0].sum().backward()
    first = next(net.encoder.parameters())
    assert (first.grad is None) is probe


def test_four_names_without_order_are_there_to_compare(demo_examples: list[Example]) -> None:
    heads = GraderNet(NetConfig((8, 16, 16, 24), 48, ordered=False))(plain_views([demo_examples[0].crop]))
    assert heads.logits.shape == (1, 4)


def test_the_shipped_net_stays_small() -> None:
    assert sum(one.numel() for one in GraderNet(NetConfig()).parameters()) <= MOST_PARAMETERS
