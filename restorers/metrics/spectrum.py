"""Picture and grain told apart by frequency: the picture repeats from frame to frame, the grain does not.

Tiles of two neighboring frames are registered; what their spectra share is picture, what they do not share is grain.
Dust counts as little: a typical tile has none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from restorers.metrics.registration import Picture, frequencies, registered

BINS = 23
BIN = 1 / 32  # cycles per pixel; 23 bins reach the corner of the spectrum
GRAIN_FROM = 1 / 16  # below it, what differs between frames is motion and flicker rather than grain

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Radial:
    """Power of picture and grain by frequency, each `(23,)`, in squared units of the frames per pixel.

    A bin is 1/32 cycle per pixel wide; the mean of `grain` over the plane is the grain's variance.
    """

    picture: Floats
    grain: Floats


class Spectra:
    """Spectra of picture and grain across frames that come one after the other."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._picture = np.zeros(BINS)
        self._pairs = 0
        self._grain: list[Floats] = []

    def add(self, luma: Picture, shift: tuple[float, float]) -> None:
        """One more frame; two that are the same to the last bit say nothing and are passed over.

        Args:
            luma: `(H, W)`, any unit.
            shift: how far the picture moved since the frame before, (x, y) in pixels, to within 8.
        """
        if self._last is not None and not np.array_equal(self._last, luma):
            found = radial(self._last, luma, shift)
            self._picture += found.picture
            self._grain.append(found.grain)
            self._pairs += 1
        self._last = luma

    @property
    def radial(self) -> Radial | None:
        """Mean spectrum of the picture, median spectrum of the grain; None where no two frames differ."""
        if not self._pairs:
            return None
        return Radial(self._picture / self._pairs, np.median(np.stack(self._grain), axis=0))


def radial(first: Picture, second: Picture, shift: tuple[float, float]) -> Radial:
    """Spectra of picture and grain in two neighboring frames `(H, W)`.

    The grain is that of a typical tile, the middle half of them, so that people and dust do not count as grain.

    Args:
        first: `(H, W)`, any unit.
        second: `(H, W)`.
        shift: how far the picture moved, (x, y) in pixels, to within 8.
    """
    tiles = registered(first, second, (round(shift[0]), round(shift[1])))
    tile = tiles.first.shape[1]
    shared = _binned((np.conj(tiles.first) * tiles.second).real, tile)
    powers = np.sqrt(_binned(np.abs(tiles.first) ** 2, tile) * _binned(np.abs(tiles.second) ** 2, tile))
    grain = np.clip(powers - shared, 0, None)
    lowest = round(GRAIN_FROM / BIN)
    grain[:, :lowest] = grain[:, lowest : lowest + 1]
    total = grain @ bin_shares(tile)
    low, high = np.quantile(total, (0.25, 0.75))
    typical = grain[(total >= low) & (total <= high)]  # none of two tiles
    return Radial(shared.mean(0), (typical if len(typical) else grain).mean(0))


def bin_shares(tile: int) -> Floats:
    """Share of the plane of a tile's spectrum that each bin covers, `(23,)`, summing to one."""
    bins, doubled = _places(tile)
    return np.bincount(bins.ravel(), doubled.ravel(), BINS) / tile**2


def _places(tile: int) -> tuple[NDArray[np.int64], Floats]:
    fy, fx = frequencies(tile)
    bins = np.minimum(np.sqrt(fx**2 + fy**2) / BIN, BINS - 1).astype(np.int64)
    doubled = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0) * np.ones_like(fy)
    return bins, doubled


def _binned(power: NDArray[np.floating], tile: int) -> Floats:
    bins, doubled = _places(tile)
    counts = np.maximum(np.bincount(bins.ravel(), doubled.ravel(), BINS), 1)
    return np.stack([np.bincount(bins.ravel(), (one * doubled).ravel(), BINS) / counts for one in power])
