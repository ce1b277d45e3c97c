"""Fading that is not the same all over the frame: how severe it is from place to place.

The severity multiplies the fade of the reel: what is left of a dye is its share to the power of the severity.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from restorers.dyes.fade import Fade
from restorers.dyes.film import Film
from restorers.dyes.stocks import Floats

MOST = 2.0  # severities that are looked at
TERMS = ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (4, 0), (0, 4))
"""Powers of x and y in [-1, 1] that a field over the frame is a sum of."""
STIFF = 0.02  # of the terms, against blocks that say otherwise
BLOCKS = 24  # on the longer side of an even patch


def over(
    film: Film, fade: Fade, patches: Sequence[tuple[Floats, tuple[int, int]]], size: tuple[int, int]
) -> tuple[float, ...]:
    """The field of the severity over frames of a size (height, width): what each of `TERMS` weighs.

    Args:
        film: as it was.
        fade: of the whole reel, which the middle of the frame has.
        patches: places that were even once: densities `(h, w, 3)` and the upper left corner (y, x) of each.
        size: of the frames.
    """
    rows, wanted = [], []
    for densities, corner in patches:
        means, centers = _blocks(densities, corner)
        away = 2 * centers / np.array(size) - 1
        middle = np.argmin((away**2).sum(1))
        before = fade.undone(film, means[middle])
        severities = np.array([_severity(film, fade, block[None], before[None]) for block in means])
        terms = _terms(away[:, 1], away[:, 0])
        rows.append(terms - terms[middle])
        wanted.append(severities - severities[middle])
    terms, values = np.concatenate(rows), np.concatenate(wanted)
    square = terms.T @ terms + STIFF**2 * len(terms) * np.eye(len(TERMS))
    return tuple(float(v) for v in np.linalg.solve(square, terms.T @ values))


def field(weights: Sequence[float], size: tuple[int, int]) -> Floats:
    """The severity `(height, width)` of a field; 1 in the middle of the frame."""
    y, x = (2 * (np.arange(n) + 0.5) / n - 1 for n in size)
    plane = np.ones(size)
    for weight, (right, down) in zip(weights, TERMS, strict=True):
        plane += weight * x[None, :] ** right * y[:, None] ** down
    return np.asarray(np.clip(plane, 0, MOST))


def _severity(film: Film, fade: Fade, densities: Floats, before: Floats) -> float:
    def misfit(severity: float) -> float:
        return float(np.sum((fade.times(severity).shown(film, before) - densities) ** 2))

    return float(minimize_scalar(misfit, bounds=(0, MOST), method="bounded", options={"xatol": 1e-3}).x)


def _blocks(densities: Floats, corner: tuple[int, int]) -> tuple[Floats, Floats]:
    """Medians of square blocks `(N, 3)` and their centers `(N, 2)`, y and x, in pixels of the frame."""
    side = max(1, max(densities.shape[:2]) // BLOCKS)
    means, centers = [], []
    for y in range(0, densities.shape[0] - side + 1, side):
        for x in range(0, densities.shape[1] - side + 1, side):
            means.append(np.median(densities[y : y + side, x : x + side].reshape(-1, 3), axis=0))
            centers.append((corner[0] + y + side / 2, corner[1] + x + side / 2))
    return np.array(means), np.array(centers)


def _terms(x: Floats, y: Floats) -> Floats:
    return np.stack([x**right * y**down for right, down in TERMS], 1)
