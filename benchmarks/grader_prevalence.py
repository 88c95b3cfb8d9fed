"""Decisions for other prevalences and cuts than the shipped one's, fitted on the other patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from grader_figures import Float, Row
from numpy.typing import NDArray

from models.grader.decision import Evidence, fit_decision, natural_weights
from models.grader.examples import Example, shares_of_loss


@dataclass(frozen=True, slots=True)
class Told:
    """What a patient's simulated bodies are and are said to be.

    Shapes: grades (n,), true by these cuts; balanced_grades (n,), of a decision fitted where the grades of the even set
    are equally frequent; probabilities (n, 4), of one fitted at natural prevalence.
    """

    grades: NDArray[np.intp]
    balanced_grades: NDArray[np.intp]
    probabilities: Float


def told(
    evidence: Mapping[str, Evidence],
    examples: Mapping[str, Sequence[Example]],
    who: str,
    cuts_scale: float,
) -> Told:
    """Judges a patient's simulated bodies by Genant's cuts times a factor, with decisions fitted on the others'."""
    others = [other for other in evidence if other != who]
    seen = [one for other in others for one in examples[other]]
    shares = _shares(seen, cuts_scale)
    control = np.array([one.control for one in seen])
    known = Evidence.joined([evidence[other] for other in others])
    balanced = fit_decision(known, shares, balanced_weights(shares.argmax(1), control))
    natural = fit_decision(known, shares, natural_weights(shares, control))
    return Told(
        _shares(examples[who], cuts_scale).argmax(1),
        balanced.probabilities(evidence[who]).argmax(1),
        natural.probabilities(evidence[who]),
    )


def tell_by_both_cuts(
    rows: Sequence[Row],
    evidence: Mapping[str, Evidence],
    examples: Mapping[str, Sequence[Example]],
    who: str,
    reader_scale: float,
) -> None:
    """Adds to a patient's rows what they are and are said to be, by Genant's own cuts and by the readers'."""
    for name, scale in (("genant", 1.0), ("as_read", reader_scale)):
        those = told(evidence, examples, who, scale)
        for place, row in enumerate(rows):
            row[name] = {
                "grade": int(those.grades[place]),
                "balanced_grade": int(those.balanced_grades[place]),
                "probabilities": [round(float(value), 4) for value in those.probabilities[place]],
            }


def balanced_weights(grades: NDArray[np.intp], control: NDArray[np.bool_]) -> Float:
    """Weighs bodies so that every grade of those that are no control counts the same; controls count nothing."""
    counts = np.maximum(np.bincount(grades[~control], minlength=4), 1)
    return np.asarray(~control / counts[grades])


def _shares(examples: Sequence[Example], cuts_scale: float) -> Float:
    return np.array([shares_of_loss(float(one.losses_percent.max()) / cuts_scale) for one in examples])
