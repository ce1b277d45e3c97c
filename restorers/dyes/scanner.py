"""What looks at film: a light and its sensitivities, as one weight for each wavelength in each of its bands."""

from dataclasses import dataclass
from math import log, sqrt
from typing import Self

import numpy as np

from restorers.dyes.stocks import WAVELENGTHS, Floats


@dataclass(frozen=True, eq=False)
class Scanner:
    """A scanner.

    Attributes:
        name: for people.
        bands: share of a band's signal that each wavelength has, clear film in it, `(bands, 71)`; red, green and blue
            where there are three.
    """

    name: str
    bands: Floats

    @classmethod
    def of(cls, name: str, light: Floats, sensitivities: Floats) -> Self:
        """A scanner by its light `(71,)` and what its sensor sees of it `(bands, 71)`, both in any unit."""
        weights = light * np.clip(sensitivities, 0, None)
        return cls(name, weights / weights.sum(1, keepdims=True))

    @classmethod
    def narrow(cls, name: str, *lamps: tuple[float, float]) -> Self:
        """A scanner whose lamps light up in turn: where each peaks and how wide it is at half its height, nm."""
        spread = 1 / (2 * sqrt(2 * log(2)))
        peaks = np.array([peak for peak, _ in lamps])[:, None]
        widths = np.array([width for _, width in lamps])[:, None] * spread
        lit = np.exp(-0.5 * ((WAVELENGTHS - peaks) / widths) ** 2)
        return cls.of(name, np.ones(len(WAVELENGTHS)), lit)


GENERIC_LAMPS = ((650.0, 25.0), (540.0, 35.0), (450.0, 25.0))
"""Lamps as scanners of archives have them, of none in particular: peak and width, nm, of red, green and blue."""
GENERIC = Scanner.narrow("generic", *GENERIC_LAMPS)
"""A scanner with these."""
