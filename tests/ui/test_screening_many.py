"""Many paths at once from the command line: what breaks on one of them is told, and the others are screened."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import ui.screen_command
from ui.engine_client import BUNDLED, EngineClient
from ui.screen_command import screen_paths
from vfscreen.errors import EngineDied, UnreadableFile

if TYPE_CHECKING:
    from concurrent.futures import Future

    from vfscreen.findings import Screening


class KilledOnce(EngineClient):
    """An engine that the system kills while it works on the first path, as it does where memory runs out."""

    killed = False

    def screen(self, path: Path, **wanted: Any) -> Future[Screening]:
        if not self.killed:
            self.killed = True
            wanted["on_progress"] = self._kill
        return super().screen(path, **wanted)

    def _kill(self, _doing: str, _share: float) -> None:
        assert self.pid is not None
        os.kill(self.pid, signal.SIGTERM)


def test_a_path_that_kills_the_engine_does_not_end_the_others(
    demo_ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui.screen_command, "EngineClient", KilledOnce)
    lost, refused, screened = screen_paths([demo_ct, tmp_path / "nowhere", demo_ct], BUNDLED, None)
    assert isinstance(lost.fault, EngineDied)
    assert lost.screening.refusals[0].where == str(demo_ct)
    assert isinstance(refused.fault, UnreadableFile)
    assert screened.fault is None and screened.screening.findings
