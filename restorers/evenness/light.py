"""How bright each frame of a shot is against the others, as density, contrast and shading, channel by channel.

A frame is reduced to a grid of cells. Between two frames the cells' densities, followed as they move, differ by a
level, a gain about the shot's middle density and a smooth shading. A cell's difference is the median of its pixels',
which neither grain nor dust can move; the fit over the cells is robust, so that what lights up in a part of the picture
is outvoted; and all pairs of a shot, up to sixteen frames apart, are reconciled to one course.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded
from torch import Tensor

from restorers.geometry import motion, warp
from restorers.render import Footage
from restorers.restorer import Bench

Floats: TypeAlias = NDArray[np.float64]
Modes: TypeAlias = tuple[tuple[int, int], ...]

EVEN: Modes = ((0, 0),)
SHADED: Modes = warp.WARP
CELLS = (12, 16)
SAMPLES = 8
LAGS = (1, 4, 16)
LEAST_IN_VIEW = 0.7
ROUNDS = 6
INLIER_SPREADS = 2.5
LEAST_SPREAD = 1e-3
RIDGE = 1e-3
GAIN_RIDGE = 1e-4


class Light(NamedTuple):
    """The light of the frames of a shot.

    Attributes:
        values: `(T, 3, K + 1)`, channels red, green, blue: the level and shading of the K modes, in density, then the
            gain about the middle density.
        middle: `(3,)` the middle density of the shot's pictures, about which level and gain are independent.
        error: `(3, K + 1)` standard error from frame to frame.
    """

    values: Floats
    middle: Floats
    error: Floats


def light(footage: Footage, modes: Modes, bench: Bench) -> Light:
    """The light of each frame against the others of its shot; holds a few hundred numbers a frame."""
    pairs = list(_pairs(footage, modes, bench))
    shape = (3, len(modes) + 1)
    if not pairs:
        return Light(np.zeros((len(footage), *shape)), np.zeros(3), np.zeros(shape))
    middle = np.median([pair.middle for pair in pairs], axis=0)
    mixing = np.broadcast_to(np.eye(shape[1]), (3, shape[1], shape[1])).copy()
    mixing[:, 0, -1] = middle  # a gain about nought is a level and a gain about the middle
    steps = np.stack([_mixed(mixing, pair.found) for pair in pairs])
    values = _reconciled(pairs, steps, len(footage))
    near = [mixing @ pair.covariance @ mixing.transpose(0, 2, 1) for pair in pairs if pair.target - pair.source == 1]
    apart = steps - [values[pair.target] - values[pair.source] for pair in pairs]
    error = np.median(np.diagonal(near, axis1=2, axis2=3), axis=0) + (1.4826 * np.median(np.abs(apart), axis=0)) ** 2
    return Light(values, middle, np.sqrt(error / 2))


def evened(frame: Tensor, change: Tensor, middle: Floats, modes: Modes, out: Tensor) -> None:
    """Write to `out` a frame `(3, H, W)` in density without a change `(3, K + 1)` of its light."""
    half = change[:, -1] / 2  # a gain about the mean of the frame with and without it
    down, across = warp.factors(change[:, :-1] / (1 + half[:, None]), (frame.shape[-2], frame.shape[-1]), modes)
    down[..., 0] -= (2 * half * torch.from_numpy(middle).to(half) / (1 + half))[:, None]
    for channel in range(3):
        scale = float((1 - half[channel]) / (1 + half[channel]))
        torch.addmm(frame[channel], down[channel].to(frame), across.to(frame), beta=scale, alpha=-1, out=out[channel])


def _reconciled(pairs: Sequence["_Pair"], steps: Floats, length: int) -> Floats:
    """The course `(T, 3, K + 1)` that agrees best with the steps between pairs of frames; its median is zero."""
    bands, goal = np.zeros((max(LAGS) + 1, length)), np.zeros((length, *steps.shape[1:]))
    bands[-1] = 1e-9  # the level of the whole is free
    for pair, step in zip(pairs, steps, strict=True):
        weight = 1 / (pair.spread**2 + LEAST_SPREAD**2)
        bands[-1, [pair.source, pair.target]] += weight
        bands[-1 - (pair.target - pair.source), pair.target] -= weight
        goal[pair.target] += weight * step
        goal[pair.source] -= weight * step
    bands = bands[-min(len(bands), length) :]
    course = cho_solve_banded((cholesky_banded(bands), False), goal.reshape(length, -1)).reshape(goal.shape)
    return np.asarray(course - np.median(course, axis=0))


def _mixed(mixing: Floats, values: Floats) -> Floats:
    return np.asarray((mixing @ values[..., None])[..., 0])


class _Thumbnail(NamedTuple):
    """A frame of a few thousand pixels, `(h, w, 3)` densities, and its picture for flow."""

    densities: NDArray[np.float32]
    picture: motion.Picture


def _thumbnail(frame: Tensor) -> _Thumbnail:
    size = (CELLS[1] * SAMPLES, CELLS[0] * SAMPLES)
    channels = [
        cv2.resize(np.ascontiguousarray(channel), size, interpolation=cv2.INTER_AREA)
        for channel in frame.to(torch.float32).cpu().numpy()
    ]
    densities = np.stack(channels, axis=-1).astype(np.float32)
    return _Thumbnail(densities, motion.luma_for_flow(torch.from_numpy(densities).permute(2, 0, 1)))


class _Pair(NamedTuple):
    """What the light of one frame has over that of another, about density nought.

    Attributes:
        source: the earlier frame, from the start of the shot.
        target: the later one.
        found: `(3, K + 1)`.
        covariance: `(3, K + 1, K + 1)` of its errors.
        spread: of what the cells differ by beyond it.
        middle: `(3,)` median density of the cells.
    """

    source: int
    target: int
    found: Floats
    covariance: Floats
    spread: float
    middle: Floats


def _pairs(footage: Footage, modes: Modes, bench: Bench) -> Iterator[_Pair]:
    shape = warp.grid(CELLS, modes, step=1).modes
    before: deque[_Thumbnail] = deque(maxlen=max(LAGS))
    index = 0
    for numbers, clip in footage.windows():
        here = bench.map(_thumbnail, [clip[number] for number in numbers])
        known = [*before, *here]
        latest = range(len(before), len(known))
        wanted = [(at - lag, at) for at in latest for lag in LAGS if lag <= at]
        start = index - len(before)
        found = bench.map(_compared, [(known[source], known[target], shape) for source, target in wanted])
        for (source, target), pair in zip(wanted, found, strict=True):
            yield pair._replace(source=start + source, target=start + target)
        before.extend(here)
        index += len(here)


def _compared(pair: tuple[_Thumbnail, _Thumbnail, Floats]) -> _Pair:
    source, target, shape = pair
    flow = motion.flow(source.picture, target.picture)
    followed = motion.warped(target.densities, flow)
    change = np.median(_cells(followed - source.densities), axis=1).astype(np.float64)
    densities = _cells(followed + source.densities).mean(axis=1, dtype=np.float64) / 2
    seen = _cells(_in_view(flow)).mean(axis=(1, 2)) > LEAST_IN_VIEW
    return _difference(change, densities, seen.astype(np.float64), shape)


def _cells(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pixels of each cell, `(cells, pixels, C)`, row by row."""
    rows, columns = CELLS
    blocks = picture.reshape(rows, SAMPLES, columns, SAMPLES, -1).transpose(0, 2, 1, 3, 4)
    return blocks.reshape(rows * columns, SAMPLES**2, -1)


def _in_view(flow: motion.Flow) -> NDArray[np.float32]:
    """1 at pixels `(h, w)` that the flow does not lead out of the picture."""
    height, width = flow.shape[:2]
    x = np.arange(width) + flow[..., 0]
    y = np.arange(height)[:, None] + flow[..., 1]
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1), np.float32)


def _difference(change: Floats, densities: Floats, seen: Floats, shape: Floats) -> _Pair:
    """The light that most of the cells agree on, of changes and densities `(cells, 3)`."""
    middle = np.median(densities, axis=0)
    designs = np.stack([np.concatenate((shape, one[:, None]), axis=1) for one in (densities - middle).T])
    count = designs.shape[-1]
    hold = np.full(count, RIDGE)
    hold[0], hold[-1] = 1e-9, GAIN_RIDGE
    if not seen.any():
        seen = np.ones_like(seen)
    residual = change - np.median(change[seen > 0], axis=0)
    for _ in range(ROUNDS):
        weights, spread = _inlying(residual, seen)
        pull = (designs * weights[:, None]).transpose(0, 2, 1)
        normal = pull @ designs + np.diag(hold * weights.sum())
        found = np.linalg.solve(normal, pull @ change.T[..., None])
        residual = change - (designs @ found)[..., 0].T
    inverse = np.linalg.inv(normal)
    scores = pull * residual.T[:, None, :]
    covariance = inverse @ (scores @ scores.transpose(0, 2, 1)) @ inverse
    mixing = np.broadcast_to(np.eye(count), (3, count, count)).copy()
    mixing[:, 0, -1] = -middle
    covariance = mixing @ covariance @ mixing.transpose(0, 2, 1)
    return _Pair(0, 1, _mixed(mixing, found[..., 0]), covariance, spread, middle)


def _inlying(residual: Floats, seen: Floats) -> tuple[Floats, float]:
    squares = (residual**2).sum(axis=1)
    spread = float(np.sqrt(np.median(squares[seen > 0]) / 3))
    reach = (INLIER_SPREADS * max(spread, LEAST_SPREAD)) ** 2 * 3
    return np.asarray(seen * (reach / (reach + squares)) ** 2, np.float64), spread
