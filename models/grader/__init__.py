"""The grader: crops in a body's own axes, a compact contrastive network, and a calibrated decision.

What other rooms may build on (the child processes `models.engine` and `models.train`, and benchmarks):

    models.grader.crop         Crop, cut_crop(volume, vertebra, above, below), neighbours_of(vertebra, others)
    models.grader.examples     Example; reader_example(volume, vertebra, others, shares, patient, body)
                               simulated_examples(volume, vertebrae, healthy, patient, count, seed, cancelled)
    models.grader.training     train(bank, config, seed, report, cancelled, start, checkpoint) -> TrainedGrader
                               Step; TrainingCancelled
    models.grader.calibrate    calibrate(trained, held_out) -> TrainedGrader
    models.grader.trained      TrainedGrader; say(net, crops) -> Said; probabilities(trained, crops) -> (n, 4)
    models.grader.stored       save_grader(trained, weights, card); read_grader(weights) -> (TrainedGrader, card)
    models.grader.suggest      CompactGrader, which is a vfscreen.ports.Grader; load_grader(weights)

What only the bundled weights and the benchmark need (the development cases): cases, readers, folds,
bank_file.

A crop is all that training keeps of a CT: one series is in memory at a time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vfscreen.ports import Grader


def load_grader(weights: Path | None = None) -> Grader:
    """Loads a grader from its safetensors file and the card beside it; None is the bundled one.

    Raises:
        WeightsDamaged: the file is not what its card says.
    """
    from models.grader.suggest import load_grader as load  # torch is loaded here, not on import

    return load(weights)
