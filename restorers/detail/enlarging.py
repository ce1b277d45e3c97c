"""A larger picture by a linear filter, without halos.

Separable Lanczos of three lobes (Duchon, *Lanczos Filtering in One and Two Dimensions*, J. Appl. Meteor. 18, 1979,
doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2), held to the range of the nine source pixels around, so that what
rings beyond them at an edge is cut and what swings within them is kept.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from restorers.detail.grain import Floats

LOBES = 3
BATCH = 1 << 18  # pixels


def enlarged(picture: Tensor, factor: int) -> Tensor:
    """A frame `(C, H, W)` as `(C, factor H, factor W)`; pixel centers keep their place in the frame."""
    if factor == 1:
        return picture
    height, width = picture.shape[-2:]
    out = picture.new_empty((len(picture), factor * height, factor * width))
    for channel, large in zip(picture, out, strict=True):
        _taller(_wider(channel, factor), factor, large)
        lowest, highest = (_widened(extreme, factor) for extreme in _extremes(channel))
        large.unflatten(0, (height, factor)).clamp_(lowest[:, None], highest[:, None])
    return out


def repeated(values: Tensor, factor: int) -> Tensor:
    """Values `(..., H, W)` each repeated over the pixels its own becomes."""
    if factor == 1:
        return values
    wide = _widened(values, factor)
    return wide.unsqueeze(-2).expand(*values.shape[:-1], factor, wide.shape[-1]).flatten(-3, -2)


def share_kept(autocorrelation: Floats, factor: int) -> float:
    """Share of grain's standard deviation that is left after enlarging, for grain of this autocorrelation."""
    middle = autocorrelation.shape[0] // 2
    taps = _phases(factor)
    lags = np.abs(np.subtract.outer(np.arange(taps.shape[1]), np.arange(taps.shape[1])))
    power = 1.0
    for line in (autocorrelation[middle, middle:], autocorrelation[middle:, middle]):
        power *= float(np.einsum("pi,pj,ij->p", taps, taps, line[lags]).mean())
    return float(np.sqrt(min(power, 1.0)))


def _filtered(padded: Tensor, taps: Tensor) -> Tensor:
    """Rows `(H + 6, W)` weighted and summed, `(H, W)`.

    Each product and each sum is an operation of its own, so that the last bit is the same on any number of threads; a
    matrix product is not.
    """
    height = len(padded) - 2 * LOBES
    total = torch.zeros_like(padded[:height])
    product = torch.empty_like(total)
    for row, tap in enumerate(taps.tolist()):
        if tap:
            total += torch.mul(padded[row : row + height], tap, out=product)
    return total


def _taller(plane: Tensor, factor: int, out: Tensor) -> None:
    """Fill `out` `(factor H, W)` with a plane `(H, W)`, some rows at a time, so that they stay in the cache."""
    padded = functional.pad(plane[None], (0, 0, LOBES, LOBES), mode="replicate")[0]
    rows = max(1, BATCH // plane.shape[1])
    for start in range(0, len(plane), rows):
        stop = min(start + rows, len(plane))
        for phase, taps in enumerate(torch.from_numpy(_phases(factor))):
            out[start * factor + phase : stop * factor : factor] = _filtered(padded[start : stop + 2 * LOBES], taps)


def _wider(plane: Tensor, factor: int) -> Tensor:
    """A plane `(H, W)` as `(H, factor W)`."""
    out = plane.new_empty((len(plane), factor * plane.shape[1]))
    rows = max(1, BATCH // plane.shape[1])
    for band, wide in zip(torch.split(plane, rows), torch.split(out, rows), strict=True):
        padded = functional.pad(band[None], (LOBES, LOBES), mode="replicate")[0]
        for phase, taps in enumerate(torch.from_numpy(_phases(factor))):
            wide[:, phase::factor] = _filtered(padded.T, taps).T
    return out


def _extremes(plane: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest of the nine pixels around each, `(H, W)`."""
    padded = functional.pad(plane[None], (1, 1, 1, 1), mode="replicate")[0]
    found = []
    for extreme in (torch.minimum, torch.maximum):
        across = extreme(extreme(padded[:, :-2], padded[:, 2:]), padded[:, 1:-1])
        found.append(extreme(extreme(across[:-2], across[2:]), across[1:-1]))
    return found[0], found[1]


def _widened(values: Tensor, factor: int) -> Tensor:
    """Values `(..., W)` as `(..., factor W)`, each repeated."""
    wide = values.new_empty((*values.shape[:-1], factor * values.shape[-1]))
    for phase in range(factor):
        wide[..., phase::factor] = values
    return wide


def _phases(factor: int) -> NDArray[np.float32]:
    """Taps `(factor, 7)` for each of the pixels a pixel becomes."""
    offsets = (np.arange(factor) + 0.5) / factor - 0.5
    distance = np.arange(-LOBES, LOBES + 1)[None] - offsets[:, None]
    taps = np.sinc(distance) * np.sinc(distance / LOBES) * (np.abs(distance) < LOBES)
    return np.asarray(taps / taps.sum(1, keepdims=True), np.float32)
