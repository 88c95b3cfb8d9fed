"""The first command that a newcomer types."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    """The bootstrap script as a module; it is no package."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "installer/bootstrap.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_imports_nothing_but_the_standard_library() -> None:
    source = (ROOT / "installer/bootstrap.py").read_text(encoding="utf-8")
    imported = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    assert set(imported) <= set(sys.stdlib_module_names)


def test_an_old_python_is_refused_with_a_sentence(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 10, 4))
    with pytest.raises(bootstrap.BootstrapError, match=r"Python 3\.11 or newer is needed, this is 3\.10\.4"):
        bootstrap.make_venv()


def test_a_disk_without_room_is_told_before_the_first_installation(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "ROOM_GB", 1e6)
    with pytest.raises(bootstrap.BootstrapError, match="Make room there"):
        bootstrap.see_to_room()
    (tmp_path / "stamp").touch()
    bootstrap.see_to_room()


def test_without_a_display_the_demo_goes_headless_and_says_so(
    bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.demo_arguments([], displayless=True) == ["--headless", "--out", "out"]
    assert "no display" in capsys.readouterr().out
    assert bootstrap.demo_arguments(["--headless", "--out", "x"], displayless=True) == [
        "--headless",
        "--out",
        "x",
    ]
    assert bootstrap.demo_arguments([], displayless=False) == []


def test_the_stamp_changes_with_any_lock(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("base.txt", "torch-cpu.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    monkeypatch.setattr(bootstrap, "LOCKS", tmp_path)
    before = bootstrap.wanted_stamp("auto")
    assert before == bootstrap.wanted_stamp("auto")
    assert before != bootstrap.wanted_stamp("skip")
    (tmp_path / "base.txt").write_text("other", encoding="utf-8")
    assert before != bootstrap.wanted_stamp("auto")


def test_no_lock_names_a_host() -> None:
    for lock in (ROOT / "locks").glob("*.txt"):
        assert not re.search(r"https?://|file://|index-url|find-links", lock.read_text(encoding="utf-8")), (
            lock.name
        )


def test_every_requirement_is_hashed_and_none_is_the_broken_qt() -> None:
    for lock in (ROOT / "locks").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        for block in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in block, f"{lock.name}: {block[:60]}"
        assert "pyside6-essentials==6.12.0" not in text.lower()
        assert "pylibjpeg-libjpeg" not in text.lower()  # GPL
