"""What grain, sensors and codecs leave behind in frames, as numbers that a classifier can weigh.

All is measured on brightness as displayed (sRGB, 0 to 1), where codecs and cameras work, on the calmest blocks of a
frame and on what registered blocks of two neighboring frames differ by.

Blockiness follows Wang, Bovik, Evans, *Blind measurement of blocking artifacts in images*, ICIP 2000,
doi:10.1109/ICIP.2000.899622; the lattice of a demosaiced picture Gallagher, Chen, *Image authentication by detecting
traces of demosaicing*, CVPRW 2008, doi:10.1109/CVPRW.2008.4562984.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.detail.exposures import BLOCK, Exposures, softened, structure
from restorers.detail.grain import Floats

CELL = 8
MOST = 160  # blocks of a frame, the calmest
LIMIT = 0.06  # brightness: steeper than that is picture
LEAST = 0.05 / 255  # brightness, the noise of which nothing can be told
STEP = 0.25 / 255  # brightness, less than which is no difference in 8 bits
DARK, BRIGHT = 0.33, 0.6  # brightness

Double = NDArray[np.float64]


class Texture(BaseModel):
    """The random part of blocks of 32 x 32 pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sigma: float = Field(description="logarithm to base 10 of the standard deviation in codes of 8 bits")
    across: float = Field(description="autocorrelation one pixel across")
    down: float = Field(description="autocorrelation one pixel down")
    second: float = Field(description="autocorrelation two pixels across or down")
    aslant: float = Field(description="autocorrelation one pixel across and one down")
    nyquist: float = Field(description="power above 0.4 cycles per pixel across or down, of that of white noise")
    kurtosis: float = Field(description="excess kurtosis, each block with its own standard deviation, at most 10")
    zeros: float = Field(description="share of pixels that are no different from what is taken off")
    patchy: float = Field(description="spread of the logarithm of the standard deviation of cells of 8 x 8 pixels")
    sparse: float = Field(description="logarithm of rms over median of high cosine coefficients of 8 x 8 pixels")
    dark: float = Field(description="logarithm of sigma in the dark over that between")
    bright: float = Field(description="logarithm of sigma in the light over that between")
    channels: float = Field(description="correlation of red and blue with green")
    fineness: float = Field(description="logarithm of how white the colors' differences are over how white luma is")


class Lattice(BaseModel):
    """What repeats with the pixel grid of whole frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid4: float = Field(description="how much steeper luma is on lines 4 pixels apart, wherever they lie, of its mean")
    grid8: float = Field(description="the same, 8 pixels apart")
    grid16: float = Field(description="the same, 16 pixels apart")
    quincunx: float = Field(description="logarithm of the detail of one diagonal of green pixels over the other")
    mosaic: float = Field(description="logarithm of the detail of red and blue where most over where least")


class Persistence(BaseModel):
    """What neighboring frames have in common, finer than the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held: float = Field(description="logarithm of what changes between frames over the residual of one frame")
    fixed: float = Field(description="correlation of detail at the same pixel of neighboring frames")
    repeated: float = Field(description="share of 8 x 8 cells that are the same in both")


def texture(blocks: Floats, pictures: Floats) -> Texture:
    """Texture of random parts `(N, 3, 32, 32)` of blocks that show pictures `(N, 3, 32, 32)`, brightness, N > 0."""
    luma = np.asarray(blocks.mean(1), np.float64)
    spread = np.sqrt((luma**2).mean((1, 2)))
    usual = float(np.median(spread))
    unit = luma / np.maximum(spread, LEAST)[:, None, None]
    seen = unit[spread > LEAST] if (spread > LEAST).any() else unit
    lags = _lags(seen)
    sigma, levels = np.maximum(spread, LEAST), pictures.mean((1, 2, 3))
    middle = _typical(sigma, (levels >= DARK) & (levels < BRIGHT), usual)
    flat = np.asarray(blocks, np.float64).transpose(1, 0, 2, 3).reshape(3, -1)
    power = np.maximum((flat**2).mean(1), LEAST**2 / 100)
    red, blue = ((flat[c] * flat[1]).mean() / np.sqrt(power[c] * power[1]) for c in (0, 2))
    return Texture(
        sigma=float(np.log10(255 * max(usual, LEAST))),
        across=lags[0],
        down=lags[1],
        second=lags[2],
        aslant=lags[3],
        nyquist=_nyquist(seen),
        kurtosis=float(np.clip((seen**4).mean() - 3, -2, 10)),
        zeros=float((np.abs(luma) < STEP).mean()),
        patchy=_patchy(luma),
        sparse=_sparse(luma),
        dark=float(np.log(_typical(sigma, levels < DARK, usual) / middle)),
        bright=float(np.log(_typical(sigma, levels >= BRIGHT, usual) / middle)),
        channels=float(red + blue) / 2,
        fineness=_fineness(np.asarray(blocks, np.float64)),
    )


def residuals(frame: Floats) -> tuple[Floats, Floats]:
    """What a quadratic surface leaves of the calmest blocks of a frame `(3, H, W)`, and what they show; both 4-d.

    At each of three brightnesses the calmest third, so that none goes without.
    """
    height, width = frame.shape[-2:]
    places = [(y, x) for y in range(0, height - BLOCK + 1, BLOCK) for x in range(0, width - BLOCK + 1, BLOCK)]
    places = places[:: max(len(places) // (3 * MOST), 1)]
    if not places:
        nothing = np.zeros((0, 3, BLOCK, BLOCK), np.float32)
        return nothing, nothing
    blocks = np.stack([frame[:, y : y + BLOCK, x : x + BLOCK] for y, x in places])
    kept = _calmest(blocks)
    y, x = (a.ravel() / BLOCK - 0.5 for a in np.mgrid[:BLOCK, :BLOCK].astype(np.float64))
    basis, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1))
    rows = blocks[kept].reshape(-1, BLOCK**2).astype(np.float64)
    left = (rows - (rows @ basis) @ basis.T).reshape(-1, 3, BLOCK, BLOCK)
    return np.asarray(left, np.float32), np.stack([softened(block) for block in blocks[kept]])


def changes(pairs: Exposures) -> tuple[Floats, Floats]:
    """What the calmest of registered blocks differ by, and what they show; the third of least structure."""
    count = min(max(len(pairs.blocks) // 3, 8), MOST)
    kept = np.argsort(pairs.structure, kind="stable")[:count]
    return pairs.blocks[kept], pairs.pictures[kept]


def lattice(frame: Floats) -> Lattice:
    """What repeats with the pixel grid of a frame `(3, H, W)`, brightness."""
    luma = np.asarray(frame.mean(0), np.float64)
    grids = [np.mean([_grid(plane, period) for plane in (luma, luma.T)]) for period in (4, 8, 16)]
    phases = _phases(frame)
    even, odd = phases[1][0, 0] + phases[1][1, 1], phases[1][0, 1] + phases[1][1, 0]
    return Lattice(
        grid4=float(grids[0]),
        grid8=float(grids[1]),
        grid16=float(grids[2]),
        quincunx=abs(float(np.log(even / odd))),
        mosaic=float(np.mean([np.log(phases[c].max() / phases[c].min()) for c in (0, 2)])),
    )


def persistence(one: Floats, two: Floats, changed: Texture, still: Texture) -> Persistence:
    """What two neighboring frames `(3, H, W)`, brightness, have in common, given the textures of both kinds."""
    details = [_detail(np.asarray(frame.mean(0), np.float64)) for frame in (one, two)]
    calm = (np.abs(details[0]) < LIMIT) & (np.abs(details[1]) < LIMIT)
    a, b = (detail[calm] for detail in details)
    power = max(float(np.sqrt((a**2).mean() * (b**2).mean())), LEAST**2) if calm.any() else 1.0
    same = np.abs(one - two).max(0) < STEP
    height, width = (side // CELL * CELL for side in same.shape)
    cells = same[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL).all((1, 3))
    return Persistence(
        held=float(np.log(10) * (changed.sigma - still.sigma)),
        fixed=float((a * b).mean()) / power if calm.any() else 0.0,
        repeated=float(cells.mean()) if cells.size else 0.0,
    )


def _calmest(blocks: Floats) -> NDArray[np.intp]:
    levels, rough = blocks.mean((1, 2, 3)), structure(np.asarray(blocks.mean(1), np.float32))
    bins = (levels >= DARK).astype(int) + (levels >= BRIGHT)
    kept = []
    for level in np.unique(bins):
        members = np.flatnonzero(bins == level)
        kept.append(members[np.argsort(rough[members], kind="stable")[: max(min(len(members) // 3, MOST // 3), 2)]])
    return np.concatenate(kept)


def _typical(sigma: Double, where: NDArray[np.bool_], otherwise: float) -> float:
    return max(float(np.median(sigma[where])) if where.sum() >= 3 else otherwise, LEAST)


def _lags(unit: Double) -> tuple[float, float, float, float]:
    power = max(float((unit**2).mean()), 1e-12)
    pairs = {
        (0, 1): unit[:, :, 1:] * unit[:, :, :-1],
        (1, 0): unit[:, 1:] * unit[:, :-1],
        (0, 2): unit[:, :, 2:] * unit[:, :, :-2],
        (2, 0): unit[:, 2:] * unit[:, :-2],
        (1, 1): (unit[:, 1:, 1:] * unit[:, :-1, :-1] + unit[:, 1:, :-1] * unit[:, :-1, 1:]) / 2,
    }
    value = {lag: float(product.mean()) / power for lag, product in pairs.items()}
    return value[0, 1], value[1, 0], (value[0, 2] + value[2, 0]) / 2, value[1, 1]


def _nyquist(unit: Double) -> float:
    power = (np.abs(np.fft.fft2(unit)) ** 2).mean(0)
    high = np.abs(np.fft.fftfreq(BLOCK)) >= 0.4
    outer = high[:, None] | high[None, :]
    return float(power[outer].mean() / max(power.mean(), 1e-12))


def _cells(luma: Double) -> Double:
    """Cells `(N, 16, 8, 8)` of blocks `(N, 32, 32)`."""
    count = BLOCK // CELL
    return luma.reshape(-1, count, CELL, count, CELL).transpose(0, 1, 3, 2, 4).reshape(-1, count**2, CELL, CELL)


def _patchy(luma: Double) -> float:
    spread = np.log(np.maximum(_cells(luma).std((2, 3)), LEAST))
    return float(np.median(spread.std(1)))


def _sparse(luma: Double) -> float:
    cells = _cells(luma).reshape(-1, CELL, CELL)
    k, n = np.mgrid[:CELL, :CELL]
    cosines = np.cos(np.pi * (n + 0.5) * k / CELL) * np.where(k == 0, np.sqrt(1 / CELL), np.sqrt(2 / CELL))
    high = (cosines @ cells @ cosines.T)[:, np.add.outer(range(CELL), range(CELL)) >= 7]
    rms = np.sqrt((high**2).mean(0))
    return float(np.log(np.maximum(rms, LEAST) / np.maximum(np.median(np.abs(high), 0), LEAST / 10)).mean())


def _fineness(blocks: Double) -> float:
    luma, differences = blocks.mean(1), np.concatenate((blocks[:, 0] - blocks[:, 1], blocks[:, 2] - blocks[:, 1]))
    shares = []
    for plane in (differences, luma):
        power = (plane**2).mean()
        steep = (np.diff(plane, axis=1) ** 2).mean() + (np.diff(plane, axis=2) ** 2).mean()
        shares.append((steep + LEAST**2 / 10) / (power + LEAST**2 / 10))
    return float(np.log(shares[0] / shares[1]))


def _detail(plane: Double) -> Double:
    """What a pixel differs by from its four neighbors."""
    around = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    return np.asarray(plane[1:-1, 1:-1] - around / 4)


def _phases(frame: Floats) -> list[Double]:
    """Mean square of detail at each of 2 x 2 places, `(2, 2)` for each channel."""
    found = []
    for channel in np.asarray(frame, np.float64):
        square = np.minimum(_detail(channel) ** 2, LIMIT**2)
        height, width = (side // 2 * 2 for side in square.shape)
        means = square[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((0, 2))
        found.append(means + LEAST**2)
    return found


def _grid(luma: Double, period: int) -> float:
    """How much steeper columns are where they are steepest, `period` pixels apart, of how steep they are."""
    smooth = cv2.blur(np.ascontiguousarray(luma), (1, 3))
    steep = np.minimum(np.abs(np.diff(smooth, axis=1)), LIMIT)
    beyond = (steep[:, 1:-1] - (steep[:, :-2] + steep[:, 2:]) / 2).mean(0)
    length = len(beyond) // period * period
    if not length:
        return 0.0
    places = np.median(beyond[:length].reshape(-1, period), 0)
    return float((places.max() - np.median(places)) / max(float(steep.mean()), LEAST))
