"""The slow course of a series measured frame by frame, told from what jitters about it.

A Whittaker smoother holds the differences of some order small, so that straight, evenly accelerated and evenly eased
courses pass exactly. Which order, how strongly, how much one frame's jitter carries over to the next, and where the
course turns sharply (a camera that starts or stops), is what makes the series most likely: restricted likelihood, with
a broad prior on the polynomial that no difference sees.

Eilers, A perfect smoother, Analytical Chemistry 75(14), 2003. doi:10.1021/ac034173t
Harville, Bayesian inference for variance components using only error contrasts, Biometrika 61(2), 1974.
doi:10.1093/biomet/61.2.383
Tipping, Faul, Fast marginal likelihood maximisation for sparse Bayesian models, AISTATS 2003 (the turns).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import lgamma, log, pi
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Floats: TypeAlias = NDArray[np.float64]

ORDER = 3
REACH = 8
PERIODS = (3, 4, 5, 6, 8, 10, 12, 17, 24, 34, 48, 68, 96, 136, 192, 384, 768)
CARRIED = (-0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6)
STIFFEST = 1e8  # beyond it double precision loses the likelihood
LEAST_JITTER_PX = 1e-3
POLYNOMIAL_PX = (30.0, 30.0, 3.0, 3.0)  # what a level, a straight, an evenly and unevenly accelerated part may come to
SWINGING = 5.0  # -2 log of the prior odds of a course that swings against one that does not
TURNS = ((0, 5.0), (4, 1.0), (10, 0.4), (10, 3.0))  # frames a turn takes, and its change of velocity a frame, pixels
MOST_TURNS = 4
LEAST_LENGTH_FOR_TURNS = 24
LEAST_JITTER_FOR_TURNS_PX = 0.1
STRAIGHT_PERIOD = 96
KINKS_TRIED = 24
LEAST_LENGTH_FOR_JUMPS = 8


class Step(NamedTuple):
    """How far a frame was found to be from an earlier one, both counted from the start of the shot."""

    source: int
    target: int
    values: Floats
    weight: float


class Turn(NamedTuple):
    """Differences `first <= n < stop` of a course that may be as large as `spread`: it turns sharply there."""

    first: int
    stop: int
    spread: float


class Model(NamedTuple):
    """How a course is taken to run.

    Attributes:
        order: of the differences held small; 1 is a level, for it is held as stiffly as can be.
        period: in frames at which half of a swing is kept; shorter ones count as jitter.
        carried: correlation of the jitter from one frame to the next.
        turns: where the differences are let go.
        jitter: variance of the jitter that the turns are measured by, square pixels.
    """

    order: int
    period: float
    carried: float
    turns: tuple[Turn, ...] = ()
    jitter: float = 1.0


class Course(NamedTuple):
    """A slow course and what it says about the series.

    Attributes:
        values: `(T, K)` the course.
        model: how it runs.
        jitter: `(K,)` variance of what is new in each frame's jitter.
        cost: -2 log of the likelihood of the series; comparable for one series only, also between orders.
    """

    values: Floats
    model: Model
    jitter: Floats
    cost: float


def slow_course(
    series: Floats,
    *,
    orders: Sequence[int] = (2, 3, 4),
    periods: Sequence[float] = PERIODS,
    carried: Sequence[float] = CARRIED,
) -> Course:
    """The course that a likely jitter leaves, of one model for all `K` series of `(T, K)`, pixels.

    A single series may also turn sharply. Single frames that jump do not bend the course.

    Args:
        series: `(T, K)`, T > 2.
        orders: of the differences that may be held small, 1 to 4; 1 is a level.
        periods: in frames, rising, of the swings of which half may be kept.
        carried: correlations the jitter may have from one frame to the next, rising.
    """
    held = _unjumped(series)
    found = _likeliest(held, orders, periods, carried)
    if series.shape[1] == 1:
        found = _turning(held, found, periods, carried)
    spread = np.maximum(1.4826 * np.median(np.abs(held - found.values), axis=0), LEAST_JITTER_PX)
    held = np.clip(held, found.values - 4 * spread, found.values + 4 * spread)
    return _climbed(held, found.model, periods, carried)


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
    strength = float(1 / (2 * np.sin(np.pi / period)) ** (2 * order))
    factor = cholesky_banded(precision + strength * _penalty(len(series), order, hold, ORDER))
    return np.asarray(cho_solve_banded((factor, False), _times(precision, series)))


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


def _likeliest(series: Floats, orders: Sequence[int], periods: Sequence[float], carried: Sequence[float]) -> Course:
    """The best course without turns: from a coarse grid of models, uphill."""
    found = []
    for order in orders:
        if len(series) < order + 3 and order > 2:
            continue
        start = [Model(order, p, c) for p in (periods[::2] if order > 1 else periods[-1:]) for c in carried[::2]]
        best = min((_course(series, model) for model in start), key=lambda course: course.cost)
        found.append(_climbed(series, best.model, periods, carried))
    return min(found, key=lambda course: course.cost)


def _climbed(series: Floats, model: Model, periods: Sequence[float], carried: Sequence[float]) -> Course:
    tried: dict[tuple[int, int], Course] = {}

    def course(at: tuple[int, int]) -> Course:
        if at not in tried:
            tried[at] = _course(series, model._replace(period=periods[at[0]], carried=carried[at[1]]))
        return tried[at]

    at = (periods.index(model.period), carried.index(model.carried))
    while True:
        around = [
            (i, j)
            for i in range(max(at[0] - 1, 0), min(at[0] + 2, len(periods)))
            for j in range(max(at[1] - 1, 0), min(at[1] + 2, len(carried)))
        ]
        best = min(around, key=lambda near: course(near).cost)
        if course(best).cost >= course(at).cost:
            return course(at)
        at = best


def _turning(series: Floats, smooth: Course, periods: Sequence[float], carried: Sequence[float]) -> Course:
    """Whether straight or evenly accelerated stretches with a few sharp turns say more than a course without."""
    length = len(series)
    if (
        length < LEAST_LENGTH_FOR_TURNS
        or smooth.model.period >= STRAIGHT_PERIOD
        or smooth.model.order == 1
        or float(smooth.jitter[0]) < LEAST_JITTER_FOR_TURNS_PX**2
    ):
        return smooth
    found = [smooth]
    for order in (2, 3):
        stiff = Model(order, max(p for p in periods if p <= 384), smooth.model.carried, (), float(smooth.jitter[0]))
        turns = _turns(series, stiff, smooth.cost)
        if turns:
            found.append(_climbed(series, stiff._replace(turns=turns), periods, carried))
    return min(found, key=lambda course: course.cost)


def _turns(series: Floats, model: Model, goal: float) -> tuple[Turn, ...]:
    """The few turns that make a stiff course most likely, each where it says most; none if none reach the goal."""

    def cost(turns: tuple[Turn, ...]) -> float:
        return _course(series, model._replace(turns=turns), known=True).cost

    turns: tuple[Turn, ...] = ()
    least = cost(turns)
    for left in reversed(range(MOST_TURNS + 1)):
        at = _sharpest(series, model._replace(turns=turns))
        tried = [(*turns, _turn(at, kind, model.order)) for kind in TURNS]
        best = _settled(min(tried, key=cost), model.order, cost)
        gain = least - cost(best)
        if gain <= 0:
            return turns
        if cost(best) - left * gain > goal:
            return ()
        turns, least = best, cost(best)
    return ()


def _settled(turns: tuple[Turn, ...], order: int, cost: Callable[[tuple[Turn, ...]], float]) -> tuple[Turn, ...]:
    """Turns moved, made longer or shorter, or left out, as long as that says more."""
    least = cost(turns)
    moving = True
    while moving:
        moving = False
        for index, turn in enumerate(turns):
            rest = turns[:index] + turns[index + 1 :]
            moved = [(*rest, Turn(turn.first + by, turn.stop + by, turn.spread)) for by in (-4, -2, -1, 1, 2, 4)]
            places = (turn.first, (turn.first + turn.stop) // 2, turn.stop)
            other = [(*rest, _turn(at, kind, order)) for at in places for kind in TURNS]
            best = min([rest, *moved, *other], key=cost)
            if cost(best) < least - 0.01:
                turns, least, moving = best, cost(best), True
                break
    return turns


def _turn(at: int, kind: tuple[int, float], order: int) -> Turn:
    width = kind[0] + order - 1
    first = at - (width - 1) // 2
    return Turn(first, first + width, kind[1])


def _sharpest(series: Floats, model: Model) -> int:
    """The difference whose release says most when it is released alone."""
    length, order = len(series), model.order
    weights = _strength(model.period, order) * _hold(model, length)
    precision = _jitter_precision(length, model.carried, order)
    factor = cholesky_banded(precision + _penalty(length, order, weights))
    kinks = np.diff(cho_solve_banded((factor, False), _times(precision, series)), order, axis=0)[:, 0]
    kinks[weights < weights.max()] = 0
    largest = np.argsort(-np.abs(kinks), kind="stable")[:KINKS_TRIED]
    rows = np.zeros((length, len(largest)))
    rows[largest[None, :] + np.arange(order + 1)[:, None], np.arange(len(largest))] = _kernel(order)[:, None]
    kept = (rows * cho_solve_banded((factor, False), rows)).sum(axis=0) * weights[largest]
    return int(largest[np.argmax(kinks[largest] ** 2 / np.maximum(1 - kept, 1e-3))])


def _course(series: Floats, model: Model, *, known: bool = False) -> Course:
    """The course of a model; its likelihood is for jitter of the likeliest size, or of the model's own if `known`."""
    length, count = series.shape
    order, free = model.order, length - model.order
    strength, hold = _strength(model.period if order > 1 else np.inf, order), _hold(model, length)
    precision = _jitter_precision(length, model.carried, order)
    factor = cholesky_banded(precision + strength * _penalty(length, order, hold), check_finite=False)
    weighted = _times(precision, series)
    values = np.asarray(cho_solve_banded((factor, False), weighted, check_finite=False))
    squares = ((series - values) * weighted).sum(axis=0)
    volume = 2 * np.log(factor[-1]).sum() - log(1 - model.carried**2) - free * log(strength) - np.log(hold).sum()
    volume += sum(log(2 * pi * length * size**2) for size in POLYNOMIAL_PX[:order]) - _contrasts(length, order)
    size = np.full(count, model.jitter) if known else np.maximum(squares / free, LEAST_JITTER_PX**2)
    cost = count * volume + (free * np.log(2 * pi * size) + squares / size).sum()
    cost += len(model.turns) * 2 * log(length * len(TURNS))
    if strength < STIFFEST and model.period < 3 * length:
        cost += SWINGING
    return Course(values, model, size, float(cost))


def _hold(model: Model, length: int) -> Floats:
    """Share of the full smoothness asked of each difference, `(T - order,)`."""
    hold = np.ones(length - model.order)
    for first, stop, spread in model.turns:
        share = min(model.jitter / (_strength(model.period, model.order) * spread**2), 1.0)
        hold[max(first, 0) : max(stop, 0)] = np.minimum(hold[max(first, 0) : max(stop, 0)], share)
    return hold


def _unjumped(series: Floats) -> Floats:
    """A series `(T, K)` whose single frames that jump are put between their neighbors."""
    length = len(series)
    if length < LEAST_LENGTH_FOR_JUMPS:
        return series
    around = np.pad(series, ((2, 2), (0, 0)), mode="reflect", reflect_type="odd")
    near = np.sort(np.stack([around[k : k + length] for k in (0, 1, 3, 4)]), axis=0)
    between = (near[1] + near[2]) / 2
    apart = series - between
    spread = 1.4826 * np.median(np.abs(apart), axis=0)
    jumped = np.abs(apart) > np.maximum(5 * spread, 3 * (near[3] - near[0])) + LEAST_JITTER_PX
    return np.where(jumped, between, series)


def _strength(period: float, order: int = ORDER) -> float:
    return float(min(1 / (2 * np.sin(np.pi / period)) ** (2 * order), STIFFEST)) if np.isfinite(period) else STIFFEST


def _jitter_precision(length: int, carried: float, reach: int = ORDER) -> Floats:
    """Inverse covariance of first-order autoregressive jitter, upper bands, `(reach + 1, T)`."""
    bands = np.zeros((reach + 1, length))
    bands[-1] = 1 + carried**2
    bands[-1, [0, -1]] = 1.0
    bands[-2, 1:] = -carried
    return bands


def _penalty(length: int, order: int, hold: Floats | None = None, reach: int | None = None) -> Floats:
    """Squared differences, each times its hold, as upper bands, `(reach + 1, T)`."""
    hold = np.ones(length - order) if hold is None else hold
    kernel, reach = _kernel(order), order if reach is None else reach
    bands = np.zeros((reach + 1, length))
    for lag in range(order + 1):
        for k in range(order + 1 - lag):
            bands[reach - lag, k + lag : length - order + k + lag] += kernel[k] * kernel[k + lag] * hold
    return bands


def _kernel(order: int) -> Floats:
    return np.asarray(np.diff(np.eye(order + 1), order, axis=0)[0], np.float64)


@lru_cache(maxsize=1024)
def _contrasts(length: int, order: int) -> float:
    """Log determinant of the differences of an order times themselves: what makes the likelihoods of orders comparable.

    It is the product of the squared norms of the discrete Chebyshev polynomials.
    """
    return sum(
        2 * lgamma(j + 1) - lgamma(2 * j + 1) - lgamma(2 * j + 2) + sum(log(length + i) for i in range(-j, j + 1))
        for j in range(order)
    )


def _times(bands: Floats, series: Floats) -> Floats:
    product = np.asarray(bands[-1][:, None] * series, np.float64)
    for lag in range(1, len(bands)):
        band = bands[-1 - lag, lag:][:, None]
        product[:-lag] += band * series[lag:]
        product[lag:] += band * series[:-lag]
    return product
