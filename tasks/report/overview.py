"""The reel as a whole over time: its density, and how steadily the picture stands, before and after."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers.metrics.measures import Appearance
from restorers.metrics.weave import departure
from tasks.report.charts import Chart, lines
from tasks.report.content import ShotSheet

Floats: TypeAlias = NDArray[np.float64]

LEAST_DENSITY, LEAST_PX = 0.1, 0.4


def over_time(shots: Sequence[ShotSheet]) -> tuple[Chart, ...]:
    """Mean density, and where the picture stands against a steady camera's path, over the frames of a reel."""
    return (
        _chart(shots, "Mean density, denser", "D", LEAST_DENSITY, lambda side: np.array(side.density)),
        _chart(shots, "Off the steady path, to the right", "px", LEAST_PX, lambda side: _off(side)[:, 0]),
        _chart(shots, "Off the steady path, upwards", "px", LEAST_PX, lambda side: -_off(side)[:, 1]),
    )


def _chart(
    shots: Sequence[ShotSheet], title: str, unit: str, least: float, read: Callable[[Appearance], Floats]
) -> Chart:
    first, stop = shots[0].first, shots[-1].last + 1
    before, after = np.full((2, stop - first), np.nan)
    for shot in shots:
        here = slice(shot.first - first, shot.last + 1 - first)
        before[here], after[here] = read(shot.measures.before), read(shot.measures.after)
    cuts = tuple(shot.first for shot in shots[1:])
    return Chart(title, unit, first, lines(before=before, after=after), least, cuts=cuts)


def _off(side: Appearance) -> Floats:
    path = np.stack([side.path_x, side.path_y], axis=1)
    return departure(path) if len(path) >= 6 else np.full_like(path, np.nan)
