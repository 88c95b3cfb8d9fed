"""How soon the worklist and the first CT picture are on the screen, against a bare napari viewer on the same volume.

Needs a screen (xvfb-run -a -s "-screen 0 1920x1080x24" python benchmarks/startup.py). A store of 500 screened studies,
the demo case imported and last looked at, warm bytecode; fresh processes in turn; medians. About three minutes.

Figures: `worklist_ratio` and `picture_ratio` are shares of the time that a `QtViewer` in a `QMainWindow` takes from
the start of its process to its first painted frame; `longest_freeze_s` is the longest time that our event loop stood
still between the worklist's first paint and half a second after the picture's (median of the runs; `worst_freeze_s`
of all of them).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vfscreen.findings import Screening
    from vfscreen.model_shelf import Shelf

STUDIES = 500
RUNS = 7
TICK_MS = 4
AFTERWARDS_MS = 500
ROOT = Path(__file__).resolve().parent.parent


def fill(data: Path) -> tuple[str, Path]:
    """Makes the data folder; returns the demo case's series id and its cached array."""
    from ui.composition import open_house
    from ui.demo_command import import_demo
    from ui.desktop.resume import Place, keep_place
    from ui.desktop.window import PLACE_FILE
    from vfscreen.cases import NewSeries
    from vfscreen.data_folder import DataFolder
    from vfscreen.findings import SeriesFacts

    house = open_house(DataFolder(data))
    with house.store as store:
        demo = import_demo(house)
        screening = _screening(_models(house.shelf))
        store.record_screening(demo, screening)
        for number in range(1, STUDIES):
            facts = SeriesFacts("dicom", f"1.2.{number}", "CT chest", pseudonym=f"{number:032x}", slices=300)
            new = NewSeries(Path(f"/archive/{number}"), (), facts)
            store.record_screening(store.add_series(new)[0], screening)
            if number % 100 == 0:
                print(f"{number} of {STUDIES} studies", file=sys.stderr)
        case = store.case(demo, house.reader)
    body = case.bodies[len(case.bodies) // 2]
    keep_place(data / PLACE_FILE, Place(demo, body.body_id))
    return demo, house.cache.folder / f"{demo}.npy"


def _models(shelf: Shelf) -> dict[str, str]:
    """Returns the models in use, so that the engine has nothing to do; a name if there is none."""
    from vfscreen.errors import NoSuchThing
    from vfscreen.model_files import ModelKind
    from vfscreen.model_shelf import in_use

    try:
        return {str(kind): in_use(shelf, kind).model.card.id for kind in ModelKind}
    except NoSuchThing:
        return {str(kind): "none" for kind in ModelKind}


def _screening(models: dict[str, str]) -> Screening:
    """Twelve bodies down the demo case's spine, as a screening leaves them."""
    import numpy as np

    from vfscreen.anatomy import Level, consecutive
    from vfscreen.findings import Finding, Screening, Suggestion, Vertebra
    from vfscreen.genant import Grade, Reference, SixPoints, axes_of, heights_of, measure

    findings = []
    for place, level in enumerate(consecutive(Level.T1, 12)):
        top = -25.0 - 22.0 * place
        corners = [(2.0, y, top - drop) for drop in (0.0, 18.0) for y in (60.0, 72.0, 84.0)]
        points = SixPoints.from_array(np.array(corners))
        axes, heights = axes_of(points), heights_of(points)
        body = Vertebra(level, True, True, axes.origin, 0.9, points, axes, heights, 1.0)
        measured = measure(level, heights, 1.0, Reference.EXPECTED_BY_LEVEL)
        said = Suggestion(
            models["grader"], (0.9, 0.06, 0.03, 0.01), (Grade.NORMAL,), np.zeros(128, np.float32)
        )
        findings.append(Finding(body, measured, said))
    return Screening("demo", None, tuple(findings), models=models)


def run_ours(data: Path, began: float) -> None:
    """Opens our window as the command does, tells when worklist and picture were painted, and ends."""
    import ui.console  # noqa: F401 - the command's own, so that it is paid for here too
    from ui.window_command import rest_collector

    rest_collector()
    from PySide6.QtCore import QTimer

    from ui.app import make_application, make_window
    from ui.composition import open_house
    from vfscreen.data_folder import DataFolder

    application = make_application()
    window = make_window(open_house(DataFolder(data)))
    window.start(None)
    told: dict[str, float] = {"freeze": 0.0}
    last = [0.0]

    def tick() -> None:
        now = time.monotonic()
        told["freeze"] = max(told["freeze"], now - last[0])
        last[0] = now

    def shown() -> None:
        told["worklist"] = time.monotonic() - began
        last[0] = time.monotonic()
        heart.start(TICK_MS)

    def painted() -> None:
        if "picture" not in told:
            told["picture"] = time.monotonic() - began
            QTimer.singleShot(AFTERWARDS_MS, end)

    def end() -> None:
        told["torch"] = float("torch" in sys.modules)
        print(json.dumps(told), flush=True)
        os._exit(0)

    heart = QTimer()
    heart.timeout.connect(tick)
    window.shown.connect(shown)
    window.picture.painted.connect(painted)
    window.show()
    application.exec()


def run_bare(array: Path, began: float) -> None:
    """Opens a bare napari viewer on the same array, tells when its first frame was painted, and ends."""
    import numpy as np
    from napari.components import ViewerModel
    from napari.qt import QtViewer
    from PySide6.QtWidgets import QApplication, QMainWindow

    application = QApplication([])
    window = QMainWindow()
    window.resize(1600, 1000)
    viewer = ViewerModel()
    widget = QtViewer(viewer, show_welcome_screen=False)
    window.setCentralWidget(widget)

    def painted() -> None:
        print(json.dumps({"picture": time.monotonic() - began}), flush=True)
        os._exit(0)

    widget.canvas.native.frameSwapped.connect(painted)
    viewer.add_image(
        np.load(array, mmap_mode="r"), projection_mode="none", contrast_limits=(-600, 1400), colormap="gray"
    )
    window.show()
    application.exec()


def measured(what: str, where: Path) -> dict[str, float]:
    """Runs one fresh process and returns what it told."""
    command = [sys.executable, __file__, what, str(where), repr(time.monotonic())]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{what} {told}", file=sys.stderr)
    return told


def main() -> int:
    """Measures in turn and prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        _, array = fill(data)
        for what, where in (("ours", data), ("bare", array)):
            measured(what, where)  # warms bytecode and files; not counted
        runs = [(measured("ours", data), measured("bare", array)) for _ in range(RUNS)]
    ours, bare = [run[0] for run in runs], median(run[1]["picture"] for run in runs)
    worklist, picture = (median(run[name] for run in ours) for name in ("worklist", "picture"))
    figures = {
        "worklist_ratio": round(worklist / bare, 3),
        "picture_ratio": round(picture / bare, 3),
        "longest_freeze_s": round(median(run["freeze"] for run in ours), 3),
        "worst_freeze_s": round(max(run["freeze"] for run in ours), 3),
        "worklist_s": round(worklist, 3),
        "picture_s": round(picture, 3),
        "bare_s": round(bare, 3),
        "studies": STUDIES,
        "runs": RUNS,
        "torch_loaded": any(run["torch"] for run in ours),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"ours": run_ours, "bare": run_bare}[sys.argv[1]](Path(sys.argv[2]), float(sys.argv[3]))
    raise SystemExit(main())
