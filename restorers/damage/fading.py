"""Let the dyes of a chromogenic film fade.

The picture is printed on a stock, its dyes lose a share each while the base takes on a stain, and a scanner looks at
what is left: each of its bands sees all three dyes. In the dark it is cyan that goes first, then yellow, which leaves
the pink of most prints of the sixties and seventies. See `restorers.dyes`.
"""

from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import GENERIC
from restorers.dyes.stocks import Floats, stock
from restorers.restorer import Bench
from restorers.unfading.lattice import Lattice
from restorers.unfading.optics import Reading

NODES, LOW, HIGH = 33, -0.3, 2.7
THINNEST, DENSEST = -0.3, 5.0  # amounts of dye that a picture is printed with

Share = Annotated[float, Field(gt=0, le=1)]


class Fading(BaseModel):
    """How far each dye has faded. It is its own truth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: tuple[Share, Share, Share] = Field(
        (0.55, 0.90, 0.72), description="share of the cyan, magenta and yellow dye left"
    )
    stain: float = Field(0.10, ge=0, le=1, description="density added at 400 nm by base and spent dye")
    stock: str = Field("generic", description="what the picture is printed on")

    @property
    def none(self) -> bool:
        """Whether nothing has faded."""
        return self.shares == (1, 1, 1) and self.stain == 0


def fade(clip: Clip, fading: Fading) -> Clip:
    """The clip as a scanner shows its film once that has faded, in the space it came in; as it is if nothing has."""
    if fading.none:
        return clip
    density = clip.in_space(Space.DENSITY)
    faded, _ = _lattice(fading, Reading.of(clip.space, negative=False)).looked_up(density.frames, Bench())
    return Clip(faded, Space.DENSITY, clip.first, clip.origin).in_space(clip.space)


@lru_cache(maxsize=8)
def _lattice(fading: Fading, reading: Reading) -> Lattice:
    film, fade_ = Film.above_base(stock(fading.stock), GENERIC), Fade(fading.shares, stain=fading.stain)

    def shown(density: Floats) -> Floats:
        colors = projection.of_rec709(10 ** -reading.film(density))
        amounts = np.clip(projection.making(film.stock, np.maximum(colors, 1e-4)), THINNEST, DENSEST)
        return np.hstack([reading.clip(fade_.shown(film, amounts)), np.zeros((len(density), 1))])

    return Lattice.baked(shown, NODES, LOW, HIGH)
