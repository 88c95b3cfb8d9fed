"""Bodies that are known already, in the localiser's place: a mask's stay the mask's when the grader changes."""

from __future__ import annotations

from dataclasses import dataclass

from vfscreen.cases import Case, GeometrySource
from vfscreen.findings import Refusal, Vertebra
from vfscreen.ports import Located
from vfscreen.volume import Volume


@dataclass(frozen=True, slots=True)
class KnownBodies:
    """Implements `vfscreen.ports.Localiser` for the one CT that the bodies lie on; `name` is what found them."""

    name: str
    vertebrae: tuple[Vertebra, ...]
    refusals: tuple[Refusal, ...] = ()

    def locate(self, volume: Volume) -> Located:
        """Returns the bodies as they are."""
        return Located(self.vertebrae, self.refusals)


def kept_bodies(case: Case) -> KnownBodies | None:
    """Returns all bodies of a case that was taken in with a mask, None if the localiser found them."""
    masks = [body.who for body in case.bodies if body.source is GeometrySource.MASK]
    if not masks:
        return None
    return KnownBodies(masks[0], tuple(body.vertebra for body in case.bodies), case.refusals)
