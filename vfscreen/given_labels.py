"""The grades of a published data set as readings: of its makers, by name, on the bodies that its masks show.

They are first readings of that reader, given before this program showed anything, and never those of the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from vfscreen.anatomy import ASSESSED, Level
from vfscreen.cases import GeometrySource
from vfscreen.errors import RefusedInput
from vfscreen.findings import Finding, Mode, Phase, Reading, Refusal, Screening, Vertebra
from vfscreen.genant import ReadGrade, axes_of, heights_of
from vfscreen.intake import LoadedSeries
from vfscreen.layouts import LabelledScan
from vfscreen.layouts.verse_centroids import read_centroids
from vfscreen.masks.bodies import bodies_of_mask
from vfscreen.masks.numbering import MaskKind
from vfscreen.masks.reading import read_mask
from vfscreen.masks.six_points import points_of_mask
from vfscreen.ports import CaseStore


def keep_labels(
    store: CaseStore, series_id: str, scan: LabelledScan, loaded: LoadedSeries, reader: str, now: datetime
) -> tuple[str, list[Refusal]]:
    """Keeps a scan's bodies and grades; returns what was kept, in words, and the grades that found no body.

    What this reader has said before of the series is not said again.
    """
    graded = {level: grade for level, grade in scan.grades.items() if level in ASSESSED}
    case = store.case(series_id, reader)
    if not graded or case.readings:
        return ("its grades are known" if graded else "not graded"), []
    try:
        bodies, name = _bodies(scan, loaded)
    except RefusedInput as error:
        return "graded, but without bodies", [Refusal(error.where, error.what, error.todo)]
    findings = tuple(Finding(one) for one in bodies)
    made = Screening(str(loaded.source), loaded.facts, findings, models={"localiser": name})
    kept = store.record_screening(series_id, made, GeometrySource.MASK)
    shown = {body.body_id for body in store.case(series_id, reader).bodies}  # not those a reader took away
    places = {  # by the data set's own name of a body: a reader may have given it another
        body.level: (body_id, version)
        for body, (body_id, version) in zip(bodies, kept, strict=True)
        if body_id in shown
    }
    readings = [
        _reading(*places[level], ReadGrade(float(grade)), reader, now)
        for level, grade in graded.items()
        if level in places
    ]
    if readings:
        store.store_readings(readings)
    return f"{len(readings)} grades by {reader}", list(_missing(scan, graded.keys() - places.keys()))


def _bodies(scan: LabelledScan, loaded: LoadedSeries) -> tuple[Sequence[Vertebra], str]:
    """Returns the bodies of the mask, or without one those of the centroids, which have no points; and their source."""
    if scan.mask is not None:
        mask = read_mask(scan.mask, MaskKind.VERSE, loaded)
        found = bodies_of_mask(mask.labels, tuple(int(level) for level in ASSESSED))
        vertebrae = []
        for one in found:
            points = points_of_mask(mask.labels, one.label, one.centre_lps_mm) if one.whole else None
            if points is None:
                vertebrae.append(Vertebra(Level(one.label), True, one.whole, one.centre_lps_mm, 1.0))
                continue
            axes, heights = axes_of(points), heights_of(points)
            vertebrae.append(Vertebra(Level(one.label), True, True, axes.origin, 1.0, points, axes, heights))
        return vertebrae, mask.name()
    if scan.centroids is None:
        return [], ""
    centres = read_centroids(scan.centroids, loaded.volume)
    inside = {level: centre for level, centre in centres.items() if loaded.volume.contains(centre)}
    return [Vertebra(level, True, True, centre, 1.0) for level, centre in inside.items()], "centroids"


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


def _missing(scan: LabelledScan, levels: set[Level]) -> Iterator[Refusal]:
    where = str(scan.mask or scan.centroids or scan.ct)
    for level in sorted(levels, key=lambda level: level.rank):
        yield Refusal(where, f"{level} is graded, but is not there", "check the label of this grade")
