"""Confidence that means what it says: of all that is held to be right with 0.9, nine in ten are.

Platt, *Probabilistic outputs for support vector machines*, 1999. Guo, Pleiss, Sun, Weinberger, *On Calibration of
Modern Neural Networks*, ICML 2017.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from restorers.detail.grain import Floats

Judged = tuple[float, int, bool]
"""An object: the mean log odds of its pixels, how many they are, and whether it is what it was taken for."""

PRIOR = 1.0  # weight of believing the network as it is


def calibrated(objects: Sequence[Judged]) -> tuple[float, float, float]:
    """How log odds, the logarithm of the area and a constant add up to the log odds that are right for objects.

    The likeliest by Newton's method, drawn a little towards `(1, 0, 0)`, which takes the network at its word.
    """
    start = np.array([1.0, 0.0, 0.0])
    weights = start.copy()
    if not objects:
        return (1.0, 0.0, 0.0)
    seen = np.array([(odds, np.log(area), 1.0) for odds, area, _ in objects])
    right = np.array([float(each) for *_, each in objects])
    for _ in range(30):
        likely = 1 / (1 + np.exp(-np.clip(seen @ weights, -50, 50)))
        slope = seen.T @ (right - likely) - PRIOR * (weights - start)
        curve = (seen * (likely * (1 - likely))[:, None]).T @ seen + PRIOR * np.eye(3)
        weights = weights + np.linalg.solve(curve, slope)
    return float(weights[0]), float(weights[1]), float(weights[2])


def calibration_error(sure: Floats, right: NDArray[np.bool_], *, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is off the share that is right, over bins of confidence."""
    index = np.minimum((sure * bins).astype(int), bins - 1)
    off = np.bincount(index, sure, bins) - np.bincount(index, right, bins)
    return float(np.abs(off).sum() / max(len(sure), 1))
