"""How grainy a shot is, measured in time.

Grain is what differs between two exposures of the same thing: blocks of two neighboring frames, registered by a long
sinc, differ by sqrt(2) times the grain. What the sinc takes of fine grain half a pixel off is known from its taps and
given back. The residual of a single frame is biased by
the filter that made it and serves only a shot of one frame, or one where nothing can be registered.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.detail.exposures import BLOCK, Exposures, compared, response, softened, structure
from restorers.detail.grain import LEVELS, Floats, GrainModel, template
from restorers.render import Footage
from restorers.restorer import Bench

REACH = 12
SPECTRUM = 64
ODD = 1.3  # times the expected sigma: a block whose difference is more than grain
FEW = 2 * BLOCK**2  # pixels a level needs
SMALL = 8  # pixels
CALMEST = 0.02  # quantile of the small blocks
CLIPPED = 0.02  # of the grain expected: a small block that shows less is black or white without any
TRUNCATED = 0.98658  # standard deviation of a unit Gaussian cut at three sigmas


def measured(footage: Footage, *, pairs: int = 6) -> GrainModel:
    """Grain of a shot, from at most `pairs` pairs of neighboring frames spread evenly over it.

    `footage` is in density. Two frames that are the same to the last bit are one exposure printed twice and say
    nothing about grain; where all pairs are such, nothing in the shot varies at random and its grain is zero.
    """
    found, repeated = [], 0
    for pair in _pairs(footage, pairs):
        if torch.equal(pair.frames[0], pair.frames[1]):
            repeated += 1
        else:
            found.append(compared(pair.frames[0], pair.frames[1]))
    if repeated and not found:
        nothing = np.zeros((1, 3, BLOCK, BLOCK), np.float32)
        return _model(nothing, nothing, "temporal")
    both = _joined(_exposed_apart(found))
    if len(both.blocks) >= 8:
        kept = _smoothest(both.pictures.mean((1, 2, 3)), both.structure)
        seen = _model(both.blocks[kept], both.pictures[kept], "temporal")
        return _given_back(seen, response(both.shifts[kept], SPECTRUM))
    frames = [clip.frames[0].cpu().numpy() for clip in footage.sample(2 * pairs)]
    singles = [_residuals(frame) for frame in frames]
    rough = _model(np.concatenate([s[0] for s in singles]), np.concatenate([s[1] for s in singles]), "single-frame")
    return rough.model_copy(update={"sigma": rough.sigma * np.float32(_calmness(rough, frames))})


def autocorrelation(blocks: Floats) -> Floats:
    """Mean autocorrelation `(25, 25)` of fields `(N, H, W)` of zero mean, 1 in the middle.

    Each lag is divided by the number of pixel pairs it has, and the power that taking the mean off each block took is
    given back.
    """
    n, h, w = blocks.shape
    padded = (h + REACH + 1, w + REACH + 1)
    power = np.zeros((padded[0], padded[1] // 2 + 1))
    for block in blocks:
        power += np.abs(np.fft.rfft2(block, s=padded)) ** 2
    lags = np.arange(-REACH, REACH + 1)
    sums = np.fft.irfft2(power / n, s=padded)[np.ix_(lags, lags)]
    out = sums / np.outer(h - np.abs(lags), w - np.abs(lags))
    if out[REACH, REACH] <= 0:
        out = np.zeros_like(out)
        out[REACH, REACH] = 1.0
        return np.asarray(out, np.float32)
    fall = 0.5 + 0.5 * np.cos(np.pi * lags / (REACH + 1))
    taper = np.outer(fall, fall)
    lost = max(float((out * taper).sum()), 0.0) / (h * w - float(taper.sum()))
    out = (out + lost) / (out[REACH, REACH] + lost)
    gentle = np.clip(2 * taper, 0, 1)
    return np.asarray((out + out[::-1, ::-1]) / 2 * gentle, np.float32)


def _pairs(footage: Footage, count: int) -> Iterator[Clip]:
    firsts = [n for span in footage.spans for n in range(span.first, span.stop - 1)]
    count = min(count, len(firsts))
    for i in range(count):
        first = firsts[(2 * i + 1) * len(firsts) // (2 * count)]
        yield footage.clip(first, first + 2)


def _exposed_apart(pairs: list[Exposures]) -> list[Exposures]:
    """The pairs without those that are nearly one exposure: a frame printed twice and coded anew."""
    spreads = [float(np.median(_spread(p.blocks.reshape(len(p.blocks), -1)))) if len(p.blocks) else 0.0 for p in pairs]
    usual = float(np.quantile(spreads, 0.75)) if spreads else 0.0
    return [pair for pair, spread in zip(pairs, spreads, strict=True) if spread >= usual / 3]


def _joined(pairs: list[Exposures]) -> Exposures:
    nothing = np.zeros((0, 3, BLOCK, BLOCK), np.float32)
    empty = Exposures(nothing, nothing, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    return Exposures(*(np.concatenate(parts) for parts in zip(empty, *pairs, strict=True)))


def _given_back(model: GrainModel, response: Floats) -> GrainModel:
    """Grain as it was before interpolation took some of its power, of the shares `(64, 33)` left at each frequency."""
    lags = np.arange(-REACH, REACH + 1)
    field = np.zeros((SPECTRUM, SPECTRUM))
    field[np.ix_(lags, lags)] = model.autocorrelation
    whole = np.fft.irfft2(np.fft.rfft2(field).real.clip(0) / response, s=field.shape)[np.ix_(lags, lags)]
    gain = float(whole[REACH, REACH])
    autocorrelation = np.asarray(whole / gain, np.float32)
    return model.model_copy(update={"sigma": model.sigma * np.float32(gain**0.5), "autocorrelation": autocorrelation})


def _smoothest(levels: Floats, structure: Floats) -> NDArray[np.bool_]:
    """The third of the blocks with least structure, at each level by itself, so that no level goes without."""
    kept = np.zeros(len(levels), bool)
    bins = np.rint(levels / (LEVELS[1] - LEVELS[0])).astype(int)
    for level in np.unique(bins):
        members = np.flatnonzero(bins == level)
        kept[members[np.argsort(structure[members], kind="stable")[: max(len(members) // 3, 4)]]] = True
    return kept


def _residuals(frame: Floats) -> tuple[Floats, Floats]:
    """What a quadratic surface leaves of the calmest blocks of one frame `(3, H, W)`, and what they show.

    Six degrees of freedom of 1024 go into the surface; the calmest eighth of the blocks is 3 % too calm for fine grain
    (measured on white noise), and both are given back.
    """
    h, w = frame.shape[-2:]
    y, x = (a.ravel() / BLOCK - 0.5 for a in np.mgrid[:BLOCK, :BLOCK].astype(np.float64))
    basis, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1))
    blocks, pictures = [], []
    for top in range(0, h - BLOCK + 1, BLOCK):
        for left in range(0, w - BLOCK + 1, BLOCK):
            block = frame[:, top : top + BLOCK, left : left + BLOCK].reshape(3, -1).astype(np.float64)
            blocks.append((block - (block @ basis) @ basis.T).reshape(3, BLOCK, BLOCK))
            pictures.append(softened(frame[:, top : top + BLOCK, left : left + BLOCK]))
    if not blocks:
        nothing = np.zeros((1, 3, BLOCK, BLOCK), np.float32)
        return nothing, nothing
    array = np.asarray(blocks)
    calmest = np.argsort(array.std((1, 2, 3)), kind="stable")[: max(len(blocks) // 8, 1)]
    gain = 1.03 * np.sqrt(BLOCK**2 / (BLOCK**2 - 6))
    return np.asarray(array[calmest] * gain, np.float32), np.asarray(pictures, np.float32)[calmest]


def _calmness(model: GrainModel, frames: list[Floats]) -> float:
    """Share of the grain of a model that the calmest small blocks of frames show, at most 1.

    Texture is taken for grain where there is no calm block of 32 x 32 pixels; there are calmer ones among smaller ones.
    How much calmer the calmest are by chance alone is told by grain laid as the model has it.
    """
    unit = template(model.autocorrelation, Bench())
    chance = float(np.quantile(_small_spreads(unit[:1]), CALMEST))
    found = []
    for frame in frames:
        sigma = model.sigma_at(torch.from_numpy(np.ascontiguousarray(frame))).numpy()
        spreads = _small_spreads(frame) / np.maximum(_small_means(sigma), 1e-9)
        alive = spreads[spreads > CLIPPED]
        if alive.size:
            found.append(float(np.quantile(alive, CALMEST)))
    return min(float(np.median(found)) / chance, 1.0) if found else 1.0


def _small_means(planes: Floats) -> Floats:
    """Means of blocks of 8 x 8 pixels of planes `(C, H, W)`, `(C, rows, columns)`."""
    count, height, width = planes.shape
    cut = planes[:, : height // SMALL * SMALL, : width // SMALL * SMALL]
    return np.asarray(cut.reshape(count, height // SMALL, SMALL, width // SMALL, SMALL).mean((2, 4)), np.float32)


def _small_spreads(planes: Floats) -> Floats:
    """Standard deviation of small blocks about the plane that fits each best."""
    y, x = (axis / np.sqrt(np.mean(np.square(axis))) for axis in np.mgrid[:SMALL, :SMALL] - (SMALL - 1) / 2)
    repeats = (planes.shape[1] // SMALL, planes.shape[2] // SMALL)
    cut = planes[:, : repeats[0] * SMALL, : repeats[1] * SMALL]
    power = _small_means(cut * cut) - sum(
        np.square(_small_means(cut * np.tile(basis, repeats).astype(np.float32))) for basis in (np.ones_like(x), x, y)
    )
    return np.asarray(np.sqrt(np.maximum(power, 0)), np.float32)


def _model(blocks: Floats, pictures: Floats, method: Literal["temporal", "single-frame"]) -> GrainModel:
    sigmas = np.stack([_spread(blocks[:, c].reshape(len(blocks), -1)) for c in range(3)], 1)
    for _ in range(3):
        curves = np.stack([_curve(pictures[:, c], blocks[:, c]) for c in range(3)])
        expected = np.stack([np.interp(pictures[:, c], LEVELS, curves[c]) for c in range(3)], 1)
        excess = (sigmas / np.maximum(np.sqrt((expected**2).mean((2, 3))), 1e-9)).mean(1)
        calm = excess <= ODD * np.quantile(excess, 0.25)
        blocks, pictures, sigmas = blocks[calm], pictures[calm], sigmas[calm]
    details = structure(pictures.mean(1)) / np.maximum(sigmas.mean(1), 1e-9)
    unit = np.clip(blocks / np.maximum(sigmas, 1e-9)[:, :, None, None], -4, 4)
    flat = unit.transpose(1, 0, 2, 3).reshape(3, -1)
    power = np.maximum((flat**2).mean(1), 1e-12)
    correlation = (flat @ flat.T) / flat.shape[1] / np.sqrt(np.outer(power, power))
    np.fill_diagonal(correlation, 1.0)
    return GrainModel(
        sigma=np.stack([_curve(pictures[:, c], blocks[:, c]) for c in range(3)]),
        correlation=np.asarray(correlation, np.float32),
        autocorrelation=autocorrelation(unit[np.argsort(details, kind="stable")[: max(len(unit) // 3, 8)], 1]),
        blocks=len(blocks),
        method=method,
    )


def _spread(values: Floats) -> Floats:
    """Standard deviation `(N,)` of rows `(N, K)`, blind to what lies beyond three sigmas (dust, an edge that moved)."""
    values = values.astype(np.float64)
    sigma = 1.2533 * np.abs(values).mean(1)
    for _ in range(4):
        inside = np.abs(values) <= 3 * sigma[:, None] + 1e-12
        sigma = np.sqrt((values**2 * inside).sum(1) / np.maximum(inside.sum(1), 1)) / TRUNCATED
    return np.asarray(sigma, np.float32)


def _curve(pictures: Floats, blocks: Floats) -> Floats:
    """Sigma at each level, from the pixels near it; levels nobody shows take the value of the nearest shown."""
    step = LEVELS[1] - LEVELS[0]
    nearest = np.clip(np.rint((pictures.ravel() - LEVELS[0]) / np.float32(step)), -1, len(LEVELS)).astype(np.int8)
    ordered = blocks.ravel()[np.argsort(nearest, kind="stable")]
    ends = np.cumsum(np.bincount(nearest + 1, minlength=len(LEVELS) + 2))
    centers, values = [], []
    for level, first, stop in zip(LEVELS, ends, ends[1:], strict=False):
        if stop - first >= FEW:
            centers.append(level)
            values.append(float(_spread(ordered[None, first:stop])[0]))
    if not centers:
        return np.full(len(LEVELS), float(_spread(blocks.reshape(1, -1))[0]), np.float32)
    return np.asarray(np.interp(LEVELS, centers, values), np.float32)
