"""How the localiser's time grows with the scan, against a usual 3D net, and what a whole screening takes in memory.

Scans of 100 to 1,000 slices of 512x512 are made of the demo CT; 250 slices of 1.25 mm are what a chest CT of today has.
One thread. Each round locates in every scan and lets a MONAI U-Net (16-32-64-128, half a million parameters, untrained)
see 176^3 voxels once, in turn; medians of the rounds. Then the 250 slices alone and beside a process that keeps a core
busy, in turn, and `vfscreen screen` on them as a NIfTI file and as a DICOM folder. About two minutes on a
quiet machine.

Figures: `localise_over_unet` for the 250 slices; `seconds_per_100_slices` by number of slices; `growth` is how many
times longer 1,000 slices take than 100 (voxels: 10), `processor_growth` the same of the processor's time, which other
work on the machine does not change; `busy_over_alone`; `peak_gb` of all processes of the command, the
larger of both inputs; `screen_seconds` of the whole command.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from monai.networks.nets import UNet

from benchmarks.made_scans import axial_demo, made_scan, written_as_dicom
from benchmarks.screen_cost import one_run
from models.localiser import load_localiser
from vfscreen.intake.nifti import write_nifti
from vfscreen.ports import Localiser
from vfscreen.volume import Volume

CHEST = (250, 1.25)
SCANS = ((100, 1.25), CHEST, (500, 1.25), (1000, 1.25))
"""Slices and their distance in mm: the same distance, so that there is more to find in more slices."""
ROUNDS = 5
SIDE = 176
SPINS_AFTER_S = 0.5


def usual_net() -> torch.nn.Module:
    """The net that is compared with, as MONAI builds it."""
    net = UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(16, 32, 64, 128), strides=(2, 2, 2))
    return net.eval()


def forward_seconds(net: torch.nn.Module) -> float:
    """Times one forward pass."""
    picture = torch.zeros(1, 1, SIDE, SIDE, SIDE)
    with torch.inference_mode():
        started = time.perf_counter()
        net(picture)
        return time.perf_counter() - started


def locating_seconds(localiser: Localiser, volume: Volume) -> tuple[float, float]:
    """Times one localisation, by the clock and by the processor.

    Raises:
        RuntimeError: it found nothing, so that the time means nothing.
    """
    started, worked = time.perf_counter(), time.process_time()
    located = localiser.locate(volume)
    seconds = time.perf_counter() - started, time.process_time() - worked
    if not located.vertebrae:
        raise RuntimeError("no body was found in a scan made of the demo CT")
    return seconds


@contextmanager
def busy_core() -> Iterator[None]:
    """Another process that never rests."""
    other = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    other.start()
    time.sleep(SPINS_AFTER_S)
    try:
        yield
    finally:
        other.kill()
        other.join()


def _spin() -> None:
    while True:
        sum(range(10_000))


def screening_cost(volume: Volume) -> dict[str, tuple[float, float]]:
    """Screens a scan as people do, from NIfTI and from DICOM; returns seconds and peak gigabytes of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = {
            "nifti": write_nifti(volume, folder / "scan.nii.gz"),
            "dicom": written_as_dicom(volume, folder / "dicom"),
        }
        return {kind: one_run(path, folder / "data") for kind, path in inputs.items()}


def main() -> None:
    """Prints the figures."""
    torch.set_num_threads(1)
    localiser, net, axial = load_localiser(), usual_net(), axial_demo()
    scans = {slices: made_scan(axial, slices, step_mm) for slices, step_mm in SCANS}
    seconds: dict[int, list[float]] = {slices: [] for slices in scans}
    worked: dict[int, list[float]] = {slices: [] for slices in scans}
    net_seconds: list[float] = []
    for number in range(ROUNDS):
        for slices, scan in scans.items():
            by_clock, by_processor = locating_seconds(localiser, scan)
            seconds[slices].append(by_clock)
            worked[slices].append(by_processor)
            if slices == CHEST[0]:
                net_seconds.append(forward_seconds(net))
        said = ", ".join(f"{slices}: {values[-1]:.2f} s" for slices, values in seconds.items())
        print(f"round {number + 1}: {said}, net {net_seconds[-1]:.2f} s", file=sys.stderr)
    chest = scans[CHEST[0]]
    alone, busy = [], []
    for _ in range(ROUNDS):
        alone.append(locating_seconds(localiser, chest)[0])
        with busy_core():
            busy.append(locating_seconds(localiser, chest)[0])
    del scans
    costs = screening_cost(chest)
    typical = {slices: median(values) for slices, values in seconds.items()}
    figures = {
        "localise_over_unet": round(typical[CHEST[0]] / median(net_seconds), 3),
        "seconds_per_100_slices": {str(n): round(100 * value / n, 3) for n, value in typical.items()},
        "growth": round(typical[1000] / typical[100], 2),
        "processor_growth": round(median(worked[1000]) / median(worked[100]), 2),
        "busy_over_alone": round(median(busy) / median(alone), 2),
        "unet_seconds": round(median(net_seconds), 2),
        "unet_parameters": sum(values.numel() for values in net.parameters()),
        "peak_gb": round(max(peak for _, peak in costs.values()), 2),
        "screen_seconds": {kind: round(took, 1) for kind, (took, _) in costs.items()},
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
