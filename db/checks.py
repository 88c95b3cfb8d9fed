"""What is wrong with a store: its file, its foreign keys, its audit. For `doctor` and for every backup."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.audit import broken_links, changed_readings
from db.schema import EventRow

_MANY = 2000
"""Lines of the audit read at a time; a department's audit need not fit into memory at once."""


def check(session: Session) -> list[str]:
    """Returns a sentence for each fault; empty if there is none."""
    connection = session.connection()
    answers = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    wrong = [f"The file is damaged: {answer}." for answer in answers if answer != "ok"]
    if wrong:
        return wrong
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        wrong.append(f"Row {row} of {table} points to nothing in {parent}.")
    wrong += broken_links(
        session.scalars(select(EventRow).order_by(EventRow.id).execution_options(yield_per=_MANY))
    )
    return wrong + changed_readings(session)
