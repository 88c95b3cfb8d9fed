"""Screening from the command line: one study a path, without touching the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ui.console import note, one_line, progress_shown, wait_for
from ui.engine_client import EngineClient, ModelChoice
from vfscreen.durable import write_durably
from vfscreen.errors import EngineDied, KnownError, OutOfMemory, RefusedInput
from vfscreen.export.picture import write_picture
from vfscreen.findings import Finding, Refusal, Screening, screening_to_json
from vfscreen.intake import read_study
from vfscreen.masks import BodiesFrom
from vfscreen.masks.dicom_seg import series_of_mask
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import Shelf, in_use
from vfscreen.reference_file import USUAL, ReferenceChoice

OF_ONE_PATH = (RefusedInput, EngineDied, OutOfMemory)
"""Faults that say nothing of the next path: a volume may be too large for this machine, and the others are not."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What became of one path; `fault` is why it could not be screened, if it could not."""

    screening: Screening
    fault: KnownError | None = None


def models_to_use(shelf: Shelf) -> ModelChoice:
    """Returns the models that screen; one that is not the one that was chosen is said.

    Raises:
        WeightsDamaged, NoSuchThing: not even the bundled models are whole.
    """
    localiser, grader = in_use(shelf, ModelKind.LOCALISER), in_use(shelf, ModelKind.GRADER)
    for used in (localiser, grader):
        if used.warning:
            note(used.warning)
    return ModelChoice(localiser.model.weights, grader.model.weights)


def screen_paths(
    paths: Sequence[Path],
    models: ModelChoice,
    pictures: Path | None,
    bodies_from: BodiesFrom | None = None,
    reference: ReferenceChoice = USUAL,
) -> Iterator[Screened]:
    """Screens path after path in one engine; a refused one is a screening without vertebrae, with its reason, and so is
    one that the engine breaks on.

    `bodies_from`, if given, stands in for the localiser; `reference` is what losses are measured against.

    Raises:
        KnownError: whatever is not the fault of one path (damaged weights, a full disk).
    """
    client = EngineClient(reference=reference)
    try:
        for path, name in zip(paths, picture_names(paths), strict=True):
            yield _screen(client, path, models, bodies_from, None if pictures is None else pictures / name)
    finally:
        client.close()


def _screen(
    client: EngineClient,
    path: Path,
    models: ModelChoice,
    bodies_from: BodiesFrom | None,
    picture: Path | None,
) -> Screened:
    with progress_shown(str(path)) as progress:
        try:
            future = client.screen(path, models=models, bodies_from=bodies_from, on_progress=progress)
            screening = wait_for(future, client.cancel)
        except OF_ONE_PATH as error:
            refusal = Refusal(error.where, error.what, error.todo)
            return Screened(Screening(str(path), None, refusals=(refusal,)), error)
        if picture is not None:
            wanted = series_of_mask(bodies_from.mask) if bodies_from is not None else ()
            write_picture(read_study(path, wanted=wanted).volume, screening, picture)
    return Screened(screening)


def picture_names(paths: Sequence[Path]) -> list[str]:
    """Returns a file name a path: its own name; with its folder's before it where two would be the same."""
    names = [_stem(path) for path in paths]
    names = [
        f"{path.resolve().parent.name}-{name}" if names.count(name) > 1 else name
        for path, name in zip(paths, names, strict=True)
    ]
    return [
        f"{name}-{names[:k].count(name) + 1}.png" if names.count(name) > 1 else f"{name}.png"
        for k, name in enumerate(names)
    ]


def _stem(path: Path) -> str:
    name = path.resolve().name
    for suffix in (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".dcm"):
        name = name.removesuffix(suffix)
    return name


class JsonLines:
    """Writes one JSON object a line, to a file or, for "-", to standard output, as soon as each is there."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lines = ""

    def write(self, screening: Screening) -> None:
        """Writes one more line; a file holds all lines so far, whole."""
        line = json.dumps(screening_to_json(screening), ensure_ascii=False) + "\n"
        if self._target == "-":
            print(line, end="", flush=True)
            return
        self._lines += line
        write_durably(Path(self._target), self._lines.encode(errors="backslashreplace"))


def print_screening(screening: Screening) -> None:
    """Prints a screening for people: a line a vertebra, then what was refused and what to know."""
    print(one_line(screening.source))
    for finding in screening.findings:
        print(f"  {sentence_of(finding)}")
    for refusal in screening.refusals:
        print(
            f"  not screened: {refusal.where}: {refusal.reason}"
            + (f": {refusal.todo}" if refusal.todo else "")
        )
    for warning in screening.warnings:
        print(f"  note: {warning}")


def sentence_of(finding: Finding) -> str:
    """Returns a line for a vertebra: "T12   ant 18.1 mid 17.4 post 24.0 mm, loss 27 ± 4 % wedge; fracture, grade 2"."""
    body = finding.vertebra
    parts = []
    if body.heights is not None:
        heights = body.heights
        parts.append(f"ant {heights.anterior:.1f} mid {heights.middle:.1f} post {heights.posterior:.1f} mm")
    if finding.morphometry is not None:
        measured = finding.morphometry
        parts.append(f"loss {measured.loss_percent:.0f} ± {measured.band_percent:.0f} % {measured.shape}")
    if not body.whole:
        parts.append("cut by the view")
    elif finding.suggestion is None:
        parts.append("not assessed")
    else:
        parts.append(f"{finding.suggestion.verdict}, grade {int(finding.suggestion.grade)}".replace("_", " "))
    name = str(body.level) + ("" if body.level_certain else "?")
    return f"{name:5}" + "; ".join((*parts, *body.flags))
