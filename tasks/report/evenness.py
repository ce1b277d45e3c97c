"""A deflicker layer in the report: the light of a shot before and after, and the shading of its most uneven frame."""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from restorers.deflicker import Evening
from restorers.geometry import warp
from tasks.pictures import png
from tasks.report.charts import Chart, Mark, lines
from tasks.report.layers import LayerSheet, Shading

Floats: TypeAlias = NDArray[np.float64]

CHANNELS = ("Red", "Green", "Blue")
LEAST_DENSITY, LEAST_PERCENT, LEAST_SHADING = 0.02, 1.0, 0.004
FIELD_WIDTH = 40
DARKER, EQUAL, LIGHTER = (np.array(color, np.float64) for color in ((30, 70, 110), (236, 232, 224), (176, 104, 40)))
KEY = {"before": "as found", "after": "evened", "course": "the scene's own course"}


def evenness(found: Evening, size: tuple[int, int]) -> LayerSheet:
    """The sheet of a deflicker layer of a shot whose frames have a size (height, width)."""
    return LayerSheet(
        kind="deflicker",
        summary=found.summary(),
        charts=_charts(found) if found.found.any() else (),
        key=KEY,
        shading=_shading(found, size) if found.spatial and found.correction[..., 1:-1].any() else None,
    )


def _charts(found: Evening) -> tuple[Chart, ...]:
    before, course = np.asarray(found.found, np.float64), np.asarray(found.course, np.float64)
    after, first, marks = before - found.correction, found.first, _marks(found)

    def chart(title: str, unit: str, least: float, read: Callable[[Floats], Floats]) -> Chart:
        curves = lines(before=read(before), after=read(after), course=read(course))
        return Chart(title, unit, first, curves, least, marks=marks)

    charts = [
        chart(f"{name}, denser", "D", LEAST_DENSITY, partial(_level, channel)) for channel, name in enumerate(CHANNELS)
    ]
    charts.append(chart("Contrast, harder", "%", LEAST_PERCENT, _contrast))
    if found.spatial:
        uneven = lines(before=_unevenness(before - course), after=_unevenness(after - course))
        charts.append(Chart("Shading, all over the frame", "D", first, uneven, LEAST_SHADING, marks=marks))
    return tuple(charts)


def _level(channel: int, light: Floats) -> Floats:
    return light[:, channel, 0]


def _contrast(light: Floats) -> Floats:
    return np.asarray(100 * light[:, :, -1].mean(axis=1), np.float64)


def _unevenness(light: Floats) -> Floats:
    """Root mean square over frame and channels of the shading in light `(T, 3, K + 1)`."""
    return np.asarray(np.sqrt((light[..., 1:-1] ** 2).sum(axis=2).mean(axis=1)), np.float64)


def _marks(found: Evening) -> tuple[Mark, ...]:
    changes = [Mark(number, "the scene's light changes") for number in found.changes]
    flashes = [Mark(number, "flash, left as found") for number in found.flashes]
    return tuple(sorted((*changes, *flashes), key=lambda mark: mark.frame))


def _shading(found: Evening, size: tuple[int, int]) -> Shading:
    taken = np.array(found.correction[..., :-1], np.float64)
    taken[..., 0] = 0
    worst = int(np.argmax((taken**2).sum(axis=(1, 2))))
    plane = (max(round(FIELD_WIDTH * size[0] / size[1]), 1), FIELD_WIDTH)
    field = warp.field(torch.from_numpy(taken[worst]), plane, found.modes).numpy().mean(axis=0)
    reach = float(np.abs(field).max())
    return Shading(
        frame=found.first + worst,
        words=f"the shading taken out, up to {reach:.3f} D",
        picture=png(_colored(field / max(reach, 1e-9))),
        reach=reach,
        unit="D",
    )


def _colored(field: Floats) -> NDArray[np.uint8]:
    """A field in [-1, 1] from lighter film (amber) over none (pale) to denser (blue), `(h, w, 3)`."""
    share = np.abs(field)[..., None]
    ends = np.where(field[..., None] > 0, DARKER, LIGHTER)
    return np.asarray(np.rint(EQUAL * (1 - share) + ends * share), np.uint8)
