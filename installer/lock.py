"""Makes the files in `locks/` again from `pyproject.toml`; needs `uv`. Run: `python installer/lock.py [--upgrade]`.

What is pinned stays as it is unless `--upgrade` asks for newer versions: a new dependency changes nothing else.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH_FAMILY = re.compile(r"^(torch|triton|nvidia-|cuda-)[A-Za-z0-9._-]*==")


def compile_requirements(uv: str, *, upgrade: bool) -> str:
    """Returns every pinned requirement with its hashes, for all platforms, without hosts."""
    command = [uv, "pip", "compile", "pyproject.toml", "--extra", "test", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--constraint", "locks/constraints.in"]
    if not upgrade:
        command += ["--constraint", "locks/base.txt", "--constraint", "locks/torch-registry.txt"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def blocks(requirements: str) -> list[str]:
    """Splits the text into one block a requirement (its hashes are the indented lines after it)."""
    return [block for block in re.split(r"\n(?=\S)", requirements.strip()) if block.strip()]


def main() -> None:
    """Writes `base.txt` and `torch-registry.txt`; `torch-cpu.txt` and `demo.txt` are kept by hand."""
    every = blocks(compile_requirements("uv", upgrade="--upgrade" in sys.argv[1:]))
    torch = [block for block in every if TORCH_FAMILY.match(block)]
    rest = [block for block in every if not TORCH_FAMILY.match(block)]
    (ROOT / "locks/base.txt").write_text("\n".join(rest) + "\n", encoding="utf-8")
    (ROOT / "locks/torch-registry.txt").write_text("\n".join(torch) + "\n", encoding="utf-8")
    print(f"{len(rest)} pins in base.txt, {len(torch)} in torch-registry.txt")


if __name__ == "__main__":
    main()
