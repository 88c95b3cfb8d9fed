"""The grades of a published data set as readings: of its makers, by name, on the bodies that its masks show.

They are first readings of that reader, given before this program showed anything, and never those of the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from vfscreen.anatomy import ASSESSED, Level
from vfscreen.cases import GeometrySource
from vfscreen.errors import RefusedInput
from vfscreen.findings import Finding, Mode, Phase, Reading, Refusal, Screening, Vertebra
from vfscreen.genant import ReadGrade
from vfscreen.intake import LoadedSeries
from vfscreen.layouts import LabelledScan
from vfscreen.layouts.verse_centroids import read_centroids
from vfscreen.masks.mask_localiser import MaskLocaliser
from vfscreen.masks.numbering import MaskKind
from vfscreen.masks.reading import read_mask
from vfscreen.ports import CaseStore, Located
from vfscreen.screening import bodies_as_told

KNOWN = "its grades are known"


def keep_labels(
    store: CaseStore, series_id: str, scan: LabelledScan, loaded: LoadedSeries, reader: str, now: datetime
) -> tuple[str, list[Refusal]]:
    """Keeps a scan's bodies and grades; returns what was kept, in words, and the grades that found no body.

    What this reader has said before of a body is not said again.
    """
    graded = {level: grade for level, grade in scan.grades.items() if level in ASSESSED}
    if not graded:
        return "not graded", []
    if len(store.case(series_id, reader).readings) >= len(graded):
        return KNOWN, []
    try:
        located, name = _located(scan, loaded)
    except RefusedInput as error:
        return "graded, but without bodies", [Refusal(error.where, error.what, error.todo)]
    bodies = bodies_as_told(located, loaded.facts)
    findings = tuple(Finding(one) for one in bodies)
    made = Screening(
        str(loaded.source), loaded.facts, findings, located.refusals, located.warnings, {"localiser": name}
    )
    kept = store.record_screening(series_id, made, GeometrySource.MASK)
    case = store.case(series_id, reader)
    shown = {body.body_id for body in case.bodies}  # not those a reader took away
    places = {  # by the data set's own name of a body: a reader may have given it another
        body.level: (body_id, version)
        for body, (body_id, version) in zip(bodies, kept, strict=True)
        if body_id in shown
    }
    readings = [
        _reading(*places[level], ReadGrade(float(grade)), reader, now)
        for level, grade in graded.items()
        if level in places and places[level][0] not in case.readings
    ]
    if readings:
        store.store_readings(readings)
    words = KNOWN if case.readings and not readings else f"{len(readings)} grades by {reader}"
    return words, list(_missing(scan, located, graded.keys() - places.keys()))


def _located(scan: LabelledScan, loaded: LoadedSeries) -> tuple[Located, str]:
    """Measures the bodies of the mask, as `--mask` does; without one, the centroids are bodies without points."""
    if scan.mask is not None:
        mask = read_mask(scan.mask, MaskKind.VERSE, loaded)
        return MaskLocaliser(mask.name(), mask).locate(loaded.volume), mask.name()
    if scan.centroids is None:
        return Located(()), ""
    centres = read_centroids(scan.centroids, loaded.volume)
    inside = {level: centre for level, centre in centres.items() if loaded.volume.contains(centre)}
    placed = (Vertebra(level, True, True, centre, 1.0) for level, centre in inside.items())
    return Located(tuple(placed)), "centroids"


def _reading(body_id: str, version: int, grade: ReadGrade, reader: str, now: datetime) -> Reading:
    return Reading(
        reader=reader,
        body_id=body_id,
        geometry_version=version,
        grade=grade,
        phase=Phase.FIRST,
        mode=Mode.READ,
        order_known=False,
        time=now,
        note="grade published with the data set",
    )


def _missing(scan: LabelledScan, located: Located, levels: set[Level]) -> Iterator[Refusal]:
    where = str(scan.mask or scan.centroids or scan.ct)
    reasons = {refusal.where: refusal.reason for refusal in located.refusals}
    for level in sorted(levels, key=lambda level: level.rank):
        if str(level) in reasons:
            yield Refusal(where, f"{level} is graded, but {reasons[str(level)]}")
        else:
            yield Refusal(where, f"{level} is graded, but is not there", "check the label of this grade")
