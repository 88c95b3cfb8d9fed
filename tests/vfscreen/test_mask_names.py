"""Names and codes of structures mean one vertebra, or none."""

from __future__ import annotations

import pytest

from vfscreen.anatomy import SNOMED, USUAL, Level
from vfscreen.masks.names import level_coded, level_named


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("vertebrae_T12", Level.T12),
        ("T12 vertebra", Level.T12),
        ("Vertebra L1", Level.L1),
        ("Th5", Level.T5),
        ("TH05", Level.T5),
        ("D7", Level.T7),
        ("l4", Level.L4),
        ("lumbar vertebra 3", Level.L3),
        ("Thoracic vertebra 10", Level.T10),
        ("L1 vertebral body", Level.L1),
        ("T13", Level.T13),
        ("vertebrae_L6", Level.L6),
        ("sacrum", Level.SACRUM),
        ("vertebrae_S1", Level.SACRUM),
        ("C7 vertebra", Level.C7),
    ],
)
def test_a_vertebra_is_known_by_its_name(text: str, level: Level) -> None:
    assert level_named(text) is level


@pytest.mark.parametrize(
    "text",
    [
        "L1/L2", "disc L4", "rib_left_1", "liver", "vertebra", "T14", "L9", "spinal cord T1", "vertebrae_body",
        "T1 nerve root", "kidney_left", "VL12", "", "superior endplate L1",
    ],
)  # fmt: skip
def test_other_things_are_no_vertebra(text: str) -> None:
    assert level_named(text) is None


def test_every_usual_level_has_one_code_of_snomed() -> None:
    assert level_coded("23215003", "SCT") is Level.T12
    assert level_coded("23215003", "99LOCAL") is None
    assert level_coded("51282000", "SCT") is None
    coded = list(SNOMED.values())
    assert all(coded.count(level) == 1 for level in USUAL)
