"""The reading room without its window: which study, which vertebra, which slice, and what was said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ui import words
from ui.desktop.resume import Place
from ui.desktop.states import Change, Chooser, Draft, Tone, Tool
from ui.desktop.windows import BONE, SLABS_MM, Window
from vfscreen.cases import Body, Case, CaseRow, CaseState
from vfscreen.correcting import findings_now
from vfscreen.errors import KnownError
from vfscreen.findings import PLACED_BY_HAND, Finding, Mode, Reading
from vfscreen.genant import Reference
from vfscreen.ports import CaseStore
from vfscreen.reading import gradable_bodies, may_show_opinion, next_ungraded, ungraded_bodies
from vfscreen.reference import EXPECTED, ReferenceTable
from vfscreen.volume import Volume

Float = NDArray[np.float64]
OpenVolume = Callable[[Case], Volume | None]
GraderInUse = Callable[[], str | None]


class ReadingRoom:
    """The state of reading, and the moves within it. Grading itself is in `grading.py`.

    `open_volume` returns the sagittal-first volume of a case, or None if it will be handed in by `volume_came` later.
    `grader` returns the id of the grader in use, whose suggestions are shown where there are any; None where none is.
    """

    def __init__(
        self,
        store: CaseStore,
        reader: str,
        mode: Mode,
        open_volume: OpenVolume,
        *,
        go_on: bool = True,
        grader: GraderInUse = lambda: None,
    ) -> None:
        self.store = store
        self.reader = reader
        self.mode = mode
        self.goes_on = go_on
        self._reference: tuple[Reference, ReferenceTable] = (Reference.EXPECTED_BY_LEVEL, EXPECTED)
        self.rows: list[CaseRow] = []
        self.today = 0
        self.case: Case | None = None
        self.findings: dict[str, Finding] = {}
        self.volume: Volume | None = None
        self.here: str | None = None
        self.slice = 0
        self.window: Window = BONE
        self.preset: Window = BONE
        self.slab_mm = SLABS_MM[0]
        self.said = ""
        self.tone = Tone.PLAIN
        self.draft = Draft()
        self.chooser: Chooser | None = None
        self.tool: Tool | None = None
        self.points_lps_mm: tuple[Float, ...] = ()
        self.opinion_on = True
        self.unstored: Reading | None = None
        self.asked: str = ""
        self._open_volume = open_volume
        self._grader = grader
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Calls `listener` after every change with what changed."""
        self._listeners.append(listener)

    def tell(self, change: Change) -> None:
        """Tells the listeners what changed."""
        for listener in self._listeners:
            listener(change)

    def say(self, sentence: str, tone: Tone = Tone.PLAIN) -> None:
        """Puts a sentence on the state line, which ends a question there; a failure stays until it is cured."""
        if self.unstored is not None and tone is not Tone.FAILURE:
            return
        self.said, self.tone, self.asked = sentence, tone, ""
        self.tell(Change.STATE)

    def ask(self, question: str, sentence: str) -> None:
        """Asks what Enter answers: no longer than the sentence stands, and only where one is."""
        if self.unstored is None:
            self.say(sentence)
            self.asked = question

    def _drop_question(self) -> None:
        if self.asked:
            self.say("")

    def in_words(self, error: KnownError) -> str:
        """Shows a named failure as its sentences, a vertebra of the open study by its name."""
        bodies = () if self.case is None else self.case.bodies
        name = next((words.level(body.vertebra) for body in bodies if body.body_id == error.where), None)
        return words.known(error, name)

    # -- the worklist

    def load_rows(self) -> None:
        """Reads the worklist again; that a case is seen ordered by suspicion is recorded before it is."""
        rows = self.store.worklist(self.reader, self.mode, self._grader())
        if self.mode is Mode.SCREEN:
            ordered = [row.series_id for row in rows if row.suspicion is not None]
            self.store.show_order(ordered, self.reader)
            if self.case is not None and self.case.series_id in ordered:
                self.case = replace(self.case, order_known=True)
        self.rows = rows
        self.count_today()
        self.tell(Change.ROWS)

    def count_today(self) -> None:
        """Counts again how many vertebrae this reader graded today."""
        midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        self.today = self.store.graded_since(self.reader, midnight)

    def change_mode(self, mode: Mode) -> None:
        """Changes between read and screen; the open study stays open."""
        if mode is not self.mode:
            self.mode = mode
            self.load_rows()
            self.tell(Change.BODY | Change.STATE)

    def change_reader(self, reader: str) -> None:
        """Goes on as another reader, in their own worklist; the open study is read anew as theirs.

        Raises:
            KnownError: the store cannot be read; the reader is still the one before.
        """
        if reader == self.reader or not self.may_leave():
            return
        before, self.reader = self.reader, reader
        try:
            self.load_rows()
            if self.case is not None:
                self.open(self.case.series_id, Place(self.case.series_id, self.here, self.slice))
        except KnownError:
            self.reader = before
            raise

    def next_open_row(self) -> CaseRow | None:
        """Returns the next study of the worklist that is not done, after the open one, then from the top."""
        ids = [row.series_id for row in self.rows]
        start = ids.index(self.case.series_id) + 1 if self.case and self.case.series_id in ids else 0
        order = self.rows[start:] + self.rows[:start]
        current = None if self.case is None else self.case.series_id
        unfinished = (CaseState.NEW, CaseState.BEGUN)
        return next((row for row in order if row.state in unfinished and row.series_id != current), None)

    # -- the study

    def open(self, series_id: str, place: Place | None = None) -> bool:
        """Opens a study at its topmost ungraded vertebra, or at `place`. False if the open one may not be left."""
        if not self.may_leave():
            return False
        case = self.store.case(series_id, self.reader, self._grader())
        self._take_case(case)
        self.volume = self._open_volume(case)
        self.end_tool()
        self.draft, self.chooser, self.asked, self.opinion_on = Draft(), None, "", True
        known = {body.body_id for body in case.bodies}
        if place is not None and place.body_id in known:
            self.here = place.body_id
        else:
            start = next_ungraded(case) or next(iter(case.bodies), None)
            self.here = None if start is None else start.body_id
        if place is not None and place.window is not None:
            self.window = place.window
        self.slice = self._slice_of_body() if place is None or place.slice is None else place.slice
        self._keep_slice_inside()
        self.said, self.tone = self._greeting(), Tone.PLAIN
        self.tell(Change.CASE | Change.BODY | Change.SLICE | Change.WINDOW | Change.STATE)
        return True

    def volume_came(self, series_id: str, volume: Volume) -> None:
        """Takes the picture of the open study when it had to be made first."""
        if self.case is not None and self.case.series_id == series_id:
            self.volume = volume
            self.slice = self._slice_of_body()
            self.tell(Change.CASE | Change.BODY | Change.SLICE)

    def reload(self) -> None:
        """Reads the open study again, after a screening or an undo; vertebra and slice stay if they still are."""
        if self.case is None:
            return
        case = self.store.case(self.case.series_id, self.reader, self._grader())
        self._take_case(case)
        self._drop_question()  # it counted the levels of the case as it was
        if self.body() is None:
            self.end_tool()
        if self.body() is None and case.bodies:
            start = next_ungraded(case) or case.bodies[0]
            self.here, self.draft, self.chooser = start.body_id, Draft(), None
            self.slice = self._slice_of_body()
            self.tell(Change.SLICE)
        if not self.said:
            self.said = self._greeting()
        self.tell(Change.BODY | Change.STATE)

    def read_findings(self) -> None:
        """Reads again what the program says of the open study; a question that is asked stands."""
        if self.case is not None:
            self._take_case(self.store.case(self.case.series_id, self.reader, self._grader()))
            self.tell(Change.BODY)

    def measure_against(self, reference: Reference, table: ReferenceTable) -> None:
        """Measures losses against this convention and table from now on."""
        self._reference = (reference, table)
        if self.case is not None:
            self._take_case(self.case)
            self.tell(Change.BODY)

    def _take_case(self, case: Case) -> None:
        self.case = case
        self.findings = findings_now(case, *self._reference)

    def _greeting(self) -> str:
        """Returns what is said of a study before anything else is: that its names are not certain."""
        bodies = () if self.case is None else self.case.bodies
        return words.NAMES_UNCERTAIN if any(not body.vertebra.level_certain for body in bodies) else ""

    def may_leave(self) -> bool:
        """Says whether nothing unstored would be lost; if something would, it stays said."""
        return self.unstored is None

    # -- the vertebra

    def body(self) -> Body | None:
        """Returns the vertebra that one is at."""
        if self.case is None:
            return None
        return next((body for body in self.case.bodies if body.body_id == self.here), None)

    def go_to(self, body_id: str, *, keep_slice: bool = False) -> None:
        """Goes to a vertebra and to its own middle slice."""
        self._drop_question()
        if body_id != self.here:
            self.draft = Draft()
            self.chooser = None
            self.end_tool()
        self.here = body_id
        change = Change.BODY
        if not keep_slice:
            self.slice = self._slice_of_body()
            change |= Change.SLICE
        self.tell(change)

    def step_body(self, steps: int) -> None:
        """Goes down (positive) or up the spine."""
        if self.case is None or not self.case.bodies:
            return
        ids = [body.body_id for body in self.case.bodies]
        now = ids.index(self.here) if self.here in ids else 0
        self.go_to(ids[min(max(now + steps, 0), len(ids) - 1)])

    def reading(self) -> Reading | None:
        """Returns this reader's present reading of the vertebra here."""
        return None if self.case is None or self.here is None else self.case.readings.get(self.here)

    # -- the tool in hand

    def take_tool(self, tool: Tool, sentence: str, points_lps_mm: tuple[Float, ...] = ()) -> None:
        """Takes a tool in hand and says what to do with it."""
        self.tool, self.points_lps_mm = tool, points_lps_mm
        self.say(sentence)
        self.tell(Change.TOOL)

    def place_points(self, points_lps_mm: tuple[Float, ...]) -> None:
        """Puts the points that are being placed."""
        self.points_lps_mm = points_lps_mm
        self.tell(Change.TOOL)

    def end_tool(self) -> None:
        """Puts the tool away, and what was asked for with it; what was stored or failed stays said."""
        if self.tool is not None:
            self.tool, self.points_lps_mm = None, ()
            self.tell(Change.TOOL)
            if self.tone is Tone.PLAIN:
                self.say("")

    # -- the slice and the window

    def step_slice(self, steps: int) -> None:
        """Goes on by slices, positive to the patient's left."""
        self.go_to_slice(self.slice + steps)

    def go_to_slice(self, slice_index: int) -> None:
        """Goes to a slice, or as near as there is one."""
        self._drop_question()
        before, self.slice = self.slice, slice_index
        self._keep_slice_inside()
        if self.slice != before:
            self.tell(Change.SLICE)

    def last_slice(self) -> int:
        """Returns the index of the last slice; 0 without a picture."""
        return 0 if self.volume is None else self.volume.shape[0] - 1

    def _keep_slice_inside(self) -> None:
        self.slice = min(max(self.slice, 0), self.last_slice())

    def _slice_of_body(self) -> int:
        if self.volume is None:
            return 0
        body = self.body()
        if body is None:
            return self.volume.shape[0] // 2
        found = round(float(self.volume.indices_of(body.vertebra.centre_lps_mm)[0]))
        return min(max(found, 0), self.last_slice())

    def set_window(self, window: Window) -> None:
        """Sets the grey window to a preset."""
        self.window = self.preset = window
        self.tell(Change.WINDOW)

    def drag_window(self, width: float, level: float) -> None:
        """Adds to width and level."""
        self.window = self.window.moved(width, level)
        self.tell(Change.WINDOW)

    def next_slab(self) -> None:
        """Shows one slice, the mean of 3 mm, that of 5 mm, in turn: noise of thin slices hides an endplate."""
        self.slab_mm = SLABS_MM[(SLABS_MM.index(self.slab_mm) + 1) % len(SLABS_MM)]
        if self.slab_mm and not self.slab_reach():
            self.say(words.THICKER_THAN_SLAB)
        self.tell(Change.WINDOW)

    def slab_reach(self) -> int:
        """Returns how many slices to either side the picture is the mean of."""
        if self.volume is None or not self.slab_mm:
            return 0
        return round((self.slab_mm / float(self.volume.spacing_mm[0]) - 1) / 2)

    # -- the program's opinion

    def opinion_shown(self) -> bool:
        """Says whether the program's opinion is on the screen: it was revealed, and is not folded away."""
        return self.case is not None and self.case.revealed_at is not None and self.opinion_on

    def points_shown(self, body: Body) -> bool:
        """Says whether the reader may see where a body's points are: with the opinion, or having placed them."""
        own = PLACED_BY_HAND in body.vertebra.flags and body.points_by == self.reader
        return body.vertebra.points is not None and (own or self.opinion_shown())

    def levels_to_go(self) -> int:
        """Counts the levels that still lack this reader's answer."""
        return 0 if self.case is None else len(ungraded_bodies(self.case))

    def graded_and_all(self) -> tuple[int, int]:
        """Returns how many levels of the open study have this reader's answer, and of how many."""
        if self.case is None:
            return 0, 0
        total = len(gradable_bodies(self.case))
        return total - self.levels_to_go(), total

    def toggle_opinion(self) -> None:
        """Shows the program's opinion if it may be seen, and records that it was; folds it away the second time."""
        if self.case is None:
            return
        if self.unstored is not None:  # shown now, a first reading could never be stored
            self.say(words.GRADE_UNSTORED, Tone.FAILURE)
            return
        if self.case.revealed_at is not None:
            self.opinion_on = not self.opinion_on
        elif not may_show_opinion(self.case, self.mode):
            self.say(words.locked(self.levels_to_go()))
            return
        else:
            shown_at = self.store.reveal(self.case.series_id, self.reader, self.mode)
            self.case = replace(self.case, revealed_at=shown_at)
            self.opinion_on = True
        self.say(words.OPINION_SHOWN if self.opinion_on else words.OPINION_FOLDED)
        self.tell(Change.BODY | Change.STATE)

    def place(self) -> Place | None:
        """Returns where the reader is, to come back there."""
        if self.case is None:
            return None
        return Place(self.case.series_id, self.here, self.slice, self.window)


def failed(room: ReadingRoom, error: KnownError) -> None:
    """Says a named failure on the state line, where it stays."""
    room.say(room.in_words(error), Tone.FAILURE)
