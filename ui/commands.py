"""The commands, one function each. What they do is done elsewhere; here they are named, checked and put together."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from db.backup import restore as restore_store
from db.store import open_store
from ui.composition import open_house, shelf_in
from ui.console import (
    DONE,
    NAMED_FAILURE,
    REFUSED,
    complain,
    displayless,
    ended,
    exit_code,
    note,
    one_line,
    progress_shown,
)
from ui.demo_command import headless_demo, import_demo
from ui.doctor_command import examine
from ui.engine_client import ModelChoice
from ui.mask_command import chosen_bodies, keep_with_mask
from ui.retrain_command import retrain_now
from ui.screen_command import JsonLines, models_to_use, print_screening, screen_paths
from ui.window_command import open_window
from vfscreen import NOTICE
from vfscreen.data_folder import VARIABLE, data_folder
from vfscreen.demo_case import CREDIT
from vfscreen.export.readings_csv import export_readings_csv
from vfscreen.importing import ImportKind, import_paths, key_of
from vfscreen.masks import BodiesFrom, MaskKind
from vfscreen.model_files import ModelKind
from vfscreen.model_shelf import (
    activate,
    compare_cards,
    damaged_on,
    export_model,
    import_model,
    in_use,
    model_called,
    models_on,
    roll_back,
)
from vfscreen.settings import load_settings
from vfscreen.training import Depth

app = typer.Typer(
    help=f"Finds vertebral fractures on CT, and learns from its readers. {NOTICE}",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
models_app = typer.Typer(help="The models: which there are, which is in use, and the way back.")
app.add_typer(models_app, name="models")


def _chosen(data: Path | None) -> Path | None:
    """Lets the whole process know the data folder: the other half of `vfscreen --data DIR command`, and a report."""
    if data is not None:
        os.environ[VARIABLE] = str(data)
    return data


# Typer's own look at a path (`readable`) would call a file without rights wrong usage; whoever opens it says it better.
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar=VARIABLE,
        callback=_chosen,
        readable=False,
        help="The data folder (default: the user's own).",
    ),
]
Paths = Annotated[list[Path], typer.Argument(readable=False, help="Files or folders.")]
Mask = Annotated[
    Path | None,
    typer.Option(
        readable=False,
        help="A vertebra segmentation instead of the localiser: a file, a folder, a DICOM SEG.",
    ),
]
MaskNumbers = Annotated[MaskKind, typer.Option(help="How the numbers in a mask's file are meant.")]


def run(arguments: Sequence[str]) -> int:
    """Runs the command that the arguments name and returns its exit code: 1 or 3 for a named failure."""

    if isinstance(sys.stdout, io.TextIOWrapper):  # a name that the terminal cannot show is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")

    def work() -> int:
        try:
            app(list(arguments), prog_name="vfscreen")
        except SystemExit as end:  # how typer ends: on wrong usage, on Ctrl+C, and with the code we gave it
            return end.code if isinstance(end.code, int) else DONE
        return DONE

    return ended(work)


@app.callback(invoke_without_command=True)
def desktop(context: typer.Context, data: Data = None) -> None:
    """Without a command: opens the reading room."""
    if context.invoked_subcommand is None:
        raise typer.Exit(open_window(data))


@app.command()
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Open no window, write files instead.")
    ] = False,
    out: Annotated[Path, typer.Option(readable=False, help="Where a headless demo writes.")] = Path("out"),
    data: Data = None,
) -> None:
    """Takes a real CT in, screens it and shows it."""
    if displayless() and not headless:
        note("no display here: running demo --headless")
    note(CREDIT)
    if headless or displayless():
        for path in headless_demo(out):
            print(path)
        return
    house = open_house(data_folder(data))
    with house.store:
        series_id = import_demo(house)
    raise typer.Exit(open_window(data, series_id))


@app.command("import")
def import_cases(
    paths: Paths,
    patient: Annotated[
        str | None, typer.Option(help="The patient of all of it, whatever the files say.")
    ] = None,
    mask: Mask = None,
    mask_kind: MaskNumbers = MaskKind.AUTO,
    grades: Annotated[
        Path | None,
        typer.Option(readable=False, help="VerSe's grade table, where it lies outside of the data set."),
    ] = None,
    data: Data = None,
) -> None:
    """Walks the paths, judges each series, and says what was taken, what was refused, and why.

    With --mask, the one series that is taken in is screened with it at once.
    """
    if mask is None and mask_kind is not MaskKind.AUTO:
        raise typer.BadParameter("--mask-kind says how a mask is read: give one with --mask")
    house = open_house(data_folder(data))
    counts = dict.fromkeys(ImportKind, 0)
    series: list[str] = []
    with house.store, progress_shown("import") as progress:
        key = key_of(house.store, house.folder.key)
        imports = import_paths(
            paths, house.store, house.cache, key=key, patient=patient, grades=grades, progress=progress
        )
        for result in imports:
            counts[result.kind] += 1
            series += [result.series_id] if result.series_id else []
            print(one_line(f"{result.kind:8}{result.where}: {result.words}"), flush=True)
        if mask is not None and series:
            print(keep_with_mask(house, series, BodiesFrom(mask, mask_kind)))
    print(
        f"{counts[ImportKind.TAKEN]} taken, {counts[ImportKind.KNOWN]} known, {counts[ImportKind.REFUSED]} refused"
    )
    if not series:
        raise typer.Exit(REFUSED)


@app.command()
def screen(
    paths: Paths,
    json_to: Annotated[
        str | None, typer.Option("--json", help="Write JSON, an object a line; - is stdout.")
    ] = None,
    localiser: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Weights to use instead of the bundled ones, or: totalsegmentator."
        ),
    ] = None,
    mask: Mask = None,
    mask_kind: MaskNumbers = MaskKind.AUTO,
    grader: Annotated[
        Path | None, typer.Option(readable=False, help="Weights to use instead of the ones in use.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(readable=False, help="A folder for mid-sagittal pictures.")
    ] = None,
    data: Data = None,
) -> None:
    """Screens one study a path, without touching the store."""
    folder = data_folder(data)
    used = models_to_use(shelf_in(folder))
    reference = load_settings(folder.settings).reference_choice(folder.root)
    try:
        bodies_from = chosen_bodies(mask, mask_kind, localiser, paths)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--mask") from error
    ours = localiser if bodies_from is None else None
    models = ModelChoice(ours or used.localiser, grader or used.grader)
    lines = JsonLines(json_to) if json_to is not None else None
    faults = []
    for entry in screen_paths(paths, models, picture, bodies_from, reference):
        if lines is not None:
            lines.write(entry.screening)
        if entry.fault is not None:
            faults.append(entry.fault)
            complain(entry.fault)
        elif json_to != "-":
            print_screening(entry.screening)
    if len(faults) == len(paths):
        raise typer.Exit(max(exit_code(fault) for fault in faults))


@app.command()
def retrain(
    depth: Annotated[Depth, typer.Option(help="How much is trained anew.")] = Depth.RETRAIN, data: Data = None
) -> None:
    """Trains a new grader on the stored first readings; it replaces the one in use only if it is not worse."""
    house = open_house(data_folder(data))
    with house.store:
        print(retrain_now(house, depth))


@app.command()
def export(
    to: Annotated[Path, typer.Option(readable=False, help="The folder to write to.")],
    form: Annotated[str, typer.Option("--format", help="csv")] = "csv",
    data: Data = None,
) -> None:
    """Writes the present readings as a table."""
    if form != "csv":
        raise typer.BadParameter(f"this version writes csv, not {form}", param_hint="--format")
    with open_store(data_folder(data).root) as store:
        print(export_readings_csv(store.all_readings(), to))


@app.command()
def backup(
    to: Annotated[
        Path | None,
        typer.Option(readable=False, help="A folder or file; default: the data folder's backups."),
    ] = None,
    data: Data = None,
) -> None:
    """Writes a checked copy of the case store."""
    folder = data_folder(data)
    with open_store(folder.root) as store:  # whatever became of the settings and models beside it
        print(store.backup(to or folder.backups))
    if folder.key.exists():
        note(f"the key of the pseudonyms is not in it: keep a copy of {folder.key} apart from it")


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(readable=False, help="The backup.")], data: Data = None
) -> None:
    """Puts a backup in the store's place; the store that was there is kept beside it."""
    folder = data_folder(data)
    aside = restore_store(source, folder.root, datetime.now(UTC))
    print(f"restored {source}" + (f"; what was there before is {aside}" if aside else ""))
    if not folder.key.exists():
        note(f"put your copy of the key of the pseudonyms at {folder.key} before you import")


@app.command()
def doctor(data: Data = None) -> None:
    """Looks at the program, its models and its store, and says what is wrong."""
    report = examine(data_folder(data))
    for line in report.lines:
        print(one_line(line))
    if report.faults:
        raise typer.Exit(NAMED_FAILURE)


@models_app.command("list")
def list_models(data: Data = None) -> None:
    """Lists the models; a star marks the one in use."""
    shelf = shelf_in(data_folder(data))
    for fault in damaged_on(shelf):
        complain(fault)
    used = [in_use(shelf, kind) for kind in ModelKind]
    for one in used:
        if one.warning:
            note(one.warning)
    active = {one.model.card.id for one in used}
    for model in models_on(shelf):
        origin = "came with the program" if model.bundled else "trained here"
        star = "*" if model.card.id in active else " "
        print(f"{star} {model.card.id}  {model.card.kind}  {origin}  {model.card.created}")


@models_app.command("activate")
def activate_model(model_id: str, data: Data = None) -> None:
    """Puts a model to use; the one before stays on the way back."""
    house = open_house(data_folder(data))
    with house.store:
        used = activate(house.shelf, model_id)
        model = used.model
        house.store.record_event(house.reader, "model activated", model_id, {"sha256": model.card.sha256})
    if used.warning:
        note(used.warning)
    print(f"{model.card.id} is in use")


@models_app.command("rollback")
def roll_back_model(kind: ModelKind = ModelKind.GRADER, data: Data = None) -> None:
    """Goes back to the model that was in use before."""
    house = open_house(data_folder(data))
    with house.store:
        model = roll_back(house.shelf, kind)
        house.store.record_event(
            house.reader, "model rolled back", model.card.id, {"sha256": model.card.sha256}
        )
    print(f"{model.card.id} is in use")


@models_app.command("compare")
def compare_models(first: str, second: str, data: Data = None) -> None:
    """Puts the figures of two models' cards side by side."""
    shelf = shelf_in(data_folder(data))
    for row in compare_cards(model_called(shelf, first).card, model_called(shelf, second).card):
        figures = ["-" if value is None else f"{value:.3f}" for value in (row.first, row.second)]
        print(f"{row.name}: {figures[0]}  {figures[1]}")


@models_app.command("export")
def export_a_model(model_id: str, to: Path, data: Data = None) -> None:
    """Copies a model's weights and card to a folder."""
    print(export_model(shelf_in(data_folder(data)), model_id, to))


@models_app.command("import")
def import_a_model(weights: Path, data: Data = None) -> None:
    """Takes a model file, with its card beside it, into the department's own; it is not put to use."""
    model = import_model(shelf_in(data_folder(data)), weights)
    print(f"{model.card.id} can be put to use: vfscreen models activate {model.card.id}")
