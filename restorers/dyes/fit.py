"""How far a film has faded, by places on it whose color is known.

A clear leader, grays and blacks, a chart: of each it is known what it looked like, if not always how dense a gray was,
and the dyes tell which amounts of them look so. Much else is not known: so what is known of fading beforehand is
weighed with what is seen, by least squares (maximum a posteriori). The three dyes lose what one severity lets them
expect, each a little more or less, and the less the severity the less they stray: where places still look as they did
nothing was lost.

The fade is fitted with the very dyes that will undo it. Dyes of another stock give another fade and nearly the same
picture; the true fade with them gives a wrong one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from restorers.dyes import projection
from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.scanner import Scanner
from restorers.dyes.stocks import Floats, Stock

EXPECTED = np.array([0.85, 0.17, 0.50])
"""Logarithm of what cyan, magenta and yellow lose at a severity of 1."""
STRAY, STRAY_LEAST = np.array([0.25, 0.12, 0.25]), 0.01
"""By how much they stray from it at a severity of 1, and at none."""
BEND, STAIN, STAIN_NM, PRODUCT = 0.04, 0.10, (60.0, 15.0), 0.03
"""Spread of each, and mean and spread of the stain's width, at a severity of 1."""
SEEN = 0.01
"""Density by which a place is seen otherwise than it is: noise, and dyes that are not quite these."""
GRAY, GRAY_SPREAD = 0.9, 0.5  # visual density of grays that nobody knows the density of
NUMBERS = 8  # severity, and how far the rest strays: three shares, bend, stain, its width, product
FURTHEST, MOST = 6.0, 3.0  # sigmas, and severities, that are looked at
DRIFT = 0.4
"""Spread of the logarithm of a stretch's severity."""


@dataclass(frozen=True, eq=False)
class Place:
    """A place on the film, as it is seen and as it was.

    Attributes:
        densities: what is seen of it now, `(bands,)`.
        level: visual density of a gray it was; 0 for clear film, None for a gray of which nobody knows.
        color: XYZ it projected, relative to clear film, where it was no gray, `(3,)`.
        scanner: what saw it, if not what the film is in.
        stretch: of the reel it lies in, where fading differs along it; any number.
    """

    densities: Floats
    level: float | None = None
    color: Floats | None = None
    scanner: Scanner | None = None
    stretch: int = 0


@dataclass(frozen=True, eq=False)
class Fit:
    """A fade as it was found.

    Attributes:
        fade: the likeliest one.
        spread: standard deviation of each of its numbers: three shares (as logarithms), bend, stain, width, product.
        levels: visual density that each gray had of which nobody knew.
        severities: how many times as far the fade has gone in each stretch, by its number; 1 in the middle of them.
        left: density by which each place still differs from what it was, root of the mean of its bands.
        likely: its numbers and their covariance.
    """

    fade: Fade
    spread: Floats
    levels: Floats
    severities: dict[int, float]
    left: Floats
    likely: tuple[Floats, Floats]

    def drawn(self, count: int, seed: int) -> list[Fade]:
        """As many fades as the places allow as well, by chance: a sample of the posterior, taken to be Gaussian."""
        mean, covariance = self.likely
        chance = np.random.default_rng(seed)
        return [_fade(numbers) for numbers in chance.multivariate_normal(mean, covariance, count, method="eigh")]


def fitted(film: Film, places: Sequence[Place]) -> Fit:
    """The likeliest fade of a film by places that are known.

    Args:
        film: by whose dyes it will be undone, as it was.
        places: at least one.
    """
    unknown = [index for index, place in enumerate(places) if place.level is None and place.color is None]
    stretches = sorted({place.stretch for place in places})
    stretch = [stretches.index(place.stretch) for place in places]
    drifts = len(stretches) if len(stretches) > 1 else 0
    before = _before(film.stock, places)
    films = [Film(film.stock, place.scanner or film.scanner, film.veil) for place in places]
    alike = not drifts and all(place.scanner is None for place in places)

    def severities(x: Floats) -> Floats:
        return np.exp(x[NUMBERS : NUMBERS + drifts]) if drifts else np.ones(1)

    def lacking(x: Floats) -> list[Floats]:
        fade, known = _fade(_numbers(x)), before.copy()
        if unknown:
            known[unknown] = projection.grays(film.stock, x[NUMBERS + drifts :])
        if alike:
            return list(fade.shown(film, known) - np.stack([place.densities for place in places]))
        fades = [fade.times(float(severity)) for severity in severities(x)]
        return [
            fades[where].shown(seen, c) - place.densities
            for where, seen, c, place in zip(stretch, films, known, places, strict=True)
        ]

    def misfit(x: Floats) -> Floats:
        levels = (x[NUMBERS + drifts :] - GRAY) / GRAY_SPREAD
        drift = x[NUMBERS : NUMBERS + drifts]
        middle = drift.mean(keepdims=True) / SEEN if drifts else drift
        return np.concatenate([*(each / SEEN for each in lacking(x)), x[:NUMBERS], drift / DRIFT, middle, levels])

    start = np.concatenate([[0.3], np.zeros(NUMBERS - 1 + drifts), np.full(len(unknown), GRAY)])
    rest = np.concatenate([np.full(NUMBERS - 1, FURTHEST), np.full(drifts, 3 * DRIFT)])
    low = np.concatenate([[0.0], -rest, np.full(len(unknown), 0.02)])
    high = np.concatenate([[MOST], rest, np.full(len(unknown), projection.LEVELS[-1])])
    found = least_squares(misfit, start, bounds=(low, high), x_scale="jac")
    slopes = np.asarray(found.jac, np.float64)
    covariance = np.asarray(np.linalg.pinv(slopes.T @ slopes)[:NUMBERS, :NUMBERS], np.float64)
    slopes = _numbers_slopes(found.x[:NUMBERS])
    covariance = slopes @ covariance @ slopes.T
    numbers = _numbers(found.x)
    left = np.array([np.sqrt(np.mean(each**2)) for each in lacking(found.x)])
    along = severities(found.x).tolist()
    return Fit(
        fade=_fade(numbers),
        spread=np.sqrt(np.clip(np.diag(covariance), 0, None)),
        levels=found.x[NUMBERS + drifts :],
        severities=dict(zip(stretches, along, strict=True)),
        left=left,
        likely=(numbers, covariance),
    )


def _before(stock: Stock, places: Sequence[Place]) -> Floats:
    """Amounts `(N, 3)` that places had, of those that are known."""
    levels = np.array([place.level or 0.0 for place in places])
    amounts = projection.grays(stock, levels)
    for index, place in enumerate(places):
        if place.color is not None:
            amounts[index] = np.maximum(projection.making(stock, place.color), 0)
    return amounts


def _numbers(x: Floats) -> Floats:
    """Logarithms of the shares, bend, stain, its width and product, of a severity and how far each strays."""
    severity, stray = x[0], x[1:NUMBERS]
    scale = np.maximum(severity, STRAY_LEAST)
    shares = -EXPECTED * severity + STRAY * scale * stray[:3]
    rest = np.array([BEND * scale * stray[3], abs(STAIN * scale * stray[4]), STAIN_NM[0] + STAIN_NM[1] * stray[5], 0.0])
    rest[3] = PRODUCT * scale * abs(stray[6])
    return np.concatenate([shares, rest])


def _numbers_slopes(x: Floats) -> Floats:
    step = 1e-5
    return np.stack([(_numbers(x + step * e) - _numbers(x - step * e)) / (2 * step) for e in np.eye(NUMBERS)], 1)


def _fade(numbers: Floats) -> Fade:
    cyan, magenta, yellow = np.minimum(np.exp(numbers[:3]), 1.5).tolist()
    bend, stain, width, product = numbers[3:].tolist()
    return Fade((cyan, magenta, yellow), bend, max(stain, 0.0), max(width, 5.0), max(product, 0.0))
