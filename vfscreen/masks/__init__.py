"""Other people's masks: a vertebra segmentation, in any of its usual forms, as labelled voxels on the grid of a CT."""

from vfscreen.masks.choice import BodiesFrom
from vfscreen.masks.mask_set import MaskSet
from vfscreen.masks.numbering import MaskKind
from vfscreen.masks.reading import read_mask

__all__ = ["BodiesFrom", "MaskKind", "MaskSet", "read_mask"]
