"""What a suggestion can be checked by, as the page shows it: what is asked, and the words. No Qt, no thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ui import words
from ui.desktop.crop import BodyCrop, crop_of
from ui.desktop.room import ReadingRoom
from ui.desktop.worklist import short_name
from vfscreen.cases import Case
from vfscreen.explanations import Explanation, Unbroken, peak_of
from vfscreen.findings import Finding, Suggestion, Vertebra
from vfscreen.genant import ReadGrade
from vfscreen.neighbours import GradedEmbeddings, Neighbour, nearest_graded
from vfscreen.ports import CaseStore
from vfscreen.reading import may_show_opinion
from vfscreen.slice_cache import SliceCache

NOTHING_OPEN = "Go to a vertebra first."
NOT_SHOWN_YET = (
    "The model has not been shown on this study. It may be asked once every level has your own grade."
)
ASK_FIRST = "The model is not on the screen. Press M on the picture to show what it suggests, then ask again."
NOTHING_SUGGESTED = "The model has said nothing of this vertebra as it is now."
NO_NEIGHBOURS = (
    "None can be shown yet: they come from studies that you have graded and whose model you have opened."
)
NOT_IN_CACHE = "no picture here now: open that study to make it again"
CAVEAT = "This shows what the model reacts to. It does not show that the model is right."

NOTICEABLE = 0.25
"""Log-odds: what changes an answer by less is not worth a word."""

MUCH_MORE = 2.0


@dataclass(frozen=True, slots=True)
class Question:
    """One body of a case whose suggestion is to be explained; `place` is its place among the bodies."""

    case: Case
    bodies: tuple[Vertebra, ...]
    place: int
    body_id: str
    finding: Finding
    suggestion: Suggestion

    @property
    def level(self) -> str:
        """The name of the level."""
        return words.level(self.bodies[self.place])

    @property
    def key(self) -> tuple[object, ...]:
        """What the answer depends on: two questions with one key have one answer."""
        versions = tuple((one.body_id, one.geometry_version) for one in self.case.bodies)
        return self.case.series_id, self.body_id, versions, self.suggestion.model


def question_of(room: ReadingRoom) -> Question | str:
    """Returns what may be asked about the vertebra here, or the reason why nothing of the model may be shown."""
    case, body = room.case, room.body()
    if case is None or body is None:
        return NOTHING_OPEN
    if not room.opinion_shown():
        if may_show_opinion(case, room.mode):
            return ASK_FIRST
        return f"{NOT_SHOWN_YET} {words.locked(room.levels_to_go())}"
    finding = room.findings.get(body.body_id)
    if finding is None or finding.suggestion is None:
        return NOTHING_SUGGESTED
    bodies = tuple(one.vertebra for one in case.bodies)
    place = [one.body_id for one in case.bodies].index(body.body_id)
    return Question(case, bodies, place, body.body_id, finding, finding.suggestion)


@dataclass(frozen=True, slots=True)
class AlikeBody:
    """A graded vertebra that the model finds alike: its words, and its picture or the reason for none."""

    title: str
    study: str
    likeness: str
    crop: BodyCrop | None
    why_not: str = ""

    def lines(self) -> tuple[str, ...]:
        """What is written under it."""
        return tuple(text for text in (self.title, self.study, self.likeness, self.why_not) if text)


def alike_bodies(
    graded: GradedEmbeddings, store: CaseStore, cache: SliceCache, question: Question, *, same_patient: bool
) -> tuple[AlikeBody, ...]:
    """Finds the graded vertebrae most alike, with their pictures from the slice cache. Takes a moment."""
    found = nearest_graded(
        graded,
        question.suggestion,
        body_id=question.body_id,
        pseudonym=question.case.facts.pseudonym,
        same_patient=same_patient,
    )
    versions = store.vertebrae([(one.body.body_id, one.body.geometry_version) for one in found])
    return tuple(_alike(cache, one, vertebra) for one, vertebra in zip(found, versions, strict=True))


def _alike(cache: SliceCache, neighbour: Neighbour, vertebra: Vertebra) -> AlikeBody:
    body = neighbour.body
    cached = cache.open(body.series_id)
    return AlikeBody(
        title=f"{body.level}   {graded_words(body.grades)}",
        study=f"Study {short_name(body.pseudonym)}",
        likeness=f"likeness {neighbour.similarity:.2f}",
        crop=None if cached is None else crop_of(cached.volume(), vertebra),
        why_not=NOT_IN_CACHE if cached is None else "",
    )


def graded_words(grades: Sequence[ReadGrade]) -> str:
    """Says how a body was graded: "graded 2", or "graded 1 and 2 (3 readers)"."""
    signs = list(dict.fromkeys(grade.sign for grade in grades))
    said = signs[0] if len(signs) == 1 else f"{', '.join(signs[:-1])} and {signs[-1]}"
    return f"graded {said}" + (f" ({len(grades)} readers)" if len(grades) > 1 else "")


def sentences_of(question: Question, explanation: Explanation) -> tuple[str, ...]:
    """Says what the pictures show, and promises nothing."""
    said = [f"{question.level}: the model {_says(question.suggestion)}."]
    unbroken = explanation.unbroken
    if unbroken is None:
        said.append(explanation.why_not_unbroken)
    else:
        said += _unbroken_words(question, unbroken)
    return (*said, _peak_words(explanation), CAVEAT)


def restored_words(unbroken: Unbroken) -> str:
    """Names the heights that were given back, under their picture."""
    anterior, middle, posterior = (max(height, 0.0) for height in unbroken.restored_mm)
    return f"{anterior:.1f} / {middle:.1f} / {posterior:.1f} mm given back"


def _says(suggestion: Suggestion) -> str:
    said = words.suggestion(suggestion)
    return f"is {said}" if said == "unsure" else "says nothing" if said == "no suggestion" else said


def _unbroken_words(question: Question, unbroken: Unbroken) -> list[str]:
    said = []
    measured = question.finding.morphometry
    if measured is not None and measured.loss_percent <= measured.band_percent:
        said.append("The height that is missing lies within the measuring error.")
    if max(unbroken.restored_mm) < 0.95 * max(unbroken.missing_mm):
        said.append("Not all of the height could be given back without folding the picture.")
    said.append(f"Shown the picture with the height given back, it {_says(unbroken.suggestion)}.")
    if abs(unbroken.by_both) < NOTICEABLE:
        said.append("That hardly changes its answer, which hangs on something else.")
    elif unbroken.by_points > MUCH_MORE * max(unbroken.by_picture, 0.0):
        said.append(
            "Its answer hangs on the six points more than on the picture: see whether they lie on the endplates."
        )
    elif unbroken.by_picture > MUCH_MORE * max(unbroken.by_points, 0.0):
        said.append("Its answer hangs on the picture more than on the six points.")
    else:
        said.append("Its answer hangs on the picture and on the six points alike.")
    return said


def _peak_words(explanation: Explanation) -> str:
    peak = peak_of(explanation)
    if abs(peak.change) < NOTICEABLE:
        return "No single place of the picture changes its answer much."
    way = "less" if peak.change > 0 else "more"
    return f"With one place blotted out ({peak.along}, {peak.across}) it would suspect {way}; others matter less."
