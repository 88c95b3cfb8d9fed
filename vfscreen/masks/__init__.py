"""Other people's masks: a vertebra segmentation, in any of its usual forms, as labelled voxels on the grid of a CT.

Only what is light stands here, since the window's process knows of masks too; `vfscreen.masks.reading` reads them.
"""

from vfscreen.masks.choice import BodiesFrom
from vfscreen.masks.mask_set import MaskSet
from vfscreen.masks.numbering import MaskKind

__all__ = ["BodiesFrom", "MaskKind", "MaskSet"]
