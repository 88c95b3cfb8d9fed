"""Which of a model's predictions of a body stands: the last of its points as they are now, else the last."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, String, case, cast, exists, func, select
from sqlalchemy.orm import aliased

from db.schema import BodyRow, GeometryRow, PredictionRow


def is_of_present_points() -> ColumnElement[bool]:
    """The condition that a row of `prediction` was made on points that its body, a row of `body`, shows."""
    made_on, shown = aliased(GeometryRow), aliased(GeometryRow)
    same = exists().where(
        made_on.body_id == PredictionRow.body_id,
        made_on.version == PredictionRow.geometry_version,
        shown.body_id == BodyRow.id,
        shown.version == BodyRow.present_version,
        cast(made_on.points_lps_mm, String).is_not_distinct_from(cast(shown.points_lps_mm, String)),
    )
    return (PredictionRow.geometry_version == BodyRow.present_version) | same


def standing() -> Select[tuple[int]]:
    """Selects the prediction that stands of each body and model."""
    of_present = func.max(case((is_of_present_points(), PredictionRow.id)))
    return (
        select(func.coalesce(of_present, func.max(PredictionRow.id)))
        .join(BodyRow, BodyRow.id == PredictionRow.body_id)
        .group_by(PredictionRow.body_id, PredictionRow.model)
    )
