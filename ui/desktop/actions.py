"""Every act of the reading room in one table: menus, tooltips, buttons and the key sheet are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ui import words
from ui.desktop import correcting, grading
from ui.desktop.room import ReadingRoom
from ui.desktop.states import Change
from ui.desktop.windows import BONE, BONE_WIDE, SOFT_TISSUE
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade, Shape
from vfscreen.reading import is_answered, is_gradable

FAR = 10
"""Slices that Shift goes at a time."""


class Shell(Protocol):
    """What acts ask of the window itself."""

    def fit_picture(self) -> None:
        """Resets zoom and pan."""

    def zoom_picture(self, factor: float) -> None:
        """Zooms around the middle."""

    def window_as_sent(self) -> None:
        """Sets the grey window that the file itself names."""

    def hide_marks(self) -> None:
        """Hides the marks until the key is let go."""

    def fold_worklist(self) -> None:
        """Folds the worklist away, or shows it again."""

    def full_screen(self) -> None:
        """Fills the screen, or goes back."""

    def show_keys(self) -> None:
        """Shows the key sheet, or puts it away."""

    def escape(self) -> None:
        """Goes back to the picture."""

    def change_mode(self, mode: Mode) -> None:
        """Changes between read and screen, and keeps the choice."""

    def edit_note(self) -> None:
        """Puts the cursor into the note."""

    def find_study(self) -> None:
        """Puts the cursor into the search."""

    def import_folder(self) -> None:
        """Asks for a folder and imports it."""

    def import_file(self) -> None:
        """Asks for a file and imports it."""

    def show_retraining(self) -> None:
        """Shows the page on which the model is trained again."""

    def explain(self) -> None:
        """Shows what the model looks at in the vertebra here, or puts that away."""

    def show_settings(self) -> None:
        """Shows the page of the settings."""

    def leave(self) -> None:
        """Closes the program."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an act works on: the room, and the window around it."""

    room: ReadingRoom
    shell: Shell


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that can be done: its words in menus, its keys (the first one is shown), its menu, its condition."""

    id: str
    words: str
    keys: tuple[str, ...]
    menu: str
    do: Callable[[Desk], None]
    can: Callable[[Desk], bool] = lambda _desk: True

    @property
    def shown_key(self) -> str:
        """The key that menus and buttons show."""
        return self.keys[0] if self.keys else ""


def _open(desk: Desk) -> bool:
    return desk.room.case is not None


def _pictured(desk: Desk) -> bool:
    return desk.room.volume is not None


def _gradable(desk: Desk) -> bool:
    body = desk.room.body()
    return body is not None and is_gradable(body.vertebra)


def _any_body(desk: Desk) -> bool:
    return desk.room.body() is not None


def _undo(desk: Desk) -> None:
    if not correcting.take_point_back(desk.room):
        grading.undo(desk.room)


def _digit(number: int, value: ReadGrade | None) -> Callable[[Desk], None]:
    """A digit answers an open chooser; else it grades."""

    def do(desk: Desk) -> None:
        if desk.room.chooser is not None:
            grading.choose(desk.room, number)
        elif value is not None:
            grading.grade(desk.room, value)

    return do


def _choosing(desk: Desk) -> bool:
    return desk.room.chooser is not None


def _say_saved(desk: Desk) -> None:
    case = desk.room.case
    given = [] if case is None else [reading for reading in case.readings.values() if is_answered(reading)]
    last = max((reading.time for reading in given), default=None)
    desk.room.say(words.nothing_to_save(len(given), last))


def _mode(mode: Mode) -> Callable[[Desk], None]:
    return lambda desk: desk.shell.change_mode(mode)


ACTS: tuple[Act, ...] = (
    Act("import-folder", "Import folder…", ("Ctrl+I",), "Study", lambda d: d.shell.import_folder()),
    Act("import-file", "Import file…", (), "Study", lambda d: d.shell.import_file()),
    Act("find", "Find study", ("Ctrl+F",), "Study", lambda d: d.shell.find_study()),
    Act("finish", "Finish study, go to the next", ("Enter",), "Study", lambda d: _finish(d)),
    Act("save", "What is stored", ("Ctrl+S",), "Study", _say_saved),
    Act("settings", "Settings…", ("Ctrl+,",), "Study", lambda d: d.shell.show_settings()),
    Act("leave", "Close vfscreen", ("Ctrl+Q",), "Study", lambda d: d.shell.leave()),
    Act("grade-0", "Grade 0: normal", ("0",), "Grade", _digit(0, ReadGrade.NORMAL), _gradable),
    Act("grade-half", "Grade ½: borderline", (".", ",", "5"), "Grade", _digit(5, ReadGrade.BORDERLINE), _gradable),
    Act("grade-1", "Grade 1: mild", ("1",), "Grade", _digit(1, ReadGrade.MILD), _gradable),
    Act("grade-2", "Grade 2: moderate", ("2",), "Grade", _digit(2, ReadGrade.MODERATE), _gradable),
    Act("grade-3", "Grade 3: severe", ("3",), "Grade", _digit(3, ReadGrade.SEVERE), _gradable),
    Act("choose-4", "Fourth line of an open list", ("4",), "Grade", _digit(4, None), _choosing),
    Act("cannot-grade", "Cannot grade", ("X",), "Grade", lambda d: grading.cannot_grade(d.room), _gradable),
    Act("deformity", "Other deformity", ("D",), "Grade", lambda d: grading.other_deformity(d.room), _gradable),
    Act("wedge", "Shape: wedge", ("W",), "Grade", lambda d: grading.set_shape(d.room, Shape.WEDGE), _gradable),
    Act("biconcave", "Shape: biconcave", ("B",), "Grade",
        lambda d: grading.set_shape(d.room, Shape.BICONCAVE), _gradable),
    Act("crush", "Shape: crush", ("C",), "Grade", lambda d: grading.set_shape(d.room, Shape.CRUSH), _gradable),
    Act("sure", "Sure / not sure", ("Y",), "Grade", lambda d: grading.toggle_sure(d.room), _gradable),
    Act("flag", "Flag for a second look", ("F",), "Grade", lambda d: grading.toggle_flag(d.room), _gradable),
    Act("note", "Note", ("N",), "Grade", lambda d: d.shell.edit_note(), _gradable),
    Act("rest-normal", "All remaining levels 0…", ("A",), "Grade", lambda d: grading.ask_bulk(d.room), _open),
    Act("undo", "Undo", ("Ctrl+Z", "U"), "Grade", lambda d: _undo(d)),
    Act("redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Grade", lambda d: grading.redo(d.room)),
    Act("names-up", "All names one up (T12 is T11)", ("O",), "Correct",
        lambda d: correcting.shift_names(d.room, -1), _any_body),
    Act("names-down", "All names one down (T12 is L1)", ("L",), "Correct",
        lambda d: correcting.shift_names(d.room, 1), _any_body),
    Act("names-up-from-here", "Names one up from here down", ("Shift+O",), "Correct",
        lambda d: correcting.shift_names_from_here(d.room, -1), _any_body),
    Act("names-down-from-here", "Names one down from here (no T12)", ("Shift+L",), "Correct",
        lambda d: correcting.shift_names_from_here(d.room, 1), _any_body),
    Act("t13", "This is T13 / is not", ("T",), "Correct", lambda d: correcting.toggle_t13(d.room), _any_body),
    Act("vouch", "The names are right", ("V",), "Correct", lambda d: correcting.vouch(d.room), _any_body),
    Act("add-body", "Add a vertebra by a click", ("I", "Insert"), "Correct",
        lambda d: correcting.start_adding(d.room), _pictured),
    Act("remove-body", "This is no vertebra", ("Delete", "Backspace"), "Correct",
        lambda d: correcting.remove_body(d.room), _any_body),
    Act("measure", "Heights: place or move the points", ("H",), "Correct",
        lambda d: correcting.start_measuring(d.room), _any_body),
    Act("next-body", "Next vertebra, down", ("PgDown", "J"), "Go", lambda d: d.room.step_body(1), _open),
    Act("previous-body", "Previous vertebra, up", ("PgUp", "K"), "Go", lambda d: d.room.step_body(-1), _open),
    Act("next-slice", "Next slice", ("Down", "Right"), "Go", lambda d: d.room.step_slice(1), _pictured),
    Act("previous-slice", "Previous slice", ("Up", "Left"), "Go", lambda d: d.room.step_slice(-1), _pictured),
    Act("far-next-slice", "Ten slices on", ("Shift+Down", "Shift+Right"), "Go",
        lambda d: d.room.step_slice(FAR), _pictured),
    Act("far-previous-slice", "Ten slices back", ("Shift+Up", "Shift+Left"), "Go",
        lambda d: d.room.step_slice(-FAR), _pictured),
    Act("first-slice", "First slice (right side)", ("Home",), "Go", lambda d: d.room.go_to_slice(0), _pictured),
    Act("last-slice", "Last slice (left side)", ("End",), "Go",
        lambda d: d.room.go_to_slice(d.room.last_slice()), _pictured),
    Act("bone", "Window: bone", ("F5", "\\"), "View", lambda d: d.room.set_window(BONE)),
    Act("bone-wide", "Window: bone wide", ("F6",), "View", lambda d: d.room.set_window(BONE_WIDE)),
    Act("soft-tissue", "Window: soft tissue", ("F7",), "View", lambda d: d.room.set_window(SOFT_TISSUE)),
    Act("as-sent", "Window: as sent", ("F8",), "View", lambda d: d.shell.window_as_sent(), _open),
    Act("slab", "One slice, mean of 3 mm, of 5 mm", ("S",), "View", lambda d: d.room.next_slab(), _pictured),
    Act("fit", "Reset zoom and pan", ("R", "="), "View", lambda d: d.shell.fit_picture(), _pictured),
    Act("zoom-in", "Zoom in", ("+",), "View", lambda d: d.shell.zoom_picture(1.25), _pictured),
    Act("zoom-out", "Zoom out", ("-",), "View", lambda d: d.shell.zoom_picture(0.8), _pictured),
    Act("hide-marks", "Hide the marks (hold)", ("Space",), "View", lambda d: d.shell.hide_marks(), _pictured),
    Act("worklist", "Worklist", ("F2",), "View", lambda d: d.shell.fold_worklist()),
    Act("full-screen", "Full screen", ("F11",), "View", lambda d: d.shell.full_screen()),
    Act("escape", "Back to the picture", ("Esc",), "View", lambda d: d.shell.escape()),
    Act("model", "Show / fold the model", ("M",), "Model", lambda d: d.room.toggle_opinion(), _open),
    Act("explain", "What the model looks at", ("E",), "Model", lambda d: d.shell.explain(), _any_body),
    Act("read-mode", "Read: your own grade first", (), "Model", _mode(Mode.READ)),
    Act("screen-mode", "Screen: ordered by suspicion", (), "Model", _mode(Mode.SCREEN)),
    Act("retrain", "Train the model again…", ("Ctrl+T",), "Model", lambda d: d.shell.show_retraining()),
    Act("keys", "Keys and grades", ("?", "F1"), "Help", lambda d: d.shell.show_keys()),
)  # fmt: skip
"""Fixed between releases. A test refuses a key that is given twice, and an act without words."""


def _finish(desk: Desk) -> None:
    grading.finish(desk.room)


def acts_by_key(acts: Iterable[Act] = ACTS) -> dict[str, Act]:
    """Returns the act of each key.

    Raises:
        ValueError: two acts want the same key.
    """
    found: dict[str, Act] = {}
    for act in acts:
        for key in act.keys:
            if key in found:
                raise ValueError(f"{key} is the key of {found[key].id} and of {act.id}")
            found[key] = act
    return found


def acts_by_id(acts: Iterable[Act] = ACTS) -> dict[str, Act]:
    """Returns the acts by their id."""
    return {act.id: act for act in acts}


def tip(act: Act) -> str:
    """Returns the words of an act with its keys, for tooltips."""
    return f"{act.words}   {' or '.join(act.keys)}" if act.keys else act.words


_KEEP_CHOOSER = frozenset(
    {"grade-0", "grade-half", "grade-1", "grade-2", "grade-3", "choose-4", "escape", "hide-marks", "keys"}
)


def perform(act: Act, desk: Desk) -> bool:
    """Does an act if its condition holds. Whatever else was open (a question, a chooser) is closed by it."""
    if act.id not in _KEEP_CHOOSER and desk.room.chooser is not None:
        desk.room.chooser = None  # "reason not said" is stored already
        desk.room.tell(Change.BODY)
    if act.id != "finish":
        desk.room.asked = ""
    if not act.can(desk):
        return False
    act.do(desk)
    return True
