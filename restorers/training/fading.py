"""Faded reels by simulation: a stock in a scanner, pictures on it, and what time did to it.

All of it is a model. Of no faded film in public is it known what it looked like; so whatever is learned or measured by
these reels is synthetic, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import WAVELENGTHS, Floats, Stock
from restorers.training.scenery import Chance

CYAN, MAGENTA, YELLOW = (0.25, 0.80), (0.0, 0.30), (0.10, 0.60)
"""Shares of each dye that are lost."""
BEND, STAIN, STAIN_NM, PRODUCT = 0.06, 0.25, (40.0, 90.0), 0.06
NOISE, CODE = 0.004, 0.002  # density
WHITE, BLACK = 0.95, 0.004  # light that a photograph's white and black project


@dataclass(frozen=True)
class Trouble:
    """In what a reel is other than its model.

    Attributes:
        shift_nm: each dye's curve lies up to so much beside what its data sheet draws.
        sensitivity: the scanner's bands lie up to so many nm beside what it is said to have.
        interlayer: by how much, as a logarithm, another amount 1 of the other dyes lets more or less of a dye be lost.
        uneven: by how much of itself the fading differs from place to place.
        grain: density of the dyes' grain at an amount of 1.
    """

    shift_nm: float = 0.0
    sensitivity: float = 0.0
    interlayer: float = 0.0
    uneven: float = 0.0
    grain: float = 0.0


NONE = Trouble()
ALL = Trouble(shift_nm=10, sensitivity=5, interlayer=0.05, uneven=0.1, grain=0.02)


@dataclass(frozen=True, eq=False)
class FadedReel:
    """A reel as it is, which nobody knows.

    Attributes:
        film: in its scanner, unfaded.
        fade: what became of it.
        trouble: what else differs.
        interlayer: see `Trouble`, for each dye from each other `(3, 3)`.
    """

    film: Film
    fade: Fade
    interlayer: Floats

    def shown(self, amounts: Floats, severity: Floats | float = 1.0) -> Floats:
        """Densities `(N, 3)` that it shows now, without noise, where amounts `(N, 3)` were."""
        fade = self.fade
        share = np.array(fade.share) ** np.reshape(severity, (-1, 1))
        left = share * np.abs(amounts) ** (1 + fade.bend) * np.exp((amounts - 1) @ self.interlayer.T * (amounts > 0.02))
        return fade.film(self.film).densities(left)


def drawn(stock: Stock, scanner: Scanner, chance: Chance, trouble: Trouble = NONE, *, sound: bool = False) -> FadedReel:
    """A reel of a stock in a scanner, faded by chance, or sound."""
    dyes = np.stack(
        [np.interp(WAVELENGTHS - chance.uniform(-1, 1) * trouble.shift_nm, WAVELENGTHS, dye) for dye in stock.dyes]
    )
    dyes = dyes / dyes.max(1, keepdims=True)
    bands = np.stack(
        [
            np.interp(WAVELENGTHS - chance.uniform(-1, 1) * trouble.sensitivity, WAVELENGTHS, band)
            for band in scanner.bands
        ]
    )
    film = Film(replace(stock, dyes=dyes), replace(scanner, bands=bands / bands.sum(1, keepdims=True)))
    lost = [chance.uniform(*each) for each in (CYAN, MAGENTA, YELLOW)]
    fade = Fade(
        share=(1 - lost[0], 1 - lost[1], 1 - lost[2]),
        bend=chance.uniform(-BEND, BEND),
        stain=chance.uniform(0, STAIN),
        stain_nm=chance.uniform(*STAIN_NM),
        product=chance.uniform(0, PRODUCT),
    )
    interlayer = chance.uniform(-1, 1, (3, 3)) * trouble.interlayer
    np.fill_diagonal(interlayer, 0)
    return FadedReel(film, Fade() if sound else fade, 0 * interlayer if sound else interlayer)


def projected(photograph: NDArray[np.float64]) -> Floats:
    """XYZ `(N, 3)` that a film projects of sRGB colors in [0, 1]: white by clear film, nearly."""
    import colour  # noqa: PLC0415  # takes a second to import, and reels without fading do without

    light = colour.eotf(photograph, "sRGB") * (WHITE - BLACK) + BLACK
    space = colour.RGB_COLOURSPACES["sRGB"]
    seen = light @ space.matrix_RGB_to_XYZ.T
    adapted = colour.chromatic_adaptation(
        seen, colour.xy_to_XYZ(space.whitepoint), projection.white(), method="Von Kries"
    )
    return np.maximum(adapted, 1e-4)


def printed(stock: Stock, photograph: NDArray[np.float64], chance: Chance, trouble: Trouble = NONE) -> Floats:
    """Amounts of dye `(N, 3)` that show sRGB colors `(N, 3)` in [0, 1] as well as the stock can, with grain."""
    amounts = np.maximum(projection.making(stock, projected(photograph)), 0)
    grain = trouble.grain * np.sqrt(amounts) * chance.standard_normal(amounts.shape)
    return np.maximum(amounts + grain, 0)


def scanned(densities: Floats, chance: Chance) -> Floats:
    """Densities as a scanner's 10 bits have them."""
    noisy = densities + NOISE * chance.standard_normal(densities.shape)
    return np.round(noisy / CODE) * CODE


def colors_of(pictures: Sequence[NDArray[np.uint8]], chance: Chance, each: int) -> Floats:
    """Colors `(N * each, 3)` in [0, 1] of pixels drawn from pictures `(H, W, 3)`."""
    drawn_ = [p.reshape(-1, 3)[chance.integers(p.shape[0] * p.shape[1], size=each)] for p in pictures]
    return np.concatenate(drawn_) / 255.0
