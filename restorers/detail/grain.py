"""Film grain as a model of its stock: how strong at each density, how large, how its colors hang together; laid again.

Grain is laid as Gaussian noise with the measured autocorrelation (Galerne, Gousseau, Morel, *Random Phase Textures*,
IEEE TIP 20(1), 2011, doi:10.1109/TIP.2010.2052822), scaled by a level curve as in AV1 film grain synthesis (Norkin,
Birkbeck, DCC 2018, doi:10.1109/DCC.2018.00008). Measuring it is `restorers.detail.granularity`.
"""

from functools import lru_cache
from math import isqrt
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from restorers.restorer import Array, Bench

LEVELS = tuple(round(0.125 * k, 3) for k in range(17))
TEMPLATE = 512
CELL = 256
SEAM = 32
BAND = 64  # rows

Floats = NDArray[np.float32]


class GrainModel(BaseModel):
    """Grain of one shot, in density.

    Attributes:
        levels: densities at which `sigma` was measured, ascending.
        sigma: standard deviation `(3, levels)` of red, green and blue, in density.
        correlation: of the three channels' grain, `(3, 3)`, ones on the diagonal.
        autocorrelation: in space, `(25, 25)`, 1 in the middle, lags of -12 to 12 pixels.
        blocks: how many blocks of 32 x 32 pixels it rests on.
        method: `temporal` from registered neighbors, `single-frame` where there were none, `published` by a maker.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    levels: tuple[float, ...] = LEVELS
    sigma: Array
    correlation: Array
    autocorrelation: Array
    blocks: int
    method: Literal["temporal", "single-frame", "published"]

    @property
    def strength(self) -> float:
        """Median sigma over levels and channels, in density."""
        return float(np.median(self.sigma))

    @property
    def size(self) -> float:
        """Diameter of a grain clump, in pixels: the width at half height of the autocorrelation.

        White noise, whose neighbors do not hang together at all, is 1.
        """
        middle = self.autocorrelation.shape[0] // 2
        line = (self.autocorrelation[middle, middle:] + self.autocorrelation[middle:, middle]) / 2
        below = int(np.argmax(line < 0.5)) if (line < 0.5).any() else len(line) - 1
        return float(2 * (below - 1 + (line[below - 1] - 0.5) / max(line[below - 1] - line[below], 1e-6)))

    def sigma_at(self, picture: Tensor) -> Tensor:
        """Grain's standard deviation at each pixel of a picture `(..., 3, H, W)`, all in density."""
        step, last = self.levels[1] - self.levels[0], len(self.levels) - 1
        curves = torch.as_tensor(self.sigma, dtype=torch.float32, device=picture.device)
        out = torch.empty_like(picture, memory_format=torch.contiguous_format)
        for channel, (start, rise) in enumerate(zip(curves, curves.diff(), strict=True)):
            planes, sigmas = picture[..., channel, :, :], out[..., channel, :, :]
            # A few rows at a time: what they need in between stays in the processor's cache.
            for rows, target in zip(torch.split(planes, BAND, -2), torch.split(sigmas, BAND, -2), strict=True):
                position = (rows - self.levels[0]).div_(step).clamp_(0, last)
                below = position.floor().clamp_(max=last - 1)
                index = below.int().flatten()
                bend = rise.index_select(0, index).view_as(rows).mul_(position.sub_(below))
                target.copy_(start.index_select(0, index).view_as(rows).add_(bend))
        return out


def laid(
    model: GrainModel, picture: Tensor, number: int, bench: Bench, *, scale: float = 1.0, place: object = ""
) -> Tensor:
    """Fresh grain for one frame `(3, H, W)`, in density, to be added to the picture.

    The same for a frame number wherever the window starts, and fresh for each frame. On a picture `scale` times larger
    than the one measured grain is as much larger: it keeps its size on the film, as an optical enlargement shows it.
    `place` tells apart parts of one frame that are given grain on their own.
    """
    h, w = picture.shape[-2:]
    lags, colors = (np.asarray(table, np.float32).tobytes() for table in (model.autocorrelation, model.correlation))
    fields = _fields(lags, colors, bench, scale)
    scatter = bench.generator("grain", number, place)
    unit = torch.from_numpy(_scattered(fields, h, w, scatter)).to(picture.device)
    return model.sigma_at(picture).mul_(unit)


def template(autocorrelation: Floats, bench: Bench, *, scale: float = 1.0) -> Floats:
    """Three independent periodic fields `(3, 512, 512)` of unit variance, autocorrelation stretched by `scale`."""
    power = spectrum(autocorrelation, TEMPLATE, scale=scale)
    white = torch.randn((3, TEMPLATE, TEMPLATE), generator=bench.generator("grain template")).numpy()
    shaped = np.fft.irfft2(np.fft.rfft2(white) * np.sqrt(power), s=(TEMPLATE, TEMPLATE))
    shaped -= shaped.mean((1, 2), keepdims=True)
    return np.asarray(shaped / shaped.std((1, 2), keepdims=True), np.float32)


def spectrum(autocorrelation: Floats, size: int, *, scale: float = 1.0) -> Floats:
    """Power spectrum `(size, size // 2 + 1)`, mean 1, of an autocorrelation stretched by `scale`."""
    reach = autocorrelation.shape[0] // 2
    lags = np.fft.fftfreq(size, 1 / size) / scale
    inside = np.abs(lags) <= reach
    field = np.zeros((size, size))
    field[np.ix_(inside, inside)] = _bilinear(autocorrelation, lags[inside] + reach)
    power = np.clip(np.fft.rfft2(field).real, 0, None)
    weight = np.full(power.shape[1], 2.0)
    weight[0] = weight[-1] = 1.0
    return np.asarray(power / max(float((power * weight).sum() / size**2), 1e-12), np.float32)


@lru_cache(maxsize=8)
def _fields(autocorrelation: bytes, correlation: bytes, bench: Bench, scale: float) -> Floats:
    """Three periodic fields that hang together as the colors do, with the first rows and columns again at the end."""
    lags = np.frombuffer(autocorrelation, np.float32)
    channels = template(lags.reshape(isqrt(len(lags)), -1), bench, scale=scale)
    root = _root(np.frombuffer(correlation, np.float32).reshape(3, 3))
    again = CELL + SEAM
    fields = np.pad(np.einsum("ij,jhw->ihw", root, channels), ((0, 0), (0, again), (0, again)), mode="wrap")
    fields.setflags(write=False)
    return np.asarray(fields)


def _root(correlation: Floats) -> Floats:
    """Symmetric square root; channels that are one another's copies stay so."""
    values, vectors = np.linalg.eigh(correlation.astype(np.float64))
    values = np.where(values < 1e-5, 0, values)
    return np.asarray((vectors * np.sqrt(values)) @ vectors.T, np.float32)


def _bilinear(table: Floats, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    below = np.clip(np.floor(positions).astype(int), 0, table.shape[0] - 2)
    rest = positions - below
    rows = table[below] * (1 - rest)[:, None] + table[below + 1] * rest[:, None]
    return np.asarray(rows[:, below] * (1 - rest) + rows[:, below + 1] * rest)


def _scattered(fields: Floats, h: int, w: int, place: torch.Generator) -> Floats:
    """Fields `(3, h, w)` pieced together from cells cut anywhere out of periodic ones, so that nothing repeats.

    Seams are faded so that squares add up to one: independent cells keep their variance across them.
    """
    size = CELL + SEAM
    ramp = np.sin(np.pi / 2 * (np.arange(SEAM) + 0.5) / SEAM)
    edge = np.concatenate([ramp, np.ones(CELL - SEAM), ramp[::-1]]).astype(np.float32)
    window = np.outer(edge, edge)
    rows, columns = -(-(h + SEAM) // CELL), -(-(w + SEAM) // CELL)
    out = np.zeros((3, rows * CELL + SEAM, columns * CELL + SEAM), np.float32)
    starts = torch.randint(0, fields.shape[-1] - size, (rows, columns, 2), generator=place).tolist()
    for i in range(rows):
        for j in range(columns):
            y, x = starts[i][j]
            cut = fields[:, y : y + size, x : x + size]
            out[:, i * CELL : i * CELL + size, j * CELL : j * CELL + size] += cut * window
    return out[:, SEAM : SEAM + h, SEAM : SEAM + w]
