"""The page of one vertebra's explanation: as scanned, unbroken, where the answer hangs; below, who is alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ui.desktop.background import Courier
from ui.desktop.bars import set_role
from ui.desktop.crop_view import CropView
from ui.desktop.explaining import (
    NO_NEIGHBOURS,
    AlikeBody,
    Question,
    alike_bodies,
    question_of,
    restored_words,
    sentences_of,
)
from ui.desktop.pages import Page
from ui.desktop.parts import Parts
from ui.desktop.room import ReadingRoom
from ui.desktop.sheet_view import SheetView
from ui.desktop.windows import BONE
from ui.engine_client import Cancelled, EngineClient, ModelChoice
from vfscreen.explanations import Explanation, ExplanationShelf
from vfscreen.model_shelf import model_called
from vfscreen.neighbours import GradedEmbeddings

FOLDER = "explanations"
LEGEND = (
    "Orange, full line: without this place it would suspect less. Blue, broken line: it would suspect more. "
    "Full colour is the same strength on every vertebra."
)
_ALIKE_PX, _ALIKE_LEAST_PX = 200, 120


class ExplainPage(Page):
    """Explains the vertebra that the reader is at, and follows to the next. Made at the first use and kept.

    It asks nothing and shows nothing unless `room.opinion_shown()`, and clears what it showed if that no longer holds.
    """

    acts = frozenset({"explain", "model", "next-body", "previous-body"})

    def __init__(
        self, parts: Parts, courier: Courier, engine: EngineClient, on_fault: Callable[[Exception], None]
    ) -> None:
        super().__init__("What the model looks at")
        self._parts = parts
        self._courier = courier
        self._engine = engine
        self._on_fault = on_fault
        self._shelf = ExplanationShelf(parts.cache.folder / FOLDER)
        self._reader = parts.reader
        self._question: Question | None = None
        self._asked: Future[Explanation] | None = None
        # Nobody grades while the page is open: from vertebra to vertebra it need not be read again.
        self._graded: GradedEmbeddings | None = None
        # Count questions: what comes home from an earlier one is dropped.
        self._run = self._alike_run = 0
        self._build_pictures()
        self._build_alike()
        self.column.addStretch(1)
        self._clear("")

    # -- building

    def _build_pictures(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(14)
        sheets = QGridLayout()
        sheets.setHorizontalSpacing(14)
        self.real, self.unbroken, self.reacts = SheetView(), SheetView(), SheetView()
        self._captions = [QLabel() for _ in range(3)]
        for place, view in enumerate((self.real, self.unbroken, self.reacts)):
            caption = self._captions[place]
            caption.setWordWrap(True)
            sheets.addWidget(caption, 0, place, Qt.AlignmentFlag.AlignTop)
            sheets.addWidget(view, 1, place)
        sheets.setRowStretch(2, 1)
        row.addLayout(sheets, 9)
        words = QVBoxLayout()
        words.setSpacing(10)
        self._said = QLabel()
        self._said.setMinimumWidth(220)
        self._legend = QLabel(LEGEND)
        set_role(self._legend, "quiet")
        for label in (self._said, self._legend):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            words.addWidget(label)
        words.addStretch(1)
        row.addLayout(words, 3)
        self.column.addLayout(row)

    def _build_alike(self) -> None:
        row = QHBoxLayout()
        self._alike_title = QLabel("Graded vertebrae that the model finds most alike")
        self._alike_title.setProperty("role", "title")
        self._same_patient = QPushButton("This patient's own too")
        self._same_patient.setCheckable(True)
        self._same_patient.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._same_patient.clicked.connect(self._ask_alike)
        row.addWidget(self._alike_title)
        row.addStretch(1)
        row.addWidget(self._same_patient)
        self.column.addLayout(row)
        self._no_alike = QLabel()
        self._no_alike.setWordWrap(True)
        set_role(self._no_alike, "quiet")
        self.column.addWidget(self._no_alike)
        self._alike_said: tuple[str, ...] = ()
        self._alike = QHBoxLayout()
        self._alike.setSpacing(10)
        self.column.addLayout(self._alike)

    # -- what it says

    @property
    def said(self) -> str:
        """The sentences beside the pictures."""
        return self._said.text()

    @property
    def alike_said(self) -> tuple[str, ...]:
        """What is written under each alike vertebra."""
        return self._alike_said

    @property
    def same_patient_button(self) -> QPushButton:
        """The button that lets this patient's own vertebrae in."""
        return self._same_patient

    # -- asking

    def show_body(self, room: ReadingRoom) -> None:
        """Explains the vertebra that the room is at, as far as the reader may see it."""
        self._reader = room.reader
        question = question_of(room)
        if isinstance(question, str):
            self.leave()
            self._clear(question)
            return
        if self._question is not None and question.key == self._question.key:
            return
        self._drop()
        self._clear(f"{question.level}: looking…")
        self._question = question
        run = self._run
        self._courier.run(
            lambda: self._explain(question, run), lambda fault: self._failed(run, fault), "explain"
        )
        self._ask_alike()

    def leave(self) -> None:
        """Clears the page, and takes back what is still being asked."""
        self._graded = None
        self._drop()

    def _drop(self) -> None:
        self._run += 1
        self._question = None
        if self._asked is not None:
            self._engine.cancel(self._asked)
            self._asked = None
        self._clear("")

    def _explain(self, question: Question, run: int) -> None:
        """Looks on the shelf, else asks the engine; runs in a thread, for it reads cards and files."""
        model = model_called(self._parts.shelf, question.suggestion.model)
        case = question.case
        against = self._engine.reference
        keep = self._shelf.path(model.card.sha256, case.series_id, question.bodies, question.place, against)
        found = self._shelf.open(keep)
        if found is not None:
            self._courier.post(lambda: self._came(run, question, found))
            return
        asked = self._engine.explain(
            case.source,
            question.bodies,
            question.place,
            keep,
            files=case.files,
            facts=case.facts,
            models=ModelChoice(grader=model.weights),
        )
        self._courier.post(lambda: self._under_way(run, asked))
        asked.add_done_callback(lambda done: self._courier.post(lambda: self._answered(run, question, done)))

    def _under_way(self, run: int, asked: Future[Explanation]) -> None:
        if run == self._run:
            self._asked = asked
        else:
            self._engine.cancel(asked)

    def _answered(self, run: int, question: Question, done: Future[Explanation]) -> None:
        fault = done.exception()
        if run != self._run or isinstance(fault, Cancelled):
            return
        self._asked = None
        if fault is not None:
            self._failed(run, fault if isinstance(fault, Exception) else RuntimeError(repr(fault)))
            return
        self._shelf.make_room()
        self._came(run, question, done.result())

    def _failed(self, run: int, fault: Exception) -> None:
        if run == self._run:
            self._question = None
            self._clear("It could not be explained.")
        self._on_fault(fault)

    def _ask_alike(self) -> None:
        question, run = self._question, self._run
        if question is None:
            return
        self._alike_run += 1
        alike_run = self._alike_run
        own, reader = self._same_patient.isChecked(), self._reader
        parts, model = self._parts, question.suggestion.model
        known = self._graded if self._graded is not None and self._graded.model == model else None

        def find() -> None:
            graded = known or parts.store.graded_embeddings(model, reader)
            found = alike_bodies(graded, parts.store, parts.cache, question, same_patient=own)
            self._courier.post(lambda: self._keep_graded(run, graded))
            self._courier.post(lambda: self._show_alike(run, alike_run, found))

        self._courier.run(find, lambda fault: self._failed(run, fault), "alike")

    def _keep_graded(self, run: int, graded: GradedEmbeddings) -> None:
        if run == self._run:
            self._graded = graded

    # -- showing

    def _came(self, run: int, question: Question, explanation: Explanation) -> None:
        if run != self._run:
            return
        unbroken = explanation.unbroken
        self.real.show_sheet(explanation.real, explanation.points)
        self.reacts.show_sheet(explanation.real, None, explanation.saliency)
        captions = ["As scanned", "", "What changes its answer when blotted out"]
        if unbroken is None:
            self.unbroken.show_sheet(None)
            captions[1] = explanation.why_not_unbroken
        else:
            self.unbroken.show_sheet(unbroken.sheet, unbroken.points)
            captions[1] = f"Unbroken: {restored_words(unbroken)}"
        for label, text in zip(self._captions, captions, strict=True):
            label.setText(text)
        self._said.setText("\n\n".join(sentences_of(question, explanation)))
        self._legend.show()

    def _show_alike(self, run: int, alike_run: int, found: tuple[AlikeBody, ...]) -> None:
        if (run, alike_run) != (self._run, self._alike_run):
            return
        self._clear_alike()
        self._no_alike.setText("" if found else NO_NEIGHBOURS)
        self._no_alike.setVisible(not found)
        self._alike_said = tuple("\n".join(one.lines()) for one in found)
        for one in found:
            self._alike.addWidget(_cell(one), 1)

    def _clear(self, sentence: str) -> None:
        for view in (self.real, self.unbroken, self.reacts):
            view.show_sheet(None)
        for label in self._captions:
            label.setText("")
        self._said.setText(sentence)
        self._legend.hide()
        self._no_alike.hide()
        self._clear_alike()

    def _clear_alike(self) -> None:
        self._alike_said = ()
        while (item := self._alike.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()


def _cell(one: AlikeBody) -> QWidget:
    """One alike vertebra: its picture in its own axes, what readers said of it, and where it is from."""
    cell = QWidget()
    cell.setMaximumWidth(_ALIKE_PX)
    column = QVBoxLayout(cell)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    picture = CropView()
    picture.setMinimumWidth(_ALIKE_LEAST_PX)
    picture.show_crop(one.crop, BONE, points=False)
    column.addWidget(picture)
    for place, text in enumerate(one.lines()):
        label = QLabel(text)
        label.setWordWrap(True)
        if place:
            set_role(label, "quiet")
        column.addWidget(label)
    column.addStretch(1)
    return cell
