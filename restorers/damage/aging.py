"""Everything that happens to a film, in the order in which it happens."""

from dataclasses import dataclass
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.fading import Fading, fade
from restorers.damage.flickering import Flickering, LampTruth, flicker
from restorers.damage.graining import Graining, grain
from restorers.damage.shaking import GateMotion, Shaking, displaced, shake
from restorers.damage.soiling import VISIBLE, Soiling, SoilTruth, soil
from restorers.restorer import Bench


class Aging(BaseModel):
    """All damages of a film; leave one out and it does not happen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    graining: Graining | None = None
    fading: Fading | None = None
    soiling: Soiling | None = None
    shaking: Shaking | None = None
    flickering: Flickering | None = None

    @classmethod
    def typical(cls, height: int = 480) -> Self:
        """A neglected print as seen at a picture height: what is given in pixels grows with it."""
        scale = height / 480
        grown = Graining().radius * scale
        return cls(
            graining=Graining(radius=max(grown, 0.3)),
            fading=Fading(),
            soiling=Soiling().scaled(scale),
            shaking=Shaking(
                horizontal=Shaking().horizontal * scale,
                vertical=Shaking().vertical * scale,
                warp=Shaking().warp * scale,
            ),
            flickering=Flickering(),
        )


@dataclass(frozen=True, eq=False)
class Aged:
    """A damaged clip, and the truth about it; what did not happen is None.

    Attributes:
        clip: in the space of the clip it was made of.
        grain: density added, `(T, 3, H, W)`.
        fading: shares and stain.
        soil: density added, in the geometry of the *film*, before it was shaken.
        motion: where the film lay in the gate.
        lamp: what the light did.
    """

    clip: Clip
    grain: Tensor | None
    fading: Fading | None
    soil: SoilTruth | None
    motion: GateMotion | None
    lamp: LampTruth | None

    def soiled(self) -> Tensor:
        """Where dirt is seen in the damaged frames, bool `(T, H, W)`: the soil's mask as it lay in the gate."""
        if self.soil is None:
            return torch.zeros_like(self.clip.origin, dtype=torch.bool)
        if self.motion is None:
            return self.soil.mask
        planes = [
            displaced(plane[None], self.motion.displacement(number, self.clip.size))[0]
            for number, plane in zip(self.clip.numbers, self.soil.change.abs(), strict=True)
        ]
        return torch.stack(planes) >= VISIBLE


def aged(clip: Clip, aging: Aging, bench: Bench) -> Aged:
    """The clip as time leaves it, in the space it came in: grained, faded, soiled, shaken, under a flickering lamp."""
    film = clip.in_space(Space.DENSITY)
    laid, dirt, motion, lamp = None, None, None, None
    if aging.graining is not None:
        film, laid = grain(film, aging.graining, bench)
    if aging.fading is not None:
        film = fade(film, aging.fading)
    if aging.soiling is not None:
        film, dirt = soil(film, aging.soiling, bench)
    if aging.shaking is not None:
        film, motion = shake(film, aging.shaking, bench)
    if aging.flickering is not None:
        film, lamp = flicker(film, aging.flickering, bench)
    return Aged(film.in_space(clip.space), laid, aging.fading, dirt, motion, lamp)
