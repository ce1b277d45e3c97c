"""How likely a series measured frame by frame is: a slow course, and jitter about it that lasts from frame to frame.

A Whittaker smoother holds the differences of some order small, so that straight, evenly accelerated and evenly eased
courses pass exactly. Which order, how strongly, and how much one frame's jitter carries over to the next, is judged by
restricted likelihood, with a broad prior on the polynomial that no difference sees.

Eilers, A perfect smoother, Analytical Chemistry 75(14), 2003. doi:10.1021/ac034173t
Harville, Bayesian inference for variance components using only error contrasts, Biometrika 61(2), 1974.
doi:10.1093/biomet/61.2.383
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import lgamma, log, pi
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpbtrf, dpbtrs
from scipy.special import logsumexp

Floats: TypeAlias = NDArray[np.float64]
Precision: TypeAlias = Floats
"""A symmetric matrix `(T, T)` as its upper bands, `(reach + 1, T)`, the diagonal last."""

ORDERS = (1, 2, 3, 4)
PERIODS = (3, 4, 5, 6, 8, 10, 12, 14, 17, 20, 24, 29, 34, 41, 48, 68, 96, 136, 192, 384, 768)
CARRIED = (-0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6)
STIFFEST = 1e8  # beyond it double precision loses the likelihood
LEAST_JITTER_PX = 1e-3
POLYNOMIAL_PX = (30.0, 30.0, 3.0, 3.0)  # what a level, a straight, an evenly and unevenly accelerated part may come to
SWINGING = 5.0  # -2 log of the prior odds of a course that swings against one that does not
UNSHAKEN_STEPS = np.exp(-np.arange(0, 10, 0.8))  # variance of a course's differences, of the mean square found
ERROR_SIZES = (0.5, 1.0, 2.0)  # by how much a standard error may be mistaken


class Model(NamedTuple):
    """How a course is taken to run.

    Attributes:
        order: of the differences held small; 1 is a level, for it is held as stiffly as can be.
        period: in frames at which half of a swing is kept; shorter ones count as jitter.
        carried: correlation of the jitter from one frame to the next.
    """

    order: int
    period: float
    carried: float

    @property
    def strength(self) -> float:
        """How much more the differences weigh than the jitter."""
        return STIFFEST if self.order == 1 else strength(self.period, self.order)


@dataclass(frozen=True, eq=False)
class Judged:
    """Series under all models.

    Attributes:
        series: `(T, K)`.
        models: `M` of them, of each `carried` as many in a row.
        cost: `(M, K)` -2 log of the likelihood of the series; comparable for one series only, also between orders.
        jitter: `(M, K)` variance of what is new in each frame's jitter, pixels squared.
    """

    series: Floats
    models: tuple[Model, ...]
    cost: Floats
    jitter: Floats

    def best(self, k: int) -> int:
        """The likeliest model of a series."""
        return int(np.argmin(self.cost[:, k]))

    def course(self, index: int) -> Floats:
        """The courses of all series, `(T, K)`, under a model."""
        model, (length, _) = self.models[index], self.series.shape
        precision = jitter_precision(length, model.carried)
        whole = precision + model.strength * penalty(length, model.order)
        return solved(whole, times(precision, self.series))[1]

    def mean(self, weights: Floats) -> Floats:
        """The mean course of each series, `(T, K)`, over models of weights `(M, K)`."""
        kept = np.flatnonzero(weights.max(axis=1) > 1e-3)
        share = weights[kept] / weights[kept].sum(axis=0)
        return np.asarray(sum(part * self.course(index) for index, part in zip(kept.tolist(), share, strict=True)))

    @property
    def evidence(self) -> Floats:
        """Log of the mean likelihood of each series, `(K,)`, over the models of an order, and over the orders."""
        order = np.array([model.order for model in self.models])
        return _mean(np.stack([_mean(-0.5 * self.cost[order == n]) for n in sorted(set(order.tolist()))]))


def judged(
    series: Floats,
    orders: Sequence[int] = ORDERS,
    periods: Sequence[float] = PERIODS,
    carried: Sequence[float] = CARRIED,
) -> Judged:
    """All models of series `(T, K)`, T > 2, pixels.

    Args:
        series: `(T, K)`.
        orders: of the differences that may be held small, 1 to 4; those that the length does not bear are left out.
        periods: in frames, of the swings of which half may be kept.
        carried: correlations the jitter may have from one frame to the next.
    """
    length = len(series)
    borne = [order for order in orders if order < 3 or length >= order + 3]
    models, costs, sizes = [], [], []
    for share in carried:
        precision = jitter_precision(length, share)
        weighted = times(precision, series)
        for order in borne:
            bands = penalty(length, order)
            for period in periods if order > 1 else (np.inf,):
                model = Model(order, period, share)
                factor, values = solved(precision + model.strength * bands, weighted)
                squares = ((series - values) * weighted).sum(axis=0)
                size = np.maximum(squares / (length - order), LEAST_JITTER_PX**2)
                volume = volume_of(factor, model, np.ones(length - order))
                models.append(model)
                sizes.append(size)
                costs.append(volume + (length - order) * np.log(2 * pi * size) + squares / size)
    return Judged(series, tuple(models), np.array(costs), np.array(sizes))


def volume_of(factor: Floats, model: Model, hold: Floats) -> float:
    """What of a cost does not depend on the series, from the factor of all precisions.

    `hold` is the share of the full smoothness asked of each difference, `(T - order,)`.
    """
    length, order = factor.shape[1], model.order
    volume = 2 * np.log(factor[-1]).sum() - log(1 - model.carried**2) - np.log(model.strength * hold).sum()
    swings = model.strength < STIFFEST and model.period < 3 * length
    return float(volume + _polynomial(length, order) + (SWINGING if swings else 0))


def unshaken_evidence(series: Floats, error: Floats) -> Floats:
    """Log of the mean likelihood of series `(T, K)` that nothing shook: a course of any kind, measured with errors.

    The course may change as much from frame to frame as it likes, but has no jitter about it.

    Args:
        series: pixels.
        error: `(T, K)` standard error of each value, pixels, give or take a factor of two.
    """
    return np.array([_unshaken(one, spread) for one, spread in zip(series.T, error.T, strict=True)])


def _unshaken(series: Floats, error: Floats) -> float:
    length = len(series)
    found = []
    for order in (order for order in ORDERS if order < 3 or length >= order + 3):
        bands, free = penalty(length, order), length - order
        each = []
        for size in ERROR_SIZES:
            variance = np.maximum(size * error, LEAST_JITTER_PX) ** 2
            precision = np.zeros_like(bands)
            precision[-1] = 1 / variance
            most = max(float((np.diff(series, order) ** 2).mean()), float(variance.mean()))
            for spread in most * UNSHAKEN_STEPS:
                factor, values = solved(precision + bands / spread, series / variance)
                volume = 2 * np.log(factor[-1]).sum() + np.log(variance).sum() + free * log(2 * pi * spread)
                squares = ((series - values) * series / variance).sum()
                each.append(-0.5 * (volume + squares + _polynomial(length, order)))
        found.append(_mean(np.array(each)))
    return float(_mean(np.array(found)))


def solved(precision: Precision, goal: Floats) -> tuple[Precision, Floats]:
    """The Cholesky factor of a matrix, and what times the matrix gives the goal, `(T,)` or `(T, K)`."""
    factor, failed = dpbtrf(precision)
    if failed:
        raise np.linalg.LinAlgError(f"minor {failed} of {precision.shape[1]} is not positive definite")
    values, _ = dpbtrs(factor, goal)
    return factor, np.asarray(values)


def strength(period: float, order: int) -> float:
    """How stiffly differences are held for half of a swing of this period to be kept."""
    return float(min(1 / (2 * np.sin(pi / period)) ** (2 * order), STIFFEST)) if np.isfinite(period) else STIFFEST


def jitter_precision(length: int, carried: float) -> Precision:
    """Inverse covariance of first-order autoregressive jitter of unit innovations."""
    bands = np.zeros((max(ORDERS) + 1, length))
    bands[-1] = 1 + carried**2
    bands[-1, [0, -1]] = 1.0
    bands[-2, 1:] = -carried
    return bands


def penalty(length: int, order: int, hold: Floats | None = None) -> Precision:
    """Squared differences, each times its hold, `(T - order,)`."""
    hold = np.ones(length - order) if hold is None else hold
    weights, reach = kernel(order), max(ORDERS)
    bands = np.zeros((reach + 1, length))
    for lag in range(order + 1):
        for k in range(order + 1 - lag):
            bands[reach - lag, k + lag : length - order + k + lag] += weights[k] * weights[k + lag] * hold
    return bands


def kernel(order: int) -> Floats:
    """What a difference of an order takes of each of its frames."""
    return np.asarray(np.diff(np.eye(order + 1), order, axis=0)[0], np.float64)


def times(bands: Precision, series: Floats) -> Floats:
    """The matrix times series `(T, K)`."""
    product = np.asarray(bands[-1][:, None] * series, np.float64)
    for lag in range(1, len(bands)):
        band = bands[-1 - lag, lag:][:, None]
        product[:-lag] += band * series[lag:]
        product[lag:] += band * series[:-lag]
    return product


@lru_cache(maxsize=1024)
def _polynomial(length: int, order: int) -> float:
    """What a polynomial of the order may come to, less the log determinant of the differences times themselves.

    It makes the likelihoods of orders comparable. The determinant is the product of the squared norms of the discrete
    Chebyshev polynomials.
    """
    contrasts = sum(
        2 * lgamma(j + 1) - lgamma(2 * j + 1) - lgamma(2 * j + 2) + sum(log(length + i) for i in range(-j, j + 1))
        for j in range(order)
    )
    return sum(log(2 * pi * length * size**2) for size in POLYNOMIAL_PX[:order]) - contrasts


def _mean(logs: Floats) -> Floats:
    """Log of the mean of likelihoods `(N, ...)`."""
    return np.asarray(logsumexp(logs, axis=0) - log(len(logs)))
