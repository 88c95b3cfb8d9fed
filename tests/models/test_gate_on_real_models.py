"""The gate on real models: the bundled grader and a worsened copy of it grade real bodies, some of them broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.grader.stored import read_grader, save_grader
from models.simulate import Deformity, field_of, healthy_places, moved_points
from tests.demo_bodies import demo_bodies, facts_of_file, write_nifti
from ui.trainer_client import TrainerClient
from vfscreen.findings import Vertebra
from vfscreen.gate import Decision, GateRule, judge
from vfscreen.genant import axes_of, heights_of
from vfscreen.model_files import ModelCard, ModelKind, read_card
from vfscreen.snapshot import Label, Snapshot, sealed, write_snapshot
from vfscreen.training import Shares, TrainingOrder
from vfscreen.volume import Volume, plane_points, sample

BUNDLED = Path(__file__).parents[2] / "models" / "weights" / "grader.safetensors"
STEP_MM = 1.5
CRUSH = (0.5, 0.5, 0.45)
"""Lost shares of anterior, middle and posterior height: grade 3 without a doubt."""

NORMAL: Shares = (1.0, 0.0, 0.0, 0.0)
SEVERE: Shares = (0.0, 0.0, 0.0, 1.0)
RULE = GateRule(patients=2, fractured_patients=2, resamples=100)


def broken(volume: Volume, bodies: list[Vertebra], which: int) -> tuple[Volume, list[Vertebra]]:
    """Crushes one body: the CT round the spine in broken space, and where the bodies' points went."""
    body = bodies[which]
    assert body.points is not None and body.heights is not None
    anterior, middle, posterior = (float(mm) for mm in body.heights.array() * CRUSH)
    field = field_of(body.points, Deformity(losses_mm=(anterior, middle, posterior)))
    moved = [moved_points([field], one.points) for one in bodies if one.points is not None]
    corners = np.concatenate([points.array() for points in moved])
    low = corners.min(0) - np.array([25, 25, 45])
    high = corners.max(0) + np.array([25, 40, 45])
    shape = tuple(int(n) for n in np.ceil((high - low) / STEP_MM))
    places = plane_points(low, np.eye(3), shape, (STEP_MM,) * 3)
    healthy, _ = healthy_places([field], places)
    affine = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    affine[:3, 3] = low
    ct = Volume(np.ascontiguousarray(np.rint(sample(volume, healthy)).astype(np.int16)), affine)
    placed = [
        replace(
            one,
            points=points,
            axes=axes_of(points),
            heights=heights_of(points),
            centre_lps_mm=axes_of(points).origin,
        )
        for one, points in zip(bodies, moved, strict=True)
    ]
    return ct, placed


@pytest.fixture(scope="module")
def held_out(demo_volume: Volume, tmp_path_factory: pytest.TempPathFactory) -> tuple[Label, ...]:
    """Two pseudo-patients with one crushed body each, and the others as they are."""
    folder = tmp_path_factory.mktemp("broken")
    found: list[Label] = []
    for which in (1, 4):
        ct, bodies = broken(demo_volume, demo_bodies(), which)
        path = write_nifti(ct, folder / f"{which}.nii")
        patient = f"patient {which}"
        found += [
            Label(
                f"{patient}/{body.level}", patient, patient, (path,), facts_of_file(path), body,
                tuple(other for other in bodies if other is not body), SEVERE if i == which else NORMAL,
            )
            for i, body in enumerate(bodies)
        ]  # fmt: skip
    return tuple(found)


@pytest.fixture(scope="module")
def worsened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled grader with its heads turned round: what it took for severe it calls harmless."""
    good, card = read_grader(BUNDLED)
    weights = dict(good.weights)
    weights["grade.severity.weight"] = -weights["grade.severity.weight"]
    weights["loss.bias"] = 0.3 - weights["loss.bias"]
    weights["loss.weight"] = -weights["loss.weight"]
    path = tmp_path_factory.mktemp("worsened") / "grader-worsened.safetensors"
    save_grader(
        replace(good, weights=weights), path, ModelCard("grader-worsened", ModelKind.GRADER, "", card.licence)
    )
    return path


@pytest.fixture(scope="module")
def client() -> Iterator[TrainerClient]:
    client = TrainerClient()
    yield client
    client.close()


def compared(
    client: TrainerClient, held_out: tuple[Label, ...], folder: Path, champion: Path, challenger: Path
) -> Decision:
    """Lets the trainer make no step from `challenger`, and the gate decide."""
    snapshot = write_snapshot(sealed(Snapshot(held_out[:1], held_out)), folder)
    order = TrainingOrder(snapshot, challenger, champion, folder, "grader-new", steps=0, simulated=0)
    trained = client.train(order, lambda _told: None).result(120)
    assert read_card(trained.weights).parent == read_card(challenger).id
    return judge(trained.champion, trained.challenger, RULE)


def test_a_worsened_challenger_is_refused(
    client: TrainerClient, held_out: tuple[Label, ...], worsened: Path, tmp_path: Path
) -> None:
    decision = compared(client, held_out, tmp_path, champion=BUNDLED, challenger=worsened)
    assert not decision.accepted, decision.reason


def test_a_better_challenger_is_taken(
    client: TrainerClient, held_out: tuple[Label, ...], worsened: Path, tmp_path: Path
) -> None:
    decision = compared(client, held_out, tmp_path, champion=worsened, challenger=BUNDLED)
    assert decision.accepted, decision.reason
    kappa = next(one for one in decision.compared if one.name == "weighted_kappa")
    assert kappa.champion is not None and kappa.challenger is not None
    assert kappa.challenger > kappa.champion + 0.1, decision.reason
