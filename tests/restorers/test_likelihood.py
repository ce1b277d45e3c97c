"""Likelihood: the banded smoother and its costs are the dense ones, and the likely model is the one that made it."""

import numpy as np
import pytest

from restorers.steadiness import likelihood, turns
from restorers.steadiness.likelihood import Model, judged
from restorers.steadiness.turns import Turn, turning


def jitter(length: int, count: int, carried: float = 0.2, *, seed: int = 0) -> np.ndarray:
    """Jitter of unit spread of which a share carries over to the next frame, `(T, K)`."""
    random = np.random.default_rng((length, seed) if seed else length)
    values = random.normal(size=(length + 20, count))
    for t in range(1, len(values)):
        values[t] = carried * values[t - 1] + np.sqrt(1 - carried**2) * values[t]
    return values[20:]


def course(series: np.ndarray, period: float, order: int = 3, carried: float = 0.0) -> np.ndarray:
    return judged(series, (order,), (period,), (carried,)).course(0)


def test_a_course_is_found_by_penalized_least_squares() -> None:
    series = jitter(20, 2)
    third = np.diff(np.eye(20), 3, axis=0)
    strength = 1 / (2 * np.sin(np.pi / 16)) ** 6
    expected = np.linalg.solve(np.eye(20) + strength * third.T @ third, series)
    assert course(series, 16) == pytest.approx(expected, abs=1e-9)


def test_what_accelerates_evenly_is_kept() -> None:
    time = np.arange(40.0)[:, None]
    eased = 3 + 2 * time - 0.1 * time**2
    assert course(eased, 48, carried=0.3) == pytest.approx(eased, abs=1e-6)


def test_half_of_a_swing_of_the_period_is_kept() -> None:
    swing = np.cos(2 * np.pi * np.arange(240) / 24)[:, None]
    middle = slice(72, 168)
    assert course(swing, 24)[middle] == pytest.approx(0.5 * swing[middle], abs=0.02)


def differences_cost(series: np.ndarray, order: int, covariance: np.ndarray, slack: np.ndarray) -> float:
    """-2 log of the likelihood of the differences of a series, each of which may differ from zero by its slack."""
    differences = np.diff(np.eye(len(series)), order, axis=0)
    spread = differences @ covariance @ differences.T + np.diag(slack)
    there = differences @ series
    cost = np.linalg.slogdet(2 * np.pi * spread)[1] + there @ np.linalg.solve(spread, there)
    cost -= np.linalg.slogdet(differences @ differences.T)[1]
    return cost + sum(np.log(2 * np.pi * len(series) * size**2) for size in likelihood.POLYNOMIAL_PX[:order])


def lasting(length: int, carried: float) -> np.ndarray:
    time = np.arange(length)
    return carried ** np.abs(time[:, None] - time) / (1 - carried**2)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_cost_of_a_course_is_the_likelihood_of_the_differences(order: int) -> None:
    series, strength = jitter(24, 1), likelihood.strength(17, order)
    found = judged(series, (order,), (17,), (0.3,))
    size = found.jitter[0, 0]
    slack = np.full(24 - order, size / strength)
    expected = differences_cost(series[:, 0], order, size * lasting(24, 0.3), slack) + likelihood.SWINGING
    assert found.cost[0, 0] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("order", [2, 3])
def test_the_cost_of_a_course_that_turns_is_the_likelihood_of_the_differences(order: int) -> None:
    series, strength, turn = jitter(24, 1)[:, 0], likelihood.strength(17, order), Turn(9, 12, 2.0)
    slack = np.full(24 - order, 1.3 / strength)
    slack[9:12] = np.maximum(slack[9:12], 2.0**2)
    expected = differences_cost(series, order, 1.3 * lasting(24, 0.3), slack) + likelihood.SWINGING
    expected += 2 * np.log(24 * len(turns.KINDS))
    found = turns.judged(series, Model(order, 17, 0.3), (turn,), 1.3, known=True)
    assert found.cost == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("order", "eased"), [(1, False), (2, False), (4, True)])
def test_the_order_is_the_least_that_the_course_needs(order: int, *, eased: bool) -> None:
    share = np.arange(80.0) / 79
    values = 100 * (3 * share**2 - 2 * share**3 if eased else share * (order > 1))
    found = judged(values[:, None] + 0.5 * jitter(80, 1))
    assert found.models[found.best(0)].order == order


def test_jitter_speaks_for_itself_and_a_hand_for_none() -> None:
    hand = np.cumsum(jitter(80, 3, 0.9), axis=0)
    error = np.full(hand.shape, 0.02)
    measured = hand + 0.02 * jitter(80, 3, 0.0, seed=1)
    shaken = measured + 1.0 * jitter(80, 3, seed=2)
    for series, weaves in ((measured, False), (shaken, True)):
        odds = judged(series).evidence - likelihood.unshaken_evidence(series, error)
        assert (odds.sum() > 0) == weaves


def test_a_course_turns_where_the_camera_starts() -> None:
    started = 3 * np.clip(np.arange(80.0) - 40, 0, None) + 0.5 * jitter(80, 1)[:, 0]
    found = judged(started[:, None])
    best = found.best(0)
    turned = turning(started, found.models[best], found.jitter[best, 0], found.cost[best, 0])
    assert turned is not None
    assert turned.cost < found.cost[best, 0]
    assert len(turned.turns) == 1
    assert turned.turns[0].first <= 39 <= turned.turns[0].stop


def test_an_even_pan_does_not_turn() -> None:
    pan = 2.5 * np.arange(80.0)[:, None] + jitter(80, 1)
    found = judged(pan)
    best = found.best(0)
    assert turning(pan[:, 0], found.models[best], found.jitter[best, 0], found.cost[best, 0]) is None
