"""A smooth movement of the whole frame: where each pixel of a picture comes from in the one beneath it.

What a gate, a shrunken base or a change of size does to a frame is smooth, so it is known everywhere once it is known
at a few points (Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapter 5: Chebyshev points and
the barycentric formula). Movements that follow one another compose into one, and the frame is resampled once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Where: TypeAlias = Callable[[Floats, Floats], Floats]
"""Displacement `(2, ...)`, x then y, in pixels, at places y and x given in pixels, which may lie beyond the frame."""

NODES = 24
ROUNDS, FOUND_PX = 6, 1e-6
ROUNDING = 9  # decimals of a pixel: a whole one stays whole
SAG = 0.002  # pixels


class Tables(NamedTuple):
    """A movement as tables of places in pixels of the frame, counted from where a pixel would come from unmoved.

    Attributes:
        across: `(n + 1, factor, W)` how far to the right of it the columns of each phase of the picture come from, at
            rows of the frame that are evenly spread from its upper edge to its lower.
        down: `(n + 1, factor, W)` how far beneath it they come from, at those rows.
        shifts: `(factor,)` how far beneath the phases of the rows come from besides.
    """

    across: Singles
    down: Singles
    shifts: Singles


@dataclass(frozen=True, eq=False)
class Movement:
    """Where the pixels of a picture come from, `factor` times as large as the frame beneath.

    The pixel (x, y) shows what the frame shows at ((x + 0.5) / factor - 0.5, likewise y) + displacement.

    Attributes:
        frame: height and width of the frame beneath, pixels.
        nodes: `(2, 24, 24)` displacement x, y at the Chebyshev points of the frame, in its pixels.
        sidewards: `(24, 24)` displacement x where the *row* is the frame's and only the column the picture's.
        factor: how many times larger the picture is than the frame.
    """

    frame: tuple[int, int]
    nodes: Floats
    sidewards: Floats
    factor: int = 1

    @classmethod
    def of(cls, where: Where, size: tuple[int, int], *, factor: int = 1) -> Self:
        """The movement that `where` tells at any place of a frame of `size` (height, width).

        Args:
            where: smooth; places and displacement in pixels of the frame, whatever the factor.
            size: of the frame beneath.
            factor: how many times larger the picture is.
        """
        y, x = np.meshgrid(*(_nodes(length) for length in size), indexing="ij")
        made_at = y
        for _ in range(ROUNDS):
            before, made_at = made_at, y - where(made_at, x)[1]
            if np.abs(made_at - before).max() < FOUND_PX:
                break
        return cls(size, where(y, x), where(made_at, x)[0], factor)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture, pixels."""
        return self.factor * self.frame[0], self.factor * self.frame[1]

    @property
    def still(self) -> bool:
        """Whether every pixel stays exactly where it is."""
        return self.factor == 1 and not self.nodes.any()

    def displacement(self, rows: slice = slice(None), columns: slice = slice(None)) -> Floats:
        """Displacement `(2, h, w)`, x then y, in pixels of the frame, at some rows and columns of the picture."""
        down, across = (_spread(length, self.factor) for length in self.frame)
        return np.asarray(down[:, rows].T @ self.nodes @ across[:, columns], np.float64)

    def places(self, rows: slice = slice(None), columns: slice = slice(None)) -> Floats:
        """Where some rows and columns of the picture come from in the frame, `(2, h, w)`, x then y, in its pixels."""
        y, x = (_straight(n, self.factor)[part] for n, part in zip(self.frame, (rows, columns), strict=True))
        moved = self.displacement(rows, columns)
        moved[0] += x
        moved[1] += y[:, None]
        return moved

    def tables(self) -> Tables:
        """Where pixels come from at as many rows of the frame as tell it within `SAG` pixels on all others."""
        height, width = self.frame
        probes, apart = np.linspace(0, height - 1, 33), max((height - 1) / 32, 1)
        sides = np.stack((self.sidewards, self.nodes[1]))
        bend = np.abs(np.diff(_shares(probes, height).T @ sides, 2, axis=1)).max() / apart**2
        count = int(np.ceil(np.clip(height * np.sqrt(bend / (8 * SAG)), 1, height)))
        rows = height * np.arange(count + 1) / count - 0.5
        by_phase = np.concatenate([np.arange(phase, self.factor * width, self.factor) for phase in range(self.factor)])
        moved = _shares(rows, height).T @ sides @ _spread(width, self.factor)[:, by_phase]
        phases = (np.arange(self.factor) + 0.5) / self.factor - 0.5
        across, down = moved.reshape(2, count + 1, self.factor, width)
        return Tables(*(_exact(part) for part in (across + phases[:, None], down, phases)))

    def outside(self) -> NDArray[np.bool_]:
        """Pixels that come from beyond the frame's edge by more than half a pixel of it, `(H, W)`."""
        beyond = np.zeros(self.size, bool)
        for rows, columns in self._rims():
            x, y = self.places(rows, columns)
            height, width = self.frame
            beyond[rows, columns] = (x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)
        return beyond

    def _rims(self) -> list[tuple[slice, slice]]:
        """Strips along the edges, wider than anything moves: nothing else can come from beyond."""
        (high, wide), every = self.size, slice(None)
        x, y = (int(np.ceil(self.factor * (1.1 * most + 1))) for most in np.abs(self.nodes).max(axis=(1, 2)))
        if 2 * y >= high or 2 * x >= wide:
            return [(every, every)]
        middle = slice(y, high - y)
        return [
            (slice(0, y), every),
            (slice(high - y, high), every),
            (middle, slice(0, x)),
            (middle, slice(wide - x, wide)),
        ]


def after(first: Where, second: Where) -> Where:
    """One displacement for two layers: `first` lies beneath, `second` moves what it shows."""

    def both(y: Floats, x: Floats) -> Floats:
        on_top = second(y, x)
        return on_top + first(y + on_top[1], x + on_top[0])

    return both


def zoomed(size: tuple[int, int], zoom: float) -> Where:
    """The displacement that enlarges the middle of a frame of `size` (height, width) `zoom` times."""
    middle_y, middle_x = ((length - 1) / 2 for length in size)

    def nearer(y: Floats, x: Floats) -> Floats:
        y, x = np.broadcast_arrays(y, x)
        return (1 / zoom - 1) * np.stack((x - middle_x, y - middle_y))

    return nearer


def _exact(places: Floats) -> Singles:
    return np.ascontiguousarray(np.round(places, ROUNDING), np.float32)


@lru_cache(maxsize=8)
def _straight(length: int, factor: int) -> Floats:
    """Where the pixels of a side come from if nothing moves."""
    straight = (np.arange(factor * length) + 0.5) / factor - 0.5
    straight.setflags(write=False)
    return straight


def _nodes(length: int) -> Floats:
    """Chebyshev points of a frame's side, in pixels."""
    return length / 2 * (1 - np.cos(np.pi * np.arange(NODES) / (NODES - 1))) - 0.5


@lru_cache(maxsize=8)
def _spread(length: int, factor: int) -> Floats:
    """What each node gives to each pixel of a side `factor` times as long, `(24, factor * length)`."""
    shares = _shares(_straight(length, factor), length)
    shares.setflags(write=False)
    return shares


def _shares(at: Floats, length: int) -> Floats:
    """What each node of a side gives to places `(n,)` on it, `(24, n)`."""
    weights = (-1.0) ** np.arange(NODES)
    weights[[0, -1]] /= 2
    apart = at[None] - _nodes(length)[:, None]
    met = np.abs(apart) < 1e-12
    share = weights[:, None] / np.where(met, 1, apart)
    share = np.where(met.any(axis=0), met, share)
    return np.asarray(share / share.sum(axis=0))
