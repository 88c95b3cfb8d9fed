"""A process that stores readings as fast as it can and says each one's number once the verb returned.

Arguments: the data folder, the series, the reader, how many (0: until it is killed).
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

from db.store import open_store
from vfscreen.findings import Mode
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer, new_reading


def main(folder: str, series_id: str, reader: str, count: str) -> None:
    """Grades the case's bodies in turn."""
    grades = list(ReadGrade)
    with open_store(Path(folder)) as store:
        case = store.case(series_id, reader)
        for number in range(int(count)) if int(count) else itertools.count():
            body = case.bodies[number % len(case.bodies)]
            answer = Answer(grades[number % len(grades)])
            kept = store.store_reading(new_reading(case, body, reader, Mode.READ, answer, datetime.now(UTC)))
            print(kept.reading_id, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
