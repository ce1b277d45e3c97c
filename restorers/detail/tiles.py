"""A picture as overlapping tiles of 8 x 8 pixels, each as its cosine coefficients, and back.

Tiles lie 4 pixels apart. Coefficients are ordered by the radius of their index and told apart in six bands, from the
mean and the slopes to the finest detail.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Floats = NDArray[np.float32]

TILE = 8
STEP = TILE // 2
RADII = (0.0, 1.2, 2.3, 3.3, 4.8, 6.5, 10.0)


class _Tables(NamedTuple):
    """Cosines and window of a tile as convolutions of pixels in groups of 4 x 4."""

    analysis: Tensor
    """`(64, 16, 2, 2)`."""
    synthesis: Tensor
    """The same under a window that adds up to one over the tiles."""
    window: Tensor
    """The window, `(1, 16, 2, 2)`."""


def analyzed(planes: Tensor) -> Tensor:
    """Coefficients `(..., 64, rows, columns)` of planes `(..., h, w)`, whose sides are multiples of 4.

    There is one row and one column of tiles less than there are groups of 4 pixels.
    """
    grouped = functional.pixel_unshuffle(planes.reshape(-1, 1, *planes.shape[-2:]), STEP)
    tiles = functional.conv2d(grouped, _tables(planes.device).analysis)
    return tiles.view(*planes.shape[:-2], *tiles.shape[1:])


def synthesized(tiles: Tensor) -> Tensor:
    """Planes `(C, h, w)` of coefficients `(C, 64, rows, columns)`; 4 pixels at each edge lack tiles."""
    return functional.pixel_shuffle(functional.conv_transpose2d(tiles, _tables(tiles.device).synthesis), STEP)[:, 0]


def blended(values: Tensor) -> Tensor:
    """One value a tile `(C, rows, columns)` as planes `(C, h, w)`, under the window by which tiles add up."""
    return functional.pixel_shuffle(functional.conv_transpose2d(values[:, None], _tables(values.device).window), STEP)[
        :, 0
    ]


@lru_cache(maxsize=1)
def bands() -> tuple[tuple[int, int], ...]:
    """First coefficient of each of the six bands, and the one behind its last.

    >>> bands()[:3]
    ((0, 3), (3, 8), (8, 13))
    """
    return tuple(pairwise(np.searchsorted(np.sort(_radius()), RADII).tolist()))


@lru_cache(maxsize=1)
def by_rows() -> Tensor:
    """Where the coefficients of a tile are, taken row by row, `(64,)`."""
    return torch.from_numpy(np.argsort(np.argsort(_radius(), kind="stable"), kind="stable"))


def each(values: Tensor) -> Tensor:
    """Values of the bands `(6, ...)` for every coefficient, `(64, ...)`."""
    return torch.repeat_interleave(values, torch.tensor([b - a for a, b in bands()], device=values.device), 0)


def coefficient_variance(autocorrelation: Floats) -> Floats:
    """Variance `(64,)` of the coefficients of noise of variance 1, of its autocorrelation in space.

    Args:
        autocorrelation: 1 in the middle, lags of at least 7 pixels each way.
    """
    middle, lags = autocorrelation.shape[0] // 2, np.arange(TILE)[:, None] - np.arange(TILE)
    covariance = autocorrelation[middle + lags[:, None, :, None], middle + lags[None, :, None, :]]
    cosines = _cosines().astype(np.float64)
    variance = np.einsum("kij,ijlm,klm->k", cosines, covariance.astype(np.float64), cosines, optimize=True)
    return np.asarray(np.maximum(variance, 1e-3), np.float32)


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> _Tables:
    rise = np.sin(np.pi * (np.arange(TILE) + 0.5) / TILE) ** 2
    window = np.outer(rise, rise).astype(np.float32)
    tables = (_grouped(_cosines()), _grouped(_cosines() * window), _grouped(window[None]))
    return _Tables(*(table.to(device) for table in tables))


def _radius() -> NDArray[np.float64]:
    y, x = np.mgrid[:TILE, :TILE]
    return np.asarray(np.hypot(y, x).ravel(), np.float64)


def _cosines() -> Floats:
    """The orthonormal cosines of a tile, `(64, 8, 8)`."""
    line = scipy.fft.dct(np.eye(TILE), axis=0, norm="ortho")
    planes = np.einsum("ui,vj->uvij", line, line).reshape(-1, TILE, TILE)
    return np.asarray(planes[np.argsort(_radius(), kind="stable")], np.float32)


def _grouped(tiles: Floats) -> Tensor:
    parts = torch.from_numpy(tiles).view(-1, 2, STEP, 2, STEP).permute(0, 2, 4, 1, 3)
    return parts.reshape(-1, STEP**2, 2, 2).contiguous()
