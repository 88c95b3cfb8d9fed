"""The page on which the model is trained again: what there is, how it goes, what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from ui import words
from ui.desktop.background import Courier
from ui.desktop.bars import set_role
from ui.desktop.colours import GROUND, MARK, QUIET
from ui.desktop.pages import Page
from ui.desktop.parts import Parts
from ui.desktop.retrain import Retraining, Stage, concluded, labels_in_words, progressed
from ui.engine_client import Cancelled, EngineBug
from ui.trainer_client import TrainerClient
from vfscreen.errors import KnownError
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import in_use, previous, roll_back
from vfscreen.retraining import Conclusion, Prepared, conclude, override, prepare, record_failure
from vfscreen.settings import load_settings
from vfscreen.snapshot import Snapshot, snapshot_of
from vfscreen.training import Trained, TrainingProgress

Float = NDArray[np.float64]

_SMOOTHED_OVER = 9
_STAGES = {
    Stage.IDLE: "",
    Stage.PREPARING: "Taking the labels together",
    Stage.TRAINING: "Training",
    Stage.COMPARING: "Comparing the two models",
    Stage.DONE: "",
    Stage.FAILED: "Failed. Nothing was changed.",
    Stage.CANCELLED: "Cancelled. Nothing was changed.",
}


class RetrainPage(Page):
    """Signal `model_changed`: another model is in use now."""

    model_changed = Signal()

    def __init__(self, parts: Parts, courier: Courier, on_fault: Callable[[Exception], None]) -> None:
        super().__init__("Train the model again")
        self._parts = parts
        self._courier = courier
        self._on_fault = on_fault
        self._client = TrainerClient()
        self._prepared: Prepared | None = None
        self._state = Retraining()
        # Counts beginnings and cancellations: what comes home from an earlier run is dropped.
        self._run = 0
        self._deciding: threading.Thread | None = None
        self._build_head()
        self._build_curve()
        self._build_result()
        self.column.addStretch(1)
        self._show()

    @property
    def state(self) -> Retraining:
        """What the page shows."""
        return self._state

    @property
    def labels_words(self) -> str:
        """What it says there is to train on."""
        return self._labels.text()

    @property
    def train_button(self) -> QPushButton:
        """The button that begins."""
        return self._train

    @property
    def cancel_button(self) -> QPushButton:
        """The button that takes a training back."""
        return self._stop

    def stop(self) -> None:
        """Ends a training that is under way, recorded as cancelled; a decision that is being made is waited for."""
        if self._deciding is not None:
            self._deciding.join()  # well under a second, and by then its model may be in use
        elif self._state.running:
            self._cancel()
        self._client.close()

    # -- building

    def _build_head(self) -> None:
        self._in_use, self._labels, self._aside = QLabel(), QLabel(), QLabel()
        for label in (self._in_use, self._labels, self._aside):
            label.setWordWrap(True)
            self.column.addWidget(label)
        set_role(self._aside, "quiet")
        row = QHBoxLayout()
        self._train = self._button("Train", self._begin)
        self._stop = self._button("Cancel", self._cancel)
        self._back = self._button("Go back to the model before", self._roll_back)
        row.addWidget(self._train)
        row.addWidget(self._stop)
        hint = QLabel(
            "You can go on reading meanwhile. The model in use changes only if the new one is not worse."
        )
        set_role(hint, "quiet")
        row.addWidget(hint)
        row.addStretch(1)
        row.addWidget(self._back)
        self.column.addLayout(row)
        row = QHBoxLayout()
        self._doing = QLabel()
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(320)
        self._bar.setTextVisible(False)
        row.addWidget(self._bar)
        row.addWidget(self._doing, 1)
        self.column.addLayout(row)

    def _build_curve(self) -> None:
        self._curve = pyqtgraph.PlotWidget(background=GROUND)
        self._curve.setMinimumHeight(150)
        self._curve.setMaximumHeight(340)
        self._curve.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._curve.setMouseEnabled(x=False, y=False)
        self._curve.setMenuEnabled(False)
        self._curve.hideButtons()
        for side, text in (("left", "loss"), ("bottom", "step")):
            axis = self._curve.getAxis(side)
            axis.setPen(QUIET)
            axis.setTextPen(QUIET)
            self._curve.setLabel(side, text, color=QUIET)
        self._points = self._curve.plot(
            [], [], pen=None, symbol="o", symbolSize=3, symbolBrush=QUIET, symbolPen=None
        )
        self._line = self._curve.plot([], [], pen=pyqtgraph.mkPen(MARK, width=2))
        self.column.addWidget(self._curve, 1)

    def _build_result(self) -> None:
        self._verdict = QLabel()
        self._verdict.setWordWrap(True)
        self.column.addWidget(self._verdict)
        frame = QWidget()
        self._grid = QGridLayout(frame)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(28)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(5, 1)
        self.column.addWidget(frame)
        row = QHBoxLayout()
        self._anyway = self._button("Use the new model anyway", self._use_anyway)
        row.addWidget(self._anyway)
        row.addStretch(1)
        self.column.addLayout(row)

    @staticmethod
    def _button(text: str, do: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda _checked=False: do())
        return button

    # -- what there is

    def refresh(self) -> None:
        """Counts the labels again and reads which model is in use."""
        if not self._state.running:
            self._courier.run(self._look, self._failed, "labels")

    def _look(self) -> None:
        snapshot = snapshot_of(self._parts.store.labelled_bodies())
        used = in_use(self._parts.shelf, ModelKind.GRADER)
        before = previous(self._parts.shelf, ModelKind.GRADER)
        self._courier.post(lambda: self._tell(snapshot, used.model.card.id, used.warning, before))

    def _tell(self, snapshot: Snapshot, model: str, warning: str, before: str | None) -> None:
        self._in_use.setText(f"In use: {model}" + (f"\n{warning}" if warning else ""))
        labels, aside = labels_in_words(snapshot)
        self._labels.setText(labels)
        self._aside.setText(aside)
        self._back.setVisible(before is not None)
        if before is not None:
            self._back.setText(f"Go back to {before}")

    # -- a training

    def _begin(self) -> None:
        self._prepared = None
        self._run += 1
        run = self._run
        self.show_state(Retraining(Stage.PREPARING))
        self._courier.run(lambda: self._prepare(run), partial(self._not_prepared, run), "prepare")

    def _prepare(self, run: int) -> None:
        settings = load_settings(self._parts.folder.settings)  # they may have changed since the start
        needs, threads = settings.needs(), max(settings.threads, 1)
        prepared = prepare(
            self._parts.store, self._parts.shelf, self._parts.folder.training, needs, threads=threads
        )
        self._courier.post(lambda: self._train_on(run, prepared))

    def _not_prepared(self, run: int, fault: Exception) -> None:
        if run == self._run:
            self._failed(fault)

    def _train_on(self, run: int, prepared: Prepared) -> None:
        if run != self._run:
            return
        self._prepared = prepared
        self.show_state(replace(self._state, stage=Stage.TRAINING, champion=prepared.champion.card.id))
        future = self._client.train(
            prepared.order, lambda told: self._courier.post(lambda: self._progressed(told))
        )
        future.add_done_callback(lambda done: self._courier.post(lambda: self._trained(run, prepared, done)))

    def _progressed(self, told: TrainingProgress) -> None:
        if self._state.stage is Stage.TRAINING:
            self.show_state(progressed(self._state, told))

    def _trained(self, run: int, prepared: Prepared, done: Future[Trained]) -> None:
        fault = done.exception()
        if isinstance(fault, Cancelled) or run != self._run:
            return
        if isinstance(fault, Exception):
            self._run_failed(prepared, fault)
            return
        self.show_state(replace(self._state, stage=Stage.COMPARING, share=1.0))
        trained = done.result()
        self._deciding = self._courier.run(
            lambda: self._conclude(prepared, trained), self._not_concluded, "conclude"
        )

    def _conclude(self, prepared: Prepared, trained: Trained) -> None:
        """Lets the gate decide; runs in a thread, and records there what came of it: the window may be gone."""
        settings = load_settings(self._parts.folder.settings)
        rule, reader = settings.needs().gate, settings.who_reads()
        store, shelf = self._parts.store, self._parts.shelf
        try:
            conclusion = conclude(store, shelf, prepared, trained, rule, reader)
        except KnownError as error:
            record_failure(store, prepared, "failed", str(error))
            raise
        self._courier.post(lambda: self._concluded(conclusion))

    def _not_concluded(self, fault: Exception) -> None:
        self._deciding = None
        self._failed(fault)

    def _concluded(self, conclusion: Conclusion) -> None:
        self._deciding = None
        self.show_state(concluded(self._state, conclusion))
        self.refresh()
        if conclusion.decision.accepted:
            self.model_changed.emit()

    def _cancel(self) -> None:
        self._run += 1
        self._client.cancel()
        if self._prepared is not None:
            record_failure(self._parts.store, self._prepared, "cancelled", "taken back by the user")
        self.show_state(replace(self._state, stage=Stage.CANCELLED))

    def _run_failed(self, prepared: Prepared, fault: Exception) -> None:
        """Records that a training that had begun came to nothing."""
        if isinstance(fault, KnownError | EngineBug):
            record_failure(self._parts.store, prepared, "failed", str(fault))
        self._failed(fault)

    def _failed(self, fault: Exception) -> None:
        if isinstance(fault, KnownError):
            self.show_state(replace(self._state, stage=Stage.FAILED, verdict=words.known(fault)))
        else:
            self.show_state(replace(self._state, stage=Stage.FAILED))
            self._on_fault(fault)

    # -- another model

    def _use_anyway(self) -> None:
        chosen, reader = self._state.challenger, load_settings(self._parts.folder.settings).who_reads()
        self._change(
            lambda: override(self._parts.store, self._parts.shelf, chosen, reader, "chosen on the page")
        )

    def _roll_back(self) -> None:
        def back() -> None:
            model = roll_back(self._parts.shelf, ModelKind.GRADER)
            details = {"sha256": model.card.sha256}
            reader = load_settings(self._parts.folder.settings).who_reads()
            self._parts.store.record_event(reader, "model rolled back", model.card.id, details)

        self._change(back)

    def _change(self, change: Callable[[], object]) -> None:
        def run() -> None:
            change()
            self._courier.post(self._changed)

        self._courier.run(run, self._failed, "model")

    def _changed(self) -> None:
        self.show_state(replace(self._state, accepted=True, verdict=""))
        self.refresh()
        self.model_changed.emit()

    # -- showing

    def show_state(self, state: Retraining) -> None:
        """Shows where a retraining stands."""
        self._state = state
        self._show()

    def _show(self) -> None:
        state = self._state
        self._train.setEnabled(not state.running)
        self._stop.setVisible(state.stage in (Stage.PREPARING, Stage.TRAINING))
        self._bar.setVisible(state.running)
        self._bar.setValue(round(1000 * state.share))
        self._doing.setText(
            state.doing if state.stage is Stage.TRAINING and state.doing else _STAGES[state.stage]
        )
        self._curve.setVisible(bool(state.losses))
        if state.losses:
            self._points.setData(state.steps, state.losses)
            self._line.setData(*_smoothed(state.steps, state.losses))
        self._verdict.setText(state.verdict)
        self._verdict.setVisible(bool(state.verdict))
        self._anyway.setVisible(state.stage is Stage.DONE and not state.accepted)
        self._show_table()

    def _show_table(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        if not self._state.table:
            return
        for column, title in enumerate(("", "in use", "new", "difference (95 %)", "")):
            head = QLabel(title)
            set_role(head, "quiet")
            self._grid.addWidget(head, 0, column)
        for place, row in enumerate(self._state.table, 1):
            held = "holds" if row.passed else "worse than allowed"
            for column, text in enumerate((row.words, row.champion, row.challenger, row.difference, held)):
                self._grid.addWidget(QLabel(text), place, column)


def _smoothed(steps: tuple[int, ...], losses: tuple[float, ...]) -> tuple[NDArray[np.int64], Float]:
    """Returns the mean of the loss around each point."""
    sums = np.cumsum([0.0, *losses])
    places = np.arange(len(losses))
    reach = np.minimum(np.minimum(places, places[::-1]), _SMOOTHED_OVER // 2)
    means = (sums[places + reach + 1] - sums[places - reach]) / (2 * reach + 1)
    return np.array(steps, np.int64), means
