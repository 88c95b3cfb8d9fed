"""Having the model look again at bodies that a reader moved or added, in the engine, while reading goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from PySide6.QtCore import QTimer

from ui.desktop.background import Courier
from ui.desktop.parts import Parts
from ui.desktop.room import ReadingRoom
from ui.engine_client import Cancelled, EngineClient, ModelChoice
from vfscreen.cases import Case
from vfscreen.correcting import to_grade_again
from vfscreen.findings import Finding, Suggestion
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import id_in_use, in_use

_QUIET_MS = 800
"""The engine is asked once the mouse has been still for so long: each drag stores the points anew."""


class Regrading:
    """Asks the engine for the bodies of the open study whose points are newer than what the model said."""

    def __init__(
        self,
        parts: Parts,
        courier: Courier,
        engine: EngineClient,
        room: ReadingRoom,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._parts = parts
        self._courier = courier
        self._engine = engine
        self._room = room
        self._on_fault = on_fault
        self._timer = QTimer(courier)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.timeout.connect(self._begin)

    def soon(self) -> None:
        """Asks when nothing was changed for a moment."""
        self._timer.start()

    def stop(self) -> None:
        """Asks no more."""
        self._timer.stop()

    def _begin(self) -> None:
        case, grader = self._room.case, id_in_use(self._parts.shelf, ModelKind.GRADER)
        unseen = set() if case is None else {body.body_id for body in to_grade_again(case, grader)}
        if case is not None and unseen:
            findings = self._room.findings  # of this case: when the answer comes, another may be open
            self._courier.run(lambda: self._ask(case, unseen, findings), self._on_fault, "grade-again")

    def _ask(self, case: Case, unseen: set[str], findings: dict[str, Finding]) -> None:
        """Asks for all bodies of the case, for the grader looks at neighbours too."""
        grader = in_use(self._parts.shelf, ModelKind.GRADER).model.weights
        asked = self._engine.grade(
            case.source,
            [body.vertebra for body in case.bodies],
            files=case.files,
            facts=case.facts,
            models=ModelChoice(None, grader),
        )
        asked.add_done_callback(
            lambda done: self._courier.post(lambda: self._answered(case, unseen, findings, done))
        )

    def _answered(
        self,
        case: Case,
        unseen: set[str],
        findings: dict[str, Finding],
        done: Future[list[Suggestion | None]],
    ) -> None:
        fault = done.exception()
        if isinstance(fault, Cancelled):
            return
        if fault is not None:
            self._on_fault(fault)
            return
        for body, suggestion in zip(case.bodies, done.result(), strict=True):
            if body.body_id in unseen:
                finding = replace(findings[body.body_id], suggestion=suggestion)
                self._parts.store.record_finding(body.body_id, body.geometry_version, finding)
        if self._room.case is not None and self._room.case.series_id == case.series_id:
            self._room.read_findings()
