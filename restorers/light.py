"""How bright each frame of a shot is against the others, as density, contrast and shading, channel by channel.

A frame is reduced to the medians of a grid of cells, which neither grain nor dust can move. Between two frames the
cells' densities, followed as they move, differ by a level, a gain about a middle density and a smooth shading, fitted
robustly, so that what lights up in a part of the picture is outvoted; all pairs of a shot are reconciled to one course.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers import motion, trend, warp
from restorers.render import Footage
from restorers.restorer import Bench

Floats: TypeAlias = NDArray[np.float64]
Modes: TypeAlias = tuple[tuple[int, int], ...]

EVEN: Modes = ((0, 0),)
SHADED: Modes = warp.WARP
CELLS = (12, 16)
SAMPLES = 8
MIDDLE_DENSITY = 0.7
LAGS = (1, 2, 4, 8)
ROUNDS = 8
INLIER_SPREADS = 2.5
LEAST_SPREAD = 1e-3
RIDGE = 1e-3
GAIN_RIDGE = 1e-4


class Light(NamedTuple):
    """The light of the frames of a shot.

    Attributes:
        values: `(T, 3, K + 1)`, channels red, green, blue: the level and shading of the K modes, in density, then the
            gain about the middle density.
        error: `(3, K + 1)` standard error from frame to frame.
    """

    values: Floats
    error: Floats


def light(footage: Footage, modes: Modes, bench: Bench) -> Light:
    """The light of each frame against the others of its shot; holds a few hundred numbers a frame."""
    steps, errors = [], []
    for step, error in _steps(footage, modes, bench):
        steps.append(step)
        if step.target - step.source == 1:
            errors.append(error)
    shape = (3, len(modes) + 1)
    values = trend.reconciled(steps, len(footage), shape)
    error = np.median(errors, axis=0) / np.sqrt(2) if errors else np.zeros(shape)
    return Light(values, np.asarray(error))


def evened(frame: Tensor, change: Tensor, modes: Modes) -> Tensor:
    """A frame `(3, H, W)` in density without a change `(3, K + 1)` of its light."""
    height, width = frame.shape[-2:]
    shading = warp.field(change[:, :-1], (height, width), modes)
    half = change[:, -1, None, None].to(frame) / 2  # a gain about the mean of the frame with and without it
    return (frame * (1 - half) - shading.to(frame) + 2 * half * MIDDLE_DENSITY) / (1 + half)


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


def _cells(densities: NDArray[np.float32]) -> Floats:
    """Median density of each channel in each cell, `(cells, 3)`, row by row."""
    rows, columns = CELLS
    blocks = densities.reshape(rows, SAMPLES, columns, SAMPLES, 3).transpose(0, 2, 1, 3, 4)
    return np.asarray(np.median(blocks.reshape(rows * columns, -1, 3), axis=1), np.float64)


def _steps(footage: Footage, modes: Modes, bench: Bench) -> Iterator[tuple[trend.Step, Floats]]:
    """Differences in light between frames up to eight apart, and how surely they are told."""
    shape = warp.grid(CELLS, modes, step=1).modes
    before: deque[_Thumbnail] = deque(maxlen=max(LAGS))
    index = 0
    for numbers, clip in footage.windows():
        for here in bench.map(_thumbnail, [clip[number] for number in numbers]):
            lags = [lag for lag in LAGS if lag <= len(before)]
            pairs = [(before[-lag], here, shape) for lag in lags]
            for lag, (found, error, spread) in zip(lags, bench.map(_compared, pairs), strict=True):
                yield trend.Step(index - lag, index, found, 1 / (spread**2 + LEAST_SPREAD**2)), error
            before.append(here)
            index += 1


def _compared(pair: tuple[_Thumbnail, _Thumbnail, Floats]) -> tuple[Floats, Floats, float]:
    source, target, shape = pair
    followed = motion.warped(target.densities, motion.flow(source.picture, target.picture))
    return _difference(_cells(source.densities), _cells(followed), shape)


def _difference(source: Floats, target: Floats, shape: Floats) -> tuple[Floats, Floats, float]:
    """What the target's light has over the source's, `(3, K + 1)`, its standard error, and the spread of the cells."""
    change = target - source
    middle = (target + source) / 2 - MIDDLE_DENSITY
    designs = [np.concatenate((shape, middle[:, channel, None]), axis=1) for channel in range(3)]
    hold = np.full(shape.shape[1] + 1, RIDGE)
    hold[0], hold[-1] = 1e-9, GAIN_RIDGE
    residual = change - np.median(change, axis=0)
    found = np.zeros((3, len(hold)))
    for _ in range(ROUNDS):
        weights, spread = _inlying(residual)
        for channel, design in enumerate(designs):
            pull = (design * weights[:, None]).T
            normal = pull @ design + np.diag(hold * weights.sum())
            found[channel] = np.linalg.solve(normal, pull @ change[:, channel])
            residual[:, channel] = change[:, channel] - design @ found[channel]
    error = np.empty_like(found)
    for channel, design in enumerate(designs):
        pull = design * weights[:, None]
        inverse = np.linalg.inv(pull.T @ design + np.diag(hold * weights.sum()))
        scores = pull * residual[:, channel, None]
        error[channel] = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))
    return found, error, spread


def _inlying(residual: Floats) -> tuple[Floats, float]:
    squares = (residual**2).sum(axis=1)
    spread = float(np.sqrt(np.median(squares) / 3))
    reach = (INLIER_SPREADS * max(spread, LEAST_SPREAD)) ** 2 * 3
    return np.asarray((reach / (reach + squares)) ** 2, np.float64), spread
