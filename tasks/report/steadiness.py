"""A stabilization layer in the report: the path of a shot before and after, what is left, and two frames as meshes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from restorers.geometry import warp
from restorers.geometry.warp import AFFINE
from restorers.metrics.measures import Appearance, Measures
from restorers.metrics.weave import departure
from restorers.steadiness.steadying import Steadying
from tasks.report.charts import Chart, Line, Mark, lines
from tasks.report.layers import LayerSheet, Mesh, Picture

Floats: TypeAlias = NDArray[np.float64]

CELLS = (6, 8)  # of the grid, rows and columns
SAMPLES = 4  # points of a grid line in each cell
PLANE_WIDTH = 2000
DRAWN_SHARE = 0.05  # of the frame's width: how far the grid is bent in the drawing, at most
LEAST_PX, LEAST_DEGREES, LEAST_PERCENT = 0.4, 0.02, 0.02
SLOPE = float(np.sqrt(3))  # the slope modes are orthonormal over [-1, 1]
KEY = {
    "before": "as found",
    "after": "steadied",
    "course": "the camera's course",
    "band": "where a steadied frame may still stand",
}


def telling_frames(found: Steadying) -> tuple[int, ...]:
    """Reel numbers of the frames whose meshes are shown: one bent as far as most are, and the one bent farthest."""
    bent = _farthest_bent(found)
    if found.steady or not bent.any():
        return ()
    order = np.argsort(bent, kind="stable")
    return found.first + int(order[len(order) // 2]), found.first + int(order[-1])


def steadiness(found: Steadying, measures: Measures, pictures: Mapping[int, Picture]) -> LayerSheet:
    """The sheet of a stabilization layer.

    Args:
        found: the layer's remedy.
        measures: of the same shot, before its restoration against after.
        pictures: the `telling_frames` as found, by reel number.
    """
    charts = () if not found.path.any() else (*_charts(found), *_measured(measures, _marks(found)))
    roles = zip(("typical", "most bent"), telling_frames(found), strict=False)
    return LayerSheet(
        kind="stabilization",
        summary=found.summary(),
        charts=charts,
        key=KEY if not found.static else KEY | {"course": "where the camera stood"},
        meshes=tuple(_mesh(found, role, number, pictures[number]) for role, number in roles),
    )


def _charts(found: Steadying) -> tuple[Chart, ...]:
    path, course = np.asarray(found.path, np.float64), np.asarray(found.course, np.float64)
    jitter = found.jitter
    return (
        *(_placed(reading, found, path, course) for reading in READINGS[:2]),
        *(() if found.static else (_off_course(reading, found) for reading in READINGS[:2])),
        *(_placed(reading, found, path, course) for reading in READINGS[2:]),
        *((_departures("Warp, all over the frame", found, jitter, slice(len(AFFINE), None)),) if found.warp else ()),
        _departures("Off the course, all over the frame", found, jitter, slice(None)),
        Chart(
            "Agreement of the picture",
            "%",
            found.first,
            (Line("after", 100 * np.asarray(found.agreement, np.float64)),),
            20,
            marks=_marks(found),
        ),
    )


class _Reading(NamedTuple):
    """What coefficients `(..., 2, K)` of a path do to a frame of a height and width, as one number a frame."""

    title: str
    unit: str
    least: float
    weights: Callable[[int, int], tuple[tuple[int, int, float], ...]]


_DEGREES, _PERCENT = float(np.rad2deg(SLOPE)), 100 * SLOPE
READINGS = (
    _Reading("Sideways, to the right", "px", LEAST_PX, lambda h, w: ((0, 0, 1.0),)),  # noqa: ARG005
    _Reading("Upright, upwards", "px", LEAST_PX, lambda h, w: ((1, 0, -1.0),)),  # noqa: ARG005
    _Reading("Turn, clockwise", "°", LEAST_DEGREES, lambda h, w: ((1, 1, _DEGREES / w), (0, 2, -_DEGREES / h))),
    _Reading("Size, larger", "%", LEAST_PERCENT, lambda h, w: ((0, 1, _PERCENT / w), (1, 2, _PERCENT / h))),
)


def _placed(reading: _Reading, found: Steadying, path: Floats, course: Floats) -> Chart:
    weights = reading.weights(*found.size)

    def read(coefficients: Floats) -> Floats:
        return np.asarray(sum(share * coefficients[:, axis, mode] for axis, mode, share in weights), np.float64)

    after = read(path - found.correction)
    spread = float(np.sqrt(sum((share * found.error[axis, mode]) ** 2 for axis, mode, share in weights)))
    curves = lines(before=read(path), after=after, course=read(course))
    return Chart(
        reading.title, reading.unit, found.first, curves, reading.least, (after - spread, after + spread), _marks(found)
    )


def _off_course(reading: _Reading, found: Steadying) -> Chart:
    """The path against the camera's course: beside a long pan the weave could not be seen."""
    still = np.zeros_like(found.jitter)
    chart = _placed(reading, found, found.jitter, still)
    return replace(chart, title=f"{reading.title}, off the course", lines=chart.lines[:2])


def _departures(title: str, found: Steadying, jitter: Floats, modes: slice) -> Chart:
    sides = (np.sqrt((side[..., modes] ** 2).sum(axis=(1, 2))) for side in (jitter, jitter - found.correction))
    return Chart(title, "px", found.first, lines(before=next(sides), after=next(sides)), LEAST_PX, marks=_marks(found))


def _measured(measures: Measures, marks: tuple[Mark, ...]) -> tuple[Chart, ...]:
    sides = measures.before, measures.after
    if min(len(side.path_x) for side in sides) < 6:
        return ()
    curves = lines(before=_off(measures.before), after=_off(measures.after))
    return (
        Chart(
            "Off a smooth path, measured on the delivered frames", "px", measures.first, curves, LEAST_PX, marks=marks
        ),
    )


def _off(side: Appearance) -> Floats:
    apart = departure(np.stack([side.path_x, side.path_y], axis=1))
    return np.asarray(np.hypot(apart[:, 0], apart[:, 1]), np.float64)


def _marks(found: Steadying) -> tuple[Mark, ...]:
    return tuple(Mark(jump.frame, jump.said) for jump in found.jumps)


def _bending(found: Steadying) -> Floats:
    """What is taken out but for the shift of the frame as a whole: turn, size and warp, `(T, 2, K)` pixels."""
    bending = np.array(found.correction, np.float64)
    bending[..., 0] = 0
    return bending


def _farthest_bent(found: Steadying) -> Floats:
    return warp.largest(_bending(found), found.modes)


def _mesh(found: Steadying, role: str, number: int, picture: Picture) -> Mesh:
    height, width = found.size
    plane = round(PLANE_WIDTH * height / width), PLANE_WIDTH
    rows, columns = (n * SAMPLES + 1 for n in CELLS)
    bending = _bending(found)[number - found.first]
    field = warp.field(torch.from_numpy(bending), (rows, columns), found.modes).numpy()
    y, x = np.mgrid[0:rows, 0:columns] + 0.5  # the field is told at the middles of so many cells
    x, y = x * plane[1] / columns, y * plane[0] / rows
    farthest = float(_farthest_bent(found)[number - found.first])
    factor = _factor(DRAWN_SHARE * width / farthest)
    drawn = factor * PLANE_WIDTH / width
    return Mesh(
        frame=number,
        role=role,
        words=f"turned, stretched and warped by up to {farthest:.2f} px",
        factor=factor,
        picture=picture,
        size=plane,
        straight=_grid(x, y, ends=True),
        bent=_grid(x + drawn * field[0], y + drawn * field[1]),
    )


def _factor(most: float) -> float:
    """The greatest of 1, 2, 5, 10, 20 ... that is no greater."""
    power = 10.0 ** np.floor(np.log10(max(most, 1)))
    return float(max(power * m for m in (1, 2, 5) if power * m <= max(most, 1) * (1 + 1e-9)))


def _grid(x: Floats, y: Floats, *, ends: bool = False) -> str:
    """The lines of a grid as SVG path data, point by point or from end to end."""
    across = [_line(x[row], y[row], ends=ends) for row in range(0, len(x), SAMPLES)]
    down = [_line(x[:, column], y[:, column], ends=ends) for column in range(0, x.shape[1], SAMPLES)]
    return "".join((*across, *down))


def _line(x: Floats, y: Floats, *, ends: bool) -> str:
    kept = slice(None, None, len(x) - 1) if ends else slice(None)
    return "M" + " ".join(f"{a:.0f} {b:.0f}" for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True))
