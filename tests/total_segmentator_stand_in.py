"""A small program in TotalSegmentator's place: it says what it heard, then copies a mask, breaks or hangs."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from tests.made_spine import save_structures
from vfscreen.masks.total_segmentator import PROGRAM
from vfscreen.volume import Volume

_PROGRAM = """#!{python}
import json, os, shutil, subprocess, sys, tempfile, time
from pathlib import Path
said = dict(zip(sys.argv[1::2], sys.argv[2::2]))
settings = json.loads((Path(os.environ["TOTALSEG_HOME_DIR"]) / "config.json").read_text())
heard = {{"arguments": sys.argv[1:], "settings": settings, "environment": dict(os.environ), "pid": os.getpid(),
          "temporary": tempfile.mkdtemp()}}
part = Path({heard!r} + ".part")
part.write_text(json.dumps(heard))
part.replace({heard!r})
assert Path(said["-i"]).stat().st_size > 0
{work}
"""
COPY = "shutil.copytree({made!r}, said['-o'])"
BREAK = "print('loading the model'); print('CUDA out of memory'); sys.exit(7)"
HANG = "time.sleep(600)"


class StandIn:
    """A folder with the stand-in, its weights, and what it heard; `environment` lets it be found."""

    def __init__(self, folder: Path, mask: Volume) -> None:
        self.heard = folder / "heard.json"
        self.made = save_structures(mask, folder / "made")
        self._programs = folder / "programs"
        self._programs.mkdir()
        weights = folder / "weights"
        weights.mkdir()
        (weights / "Dataset291").touch()
        self.environment = {"PATH": str(self._programs), "TOTALSEG_WEIGHTS_PATH": str(weights)}

    def install(self, work: str) -> Path:
        """Puts the stand-in where the path finds it."""
        program = self._programs / PROGRAM
        text = _PROGRAM.format(
            python=sys.executable, heard=str(self.heard), work=work.format(made=str(self.made))
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program
