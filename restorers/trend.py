"""The slow course of a series measured frame by frame, told from what jitters about it.

A Whittaker smoother with a third difference penalty keeps straight and evenly accelerated courses exactly; how strongly
it smooths is found from the series itself, by restricted maximum likelihood, together with how much one frame's jitter
carries over to the next.

Eilers, A perfect smoother, Analytical Chemistry 75(14), 2003. doi:10.1021/ac034173t
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Floats: TypeAlias = NDArray[np.float64]

ORDER = 3
REACH = 8
LEAST_LENGTH = 8
PERIODS = (12, 17, 24, 34, 48, 68, 96, 136, 192, 384, 768)
CARRIED = (-0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6)


class Step(NamedTuple):
    """How far a frame was found to be from an earlier one, both counted from the start of the shot."""

    source: int
    target: int
    values: Floats
    weight: float


class Course(NamedTuple):
    """A slow course and what it says about the series.

    Attributes:
        values: `(T, K)` the course.
        period: period in frames at which half of a swing is kept; shorter ones count as jitter.
        carried: correlation of the jitter from one frame to the next.
        freedom: number of values the course is free to take, 1 for a constant.
        cost: -2 log likelihood of the series given the course, up to a constant; comparable for one series only.
    """

    values: Floats
    period: float
    carried: float
    freedom: float
    cost: float


def slow_course(series: Floats) -> Course:
    """The course that a likely jitter leaves, one strength for all `K` series of `(T, K)`.

    Series of fewer than 8 frames get a straight line: they are too short to tell more.
    """
    length = len(series)
    if length < LEAST_LENGTH:
        return _line(series)
    options = [(period, carried) for period in PERIODS if period <= 4 * length for carried in CARRIED]
    scores = [_restricted(series, *option) for option in options]
    period, carried = options[int(np.argmin(scores))]
    values = smoothed(series, period, carried=carried)
    spread = 1.4826 * np.median(np.abs(series - values), axis=0)
    held = np.clip(series, values - 4 * spread, values + 4 * spread)  # one jumping frame must not bend the course
    values = smoothed(held, period, carried=carried)
    freedom = float((1 / (1 + _strength(period) * (2 * np.sin(np.arange(length) * np.pi / (2 * length))) ** 6)).sum())
    return Course(values, float(period), carried, max(freedom, float(ORDER)), _cost(held - values, carried))


def reconciled(steps: Iterable[Step], length: int, shape: tuple[int, ...]) -> Floats:
    """The series `(T, *shape)` that agrees best with all steps, by weighted least squares; its median is zero.

    Args:
        steps: each at most 8 frames long; a frame that no step leads to stays near zero.
        length: T.
        shape: of the steps' values.
    """
    bands = np.full((REACH + 1, length), 0.0)
    bands[-1] = 1e-9  # the level of the whole is free
    goal = np.zeros((length, *shape))
    for source, target, values, weight in steps:
        bands[-1, [source, target]] += weight
        bands[-1 - (target - source), target] -= weight
        goal[target] += weight * values
        goal[source] -= weight * values
    factor = cholesky_banded(bands)
    series = np.asarray(cho_solve_banded((factor, False), goal.reshape(length, -1))).reshape(goal.shape)
    return np.asarray(series - np.median(series, axis=0))


def constant_course(series: Floats) -> Course:
    """The course that stands still: the median of each series of `(T, K)`."""
    values = np.broadcast_to(np.median(series, axis=0), series.shape)
    spread = 1.4826 * np.median(np.abs(series - values), axis=0)
    residual = np.clip(series - values, -4 * spread, 4 * spread)
    costs = [_cost(residual, carried) for carried in CARRIED]
    best = int(np.argmin(costs))
    return Course(values, np.inf, CARRIED[best], 1.0, costs[best])


def smoothed(
    series: Floats,
    period: float,
    *,
    order: int = ORDER,
    carried: float = 0.0,
    hold: Floats | None = None,
    trust: Floats | None = None,
) -> Floats:
    """A series `(T, K)` without what swings faster than `period` frames.

    Args:
        series: `(T, K)`, T > 3.
        period: frames; half of a swing of this period is kept.
        order: of the differences held small, 1 to 3: a level, a straight line, an even acceleration stays as it is.
        carried: correlation of the jitter from one frame to the next.
        hold: `(T - order,)` share of the full smoothness asked of order + 1 frames in a row, e.g. 0 across a step.
        trust: `(T,)` weight of each frame, e.g. 0 for a flash.
    """
    precision = _jitter_precision(len(series), carried)
    if trust is not None:
        precision[-1] *= trust + 1e-9
        precision[-2, 1:] *= np.sqrt(trust[1:] * trust[:-1])
    factor = cholesky_banded(precision + _strength(period, order) * _penalty(len(series), order, hold))
    return np.asarray(cho_solve_banded((factor, False), _times(precision, series)))


def _line(series: Floats) -> Course:
    time = np.arange(len(series), dtype=np.float64)
    if len(series) < 3:
        values = series.copy()
    else:
        basis = np.stack((np.ones_like(time), time), axis=1)
        values = basis @ np.linalg.lstsq(basis, series, rcond=None)[0]
    return Course(values, 2.0 * len(series), 0.0, float(min(len(series), 2)), _cost(series - values, 0.0))


def _restricted(series: Floats, period: float, carried: float) -> float:
    length, count = series.shape
    precision, strength = _jitter_precision(length, carried), _strength(period)
    factor = cholesky_banded(precision + strength * _penalty(length))
    weighted = _times(precision, series)
    squares = (series * weighted).sum(axis=0) - (weighted * cho_solve_banded((factor, False), weighted)).sum(axis=0)
    free = length - ORDER
    volume = 2 * np.log(factor[-1]).sum() - np.log(1 - carried**2) - free * np.log(strength)
    return float(free * np.log(np.maximum(squares, 1e-12) / free).sum() + count * volume)


def _cost(residual: Floats, carried: float) -> float:
    length = len(residual)
    squares = (residual * _times(_jitter_precision(length, carried), residual)).sum(axis=0)
    count = residual.shape[1]
    return float(length * np.log(np.maximum(squares, 1e-12) / length).sum() - count * np.log(1 - carried**2))


def _strength(period: float, order: int = ORDER) -> float:
    return float(1 / (2 * np.sin(np.pi / period)) ** (2 * order))


def _jitter_precision(length: int, carried: float) -> Floats:
    """Inverse covariance of first-order autoregressive jitter, upper bands, `(4, T)`."""
    bands = np.zeros((ORDER + 1, length))
    bands[-1] = 1 + carried**2
    bands[-1, [0, -1]] = 1.0
    bands[-2, 1:] = -carried
    return bands


def _penalty(length: int, order: int = ORDER, hold: Floats | None = None) -> Floats:
    """Squared differences as upper bands, `(4, T)`."""
    hold = np.ones(length - order) if hold is None else hold
    kernel = np.diff(np.eye(order + 1), order, axis=0)[0]
    bands = np.zeros((ORDER + 1, length))
    for lag in range(order + 1):
        for k in range(order + 1 - lag):
            bands[ORDER - lag, k + lag : length - order + k + lag] += kernel[k] * kernel[k + lag] * hold
    return bands


def _times(bands: Floats, series: Floats) -> Floats:
    product = np.asarray(bands[-1][:, None] * series, np.float64)
    for lag in range(1, len(bands)):
        band = bands[-1 - lag, lag:][:, None]
        product[:-lag] += band * series[lag:]
        product[lag:] += band * series[:-lag]
    return product
