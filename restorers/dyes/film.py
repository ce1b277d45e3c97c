"""A film in a scanner: densities that amounts of dye show, and the amounts that densities show.

    D(λ) = base(λ) + Σ c_i d_i(λ),    D_k = -log10 Σ_λ w_k(λ) 10^-D(λ)

A band sees the mean of the light that passes, not of the density: it sees a dense dye thinner than it is, so nothing
here is a straight line, and amounts are found by Newton's method.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import WAVELENGTHS, Floats, Stock

STEPS = 12
NEAR = 1e-7
"""Density within which Newton's method is at its end."""
LONGEST = 0.7
"""Amount by which one step of it may go."""
PART = 20_000  # colors


@dataclass(frozen=True, eq=False)
class Film:
    """A stock in a scanner, with what has come upon the base.

    Attributes:
        stock: its dyes and base.
        scanner: what looks at it; three bands, or more.
        veil: density at each wavelength that lies over the base, `(71,)`.
    """

    stock: Stock
    scanner: Scanner
    veil: Floats = field(default_factory=lambda: np.zeros(len(WAVELENGTHS)))

    @classmethod
    def above_base(cls, stock: Stock, scanner: Scanner) -> Self:
        """A stock in a scanner that shows its base, or mask, as density 0."""
        through = scanner.bands * 10**-stock.base
        seen = replace(scanner, bands=through / through.sum(1, keepdims=True))
        return cls(replace(stock, base=np.zeros(len(WAVELENGTHS))), seen)

    def densities(self, amounts: Floats) -> Floats:
        """What the scanner's bands show `(..., bands)` of amounts of cyan, magenta and yellow `(..., 3)`.

        Clear film, without base and veil, has density 0.
        """
        flat = amounts.reshape(-1, 3)
        shown = [self._shown(part)[0] for part in _parts(flat)]
        return np.concatenate(shown).reshape(*amounts.shape[:-1], -1)

    def amounts(self, densities: Floats) -> Floats:
        """Amounts of dye `(..., 3)` that show densities `(..., bands)`; the nearest ones where there are more bands.

        Amounts below nothing are given where a density is less than the base's: noise is not rectified.
        """
        flat = densities.reshape(-1, densities.shape[-1])
        found = [self._solved(part) for part in _parts(flat)]
        return np.concatenate(found).reshape(*densities.shape[:-1], 3)

    def slopes(self, amounts: Floats) -> Floats:
        """By how much each band's density rises with each dye, `(N, bands, 3)`, at amounts `(N, 3)`."""
        return self._shown(amounts)[1]

    def _shown(self, amounts: Floats) -> tuple[Floats, Floats]:
        passed = 10 ** -(amounts @ self.stock.dyes + self.stock.base + self.veil)
        through = passed @ self.scanner.bands.T
        dyed = (self.scanner.bands[:, None, :] * self.stock.dyes).reshape(-1, len(WAVELENGTHS))
        slopes = (passed @ dyed.T).reshape(len(amounts), -1, 3) / through[..., None]
        return -np.log10(through), slopes

    def _solved(self, densities: Floats) -> Floats:
        shown, slopes = self._shown(np.zeros((1, 3)))
        inverse = np.linalg.pinv(slopes[0])
        amounts = (densities - shown) @ inverse.T
        for _ in range(STEPS):
            shown, slopes = self._shown(amounts)
            lacking = densities - shown
            if slopes.shape[1] == 3:
                step = np.linalg.solve(slopes, lacking[..., None])[..., 0]
            else:
                step = (np.linalg.pinv(slopes) @ lacking[..., None])[..., 0]
            amounts = amounts + np.clip(step, -LONGEST, LONGEST)
            if np.abs(step).max(initial=0) < NEAR:
                break
        return amounts


def _parts(rows: Floats) -> list[Floats]:
    return np.array_split(rows, max(1, -(-len(rows) // PART)))
