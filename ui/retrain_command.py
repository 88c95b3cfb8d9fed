"""Retraining from the command line: the same snapshot, trainer and gate as the one click in the app."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ui.composition import House
from ui.console import progress_shown, wait_for
from ui.engine_client import EngineBug
from ui.trainer_client import TrainerClient
from vfscreen.errors import KnownError
from vfscreen.ports import Progress
from vfscreen.retraining import conclude, prepare, record_failure
from vfscreen.training import Depth, TrainingProgress


def retrain_now(house: House, depth: Depth) -> str:
    """Trains, compares and decides; returns the decision in words.

    Raises:
        KnownError: too few labels, or the training failed; the model in use stays, and a begun run is recorded.
    """
    needs = house.settings.needs()
    prepared = prepare(
        house.store,
        house.shelf,
        house.folder.training,
        needs,
        depth=depth,
        threads=max(house.settings.threads, 1),
    )
    client = TrainerClient()

    def cancel(_future: Future[Any]) -> None:
        client.cancel()
        record_failure(house.store, prepared, "cancelled", "taken back by the user")

    try:
        with progress_shown("retrain") as progress:
            trained = wait_for(client.train(prepared.order, lambda told: _tell(progress, told)), cancel)
        concluded = conclude(house.store, house.shelf, prepared, trained, needs.gate, house.reader)
    except (KnownError, EngineBug) as error:
        record_failure(house.store, prepared, "failed", str(error))
        raise
    finally:
        client.close()
    return f"{concluded.decision.reason}\n{concluded.in_use} is in use"


def _tell(progress: Progress, told: TrainingProgress) -> None:
    loss = "" if told.loss is None else f", loss {told.loss:.3f}"
    progress(f"{told.doing} {told.step}/{told.steps}{loss}" if told.steps else told.doing, told.share)
