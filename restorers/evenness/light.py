"""How bright each frame of a shot is against the others, as density, contrast and shading, channel by channel.

All pairs of frames that lie some frames apart are compared and reconciled to one course: the short lags say what
flickers from frame to frame, the long ones keep their errors from adding up.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

from restorers.evenness.comparison import CELLS, LEAST_SPREAD, Pair, Thumbnail, compared, moved, thumbnail
from restorers.evenness.response import TALLY, Modes
from restorers.geometry import warp
from restorers.render import Footage
from restorers.restorer import Bench

Floats: TypeAlias = NDArray[np.float64]

EVEN: Modes = ((0, 0),)
SHADED: Modes = warp.WARP
LAGS = (1, 4, 16, 48)
MAJORITY = 0.5  # of the cells must be in view of both frames for a vote among them


class Light(NamedTuple):
    """The light of the frames of a shot.

    Attributes:
        values: `(T, 3, K + 1)`, channels red, green, blue: the level and shading of the K modes, in density, then the
            gain about the middle density.
        middle: `(3,)` the middle density of the shot's pictures, about which level and gain are independent.
        error: `(3, K + 1)` standard error from frame to frame.
        followed: how far pixels of each density follow it, see `response.tally`.
    """

    values: Floats
    middle: Floats
    error: Floats
    followed: Floats


class _Step(NamedTuple):
    """What the light of a frame has over that of an earlier one, both counted from the start of the shot."""

    source: int
    target: int
    pair: Pair


def light(footage: Footage, modes: Modes, bench: Bench) -> Light:
    """The light of each frame against the others of its shot; holds a few hundred numbers a frame."""
    return _agreed(_steps(footage, modes, bench), len(footage), (3, len(modes) + 1))


def _agreed(between: Iterable[_Step], length: int, shape: tuple[int, int]) -> Light:
    followed = np.zeros(TALLY)
    steps = list[_Step]()
    for step in between:
        followed += step.pair.followed
        steps.append(step._replace(pair=step.pair._replace(followed=np.empty(0))))
    if not steps:
        return Light(np.zeros((length, *shape)), np.zeros(3), np.zeros(shape), followed)
    middle = np.median([step.pair.middle for step in steps], axis=0)
    mixing = np.broadcast_to(np.eye(shape[1]), (3, shape[1], shape[1])).copy()
    mixing[:, 0, -1] = middle  # a gain about nought is a level and a gain about the middle
    found = np.stack([(mixing @ step.pair.found[..., None])[..., 0] for step in steps])
    values = _reconciled(steps, found, length)
    near = [
        mixing @ step.pair.covariance @ mixing.transpose(0, 2, 1) for step in steps if step.target == step.source + 1
    ]
    apart = found - [values[step.target] - values[step.source] for step in steps]
    error = np.median(np.diagonal(near, axis1=2, axis2=3), axis=0) + (1.4826 * np.median(np.abs(apart), axis=0)) ** 2
    return Light(values, middle, np.sqrt(error / 2), followed)


def _reconciled(steps: Sequence[_Step], found: Floats, length: int) -> Floats:
    """The course `(T, 3, K + 1)` that agrees best with the steps between pairs of frames; its median is zero."""
    bands, goal = np.zeros((max(LAGS) + 1, length)), np.zeros((length, *found.shape[1:]))
    bands[-1] = 1e-9  # the level of the whole is free
    for (source, target, pair), one in zip(steps, found, strict=True):
        weight = 1 / (pair.spread**2 + LEAST_SPREAD**2)
        bands[-1, [source, target]] += weight
        bands[-1 - (target - source), target] -= weight
        goal[target] += weight * one
        goal[source] -= weight * one
    bands = bands[-min(len(bands), length) :]
    course = cho_solve_banded((cholesky_banded(bands), False), goal.reshape(length, -1)).reshape(goal.shape)
    return np.asarray(course - np.median(course, axis=0))


def _steps(footage: Footage, modes: Modes, bench: Bench) -> Iterator[_Step]:
    shape = warp.grid(CELLS, modes, step=1).modes
    before, places = deque[Thumbnail](maxlen=max(LAGS)), deque[Floats]([np.zeros(2)], maxlen=max(LAGS))
    index = 0
    for numbers, clip in footage.windows():
        known = [*before, *bench.map(thumbnail, [clip[number] for number in numbers])]
        latest = range(len(before), len(known))
        ways = bench.map(partial(_ways, known), [at for at in latest if at])
        where = [*places][:-1] + list(accumulate(ways, initial=places[-1]))
        wanted = [(at - lag, at) for at in latest for lag in LAGS if lag <= at]
        start = index - len(before)
        found = bench.map(partial(_between, known, where, shape), wanted)
        for (source, target), pair in zip(wanted, found, strict=True):
            if pair.in_view > MAJORITY or target - source == 1:
                yield _Step(start + source, start + target, pair)
        index += len(known) - len(before)
        before.extend(known[latest.start :])
        places.extend(where[len(places) :])


def _ways(frames: Sequence[Thumbnail], at: int) -> Floats:
    return moved(frames[at - 1], frames[at])


def _between(frames: Sequence[Thumbnail], places: Sequence[Floats], shape: Floats, ends: tuple[int, int]) -> Pair:
    source, target = ends
    return compared(frames[source], frames[target], places[target] - places[source], shape)
