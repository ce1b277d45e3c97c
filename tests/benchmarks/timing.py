"""Timing of contenders in turn, so that whatever else the machine does hurts all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds of one contender."""

    median: float
    spread: float
    """Distance between the quartiles."""
    rounds: int


def timed(contenders: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1) -> dict[str, Timing]:
    """Run each once to warm up, then A B A B ... `rounds` times.

    Args:
        contenders: by name; each does its whole work when called.
        rounds: timed rounds.
        warm_up: untimed rounds before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(warm_up + rounds):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return {
        name: Timing(statistics.median(taken), _quartile_distance(taken), rounds) for name, taken in seconds.items()
    }


def _quartile_distance(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low
