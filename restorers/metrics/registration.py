"""How far small tiles of one frame have moved in another, by the peak of their cross-correlation.

Each tile's correlation is searched for its peak in whole pixels, the tile is fetched again from there, and the rest is
found by climbing the correlation in the frequency domain. Noise that differs between the two frames adds nothing to
its expectation, so that grain does not pull the answer towards zero, as it does with fits to phases.

Guizar-Sicairos, Thurman, Fienup, Efficient subpixel image registration algorithms, Optics Letters 33(2), 2008.
doi:10.1364/OL.33.000156
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Spectrum: TypeAlias = NDArray[np.complex64]
Integers: TypeAlias = NDArray[np.int64]

REACH = 8  # whole pixels a tile is searched beyond the guess
BAND = (2.0, 0.25)  # cycles per tile from which, cycles per pixel to which the picture tells its motion


@dataclass(frozen=True, eq=False)
class Registered:
    """Tiles of two frames laid upon each other.

    Attributes:
        shifts: `(N, 2)`, x then y, how far each tile moved from the first frame to the second, in pixels.
        weights: `(N,)` in [0, 1], how surely: texture that both frames share.
        first: spectra `(N, t, t // 2 + 1)` of the first frame's tiles, windowed, unit power gain.
        second: the same of the second frame's, moved onto the first.
    """

    shifts: Floats
    weights: Floats
    first: Spectrum
    second: Spectrum


def tile_size(height: int, width: int) -> int:
    """Edge of the tiles for a frame, in pixels: 64, or 32 where the frame is small.

    Raises:
        ValueError: the frame is too small to be registered at all.
    """
    if min(height, width) < 48:
        raise ValueError(f"motion is measured on frames of at least 48 x 48 pixels, not {width} x {height}")
    return 64 if min(height, width) >= 192 else 32


def tile_corners(height: int, width: int, tile: int, *, rows: int = 6, columns: int = 8) -> Integers:
    """Upper left corners `(N, 2)`, y then x, of tiles spread evenly over a frame, off its outermost 4 %."""

    def along(extent: int, most: int) -> Integers:
        margin = round(0.04 * extent)
        room = extent - 2 * margin - tile
        count = max(min(most, 1 + 2 * max(room, 0) // tile), 1)
        places = margin + np.linspace(0, room, count) if count > 1 else np.array([(extent - tile) / 2])
        return np.asarray(np.round(places), np.int64)

    y, x = np.meshgrid(along(height, rows), along(width, columns), indexing="ij")
    return np.stack([y.ravel(), x.ravel()], axis=1)


def coarse_shift(first: Picture, second: Picture) -> tuple[int, int]:
    """Shift (x, y) of a whole picture in whole pixels, by phase correlation; large camera moves included."""
    window = cv2.createHanningWindow((first.shape[1], first.shape[0]), cv2.CV_32F)
    # Copies: OpenCV multiplies the window into its inputs where their size needs no padding.
    (x, y), _ = cv2.phaseCorrelate(first.copy(), second.copy(), window)
    limit_x, limit_y = first.shape[1] // 4, first.shape[0] // 4
    return round(min(max(x, -limit_x), limit_x)), round(min(max(y, -limit_y), limit_y))


def registered(first: Picture, second: Picture, guess: tuple[int, int]) -> Registered:
    """The tiles of `first`, found again in `second`.

    Args:
        first: `(H, W)`, any unit.
        second: `(H, W)`.
        guess: shift (x, y) in whole pixels that most of the picture makes.
    """
    height, width = first.shape
    tile = tile_size(height, width)
    corners = tile_corners(height, width, tile)
    a = _tile_spectra(first, corners, tile)
    offsets = _reachable(corners, np.tile(np.array(guess[::-1], np.int64), (len(corners), 1)), first.shape, tile)
    offsets = _reachable(
        corners, offsets + _peaks(a, _tile_spectra(second, corners + offsets, tile)), first.shape, tile
    )
    b = _tile_spectra(second, corners + offsets, tile)
    fractions, weights, aligned = _climbed(a, b, tile)
    return Registered((offsets + fractions)[:, ::-1], weights, a, aligned)


def common_shift(tiles: Registered) -> tuple[float, float]:
    """The shift (x, y) that most of the picture makes: the weighted median over the tiles."""
    return _weighted_median(tiles.shifts[:, 0], tiles.weights), _weighted_median(tiles.shifts[:, 1], tiles.weights)


def frequencies(tile: int) -> tuple[Floats, Floats]:
    """Vertical `(t, 1)` and horizontal `(1, t // 2 + 1)` frequencies of a tile's spectrum, in cycles per pixel."""
    return scipy.fft.fftfreq(tile)[:, None], scipy.fft.rfftfreq(tile)[None, :]


def _tile_spectra(picture: Picture, corners: Integers, tile: int) -> Spectrum:
    tiles = np.stack([picture[y : y + tile, x : x + tile] for y, x in corners]).astype(np.float32)
    line = np.hanning(tile + 1)[:-1].astype(np.float32)
    window = np.outer(line, line)
    window /= np.sqrt(np.mean(window**2)) * tile
    tiles -= (tiles * window).sum((1, 2), keepdims=True) / window.sum()
    return np.asarray(scipy.fft.rfft2(tiles * window), np.complex64)


def _reachable(corners: Integers, offsets: Integers, size: tuple[int, ...], tile: int) -> Integers:
    return np.asarray(np.clip(corners + offsets, 0, np.array(size[:2]) - tile) - corners, np.int64)


def _peaks(a: Spectrum, b: Spectrum) -> Integers:
    shared = np.conj(a) * b
    fy, fx = frequencies(a.shape[1])
    cross = shared * np.exp(-((fx**2 + fy**2) / (2 * 0.15**2))) / np.sqrt(np.abs(shared) + 1e-20)
    surface = scipy.fft.irfft2(cross, s=(a.shape[1], a.shape[1]))
    near = np.concatenate([surface[:, -REACH:], surface[:, : REACH + 1]], axis=1)
    near = np.concatenate([near[:, :, -REACH:], near[:, :, : REACH + 1]], axis=2)
    best = near.reshape(len(near), -1).argmax(axis=1)
    return np.stack(np.divmod(best, 2 * REACH + 1), axis=1) - REACH


def _climbed(a: Spectrum, b: Spectrum, tile: int) -> tuple[Floats, Floats, Spectrum]:
    fy, fx = frequencies(tile)
    radius = np.sqrt(fx**2 + fy**2)
    inside = (radius >= BAND[0] / tile) & (radius <= BAND[1])
    doubled = np.where((fx > 0) & (fx < 0.5), 2.0, 1.0) * np.ones_like(fy)
    share = doubled[inside]
    waves = 2 * np.pi * np.stack([(fy * np.ones_like(fx))[inside], (fx * np.ones_like(fy))[inside]], axis=1)
    cross = (np.conj(a) * b)[:, inside].astype(np.complex128) * share
    shift = np.zeros((len(a), 2))
    for _ in range(6):
        turned = cross * np.exp(1j * shift @ waves.T)
        slope = -turned.imag @ waves
        bend = np.einsum("nf,fi,fj->nij", np.clip(turned.real, 0, None), waves, waves)
        bend += np.eye(2) * (1e-6 * np.trace(bend, axis1=1, axis2=2)[:, None, None] + 1e-30)
        shift = np.clip(shift + np.linalg.solve(bend, slope[..., None])[..., 0], -1.0, 1.0)
    shared = (cross * np.exp(1j * shift @ waves.T)).real.sum(1)
    power = np.sqrt(_power(a, inside, share) * _power(b, inside, share))
    coherence = np.clip(shared / np.maximum(power, 1e-30), 0, 1)
    texture = np.linalg.eigvalsh(bend)[:, 0]
    weights = coherence**2 * texture / (texture + max(float(np.median(texture)), 1e-30))
    return shift, weights, np.asarray(b * np.exp(2j * np.pi * _turn(shift, fy, fx)), np.complex64)


def _turn(shift: Floats, fy: Floats, fx: Floats) -> Floats:
    return shift[:, 0, None, None] * fy + shift[:, 1, None, None] * fx


def _power(spectra: Spectrum, inside: NDArray[np.bool_], share: Floats) -> Floats:
    return np.asarray((np.abs(spectra[:, inside]) ** 2 * share).sum(1), np.float64)


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(weights[order] + 1e-12)
    half = mass[-1] / 2
    at = int(np.searchsorted(mass, half))
    centers = mass - (weights[order] + 1e-12) / 2
    if len(order) == 1 or at >= len(order):
        return float(values[order[-1]])
    return float(np.interp(half, centers, values[order]))
