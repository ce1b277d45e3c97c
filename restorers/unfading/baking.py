"""What undoing a fade makes of every density there may be: solved once, on the nodes of a lattice.

Beside each color lies how far it may be from the truth, in dE: by the noise of the scan, which grows where little of a
dye is left, and by all the fades that the references allow as well as the likeliest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.stocks import Floats
from restorers.unfading.lattice import Lattice, nodes
from restorers.unfading.optics import Reading

Colors = Literal["projected", "scanned"]

THINNEST, DENSEST = -0.3, 6.0  # amounts of dye
HELD = 0.03
"""Share of a color's brightest channel under which the others are bent to stay above nothing."""
COARSE = 9  # nodes on which other fades are tried


@dataclass(frozen=True)
class Undoing:
    """How a fade is undone.

    Attributes:
        film: as it was.
        reading: of the clip's densities.
        colors: whether as it is projected, or as the scanner would have shown it.
        strength: share of the change that is made.
        noise: of the scan, a standard deviation in the clip's density.
    """

    film: Film
    reading: Reading
    colors: Colors
    strength: float
    noise: float

    def made(self, fade: Fade, densities: Floats) -> Floats:
        """A clip's densities `(N, 3)` with a fade undone."""
        return self._shown(densities, self._amounts(fade, densities))

    def baked(self, fade: Fade, others: Sequence[Fade], *, size: int, low: float, high: float) -> Lattice:
        """The same on the nodes of a lattice, with how unsure each is.

        Args:
            fade: to be undone.
            others: fades that may be the true one.
            size: nodes on a side.
            low: density of the first node.
            high: density of the last.
        """
        densities = nodes(np.linspace(low, high, size))
        amounts = self._amounts(fade, densities)
        colors = self._shown(densities, amounts)
        lab = projection.lab(projection.shown(self.film.stock, amounts)).reshape(size, size, size, 3)
        step = (high - low) / (size - 1)
        slopes = np.stack(np.gradient(lab, step, axis=(0, 1, 2)), -1)
        by_noise = self.noise**2 * (slopes**2).sum((-1, -2))
        by_fade = self._by_fade(others, low, high)(densities).reshape(size, size, size)
        unsure = self.strength * np.sqrt(by_noise + by_fade)
        return Lattice(
            np.concatenate([colors.reshape(size, size, size, 3), unsure[..., None]], -1).astype(np.float32), low, high
        )

    def _by_fade(self, others: Sequence[Fade], low: float, high: float) -> Callable[[Floats], Floats]:
        """Variance of a color over the fades that may be, of densities."""
        axis = np.linspace(low, high, COARSE)
        densities = nodes(axis)
        spread = np.zeros(len(densities))
        if len(others) > 1:
            labs = [projection.lab(projection.shown(self.film.stock, self._amounts(f, densities))) for f in others]
            spread = np.var(labs, axis=0).sum(-1)
        return RegularGridInterpolator((axis, axis, axis), spread.reshape(COARSE, COARSE, COARSE))

    def _amounts(self, fade: Fade, densities: Floats) -> Floats:
        return np.clip(fade.undone(self.film, self.reading.film(densities)), THINNEST, DENSEST)

    def _shown(self, densities: Floats, amounts: Floats) -> Floats:
        if self.colors == "projected":
            light = _held(projection.rec709(projection.shown(self.film.stock, amounts)))
            made = self.reading.clip(-np.log10(light))
        else:
            made = self.reading.clip(self.film.densities(amounts))
        return np.asarray(densities + self.strength * (made - densities))


def _held(light: Floats) -> Floats:
    """Linear light `(N, 3)` with what is beyond BT.709's primaries bent to stay above nothing.

    Channels that are no small part of the brightest stay as they are, nearly; there is no corner.
    """
    brightest = light.max(-1, keepdims=True)
    share = light / brightest
    return np.asarray(brightest * np.where(share == 1, 1, (share + np.sqrt(share**2 + HELD**2)) / 2))
