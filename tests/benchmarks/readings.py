"""Readings of many shots gathered to rows of a result, and printed as a table: mean, and the worst shot."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.result import Row

DIGITS = {"D": 4, "cycles/px": 3, "px": 3, "": 3}


class Extent(NamedTuple):
    """How much of the benchmark is run.

    Attributes:
        quick: a short shot a case.
        familiar: the photographs to develop on, not those reported.
        most: shots a case; None is all of them.
        peers: whether they take part.
        pictures: folder for pictures of the films; None makes none.
    """

    quick: bool = False
    familiar: bool = False
    most: int | None = None
    peers: bool = True
    pictures: Path | None = None


class Goal(NamedTuple):
    """What a metric should be at least, or below."""

    bound: float
    least: bool = True

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<'} {self.bound:g}"


class Reading(NamedTuple):
    """One number about what one method did to one shot."""

    case: str
    shot: str
    method: str
    metric: str
    value: float
    unit: str
    higher_is_better: bool = False


def rows(readings: Sequence[Reading], goals: Mapping[str, Goal]) -> Iterator[Row]:
    """The rows of one case, each metric's mean and its worst shot, printed as they are made."""
    groups: dict[str, dict[tuple[str, str], list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        groups[reading.method][reading.metric, reading.unit].append(reading)
    columns = list(dict.fromkeys((reading.metric, reading.unit) for reading in readings))
    widths = [max(len(metric) + len(unit) + 2, 17) for metric, unit in columns]
    shots = len({reading.shot for reading in readings})
    print(f"\n{readings[0].case}, {shots} shots: mean (worst shot)")
    print(_line("", [f"{metric}, {unit}" for metric, unit in columns], widths))
    print(_line("goal", [str(goals.get(metric, "")) for metric, _ in columns], widths))
    for method, metrics in groups.items():
        cells = []
        for column in columns:
            members = metrics.get(column, [])
            if not members:
                cells.append("")
                continue
            values = [member.value for member in members]
            worst = min(values) if members[0].higher_is_better else max(values)
            mean, spread = statistics.fmean(values), _quartile_distance(values)
            digits = DIGITS.get(column[1], 2)
            cells.append(f"{mean:.{digits}f} ({worst:.{digits}f})")
            metric, unit = column
            for name, value in ((metric, mean), (f"{metric}, worst shot", worst)):
                yield Row(
                    case=readings[0].case,
                    method=method,
                    metric=name,
                    value=value,
                    unit=unit,
                    spread=spread,
                    n=len(values),
                )
        print(_line(method, cells, widths), flush=True)


def _line(name: str, cells: list[str], widths: list[int]) -> str:
    return " ".join([f"{name:24}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))]).rstrip()


def _quartile_distance(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low
