"""What time does to the dyes of a film.

Each dye loses a share of what was there, a dense place a little more or less than a thin one; the base takes on a stain
that is densest towards the blue, and what is left of the lost cyan may absorb a little blue. In the dark cyan goes
first, then yellow, and magenta stays; how far, by one severity for all three.

Loss as a share of each dye's amount: Gschwind, Frey, *Electronic Imaging, a Tool for the Reconstruction of Faded Color
Photographs*, JIST 38(6), 1994. Order of the dyes and yellow stain: Wilhelm, *The Permanence and Care of Color
Photographs*, 1993.
"""

from dataclasses import dataclass, replace

import numpy as np

from restorers.dyes.film import Film
from restorers.dyes.stocks import WAVELENGTHS, Floats

STAIN_NM = 60.0
"""How wide a stain is, unless it is said: the standard deviation of a Gaussian that begins at 400 nm."""
PRODUCT_NM, PRODUCT_WIDE_NM = 430.0, 45.0  # where what is left of cyan absorbs


@dataclass(frozen=True)
class Fade:
    """How far a film has faded.

    Attributes:
        share: of the amount 1 of cyan, magenta and yellow that is left, above 0.
        bend: how the share changes with the amount c: what is left of it is share c^(1 + bend).
        stain: density that the base has gained at 400 nm.
        stain_nm: how wide the stain is, see `STAIN_NM`.
        product: density at its peak of what an amount 1 of lost cyan has become.
    """

    share: tuple[float, float, float] = (1.0, 1.0, 1.0)
    bend: float = 0.0
    stain: float = 0.0
    stain_nm: float = STAIN_NM
    product: float = 0.0

    def left(self, amounts: Floats) -> Floats:
        """What is left of amounts `(..., 3)`."""
        return np.array(self.share) * np.sign(amounts) * np.abs(amounts) ** (1 + self.bend)

    def whole(self, left: Floats) -> Floats:
        """The amounts `(..., 3)` that these are left of; the inverse of `left`."""
        ratio = left / np.array(self.share)
        return np.asarray(np.sign(ratio) * np.abs(ratio) ** (1 / (1 + self.bend)))

    def times(self, severity: float) -> "Fade":
        """The same fading, so many times as far gone: 0 is none, 1 as it is."""
        cyan, magenta, yellow = (share**severity for share in self.share)
        rest = {name: severity * getattr(self, name) for name in ("bend", "stain", "product")}
        return replace(self, share=(cyan, magenta, yellow), **rest)

    def film(self, film: Film) -> Film:
        """The film as it has become, to be given amounts that are left."""
        gone = self.product * (1 / self.share[0] - 1) * _bell(PRODUCT_NM, PRODUCT_WIDE_NM)
        dyes = film.stock.dyes + np.array([1.0, 0.0, 0.0])[:, None] * gone
        veil = film.veil + self.stain * np.where(WAVELENGTHS < 400, 1.0, _bell(400.0, self.stain_nm))
        return Film(replace(film.stock, dyes=dyes), film.scanner, veil)

    def shown(self, film: Film, amounts: Floats) -> Floats:
        """Densities `(..., bands)` that the faded film shows where the film had amounts `(..., 3)`."""
        return self.film(film).densities(self.left(amounts))

    def undone(self, film: Film, densities: Floats) -> Floats:
        """Amounts `(..., 3)` that the film had where the faded one shows densities `(..., bands)`."""
        return self.whole(self.film(film).amounts(densities))


def _bell(peak: float, spread: float) -> Floats:
    return np.asarray(np.exp(-0.5 * ((WAVELENGTHS - peak) / spread) ** 2))
