"""The sentences on the screen. One place, so that they stay one voice: plain, exact, never an exclamation mark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from vfscreen.anatomy import level_in_words
from vfscreen.cases import Case, CaseState
from vfscreen.errors import KnownError
from vfscreen.findings import Mode, NotAssessable, OtherDeformity, Refusal, Suggestion, Verdict, Vertebra
from vfscreen.genant import Heights, Morphometry, Reference, Shape

NOTICE = "Research use. Not for diagnosis."
STATES: dict[CaseState, str] = {
    CaseState.NEW: "○ New",
    CaseState.BEGUN: "◐ Begun",
    CaseState.DONE: "● Done",
    CaseState.LOOK_AGAIN: "⚑ Look again",
    CaseState.CANNOT_READ: "✕ Cannot read",
}
MODES: dict[Mode, str] = {Mode.READ: "Read", Mode.SCREEN: "Screen"}
MODE_TITLES: dict[Mode, str] = {
    Mode.READ: "READ: your own grade first",
    Mode.SCREEN: "SCREEN: ordered by suspicion",
}
NOT_ASSESSABLE: dict[NotAssessable, str] = {
    NotAssessable.CUT_OFF: "cut off",
    NotAssessable.METAL_OR_CEMENT: "metal or cement",
    NotAssessable.MOTION: "motion",
    NotAssessable.OTHER: "other reason",
    NotAssessable.NOT_SAID: "reason not said",
}
OTHER_DEFORMITIES: dict[OtherDeformity, str] = {
    OtherDeformity.SCHMORL_OR_ENDPLATE: "Schmorl or endplate",
    OtherDeformity.SCHEUERMANN: "Scheuermann",
    OtherDeformity.CONGENITAL: "congenital",
    OtherDeformity.TUMOUR_SUSPECTED: "tumour suspected",
    OtherDeformity.OLD_SURGERY: "old surgery",
    OtherDeformity.NOT_SAID: "cause not said",
}
SHAPES: dict[Shape, str] = {
    Shape.NONE: "none",
    Shape.WEDGE: "wedge",
    Shape.BICONCAVE: "biconcave",
    Shape.CRUSH: "crush",
}
REFERENCES: dict[Reference, str] = {
    Reference.OWN_POSTERIOR: "its posterior height",
    Reference.NEIGHBOURS: "its neighbours",
    Reference.EXPECTED_BY_LEVEL: "what is usual at this level",
}
GENANT = (
    ("0", "under 20 %", "no fracture"),
    ("½", "suspected, under 20 %", "borderline"),
    ("1", "20-25 %", "mild"),
    ("2", "25-40 %", "moderate"),
    ("3", "over 40 %", "severe"),
)
NO_STUDY = "No study is open.\nClick one in the worklist, or press Enter for the next to do."

THICKER_THAN_SLAB = "The slices are too far apart for a mean of so little."
WITH_THE_MODEL = "Shown together with the model."
EMPTY_LIST = "No study yet. Import a CT (menu Study, or Ctrl+I), or drop a folder here."
NOTHING_FITS = "No study fits this choice."
PREPARING = "Preparing the picture…"
READING_FILES = "Reading the files of this study again…"
NO_BODIES = "No vertebra is marked here.  I: add one by a click.  A new study is looked at in the background."
NOTHING_TO_UNDO = "Nothing to undo."
NOTHING_TO_REDO = "Nothing to redo."
GRADE_UNSTORED = "A grade is not stored yet. Press any grade key to store it, then ask for the opinion again."
GRADE_FIRST = "Choose the grade first: a shape belongs to ½, 1, 2 or 3."
NO_WINDOW_SENT = "This file names no window of its own."
IMPORT_BUSY = "An import is under way. Wait for it, or stop it first."
LAST_STUDY = "No other study is left to grade."
NAMES_UNCERTAIN = "These names are not certain.  O: all one up · L: all one down · V: they are right."
NAMES_CERTAIN = "No name was uncertain."
NAMES_VOUCHED = "Names are right, as you say"
OPINION_SHOWN = "The model is shown. Grades from here on are final reads; the first reads stay as they are."
OPINION_FOLDED = "The model is folded away. M shows it again."
ADD_A_BODY = "Click the middle of the vertebra that is missing.  I or Esc: no."
BODY_IS_HERE = "A vertebra is marked here already. Click where there is none."
MOVE_POINTS = "Drag a point to where it belongs; each drag is stored.  H or Esc: done."
POINTS = ("upper edge, front", "upper edge, middle", "upper edge, back",
          "lower edge, front", "lower edge, middle", "lower edge, back")  # fmt: skip
NOTHING_GRADED = "No level of this study can be graded, and the model says nothing of it."
NOT_GRADED = "cut by the edge of the scan, or not a level that is graded"
CUT = "Cut by the edge of the scan."
NOT_CUT = "Not graded.  H: it is whole, place its points."
OTHER_LEVEL = "Not graded: T1 to L6 are.  O, L: change the names."
UNSURE = "Delete: it is no vertebra · H: place its points · or grade it."
SETTINGS = {
    "reader": "Reader",
    "mode": "Mode",
    "reference": "Height loss",
    "reference_file": "Reference file",
    "go_on_by_itself": "Go on by itself",
    "cache_gigabytes": "Slice cache, gigabytes",
    "threads": "Processor cores",
    "held_out_percent": "Held-out patients, percent",
    "test_percent": "Test patients, percent",
    "training_patients": "Patients to train on",
    "training_patients_a_grade": "Patients of each grade",
    "gate_patients": "Patients to compare on",
    "gate_fractured_patients": "Fractured among them",
}
SETTING_STORED = "✓ Stored"
SMALL_WINDOW = "This window is small: 1280 x 720 or more is needed to read."


_MANY = 6


def taken_back(what: str, level: str, sign: str) -> str:
    """Says what stands of a vertebra after an undo or redo: "Undone: T9 = 1", or that nothing does."""
    return f"{what}: {level} is not graded" if sign == "_" else f"{what}: {level} = {sign}"


def clock(time: datetime) -> str:
    """Returns the local time of day, "14:32:07"."""
    return time.astimezone().strftime("%H:%M:%S")


def stored(level: str, sign: str, time: datetime) -> str:
    """Says what was stored and when."""
    return f"✓ Stored {clock(time)}  {level} = {sign}"


def not_stored(error: KnownError) -> str:
    """Says that a reading could not be written, and that it is kept."""
    what, todo = _inside(error.what), _inside(error.todo)
    return f"Not stored: {what}. The grade is kept in memory; {todo}, then press any grade key."


def _inside(sentence: str) -> str:
    """Returns a sentence as a part of another one."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def lost(level: str, sign: str, why: str) -> str:
    """Says which grade was not stored and is not kept either."""
    return f"Not stored: {level} = {sign}. {why}"


def known(error: KnownError, where: str | None = None) -> str:
    """Shows a named failure as its sentences; `where` is what a person calls the place, if there is such a name."""
    return f"{sentence(error.what)} {sentence(where or error.where)} {sentence(error.todo)}"


def sentence(text: str) -> str:
    """Returns a text with a capital and a full stop."""
    text = text.strip()
    return "" if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".?" else ".")


def bulk_lost(count: int, why: str) -> str:
    """Says that none of the remaining levels was graded."""
    return f"Not stored: {counted(count, 'level')} = 0. {why}"


def choice(value: StrEnum) -> str:
    """Names one of the values that a setting can have."""
    if isinstance(value, Mode):
        return MODES[value]
    return f"Against {REFERENCES[value]}" if isinstance(value, Reference) else str(value)


def level(vertebra: Vertebra) -> str:
    """Names a vertebra; a name that is not certain with a question mark."""
    return level_in_words(vertebra.level, vertebra.level_certain)


def edited(what: str, case: Case | None, time: datetime) -> str:
    """Says which change of names or bodies was stored, and what the spine is called now."""
    return f"✓ Stored {clock(time)}  {what}: {spine(case)}   U: undo"


def spine(case: Case | None) -> str:
    """Names the vertebrae of a case from the head down, its ends if there are many."""
    bodies = () if case is None else case.bodies
    names = [level(body.vertebra) for body in bodies]
    if len(names) > _MANY:
        names = [*names[:2], "…", *names[-2:]]
    return " ".join(names) or "none is left"


def heights(measured: Heights) -> str:
    """Returns the three heights in the order of the panel."""
    return f"{measured.anterior:.1f} / {measured.middle:.1f} / {measured.posterior:.1f} mm"


def mean_of(reach: int, step_mm: float) -> str:
    """Returns what stands on a picture that is the mean of slices to either side; nothing for one slice."""
    return f"Mean of {(2 * reach + 1) * step_mm:.1f} mm" if reach else ""


def refused(refusal: Refusal) -> str:
    """Says why the program found nothing, and what to do."""
    return f"{sentence(refusal.reason)} {sentence(refusal.todo)}".strip()


def refused_at(refusal: Refusal) -> str:
    """Says where the program placed nothing, why, and how to place it."""
    return f"{sentence(refusal.where).rstrip('.')}: {refusal.reason}.  I: add it by a click."


def flag(words: str) -> str:
    """Shows a flag of a body."""
    return f"▲ {words}"


def place_point(level: str, placed: int) -> str:
    """Asks for the next of the six points."""
    which = f"{POINTS[placed]} ({placed + 1} of {len(POINTS)})"
    return f"{level}: click the {which}; it lies on the slice shown.  U: one back · Esc: leave it."


def broke(grades: int) -> str:
    """Says that a fault of ours came up, and that the readings are safe."""
    safe = "Your grades are safe." if grades == 0 else f"Your {counted(grades, 'grade')} are safe."
    return f"Something of ours broke. {safe if grades != 1 else 'Your 1 grade is safe.'}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns "1 grade" or "7 grades"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def nothing_to_save(count: int, last: datetime | None) -> str:
    """Answers Ctrl+S."""
    if last is None:
        return "Nothing to save: every grade is stored as you give it."
    return f"Nothing to save: {counted(count, 'grade')} stored in this study, the last at {clock(last)}."


def locked(left: int) -> str:
    """Says how much is left to grade before the program may speak."""
    if left == 0:
        return NOTHING_GRADED
    return f"Locked: {counted(left, 'level')} to go."


def suggestion(found: Suggestion | None) -> str:
    """Says what the model suggests; no percentages while reading."""
    if found is None or found.verdict is Verdict.NOT_ASSESSED:
        return "no suggestion"
    if found.verdict is Verdict.UNCERTAIN:
        return "unsure"
    return f"suggests {int(found.grade)}"


def suggestion_sign(found: Suggestion | None) -> str:
    """Returns the model's sign on the rail."""
    if found is None or found.verdict is Verdict.NOT_ASSESSED:
        return "–"
    return "?" if found.verdict is Verdict.UNCERTAIN else str(int(found.grade))


def loss(measured: Morphometry) -> str:
    """Says the measured loss with its band, and when it lies within reading error."""
    text = f"{measured.loss_percent:.0f} ± {measured.band_percent:.0f} % against {REFERENCES[measured.reference]}"
    return text + (", within reading error" if 20 <= measured.loss_percent < 25 else "")


def leave_anyway(sentence: str) -> str:
    """Asks once before a study is left with empty levels."""
    return f"{sentence} Grade them, X, or Enter again to leave them empty."


def all_graded(sentence: str, revealed: bool) -> str:
    """Says that a study is complete and what the next keys do."""
    return f"{sentence} Enter: next study" + ("." if revealed else " · M: show the model.")


def bulk_question(count: int) -> str:
    """Asks before all remaining levels are graded 0."""
    return f"Grade {counted(count, 'level')} as 0? Enter = yes, Esc = no."


def imported(taken: int, known_already: int, refused: int) -> str:
    """Sums an import up."""
    parts = [f"{counted(taken, 'series', 'series')} taken in"]
    if known_already:
        parts.append(f"{known_already} known already")
    if refused:
        parts.append(f"{refused} refused")
    return ", ".join(parts) + "."


def levels_visible(levels: str) -> str:
    """Names the levels of a study in the header."""
    return f"{levels} visible" if levels else "no level known"


def joined(parts: Sequence[str]) -> str:
    """Joins the parts of a line that are there."""
    return "   ".join(part for part in parts if part)
