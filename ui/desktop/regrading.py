"""Having the model look again at bodies that a reader moved or added and those beside them, while reading goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from itertools import pairwise

from PySide6.QtCore import QTimer

from ui.desktop.background import Courier
from ui.desktop.parts import Parts
from ui.desktop.room import ReadingRoom
from ui.engine_client import Cancelled, EngineClient, ModelChoice
from vfscreen.cases import Case
from vfscreen.correcting import looked_at, to_grade_again
from vfscreen.findings import Finding, Suggestion
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import id_in_use, in_use

_QUIET_MS = 800
"""The engine is asked once the mouse has been still for so long: each drag stores the points anew."""


class Regrading:
    """Asks the engine for the bodies of the open study whose points, or those beside them, the model has not seen."""

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
        self._looked: tuple[str, dict[str, tuple[bytes, ...]]] = ("", {})
        self._timer = QTimer(courier)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.timeout.connect(self._begin)

    def soon(self) -> None:
        """Asks when nothing was changed for a moment."""
        self._timer.start()

    def all_seen(self) -> None:
        """Takes what is shown now as seen: a screening looked at all of it."""
        self._looked = ("", {})

    def stop(self) -> None:
        """Asks no more."""
        self._timer.stop()

    def _begin(self) -> None:
        case = self._room.case
        due = set() if case is None else self._due(case)
        if case is not None and due:
            findings = self._room.findings  # of this case: when the answer comes, another may be open
            self._courier.run(lambda: self._ask(case, due, findings), self._on_fault, "grade-again")

    def _due(self, case: Case) -> set[str]:
        """Returns the bodies that were never graded as they are, and those beside whom something changed since."""
        grader = id_in_use(self._parts.shelf, ModelKind.GRADER)
        unseen = {body.body_id for body in to_grade_again(case, grader)}
        now = looked_at(case)
        series_id, before = self._looked
        self._looked = (case.series_id, now)
        if series_id != case.series_id:
            before = now
        said = {body_id for body_id, finding in self._room.findings.items() if finding.suggestion is not None}
        changed = {body_id for body_id, points in now.items() if before.get(body_id) != points}
        beside = {one for pair in pairwise(now) if unseen & {*pair} for one in pair}
        return unseen | said & (changed | beside)

    def _ask(self, case: Case, due: set[str], findings: dict[str, Finding]) -> None:
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
            lambda done: self._courier.post(lambda: self._answered(case, due, findings, done))
        )

    def _answered(
        self,
        case: Case,
        due: set[str],
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
            if body.body_id in due:
                finding = replace(findings[body.body_id], suggestion=suggestion)
                self._parts.store.record_finding(body.body_id, body.geometry_version, finding)
        if self._room.case is not None and self._room.case.series_id == case.series_id:
            self._room.read_findings()
