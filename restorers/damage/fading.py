"""Let the dyes of a chromogenic film fade.

A dye layer loses a share of its density, and the yellowed base and the products of the lost dye add some to it:
D' = share * D + stain, for each layer. In the dark it is cyan that goes first, then yellow, which leaves the pink of
most prints of the sixties and seventies.

Fading as a linear map of the layers' densities: Gschwind, Frey, Electronic Imaging, a Tool for the Reconstruction of
Faded Color Photographs, Journal of Imaging Science and Technology 38(6), 1994. Here each layer goes its own way.
"""

from dataclasses import replace
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field

from restorers.clip import Clip
from restorers.colorspace import Space

Share = Annotated[float, Field(gt=0, le=1)]
Stain = Annotated[float, Field(ge=0, le=1)]


class Fading(BaseModel):
    """How far each dye has faded. It is its own truth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: tuple[Share, Share, Share] = Field(
        (0.55, 0.90, 0.72), description="share of the cyan, magenta and yellow dye left (red, green, blue density)"
    )
    stain: tuple[Stain, Stain, Stain] = Field(
        (0.02, 0.04, 0.10), description="density added to red, green and blue by base and spent dye"
    )


def fade(clip: Clip, fading: Fading) -> Clip:
    """The clip with its dyes faded, in the space it came in."""
    density = clip.in_space(Space.DENSITY)
    shares, stain = (torch.tensor(v, device=density.frames.device).view(3, 1, 1) for v in (fading.shares, fading.stain))
    return replace(density, frames=density.frames * shares + stain).in_space(clip.space)
