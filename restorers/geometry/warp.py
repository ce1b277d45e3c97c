"""The smooth ways in which a whole frame can be moved, shrunk and warped, and their robust fit to a dense flow.

Each axis of the displacement is a sum of modes: a constant and the two slopes (shift, rotation, shrinkage), and, for
film that has warped, cosines of up to one full period across the frame. The modes are orthonormal over the frame, so
a coefficient is the root mean square of what it moves, in pixels, and coefficients add up as squares.

Geman, McClure, Statistical methods for tomographic image reconstruction, Bull. ISI 52(4), 1987 (the robust weight).
"""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.geometry.motion import Weights

Floats: TypeAlias = NDArray[np.float64]

_COSINES = (0, 2, 3)
AFFINE: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (1, 0))
WARP: tuple[tuple[int, int], ...] = AFFINE + tuple((p, q) for p in _COSINES for q in _COSINES if p or q)
"""Modes as (function of y, function of x): 0 a constant, 1 a slope, 2 a half period of a cosine, 3 a full one."""

ROUNDS = 8
INLIER_SPREADS = 2.5
LEAST_SPREAD_PX = 0.05
RIDGE = 1e-3


class Fit(NamedTuple):
    """Modes fitted to a flow.

    Attributes:
        coefficients: `(2, K)`, x then y, pixels.
        agreement: share of the trusted picture that moves as the fit says, in [0, 1].
        apart: `(N,)` distance in pixels between the flow and the fit at each point.
    """

    coefficients: Floats
    agreement: float
    apart: Floats


class Grid(NamedTuple):
    """Points of a picture on which flows are fitted: every `step`-th, away from the very edge.

    Attributes:
        step: distance of the points in pixels.
        modes: `(N, K)` value of each mode at each point.
    """

    step: int
    modes: Floats

    def at(self, picture: NDArray[np.float32]) -> Floats:
        """A picture `(h, w)` or `(h, w, c)` at the points, `(N,)` or `(N, c)`."""
        start = self.step // 2
        points = picture[start :: self.step, start :: self.step]
        return points.reshape(-1, *points.shape[2:]).astype(np.float64)


@lru_cache(maxsize=4)
def grid(size: tuple[int, int], modes: tuple[tuple[int, int], ...], *, step: int = 4) -> Grid:
    """The points on which flows of pictures of `size` (height, width) are fitted."""
    start = step // 2
    y, x = ((np.arange(start, n, step) + 0.5) / n for n in size)
    raw = np.stack([_function(p, y)[:, None] * _function(q, x)[None, :] for p, q in modes], axis=-1)
    return Grid(step, raw.reshape(-1, len(modes)) @ _mixing(modes))


def modes_at(
    x: NDArray[np.intp], y: NDArray[np.intp], size: tuple[int, int], modes: tuple[tuple[int, int], ...]
) -> Floats:
    """Value of each mode, `(K, N)`, at pixels `(N,)` of a picture of `size` (height, width)."""
    down, across = ([_function(k, (np.arange(n) + 0.5) / n) for k in range(4)] for n in size)
    return np.asarray(_mixing(modes).T @ np.stack([down[p][y] * across[q][x] for p, q in modes]))


def fitted(points: Grid, vectors: Floats, weights: Floats) -> Fit:
    """Modes that most of the picture follows; what moves on its own is given up.

    Args:
        points: `N` points.
        vectors: `(N, 2)` displacement in pixels, or `(2N, 2)` for two flows on the same points.
        weights: trust in each, >= 0, not all zero.
    """
    copies = len(vectors) // len(points.modes)
    modes = np.tile(points.modes, (copies, 1))
    inlying = weights * _inlying(vectors - _medians(vectors, weights), weights)
    affine = slice(0, len(AFFINE))
    for round_ in range(ROUNDS):
        used = modes[:, affine] if round_ < ROUNDS // 2 else modes
        inlying = weights * _inlying(vectors - used @ _solved(used, vectors, inlying), weights)
    found = _solved(modes, vectors, inlying)
    apart = np.sqrt(((vectors - modes @ found) ** 2).sum(axis=1))
    return Fit(found.T, float(inlying.sum() / weights.sum()), apart)


def trust(texture: Weights, consistency: Weights) -> Weights:
    """Weight of a flow at each pixel: where there is texture, and both ways agree to within half a pixel or so."""
    return np.asarray(texture / (1 + (2 * consistency) ** 2) ** 2, np.float32)


def field(coefficients: Tensor, size: tuple[int, int], modes: tuple[tuple[int, int], ...]) -> Tensor:
    """The sum of the modes, `(C, H, W)`, of coefficients `(C, K)`: a displacement where C is x and y."""
    down, across = factors(coefficients, size, modes)
    return (down @ across).float()


def places(coefficients: Floats, size: tuple[int, int], modes: tuple[tuple[int, int], ...]) -> NDArray[np.float32]:
    """Where the pixels of a picture of `size` (height, width) come from, `(2, h, w)`, x then y, in its pixels.

    The place of a pixel is a slope itself, and is summed with the modes.
    """
    table = _table(coefficients, modes)
    for axis, length in enumerate(size[::-1]):
        table[axis, 0, 0] += (length - 1) / 2
        table[axis][(0, 1) if axis == 0 else (1, 0)] += length / 2
    down, across = (np.stack([_function(k, (np.arange(n) + 0.5) / n) for k in range(4)]) for n in size)
    return np.asarray((down.T @ table).astype(np.float32) @ across.astype(np.float32))


def factors(coefficients: Tensor, size: tuple[int, int], modes: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """The same sum as a product of float64 `(C, H, 4)` and `(4, W)`; the first of the four is constant over the row."""
    table = torch.from_numpy(_table(coefficients.double().cpu().numpy(), modes)).to(coefficients.device)
    y, x = (
        torch.from_numpy(np.stack([_function(k, (np.arange(n) + 0.5) / n) for k in range(4)])).to(coefficients.device)
        for n in size
    )
    return y.T @ table, x


def at(coefficients: Floats, modes: tuple[tuple[int, int], ...], y: Floats, x: Floats) -> Floats:
    """The sum of the modes, `(C, ...)`, of coefficients `(C, K)` at any places y, x in shares of the frame."""
    y, x = np.broadcast_arrays(y, x)
    down, across = (np.stack([_function(kind, side.reshape(-1)) for kind in range(4)]) for side in (y, x))
    return np.asarray((down * (_table(coefficients, modes) @ across)).sum(axis=1).reshape(-1, *y.shape))


def largest(coefficients: Floats, modes: tuple[tuple[int, int], ...]) -> Floats:
    """Greatest displacement in pixels anywhere in the frame, `(T,)`, of coefficients `(T, 2, K)`."""
    around = grid((17, 17), modes, step=1).modes
    moved = coefficients @ around.T
    return np.asarray(np.hypot(moved[:, 0], moved[:, 1]).max(axis=-1), np.float64)


def _table(coefficients: Floats, modes: tuple[tuple[int, int], ...]) -> Floats:
    """The same sums of raw functions, `(C, 4, 4)`, of y and of x."""
    raw = np.asarray(coefficients, np.float64) @ _mixing(modes).T
    table = np.zeros((len(raw), 4, 4))
    table[:, *np.transpose(modes)] = raw
    return table


def _function(kind: int, u: Floats) -> Floats:
    match kind:
        case 0:
            return np.ones_like(u)
        case 1:
            return 2 * u - 1
        case _:
            return np.asarray(np.cos((kind - 1) * np.pi * u))


@lru_cache
def _mixing(modes: tuple[tuple[int, int], ...]) -> Floats:
    """Orthonormal modes as sums of the raw ones, `(K raw, K)`: Gram-Schmidt in the order given."""
    u = (np.arange(256) + 0.5) / 256
    line = np.stack([_function(k, u) for k in range(4)])
    inner = line @ line.T / len(u)
    gram = np.array([[inner[p, r] * inner[q, s] for r, s in modes] for p, q in modes])
    mixing = np.linalg.inv(np.linalg.cholesky(gram)).T
    mixing.setflags(write=False)
    return np.asarray(mixing)


def _solved(modes: Floats, vectors: Floats, weights: Floats) -> Floats:
    weighted = modes * weights[:, None]
    normal = weighted.T @ modes
    hold = np.full(modes.shape[1], RIDGE * weights.sum())
    hold[: len(AFFINE)] *= 1e-3
    return np.asarray(np.linalg.solve(normal + np.diag(hold + 1e-12), weighted.T @ vectors))


def _inlying(residual: Floats, weights: Floats) -> Floats:
    squares = (residual**2).sum(axis=1)
    spread = 1.2 * np.sqrt(_median(squares, weights) / 2)  # the median of a two-dimensional normal's radius is 1.18
    reach = (INLIER_SPREADS * max(spread, LEAST_SPREAD_PX)) ** 2
    return np.asarray((reach / (reach + squares)) ** 2)


def _medians(vectors: Floats, weights: Floats) -> Floats:
    return np.array([_median(vectors[:, axis], weights) for axis in range(2)])


def _median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order])
    return float(values[order[min(int(np.searchsorted(mass, mass[-1] / 2)), len(order) - 1)]])
