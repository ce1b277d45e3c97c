"""Confidence that means what it says: of all that is held to be right with 0.9, nine in ten are.

Platt, *Probabilistic outputs for support vector machines*, 1999. Guo, Pleiss, Sun, Weinberger, *On Calibration of
Modern Neural Networks*, ICML 2017.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from restorers.detail.grain import Floats

Judged = tuple[Sequence[float], bool]
"""An object: what speaks for it, its log odds before all, and whether it is what it was taken for."""

PRIOR = 1.0  # weight of believing the network as it is
MOST = 25.0  # objects that one film counts as at most: a film of rain is full of suspects, and one film


def calibrated(films: Sequence[Sequence[Judged]], start: Sequence[float]) -> tuple[float, ...]:
    """How signs and a constant add up to the log odds that are right for the objects of some films.

    The likeliest, drawn a little towards `start`: a weight for each sign, and the constant.
    """
    objects = [(signs, right, min(1.0, MOST / len(film))) for film in films for signs, right in film]
    if not objects:
        return tuple(start)
    first = np.array(start, np.float64)
    seen = np.array([(*signs, 1.0) for signs, _, _ in objects])
    right, counts = np.array([float(each) for _, each, _ in objects]), np.array([count for *_, count in objects])

    def unlikely(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds, apart = seen @ weights, weights - first
        loss = counts @ (np.logaddexp(0, odds) - right * odds) + PRIOR * (apart @ apart) / 2
        return float(loss), seen.T @ (counts * (expit(odds) - right)) + PRIOR * apart

    return tuple(minimize(unlikely, first, jac=True, method="BFGS").x.tolist())


def calibration_error(sure: Floats, right: NDArray[np.bool_], *, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is off the share that is right, over bins of confidence."""
    index = np.minimum((sure * bins).astype(int), bins - 1)
    off = np.bincount(index, sure, bins) - np.bincount(index, right, bins)
    return float(np.abs(off).sum() / max(len(sure), 1))
