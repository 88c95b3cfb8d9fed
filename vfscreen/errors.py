"""The world's faults. Whatever is not a `KnownError` is a bug of ours and is reported as one."""

from __future__ import annotations


class KnownError(Exception):
    """A fault of the world: what happened, to which file or object, and what the user can do; a sentence each."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what}: {where}: {todo}")
        self.what = what
        self.where = where
        self.todo = todo


class RefusedInput(KnownError):
    """An input that cannot be screened; the command line answers it with exit code 3."""


class NotACt(RefusedInput):
    """The series is of another modality, or no image at all."""


class NotHounsfield(RefusedInput):
    """The values are not Hounsfield units."""


class UnevenSlices(RefusedInput):
    """Slices are missing, doubled or unevenly spaced."""


class MixedStudy(RefusedInput):
    """The path mixes several patients, or acquisitions that do not make one volume."""


class UnsupportedGeometry(RefusedInput):
    """A stack that is not handled: tilted or not axial, or an affine that is no rigid grid."""


class UnreadableFile(RefusedInput):
    """A file that is damaged, cut short, compressed in a way we cannot decode, or not there."""


class NothingToScreen(RefusedInput):
    """The path holds no CT series at all."""


class MaskMismatch(RefusedInput):
    """A mask that lies on another grid, or has labels that are not known."""


class WeightsDamaged(KnownError):
    """A weights file whose sha256, shape or architecture is not what its card says."""


class StoreLocked(KnownError):
    """The store stayed busy for longer than we wait."""


class StoreTooNew(KnownError):
    """The store was written by a newer vfscreen."""


class StoreDamaged(KnownError):
    """The store's file is not a readable SQLite database."""


class DiskFull(KnownError):
    """There is no room to write."""


class NotWritable(KnownError):
    """A file or folder that may not be written, or is not there."""


class NoDisplay(KnownError):
    """There is no screen to open a window on."""


class NotEnoughLabels(KnownError):
    """Too few graded patients to train on, or to compare two models on."""


class EngineDied(KnownError):
    """The engine's process ended; it is started again at the next need."""


class NoSuchThing(KnownError):
    """A model, case or folder that was named is not there."""


class TrainerDied(KnownError):
    """The trainer's process ended before it was done; the model in use is what it was."""


class ModelRefused(KnownError):
    """A model file that cannot be taken in, put to use or gone back to."""


class StoreReadOnly(KnownError):
    """The store's file or folder may not be written."""


class StoreUnreachable(KnownError):
    """The store's disk or network drive does not answer."""


class StaleCase(KnownError):
    """The case changed since it was opened: another window showed the opinion, or moved the body."""


class PseudonymKeyLost(KnownError):
    """The key of the pseudonyms is gone, or is not the one that the store's patients were named with."""


class ReadByOthers(KnownError):
    """A vertebra that another reader graded is not taken away."""


class NoSuchName(KnownError):
    """A name that no vertebra can have here: the names end, or the one above has it."""


class ImpossiblePoints(KnownError):
    """Six points that do not make a vertebral body."""


class FirstReadLocked(KnownError):
    """A first reading stays as it is once the program's opinion was shown."""


class OutOfMemory(KnownError):
    """There is not enough memory for what was asked."""


class SnapshotDamaged(KnownError):
    """A snapshot of labels that is not what it was when it was taken."""


class SettingWrong(KnownError):
    """A setting's value is not what the setting takes, or the settings file cannot be read."""


class ReferenceWrong(KnownError):
    """A reference file that is no table of healthy bodies by level."""
