"""Which key the patients of a store were named with: its print stands in the audit, the key itself never comes here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.audit import PROGRAM, record
from db.schema import EventRow, PatientRow

KEY_BOUND = "pseudonyms bound to a key"


def has_patients(session: Session) -> bool:
    """Says whether the store knows any patient."""
    return session.scalar(select(PatientRow.id).limit(1)) is not None


def bind_key(session: Session, key_print: str, now: datetime) -> str:
    """Returns the print of the key that the patients were named with; without patients or a print, it becomes this."""
    bound = session.scalar(
        select(EventRow.about).where(EventRow.what == KEY_BOUND).order_by(EventRow.id.desc()).limit(1)
    )
    if bound is None or (bound != key_print and not has_patients(session)):
        record(session, now, PROGRAM, KEY_BOUND, key_print, {})
        return key_print
    return bound
