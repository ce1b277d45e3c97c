"""How far a film has faded, by places on it that were neutral once.

A neutral place had amounts of the three dyes that together look gray in the light it is viewed by; which ones, the dyes
tell. Its density is not known, nor is much else: so what is known of fading beforehand is weighed with what is seen, by
least squares (maximum a posteriori). The three dyes lose what one severity lets them expect, each a little more or
less, and the less the severity the less they stray: where places still look neutral nothing was lost.

The fade is fitted with the very dyes that will undo it. Dyes of another stock give another fade and nearly the same
picture; the true fade with them gives a wrong one.
"""

from dataclasses import dataclass
from functools import lru_cache

import colour
import numpy as np
from scipy.optimize import least_squares

from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.stocks import WAVELENGTHS, Floats, Stock

EXPECTED = np.array([0.85, 0.17, 0.50])
"""Logarithm of what cyan, magenta and yellow lose at a severity of 1."""
STRAY, STRAY_LEAST = np.array([0.25, 0.12, 0.25]), 0.01
"""By how much they stray from it at a severity of 1, and at none."""
BEND, STAIN, STAIN_NM, PRODUCT = 0.04, 0.10, (60.0, 15.0), 0.03
"""Spread of each, and mean and spread of the stain's width, at a severity of 1."""
SEEN = 0.01
"""Density by which a place is seen otherwise than it is: noise, and dyes that are not quite these."""
GRAY, GRAY_SPREAD = 0.9, 0.5  # visual density of grays that nobody knows the density of
LEVELS = np.linspace(0, 3, 61)


@dataclass(frozen=True, eq=False)
class Places:
    """What is seen of places that were neutral.

    Attributes:
        grays: densities `(N, bands)`, of any levels.
        clear: densities `(bands,)` of film that nothing was exposed on, if any is shown.
    """

    grays: Floats
    clear: Floats | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """A fade as it was found.

    Attributes:
        fade: the likeliest one.
        spread: standard deviation of each of its numbers: three shares (as logarithms), bend, stain, width, product.
        levels: visual density that each gray had.
    """

    fade: Fade
    spread: Floats
    levels: Floats


def fitted(film: Film, places: Places) -> Fit:
    """The likeliest fade of a film by places that were neutral.

    Args:
        film: by whose dyes it will be undone, as it was.
        places: what is seen of it now.
    """
    grays = np.atleast_2d(places.grays)
    start = np.concatenate([[0.3], np.zeros(3), [0, 0, 0, 0], np.full(len(grays), GRAY)])
    axis = neutral(film.stock)

    def misfit(x: Floats) -> Floats:
        severity, fade, levels = _read(x, len(grays))
        amounts = np.stack([np.interp(levels, LEVELS, axis[:, dye]) for dye in range(3)], 1)
        seen = [(fade.shown(film, amounts) - grays) / SEEN]
        if places.clear is not None:
            seen.append((fade.shown(film, np.zeros(3)) - places.clear) / SEEN)
        believed = np.concatenate([x[1:8], [severity / 1.0], (levels - GRAY) / GRAY_SPREAD])
        return np.concatenate([*(each.ravel() for each in seen), believed])

    low = np.concatenate([[0.0], np.full(7, -6.0), np.full(len(grays), 0.02)])
    high = np.concatenate([[3.0], np.full(7, 6.0), np.full(len(grays), LEVELS[-1])])
    found = least_squares(misfit, start, bounds=(low, high), x_scale="jac")
    _, fade, levels = _read(found.x, len(grays))
    slopes = np.asarray(found.jac, np.float64)
    covariance = np.linalg.pinv(slopes.T @ slopes)
    numbers = _numbers_slopes(found.x)
    spread = np.sqrt(np.clip(np.einsum("ij,jk,ik->i", numbers, covariance[:8, :8], numbers), 0, None))
    return Fit(fade, spread, levels)


def _numbers(x: Floats) -> Floats:
    """Logarithms of the shares, bend, stain, its width and product, of a severity and how far each strays."""
    severity, stray = x[0], x[1:8]
    scale = np.maximum(severity, STRAY_LEAST)
    shares = -EXPECTED * severity + STRAY * scale * stray[:3]
    rest = np.array([BEND * scale * stray[3], abs(STAIN * scale * stray[4]), STAIN_NM[0] + STAIN_NM[1] * stray[5], 0.0])
    rest[3] = PRODUCT * scale * abs(stray[6])
    return np.concatenate([shares, rest])


def _numbers_slopes(x: Floats) -> Floats:
    step = 1e-5
    return np.stack([(_numbers(x + step * e) - _numbers(x - step * e)) / (2 * step) for e in np.eye(len(x))[:8]], 1)


def _read(x: Floats, grays: int) -> tuple[float, Fade, Floats]:
    numbers = _numbers(x)
    cyan, magenta, yellow = np.minimum(np.exp(numbers[:3]), 1.5).tolist()
    bend, stain, width, product = numbers[3:].tolist()
    return float(x[0]), Fade((cyan, magenta, yellow), bend, stain, width, product), x[8 : 8 + grays]


@lru_cache(maxsize=64)
def neutral(stock: Stock) -> Floats:
    """Amounts of cyan, magenta and yellow `(61, 3)` that look gray at each visual density of `LEVELS`, over the base.

    In the light of D55, as projectors have it, to the observer of CIE 1931.
    """
    light, seen = _viewing()
    weights = (light * seen) / (light * seen[1]).sum()
    white = weights.sum(1)
    amounts = np.zeros((len(LEVELS), 3))
    guess = np.zeros(3)
    for index, level in enumerate(LEVELS):
        wanted = np.log10(white) - level
        for _ in range(30):
            passed = 10 ** -(guess @ stock.dyes)
            values = weights @ passed
            slopes = -(weights * passed) @ stock.dyes.T / values[:, None]
            step = np.linalg.solve(slopes, wanted - np.log10(values))
            guess = guess + np.clip(step, -0.5, 0.5)
            if np.abs(step).max() < 1e-9:
                break
        amounts[index] = guess
    return amounts


@lru_cache(maxsize=1)
def _viewing() -> tuple[Floats, Floats]:
    shape = colour.SpectralShape(WAVELENGTHS[0], WAVELENGTHS[-1], WAVELENGTHS[1] - WAVELENGTHS[0])
    light = colour.SDS_ILLUMINANTS["D55"].copy().align(shape).values
    seen = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values.T
    return np.asarray(light), np.asarray(seen)
