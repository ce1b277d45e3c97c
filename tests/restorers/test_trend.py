"""Trend: slow courses are told from jitter, and the banded smoother is the dense one."""

import numpy as np
import pytest

from restorers.steadiness import trend


def jitter(length: int, count: int, carried: float = 0.2, *, seed: int = 0) -> np.ndarray:
    """Jitter of unit spread of which a share carries over to the next frame, `(T, K)`."""
    random = np.random.default_rng((length, seed) if seed else length)
    values = random.normal(size=(length + 20, count))
    for t in range(1, len(values)):
        values[t] = carried * values[t - 1] + np.sqrt(1 - carried**2) * values[t]
    return values[20:]


def test_smoothing_is_penalized_least_squares() -> None:
    series = jitter(20, 2)
    third = np.diff(np.eye(20), 3, axis=0)
    strength = 1 / (2 * np.sin(np.pi / 16)) ** 6
    expected = np.linalg.solve(np.eye(20) + strength * third.T @ third, series)
    assert trend.smoothed(series, 16) == pytest.approx(expected, abs=1e-9)


def test_smoothing_keeps_what_accelerates_evenly() -> None:
    time = np.arange(40.0)[:, None]
    course = 3 + 2 * time - 0.1 * time**2
    assert trend.smoothed(course, 48, carried=0.3) == pytest.approx(course, abs=1e-6)


def test_half_of_a_swing_of_the_period_is_kept() -> None:
    swing = np.cos(2 * np.pi * np.arange(240) / 24)[:, None]
    middle = slice(72, 168)
    assert trend.smoothed(swing, 24)[middle] == pytest.approx(0.5 * swing[middle], abs=0.02)


def test_a_pan_is_told_from_its_weave() -> None:
    course = 2.5 * np.arange(80.0)[:, None] * [1, 0.2]
    found = trend.slow_course(course + jitter(80, 2))
    left = np.diff(found.values - course, axis=0).std()
    assert left < 0.05 * np.diff(jitter(80, 2), axis=0).std()


def test_one_jumping_frame_does_not_bend_the_course() -> None:
    series = 0.2 * jitter(60, 1)
    series[30] += 40
    assert np.abs(trend.slow_course(series).values).max() < 1


def test_steps_of_several_lengths_are_reconciled_to_the_series_they_came_from() -> None:
    series = jitter(30, 3)
    steps = [
        trend.Step(t - lag, t, series[t] - series[t - lag], 1.0 / lag) for lag in (1, 2, 4) for t in range(lag, 30)
    ]
    assert trend.reconciled(steps, 30, (3,)) == pytest.approx(series - np.median(series, axis=0), abs=1e-6)


def test_a_step_in_the_course_stays_sharp_where_it_is_not_held() -> None:
    series = np.where(np.arange(40) < 20, 0.0, 5.0)[:, None]
    hold = np.ones(38)
    hold[18:20] = 0
    assert trend.smoothed(series, 96, order=2, hold=hold) == pytest.approx(series, abs=1e-6)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("turns", [(), (trend.Turn(9, 12, 2.0),)], ids=["smooth", "turning"])
def test_the_cost_of_a_course_is_the_likelihood_of_the_differences(order: int, turns: tuple[trend.Turn, ...]) -> None:
    series, length, carried = jitter(24, 1), 24, 0.3
    model = trend.Model(order, 17, carried, turns, 1.3)
    time = np.arange(length)
    strength = 1 / (2 * np.sin(np.pi / 17)) ** (2 * order)
    slack = np.full(length - order, 1 / strength)
    for first, stop, spread in turns:
        slack[first:stop] = np.maximum(slack[first:stop], spread**2 / 1.3)
    differences = np.diff(np.eye(length), order, axis=0)
    covariance = carried ** np.abs(time[:, None] - time) / (1 - carried**2)
    spread = 1.3 * (differences @ covariance @ differences.T + np.diag(slack))
    there = differences @ series[:, 0]
    expected = np.linalg.slogdet(2 * np.pi * spread)[1] + there @ np.linalg.solve(spread, there)
    expected -= np.linalg.slogdet(differences @ differences.T)[1]
    expected += sum(np.log(2 * np.pi * length * size**2) for size in trend.POLYNOMIAL_PX[:order])
    expected += len(turns) * 2 * np.log(length * len(trend.TURNS)) + trend.SWINGING
    assert trend._course(series, model, known=True).cost == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("order", "course"), [(2, "straight"), (4, "eased")])
def test_the_order_is_the_least_that_the_course_needs(order: int, course: str) -> None:
    share = np.arange(80.0)[:, None] / 79
    values = 100 * (share if course == "straight" else 3 * share**2 - 2 * share**3)
    assert trend.slow_course(values + 0.5 * jitter(80, 1)).model.order == order


def test_a_course_turns_where_the_camera_starts() -> None:
    course = 3 * np.clip(np.arange(80.0)[:, None] - 40, 0, None)
    found = trend.slow_course(course + 0.5 * jitter(80, 1))
    assert len(found.model.turns) == 1
    assert found.model.turns[0].first <= 39 <= found.model.turns[0].stop
