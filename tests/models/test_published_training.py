"""The published system trains: its loss and schedule, one and two ranks, and the whole command on a made-up set."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.losses import supcon
from models.published.batches import balanced_epoch
from models.published.config import Head, NetConfig, TrainingConfig, read_config
from models.published.evaluate import figures_of, with_intervals
from models.published.loss import Answers, joint_loss
from models.published.net import PublishedNet
from models.published.training import learning_rate
from models.train_published import NO_GPU, main
from tests.made_layouts import write_published_set
from tests.models.one_of_two_ranks import Linear, batch
from vfscreen.cases import Split
from vfscreen.errors import NotEnoughLabels
from vfscreen.split import Shares, draw_split

TINY = NetConfig(side=32, embedding=16, layers=(1, 1, 1, 1))
CONFIG = Path("models/configs/published.toml")


def test_an_epoch_is_balanced_and_ends_with_the_rarest_grade():
    grades = [0] * 20 + [1] * 9 + [2] * 8 + [3] * 7
    batches = list(balanced_epoch(grades, 3, np.random.default_rng(0)))
    counted = [np.bincount(np.array(grades)[one], minlength=4).tolist() for one in batches]
    assert counted == [[3, 3, 3, 3], [3, 3, 3, 3], [1, 1, 1, 1]]
    places = np.concatenate(batches)
    assert len(set(places.tolist())) == len(places)


def test_a_grade_without_example_is_named():
    with pytest.raises(NotEnoughLabels, match="grade 1 and 3"):
        next(balanced_epoch([0, 0, 2], 3, np.random.default_rng(0)))


def test_the_rate_falls_to_a_tenth_at_each_milestone():
    settings = TrainingConfig()
    rates = [learning_rate(epoch, settings) for epoch in (0, 799, 800, 899, 900, 4999)]
    assert rates == pytest.approx([5e-3, 5e-3, 5e-4, 5e-4, 5e-5, 5e-5])


@pytest.mark.parametrize(("head", "reaches"), [(Head.PROBE, False), (Head.JOINT, True)])
def test_cross_entropy_reaches_the_encoder_only_when_trained_jointly(head: Head, reaches: bool):
    torch.manual_seed(0)
    net = PublishedNet(TINY, head)
    answers = net(torch.rand(2, 3, 32, 32, 32))
    torch.autograd.backward(cross_entropy(answers.logits, torch.tensor([0, 3])))
    stem = net.encoder.layer0.conv1.weight.grad
    assert (stem is not None and bool(stem.abs().sum() > 0)) is reaches
    assert bool(net.encoder.last_linear.weight.grad.abs().sum() > 0)
    assert answers.embedding.norm(dim=1).tolist() == pytest.approx([1.0, 1.0], rel=1e-5)


def test_the_loss_is_contrast_and_cross_entropy_one_to_one():
    embedding = torch.nn.functional.normalize(torch.randn(8, 16), dim=1)
    answers, grades = Answers(torch.randn(8, 4), embedding), torch.arange(8) % 4
    total, contrast, probe = joint_loss(answers, grades, TrainingConfig())
    assert float(contrast) == pytest.approx(float(supcon(embedding, grades, 0.07)))
    assert float(total) == pytest.approx(float(contrast + probe))


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """Losses and gradients of two processes that share one batch, over gloo on this machine alone."""
    out = tmp_path_factory.mktemp("ranks") / "found.pt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    if sys.platform == "linux":
        world["GLOO_SOCKET_IFNAME"] = "lo"  # a machine without network has no other
    command = [sys.executable, "-m", "tests.models.one_of_two_ranks", str(out)]
    ranks = [
        subprocess.Popen(command, env=os.environ | world | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    assert [one.wait(120) for one in ranks] == [0, 0]
    found: dict[str, Tensor] = torch.load(out, weights_only=True)
    return found


def test_gathered_over_two_ranks_loss_and_gradients_are_those_of_one_process(two_ranks: dict[str, Tensor]):
    net = Linear()
    rows, grades = batch()
    losses = joint_loss(net(rows), grades, TrainingConfig())
    torch.autograd.backward(losses.total)
    torch.testing.assert_close(two_ranks["gathered contrast"], losses.contrast.detach(), rtol=1e-6, atol=0)
    for name, value in net.named_parameters():
        torch.testing.assert_close(two_ranks[f"gathered {name}"], value.grad, rtol=1e-5, atol=1e-7)


def test_as_released_each_rank_contrasts_its_own_half(two_ranks: dict[str, Tensor]):
    net = Linear()
    rows, grades = batch()
    half = len(rows) // 2
    for part in (slice(0, half), slice(half, None)):
        losses = joint_loss(net(rows[part]), grades[part], TrainingConfig())
        torch.autograd.backward(losses.total / 2)
        if part.start == 0:
            torch.testing.assert_close(
                two_ranks["local contrast"], losses.contrast.detach(), rtol=1e-6, atol=0
            )
    for name, value in net.named_parameters():
        torch.testing.assert_close(two_ranks[f"local {name}"], value.grad, rtol=1e-5, atol=1e-7)


def test_the_figures_are_those_of_a_small_table():
    grades = np.array([0, 0, 0, 1, 2, 3])
    chances = np.eye(4)[[0, 0, 1, 1, 2, 0]] * 0.7 + 0.075
    figures = figures_of(grades, chances)
    assert figures.specificity == pytest.approx(2 / 3)
    assert figures.sensitivity == pytest.approx(2 / 3)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 1 + 0) / 4)
    # of nine pairs the two hit fractures win against two and tie with one, the missed one ties with two and loses one
    assert figures.auroc == pytest.approx((2 * 2.5 + 2 * 0.5) / 9)
    said = with_intervals(["a", "a", "b", "b", "c", "c"], grades, chances, 0)
    assert said["macro_f1"]["low"] <= said["macro_f1"]["value"] <= said["macro_f1"]["high"]


@pytest.fixture(scope="module")
def made_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patients, every grade in training, at least one patient on every side of the split."""
    shares = Shares(held_out_percent=15, test_percent=20)
    names: dict[Split, list[str]] = {split: [] for split in Split}
    number = 0
    while min(len(names[Split.HELD_OUT]), len(names[Split.TEST])) < 1 or len(names[Split.TRAIN]) < 3:
        name = f"CT_{number:04d}"
        names[draw_split(name, shares)].append(name)
        number += 1
    chosen = [*names[Split.TRAIN][:3], names[Split.HELD_OUT][0], names[Split.TEST][0]]
    return write_published_set(
        tmp_path_factory.mktemp("set"), {name: {19: 0, 20: 1, 21: 2, 22: 3} for name in chosen}
    )


def test_the_whole_command_runs_on_a_cpu_and_goes_on_where_it_stopped(
    made_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    command = [str(CONFIG), str(made_set), "--smoke", "--work", str(tmp_path)]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert first["smoke"] is True and first["head"] == "probe"
    assert first["patients"] == {"training": 3, "validation": 1, "test": 1}
    assert first["test_by_grade"] == [1, 1, 1, 1]
    folder = tmp_path / "probe-seed0-side32"
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == first
    epochs = [json.loads(line) for line in (folder / "epochs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["epoch"] for one in epochs] == [1, 2]
    assert all(np.isfinite([one["supcon"], one["cross_entropy"]]).all() for one in epochs)
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == first


def test_without_a_gpu_it_says_what_can_be_done_here(
    made_set: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([str(CONFIG), str(made_set)]) == 2
    assert capsys.readouterr().err.strip() == NO_GPU


def test_a_folder_that_is_neither_data_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(CONFIG), str(tmp_path), "--smoke", "--work", str(tmp_path / "work")]) == 2
    assert "neither the published data set nor VerSe" in capsys.readouterr().err


def test_the_switches_are_settings():
    config = read_config(CONFIG)
    joint = replace(config, training=replace(config.training, head=Head.JOINT, gather=True))
    assert joint.smoke().training.head is Head.JOINT
    assert joint.smoke().training.gather
