"""Black-and-white film that has decayed: a base gone yellow, silver gone brown, contrast lost.

Each place of it shows the same silver in red, green and blue. So its channels lie on a curve, and where that leaves the
gray tells what came upon it: what clear film shows of color lies on the base, and the more a channel's density rises
than red's, the more the silver has become sulfide, which is brown. Both are taken off; what is left of the channels is
the silver, told by all three. How dense it once was nobody can know who was not told.

Reilly, *Care and Identification of 19th-Century Photographic Prints*, Kodak 1986 (yellowing and sulfiding of silver).
"""

from dataclasses import dataclass

import numpy as np

from restorers.dyes.stocks import Floats
from restorers.unfading.lattice import Lattice
from restorers.unfading.optics import Reading

STRAYING = 0.05
"""Density by which a black-and-white picture's channels may stray from their lines, at 95 % of its places."""
ROUNDS, DOUBTFUL = 10, 1.5  # of a robust fit, in its own spreads


@dataclass(frozen=True)
class Silver:
    """What has come upon black-and-white film.

    Attributes:
        stain: density that lies on the base in red, green and blue.
        rise: by how much each channel's density rises with red's.
        contrast: by how much the silver is less dense than it was.
        strays: density by which places stray from it, at 95 % of them.
    """

    stain: tuple[float, float, float]
    rise: tuple[float, float, float]
    contrast: float
    strays: float

    def baked(self, reading: Reading, strength: float, *, size: int, low: float, high: float) -> Lattice:
        """What undoing it makes of a clip's densities, on the nodes of a lattice; nothing of it is unsure."""

        def made(densities: Floats) -> Floats:
            silver = reading.clip(self.undone(reading.film(densities))[:, None])
            return np.hstack([densities + strength * (silver - densities), np.zeros((len(densities), 1))])

        return Lattice.baked(made, size, low, high)

    def undone(self, densities: Floats) -> Floats:
        """Density of the silver `(N,)` of the film's own `(N, 3)`: least squares over the channels."""
        rise = np.array(self.rise)
        return np.asarray((densities - self.stain) @ rise / (rise @ rise) / self.contrast)


def tarnished(densities: Floats, clear: Floats | None, gray: tuple[Floats, float] | None) -> Silver:
    """What has come upon a film.

    Args:
        densities: of places all over it, `(N, 3)`.
        clear: of clear film `(3,)`, if any is shown; else only what its channels differ is known of the stain.
        gray: density `(3,)` of a place, and how dense it was, if that is known.
    """
    red = densities[:, 0]
    lines = [np.array([1.0, 0.0]), _line(red, densities[:, 1]), _line(red, densities[:, 2])]
    rise = np.array([line[0] for line in lines])
    stain = np.array([line[1] for line in lines]) if clear is None else clear
    strays = max(float(np.quantile(np.abs(densities[:, k] - np.polyval(lines[k], red)), 0.95)) for k in range(3))
    silver = Silver(_triple(stain), _triple(rise), 1.0, strays)
    if gray is None:
        return silver
    contrast = float(silver.undone(gray[0][None])[0]) / gray[1]
    return Silver(silver.stain, silver.rise, contrast, strays)


def _line(x: Floats, y: Floats) -> Floats:
    """Slope and offset, by least squares that places far off weigh little in (Tukey's biweight)."""
    weight = np.ones_like(x)
    for _ in range(ROUNDS):
        line = np.polyfit(x, y, 1, w=np.sqrt(weight))
        away = y - np.polyval(line, x)
        spread = max(float(np.median(np.abs(away))) / 0.6745, 1e-4)
        weight = np.clip(1 - (away / (3 * DOUBTFUL * spread)) ** 2, 1e-6, 1) ** 2
    return np.asarray(line)


def _triple(values: Floats) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
