"""Trains the localiser's four nets: `python -m models.train_localiser CASES_OR_CONFIG [options]`.

CASES is the folder of the development cases, or any folder of CT with vertebra masks in the layout of VerSe or of the
published data set. CONFIG is a TOML file with the same names as the options (and `cases`). Deterministic by seed on a
CPU, one torch thread; resumable: the checkpoints in --work are taken up where they ended.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import torch

from models.localiser import BUNDLED
from models.localiser.material import prepare
from models.localiser.recipe import NAME, card_of, plan_of, train_nets
from models.localiser.sources import sources_in
from models.localiser.weights import write_localiser
from vfscreen.errors import KnownError, UnreadableFile


def main(arguments: list[str] | None = None) -> int:
    """Runs the training from the command line; exits 1 with a sentence where it cannot."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        if chosen.cases.suffix == ".toml":
            parser.set_defaults(**_config(chosen.cases, parser))
            chosen = parser.parse_args(arguments)
            chosen.cases = Path(parser.get_default("folder"))
        train_and_write(chosen)
    except KnownError as error:
        tell(f"train_localiser: {error}")
        return 1
    return 0


def train_and_write(chosen: argparse.Namespace) -> None:
    """Prepares the cases, trains what the checkpoints do not hold yet, and writes weights and card.

    Raises:
        NotEnoughLabels: the folder holds nothing to train on, or no body with six points.
    """
    torch.set_num_threads(1)
    sources = sources_in(chosen.cases, chosen.licence, frozenset(filter(None, chosen.leave_out.split(","))))
    plan = plan_of(chosen.seed, chosen.share)
    material = prepare(sources, chosen.seed, tell)
    nets = train_nets(material, plan, chosen.work, tell, torch.device(chosen.device))
    card = write_localiser(chosen.out, nets, card_of(chosen.name, sources, plan))
    tell(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.2f} MB, sha256 {card.sha256[:12]}")


def tell(words: str) -> None:
    """Says how far it is."""
    print(words, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m models.train_localiser", description=__doc__)
    parser.add_argument("cases", type=Path, help="a folder of cases, or a TOML file")
    parser.add_argument("--out", type=Path, default=BUNDLED, help="the safetensors file to write")
    parser.add_argument("--work", type=Path, default=Path(".work/localiser/final"), help="checkpoints")
    parser.add_argument("--leave-out", default="", help="patients not to train on, with commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="shortens or lengthens the recipe")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--name", default=NAME, help="the id on the model card")
    parser.add_argument("--licence", default="not stated", help="of the data, where the folder is your own")
    return parser


def _config(path: Path, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Reads a TOML file into defaults of the options.

    Raises:
        UnreadableFile: it is not there, no TOML, lacks `cases`, or names something that is no option.
    """
    try:
        told = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFile(f"the training file cannot be read ({error})", str(path), "mend it") from error
    known = {action.dest for action in parser._actions} - {"help"}
    if unknown := sorted(set(told) - known):
        raise UnreadableFile(
            f"the training file names {', '.join(unknown)}", str(path), f"use {', '.join(sorted(known))}"
        )
    if "cases" not in told:
        raise UnreadableFile("the training file has no `cases`", str(path), "name the folder of the cases")
    folder = path.parent / told.pop("cases")
    for name in ("out", "work"):
        if name in told:
            told[name] = Path(told[name])
    return told | {"folder": folder}


if __name__ == "__main__":
    sys.exit(main())
