"""Grain of stocks that were sold, by what their makers' data sheets say of it.

A data sheet gives *diffuse rms granularity*: 1000 times the standard deviation of visual diffuse density that an
aperture of 48 micrometers sees at a density of 1. Selwyn's law carries it to a pixel: the deviation times the root of
the aperture's area stays the same (Selwyn, A Theory of Graininess, Photographic Journal 75, 1935). That holds as long
as the aperture is large beside the clumps; how large those are follows from the same number by Nutting's law, for a
granularity G over an area A belongs to clumps of a = G^2 A / (0.434 D) (Nutting, On the Absorption of Light in
Heterogeneous Media, Philosophical Magazine 26, 1913, doi:10.1080/14786441308634982).

The granularities are restated as they are commonly quoted; only Velvia's (9) has been checked against a second source
so far, no sheet has been read for this table.
"""

from dataclasses import dataclass
from math import erf, exp, log, pi, sqrt

import numpy as np

from restorers.colorspace import BLACK_CODE, CODES_PER_DECADE, WHITE_CODE
from restorers.damage.graining import FOG
from restorers.detail.grain import LEVELS, Floats, GrainModel

APERTURE_UM = 48.0  # diameter
REACH = 12  # pixels
COMMON = 0.5  # share of the grain's variance that the layers of a color stock have in common, as in damage.graining
LUMA = (0.2126, 0.7152, 0.0722)  # what visual density is made of, BT.709
NEGATIVE_GAMMA = 0.6  # of a negative; Cineon's, and what density is scaled by


@dataclass(frozen=True)
class Stock:
    """What is known of a stock.

    Attributes:
        granularity: diffuse rms granularity as published.
        color: whether it has three layers of dye, or one of silver.
        negative: whether the picture is bright where the film is dense.
        source: data sheet and its year.
    """

    granularity: int
    color: bool
    negative: bool
    source: str


STOCKS = {
    "kodak-tri-x-400": Stock(17, False, True, "Kodak F-4017, Tri-X 320 and 400 Films, 2007"),
    "kodak-plus-x-125": Stock(10, False, True, "Kodak F-4018, Plus-X 125 Film, 2002"),
    "kodak-t-max-100": Stock(8, False, True, "Kodak F-4016, T-Max 100 Film, 2007"),
    "kodak-t-max-400": Stock(10, False, True, "Kodak F-4043, T-Max 400 Film, 2007"),
    "kodak-plus-x-5231": Stock(10, False, True, "Kodak H-1-5231, Plus-X Negative Film 5231/7231, 1990s"),
    "kodak-double-x-5222": Stock(14, False, True, "Kodak H-1-5222, Double-X Negative Film 5222/7222, 1990s"),
    "kodak-kodachrome-25": Stock(9, True, False, "Kodak E-55, Kodachrome 25, 64 and 200 Films, 1990s"),
    "kodak-kodachrome-64": Stock(10, True, False, "Kodak E-55, Kodachrome 25, 64 and 200 Films, 1990s"),
    "kodak-kodachrome-200": Stock(16, True, False, "Kodak E-55, Kodachrome 25, 64 and 200 Films, 1990s"),
    "kodak-ektachrome-e100g": Stock(8, True, False, "Kodak E-4024, Ektachrome E100G and E100GX Films, 2003"),
    "fuji-velvia-50": Stock(9, True, False, "Fujifilm, Velvia for Professionals RVP data sheet, 1990s"),
    "fuji-velvia-100": Stock(8, True, False, "Fujifilm, Velvia 100 RVP100 data sheet, 2000s"),
    "fuji-astia-100f": Stock(7, True, False, "Fujifilm, Astia 100F RAP100F data sheet, 2000s"),
}


def stock_grain(name: str, pitch_um: float, *, lens: float = 0.5) -> GrainModel:
    """Grain of a stock as a scanner sees it, in density of the picture.

    A negative's grain is strongest where the picture is bright, and printing it raises its contrast by 1 / 0.6, as the
    density that treatments work in does (`restorers.colorspace`).

    Args:
        name: one of `STOCKS`.
        pitch_um: distance of the scan's pixels on the film, in micrometers, e.g. 6 for 4096 pixels over 24.6 mm.
        lens: blur of the scanner's lens, standard deviation in pixels, beside that of its square pixels.

    Raises:
        ValueError: the stock is not known, or the pitch is not positive.

    >>> stock_grain("kodak-tri-x-400", 48.0).strength < stock_grain("kodak-tri-x-400", 6.0).strength
    True
    """
    if name not in STOCKS:
        raise ValueError(f"no granularity is known of the stock {name!r}; known are {', '.join(STOCKS)}")
    if not pitch_um > 0:
        raise ValueError(f"a pitch is larger than 0 micrometers, not {pitch_um}")
    stock = STOCKS[name]
    lags = _lags(clump_um(stock) / 4 / pitch_um, lens)
    correlation = np.full((3, 3), COMMON if stock.color else 1.0, np.float32)
    np.fill_diagonal(correlation, 1.0)
    weights = np.array(LUMA)
    visual = sqrt(float(weights @ correlation @ weights))
    per_pixel = stock.granularity / 1000 * sqrt(_aperture()) / pitch_um * float(lags[REACH]) / visual
    densities = np.array(LEVELS)
    if stock.negative:
        highest = (WHITE_CODE - BLACK_CODE) / CODES_PER_DECADE
        densities = NEGATIVE_GAMMA * np.clip(highest - densities, 0, None)
        per_pixel /= NEGATIVE_GAMMA
    curve = per_pixel * np.sqrt((densities + FOG) / (1 + FOG))
    unit = lags / lags[REACH]
    return GrainModel(
        sigma=np.tile(curve, (3, 1)).astype(np.float32),
        correlation=correlation,
        autocorrelation=np.asarray(np.outer(unit, unit), np.float32),
        blocks=0,
        method="published",
    )


def clump_um(stock: Stock) -> float:
    """Diameter of a clump, in micrometers, by Nutting's law.

    >>> round(clump_um(STOCKS["kodak-tri-x-400"]), 2)
    1.24
    """
    area = (stock.granularity / 1000) ** 2 * _aperture() * log(10)
    return 2 * sqrt(area / pi)


def _aperture() -> float:
    """Area, in square micrometers."""
    return pi * (APERTURE_UM / 2) ** 2


def _lags(clump: float, lens: float) -> Floats:
    """Autocovariance `(25,)` along one axis, of grain whose pixels would have a variance of 1 if it were white.

    Clumps and the lens are Gaussians, of standard deviations in pixels, the pixel is a square: a triangle blurred by a
    Gaussian, which is a second difference of the Gaussian integrated twice.
    """
    deviation = sqrt(2 * (clump**2 + lens**2))

    def twice(x: float) -> float:
        z = x / deviation
        return x * (1 + erf(z / sqrt(2))) / 2 + deviation * exp(-(z**2) / 2) / sqrt(2 * pi)

    steps = range(-REACH, REACH + 1)
    return np.array([max(twice(k + 1) - 2 * twice(k) + twice(k - 1), 0.0) for k in steps], np.float32)
