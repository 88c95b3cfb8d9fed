"""Makes `tests/data/store_schema_N.sqlite.gz`, a store as this release writes it. Run once, when a schema is released.

python -m tests.db.make_stored_file
"""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

from db.schema import SCHEMA_NUMBER
from db.store import open_store
from tests.db.made_cases import Ticking, add, move, say, screened_case, take_away, vertebra
from vfscreen.anatomy import Level
from vfscreen.cases import ModelRow, TrainingRun
from vfscreen.findings import Mode, NotAssessable
from vfscreen.genant import ReadGrade
from vfscreen.reading import Answer

TARGET = Path(__file__).parent.parent / "data" / f"store_schema_{SCHEMA_NUMBER}.sqlite.gz"


def main() -> None:
    """Fills every table."""
    clock = Ticking()
    with TemporaryDirectory() as folder, open_store(Path(folder), clock=clock) as store:
        series_id = screened_case(store)
        case = store.case(series_id, "K")
        say(store, case, 0, ReadGrade.BORDERLINE)
        say(store, case, 1, Answer(not_assessable=NotAssessable.METAL_OR_CEMENT))
        say(store, store.case(series_id, "M"), 0, ReadGrade.MODERATE, reader="M")
        move(store, case.bodies[2].body_id, vertebra(Level.L1, -61.0), "K")
        store.undo("K")
        take_away(store, add(store, series_id, vertebra(Level.L2, -90.0), "K"), "K")
        store.show_order([series_id], "K")
        store.reveal(series_id, "K", Mode.SCREEN)
        say(store, store.case(series_id, "K"), 0, ReadGrade.MILD)
        store.add_model(ModelRow("grader-1", "grader", "abc", card={"metrics": {}}))
        store.record_training(TrainingRun(clock(), clock(), "grader-1", "grader-2", "refused", "no better"))
        copy = store.backup(Path(folder) / "copy.sqlite")
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_bytes(gzip.compress(copy.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
