"""Which vertebra a structure's name or code means."""

from __future__ import annotations

import re

from vfscreen.anatomy import SNOMED, Level, level_of

_SHORT = re.compile(r"(?<![A-Z0-9])(C|T|TH|D|L)0?(\d{1,2})(?![A-Z0-9])")
_LONG = re.compile(r"(CERVICAL|THORACIC|LUMBAR)[^0-9]{0,14}?(\d{1,2})(?![0-9])")
_SACRAL = re.compile(r"(?<![A-Z0-9])(SACRUM|S1)(?![A-Z0-9])")
_OTHER_THINGS = re.compile(r"DIS[CK]|RIB|NERVE|ROOT|CORD|CANAL|ENDPLATE|MUSCLE|GANGLION")
_LETTERS = {"CERVICAL": "C", "THORACIC": "T", "LUMBAR": "L", "TH": "T", "D": "T"}
_SCHEMES = ("SCT", "SRT", "SNM3", "99SDM")
"""Scheme designators under which SNOMED's codes are written."""


def level_named(text: str) -> Level | None:
    """Reads a name such as "vertebrae_T12", "T12 vertebra", "Th12" or "lumbar vertebra 1"; None for anything else.

    A name of several levels ("L1/L2") and one of a disc, a rib or a nerve is no vertebra.
    """
    upper = text.upper()
    if _OTHER_THINGS.search(upper):
        return None
    found = {_level(letters, number) for letters, number in (*_SHORT.findall(upper), *_LONG.findall(upper))}
    if _SACRAL.search(upper):
        found.add(Level.SACRUM)
    return found.pop() if len(found) == 1 else None


def level_coded(code: str, scheme: str) -> Level | None:
    """Reads a code of SNOMED CT; None for any other code."""
    return SNOMED.get(code) if scheme in _SCHEMES else None


def _level(letters: str, number: str) -> Level | None:
    try:
        return level_of(f"{_LETTERS.get(letters, letters)}{int(number)}")
    except ValueError:
        return None
