"""Courses that turn sharply a few times, as a camera does that starts or stops, and run stiffly in between.

A turn lets some differences of the course go. Turns are found one by one, each where it says most about the series.

Tipping, Faul, Fast marginal likelihood maximisation for sparse Bayesian models, AISTATS 2003.
"""

from collections.abc import Callable
from functools import cache
from math import log, pi
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers.steadiness.likelihood import (
    CARRIED,
    LEAST_JITTER_PX,
    PERIODS,
    Model,
    jitter_precision,
    kernel,
    penalty,
    solved,
    times,
    volume_of,
)

Floats: TypeAlias = NDArray[np.float64]
Turns: TypeAlias = tuple["Turn", ...]

KINDS = ((0, 5.0), (4, 1.0), (10, 0.4), (10, 3.0))  # frames a turn takes, and its change of velocity a frame, pixels
ORDERS = (2, 3)
MOST_TURNS = 4
LEAST_LENGTH = 24
LEAST_JITTER_FOR_TURNS_PX = 0.1
STRAIGHT_PERIOD, STIFF_PERIOD = 96, 384
KINKS_TRIED = 24


class Turn(NamedTuple):
    """Differences `first <= n < stop` of a course that may be as large as `spread`: it turns sharply there."""

    first: int
    stop: int
    spread: float


class Turning(NamedTuple):
    """A course `(T,)` that turns, and its cost, comparable to those of `likelihood`."""

    values: Floats
    turns: Turns
    cost: float


def turning(series: Floats, smooth: Model, jitter: float, cost: float) -> Turning | None:
    """Stretches of a straight or evenly accelerated course with turns between; None where they can say no more.

    Args:
        series: `(T,)` pixels.
        smooth: the likeliest model without turns.
        jitter: its variance of what is new in each frame's jitter, pixels squared.
        cost: its cost.
    """
    swinging = smooth.order > 1 and smooth.period < STRAIGHT_PERIOD
    if len(series) < LEAST_LENGTH or not swinging or jitter < LEAST_JITTER_FOR_TURNS_PX**2:
        return None
    found = []
    for order in ORDERS:
        stiff = Model(order, STIFF_PERIOD, smooth.carried)
        if turns := _turns(series, stiff, jitter, cost):
            periods = [period for period in PERIODS if period >= STRAIGHT_PERIOD]
            models = [Model(order, period, carried) for period in periods for carried in CARRIED]
            found.append(min((judged(series, model, turns, jitter) for model in models), key=_cost))
    return min(found, key=_cost, default=None)


def judged(series: Floats, model: Model, turns: Turns, jitter: float, *, known: bool = False) -> Turning:
    """The course of a model with turns, for jitter of the likeliest size, or of the size given if that is `known`."""
    length, order = len(series), model.order
    hold = _hold(model, turns, jitter, length)
    precision = jitter_precision(length, model.carried)
    weighted = times(precision, series[:, None])[:, 0]
    factor, values = solved(precision + model.strength * penalty(length, order, hold), weighted)
    squares, free = float((series - values) @ weighted), length - order
    size = jitter if known else max(squares / free, LEAST_JITTER_PX**2)
    cost = volume_of(factor, model, hold) + free * log(2 * pi * size) + squares / size
    return Turning(values, turns, cost + len(turns) * 2 * log(length * len(KINDS)))


def _cost(turning: Turning) -> float:
    return turning.cost


def _turns(series: Floats, model: Model, jitter: float, goal: float) -> Turns:
    """The few turns that make a stiff course most likely, each where it says most; none if none reach the goal."""

    @cache
    def cost(turns: Turns) -> float:
        return judged(series, model, turns, jitter, known=True).cost

    turns: Turns = ()
    least = cost(turns)
    for left in reversed(range(MOST_TURNS + 1)):
        at = _sharpest(series, model, turns, jitter)
        tried = [(*turns, _turn(at, kind, model.order)) for kind in KINDS]
        best = _settled(min(tried, key=cost), model.order, cost)
        gain = least - cost(best)
        if gain <= 0:
            return turns
        if cost(best) - left * gain > goal:
            return ()
        turns, least = best, cost(best)
    return ()


def _settled(turns: Turns, order: int, cost: Callable[[Turns], float]) -> Turns:
    """Turns moved, made longer or shorter, or left out, as long as that says more."""
    least = cost(turns)
    moving = True
    while moving:
        moving = False
        for index, turn in enumerate(turns):
            rest = turns[:index] + turns[index + 1 :]
            moved = [(*rest, Turn(turn.first + by, turn.stop + by, turn.spread)) for by in (-4, -2, -1, 1, 2, 4)]
            places = (turn.first, (turn.first + turn.stop) // 2, turn.stop)
            other = [(*rest, _turn(at, kind, order)) for at in places for kind in KINDS]
            best = min([rest, *moved, *other], key=cost)
            if cost(best) < least - 0.01:
                turns, least, moving = best, cost(best), True
                break
    return turns


def _turn(at: int, kind: tuple[int, float], order: int) -> Turn:
    width = kind[0] + order - 1
    first = at - (width - 1) // 2
    return Turn(first, first + width, kind[1])


def _sharpest(series: Floats, model: Model, turns: Turns, jitter: float) -> int:
    """The difference whose release says most when it is released alone."""
    length, order = len(series), model.order
    weights = model.strength * _hold(model, turns, jitter, length)
    precision = jitter_precision(length, model.carried)
    whole = precision + penalty(length, order, weights)
    kinks = np.diff(solved(whole, times(precision, series[:, None])[:, 0])[1], order)
    kinks[weights < weights.max()] = 0
    largest = np.argsort(-np.abs(kinks), kind="stable")[:KINKS_TRIED]
    rows = np.zeros((length, len(largest)))
    rows[largest[None, :] + np.arange(order + 1)[:, None], np.arange(len(largest))] = kernel(order)[:, None]
    kept = (rows * solved(whole, rows)[1]).sum(axis=0) * weights[largest]
    return int(largest[np.argmax(kinks[largest] ** 2 / np.maximum(1 - kept, 1e-3))])


def _hold(model: Model, turns: Turns, jitter: float, length: int) -> Floats:
    """Share of the full smoothness asked of each difference, `(T - order,)`."""
    hold = np.ones(length - model.order)
    for first, stop, spread in turns:
        share = min(jitter / (model.strength * spread**2), 1.0)
        hold[max(first, 0) : max(stop, 0)] = np.minimum(hold[max(first, 0) : max(stop, 0)], share)
    return hold
