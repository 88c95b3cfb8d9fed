"""Where a patient's labels go: drawn by the pseudonym's hash, so that no order of import and no seed changes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from vfscreen.cases import Split


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of a hundred patients are held out (to compare models) and kept for the last test; the rest train.

    Raises:
        ValueError: a negative share, or none left to train on.
    """

    held_out_percent: int = 15
    test_percent: int = 15

    def __post_init__(self) -> None:
        together = self.held_out_percent + self.test_percent
        if min(self.held_out_percent, self.test_percent) < 0 or together >= 100:
            raise ValueError("held out and test are shares of 0 or more that leave some patients to train on")


USUAL_SHARES = Shares()


def draw_split(pseudonym: str, shares: Shares) -> Split:
    """Draws a patient's split; the same pseudonym and shares always give the same."""
    digest = hashlib.sha256(f"vfscreen/split/1:{pseudonym}".encode()).digest()
    place_percent = int.from_bytes(digest[:8], "big") / 2**64 * 100
    if place_percent < shares.test_percent:
        return Split.TEST
    if place_percent < shares.test_percent + shares.held_out_percent:
        return Split.HELD_OUT
    return Split.TRAIN
