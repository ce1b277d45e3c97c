"""What is seen through a stain: its own detail and grain stay, and what the stain adds to them is taken off.

A stain lays a smooth veil on the picture: it adds density and may take contrast. What other frames agree on tells the
picture's slow part under it; all that is finer is the frame's own.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.holes import Hole
from restorers.cleaning.neighbors import Mask
from restorers.detail.grain import Floats

SLOW = 3.0  # pixels: Gaussian over which a veil is even
FINER = (2.0, 1.4)  # the same of what is known to be a stain, as they have rims
SMALLEST = 60  # pixels of a blemish whose veil can be told from its picture
PLAIN = 2.0  # variances of grain: detail beyond which contrast is told by it, and else by the grain
CONTRAST = 0.6  # share of contrast that must be left
GRAINY = 0.5  # share of grain's variance that must be left
UNLIKE = 1.6  # times the variance of chance that what is left may differ from other frames by
MOSTLY = 0.6  # share of its pixels that must be seen


def corrected(
    hole: Hole, here: Floats, agreed: Floats, autocorrelation: NDArray[np.float64], *, stain: bool = False
) -> tuple[Floats, Mask] | None:
    """The pixels `(M, 3)` of a hole without what lies over them, and which of them are seen through `(M,)`.

    Args:
        hole: where.
        here: the frame's own pixels, density, `(M, 3)`.
        agreed: what other frames agree on, `(M, 3)`.
        autocorrelation: of grain in space.
        stain: whether it is known to be a stain: its veil may have finer parts.

    Returns:
        None where it cannot be told or too little is left.
    """
    if len(here) < SMALLEST:
        return None
    for sigma in (SLOW, *FINER) if stain else (SLOW,):
        through = _without(hole, here, agreed, sigma, _finer(autocorrelation, sigma) if stain else 1.0)
        if through is not None:
            return through
    return None


def _without(hole: Hole, here: Floats, agreed: Floats, even: float, left: float) -> tuple[Floats, Mask] | None:
    """The pixels without a veil that is even over some; `left` is the share of grain's variance that is finer."""
    slow = _slow(hole, np.concatenate((here, agreed), 1), even)
    own, theirs = here - slow[:, :3], agreed - slow[:, 3:]
    gray, shown = own.mean(1), theirs.mean(1)
    chance = left * hole.sigma**2
    detail = float(np.square(shown).mean())
    power = float(np.square(gray).mean())
    if detail > PLAIN * chance:
        contrast = float((gray * shown).mean()) / detail
    else:
        contrast = float(np.sqrt(power / (detail + chance)))
    if contrast < CONTRAST or power - contrast**2 * detail < GRAINY * contrast**2 * chance:
        return None
    contrast = min(contrast, 1.0)
    apart = np.square(gray / contrast - shown) / chance
    seen = hole.smoothed(apart[:, None])[:, 0] < UNLIKE
    if seen.mean() < MOSTLY:
        return None
    return np.asarray(slow[:, 3:] + own / np.float32(contrast), np.float32), np.asarray(seen)


def _finer(autocorrelation: NDArray[np.float64], even: float) -> float:
    """Share of grain's variance in what is finer than a Gaussian of so many pixels."""
    lags = np.arange(len(autocorrelation)) - len(autocorrelation) // 2
    kept = []
    for variance in (even**2, 2 * even**2):
        line = np.exp(-(lags**2) / (2 * variance))
        kept.append(float((autocorrelation * np.outer(line, line)).sum() / line.sum() ** 2))
    return 1 - 2 * kept[0] + kept[1]


def _slow(hole: Hole, values: Floats, even: float) -> Floats:
    """The slow part of values of the hidden pixels `(M, k)`."""
    planes = np.zeros((*hole.mask.shape, values.shape[1] + 1), np.float32)
    planes[hole.mask, :-1], planes[hole.mask, -1] = values, 1
    parts = [
        cv2.GaussianBlur(np.ascontiguousarray(planes[..., k]), (0, 0), even)[hole.mask] for k in range(planes.shape[2])
    ]
    return np.asarray(np.stack(parts[:-1], 1) / parts[-1][:, None], np.float32)
