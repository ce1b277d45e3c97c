"""How grainy a shot is, measured in time.

Grain is what differs between two exposures of the same thing: blocks of two neighboring frames, registered by a sinc so
long that it leaves grain its strength, differ by sqrt(2) times the grain. The residual of a single frame is biased by
the filter that made it and serves only a shot of one frame, or one where nothing can be registered.
"""

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Clip
from restorers.detail.grain import LEVELS, Floats, GrainModel
from restorers.geometry.motion import flow, luma_for_flow
from restorers.geometry.resampling import displacement
from restorers.render import Footage

BLOCK = 32
REACH = 12
TAPS = 9
WHOLE = 0.02  # a shift this close to a whole pixel is one
CLEARLY = 0.8
SHIFTED = 0.04  # share of a block's variance that a shift must explain to be one
ODD = 1.3  # times the expected sigma: a block whose difference is more than grain
FEW = 2 * BLOCK**2  # pixels a level needs
HALVED = 0.5**0.5
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
            found.append(_differences(pair.frames[0], pair.frames[1]))
    if repeated and not found:
        nothing = np.zeros((1, 3, BLOCK, BLOCK), np.float32)
        return _model(nothing, nothing, "temporal")
    blocks, pictures, structure = _joined(_exposed_apart(found))
    if len(blocks) >= 8:
        kept = _smoothest(pictures.mean((1, 2, 3)), structure)
        return _model(blocks[kept], pictures[kept], "temporal")
    singles = [_residuals(clip.frames[0].cpu().numpy()) for clip in footage.sample(2 * pairs)]
    return _model(np.concatenate([s[0] for s in singles]), np.concatenate([s[1] for s in singles]), "single-frame")


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


def _differences(source: Tensor, target: Tensor) -> tuple[Floats, Floats, Floats]:
    """Differences / sqrt2 of registered blocks `(N, 3, 32, 32)`, what they show, and its structure `(N,)`."""
    h, w = source.shape[-2:]
    found = flow(luma_for_flow(source), luma_for_flow(target))
    motion = displacement(found, (h, w)).permute(1, 2, 0).numpy()
    everywhere = np.median(motion.reshape(-1, 2), 0)
    one, two = source.cpu().numpy(), target.cpu().numpy()
    blocks, pictures, structure = [], [], []
    for y in range(0, h - BLOCK + 1, BLOCK):
        for x in range(0, w - BLOCK + 1, BLOCK):
            a = one[:, y : y + BLOCK, x : x + BLOCK]
            here = np.median(motion[y : y + BLOCK, x : x + BLOCK].reshape(-1, 2), 0)
            b = _registered(a, two, y, x, (everywhere, here))
            if b is None:
                continue
            mean = np.asarray((a + b) / 2, np.float32)
            blocks.append(_unexplained(np.asarray((a - b) * HALVED, np.float32), mean))
            pictures.append(_softened(mean))
            structure.append(_structure(mean.mean(0)))
    return (
        np.asarray(blocks, np.float32).reshape(-1, 3, BLOCK, BLOCK),
        np.asarray(pictures, np.float32).reshape(-1, 3, BLOCK, BLOCK),
        np.asarray(structure, np.float32),
    )


def _registered(block: Floats, frame: Floats, y: int, x: int, shifts: tuple[NDArray[np.float32], ...]) -> Floats | None:
    """The block of another frame that shows the same, by the first of the shifts that no later one beats clearly.

    Where there is nothing to hold on to, flow follows the grain itself, and the motion of the whole frame is the better
    guess.
    """
    best: Floats | None = None
    chosen, least = np.zeros(2), np.inf
    for shift in shifts:
        there = _shifted(frame, y, x, shift)
        if there is None:
            continue
        miss = float((_means((block - there).mean(0)) ** 2).mean())
        if miss < CLEARLY * least:
            best, chosen, least = there, shift.astype(np.float64), miss
    for _ in range(2):
        if best is None:
            break
        chosen = chosen + _left_over(block, best)
        best = _shifted(frame, y, x, chosen)
    return best


def _left_over(block: Floats, there: Floats) -> NDArray[np.float64]:
    """The small shift (x, y) that still lies between two blocks, zero where their difference does not show one.

    Lucas, Kanade, An iterative image registration technique, IJCAI 1981.
    """
    smooth = cv2.GaussianBlur(np.ascontiguousarray((block + there).mean(0) / 2), (0, 0), 1.0)
    gradient = np.stack(np.gradient(smooth)[::-1], -1).reshape(-1, 2).astype(np.float64)
    gradient -= gradient.mean(0)
    difference = (block - there).mean(0).reshape(-1).astype(np.float64)
    difference -= difference.mean()
    shift, *_ = np.linalg.lstsq(gradient, difference, rcond=None)
    explained = float(((gradient @ shift) ** 2).sum())
    shown = explained > SHIFTED * float((difference**2).sum()) and np.abs(shift).max() < 2
    return np.asarray(shift if shown else np.zeros(2))


def _shifted(frame: Floats, y: int, x: int, shift: NDArray[np.floating]) -> Floats | None:
    """The block at (y, x) + shift, by a sinc so long that it leaves grain its strength; None beyond the frame."""
    rows, down = _sinc(float(shift[1]))
    columns, right = _sinc(float(shift[0]))
    top, left = y + down, x + right
    bottom, side = top + rows.shape[1], left + columns.shape[1]
    if top < 0 or left < 0 or bottom > frame.shape[-2] or side > frame.shape[-1]:
        return None
    return np.asarray(rows @ frame[:, top:bottom, left:side] @ columns.T, np.float32)


def _sinc(shift: float) -> tuple[Floats, int]:
    """Banded matrix `(32, 32 + 2 * reach)` that fetches a block a fraction further, and where its first column lies."""
    whole = round(shift)
    rest = shift - whole
    if abs(rest) < WHOLE:
        return np.eye(BLOCK, dtype=np.float32), whole
    reach = TAPS - 1
    lags = np.arange(-reach, reach + 1) - rest
    taps = np.sinc(lags) * np.sinc(lags / TAPS)
    taps /= taps.sum()
    matrix = np.zeros((BLOCK, BLOCK + 2 * reach), np.float32)
    for row in range(BLOCK):
        matrix[row, row : row + 2 * reach + 1] = taps
    return matrix, whole - reach


def _unexplained(difference: Floats, mean: Floats) -> Floats:
    """What flicker (an offset) and a shift left over (the picture's gradient) do not explain of a difference.

    The gradient is taken off only where it explains far more than chance would: in calm blocks it would take grain.
    """
    smooth = cv2.GaussianBlur(np.ascontiguousarray(mean.mean(0)), (0, 0), 1.0)
    gradient = np.stack(np.gradient(smooth), -1).reshape(-1, 2)
    basis, _ = np.linalg.qr(gradient - gradient.mean(0))
    values = (difference - difference.mean((1, 2), keepdims=True)).reshape(3, -1)
    explained = values @ basis
    if float((explained**2).sum()) > SHIFTED * float((values**2).sum()):
        values = values - explained @ basis.T
    return np.asarray(values.reshape(difference.shape), np.float32)


def _structure(block: Floats) -> float:
    """How much the picture varies inside a block, measured on means of 8 x 8 pixels, where grain is averaged away."""
    means = _means(block)
    return float(np.abs(np.diff(means, axis=0)).mean() + np.abs(np.diff(means, axis=1)).mean())


def _means(block: Floats) -> Floats:
    """Means of 8 x 8 pixels, less their own mean."""
    means = block.reshape(BLOCK // 8, 8, BLOCK // 8, 8).mean((1, 3))
    return np.asarray(means - means.mean(), np.float32)


def _softened(block: Floats) -> Floats:
    return np.stack([cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), 2.0) for channel in block])


def _exposed_apart(pairs: list[tuple[Floats, Floats, Floats]]) -> list[tuple[Floats, Floats, Floats]]:
    """The pairs without those that are nearly one exposure: a frame printed twice and coded anew."""
    spreads = [float(np.median(_spread(b.reshape(len(b), -1)))) if len(b) else 0.0 for b, _, _ in pairs]
    usual = float(np.quantile(spreads, 0.75)) if spreads else 0.0
    return [pair for pair, spread in zip(pairs, spreads, strict=True) if spread >= usual / 3]


def _joined(parts: list[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    nothing = np.zeros((0, 3, BLOCK, BLOCK), np.float32)
    blocks, pictures, structure = zip((nothing, nothing, np.zeros(0, np.float32)), *parts, strict=True)
    return np.concatenate(blocks), np.concatenate(pictures), np.concatenate(structure)


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
            pictures.append(_softened(frame[:, top : top + BLOCK, left : left + BLOCK]))
    if not blocks:
        nothing = np.zeros((1, 3, BLOCK, BLOCK), np.float32)
        return nothing, nothing
    array = np.asarray(blocks)
    calmest = np.argsort(array.std((1, 2, 3)), kind="stable")[: max(len(blocks) // 8, 1)]
    gain = 1.03 * np.sqrt(BLOCK**2 / (BLOCK**2 - 6))
    return np.asarray(array[calmest] * gain, np.float32), np.asarray(pictures, np.float32)[calmest]


def _model(blocks: Floats, pictures: Floats, method: Literal["temporal", "single-frame"]) -> GrainModel:
    sigmas = np.stack([_spread(blocks[:, c].reshape(len(blocks), -1)) for c in range(3)], 1)
    for _ in range(3):
        curves = np.stack([_curve(pictures[:, c], blocks[:, c]) for c in range(3)])
        expected = np.stack([np.interp(pictures[:, c], LEVELS, curves[c]) for c in range(3)], 1)
        excess = (sigmas / np.maximum(np.sqrt((expected**2).mean((2, 3))), 1e-9)).mean(1)
        calm = excess <= ODD * np.quantile(excess, 0.25)
        blocks, pictures, sigmas = blocks[calm], pictures[calm], sigmas[calm]
    details = np.asarray([_structure(p.mean(0)) for p in pictures]) / np.maximum(sigmas.mean(1), 1e-9)
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
    centers, values = [], []
    for level in LEVELS:
        near = blocks[np.abs(pictures - level) <= step / 2]
        if near.size >= FEW:
            centers.append(level)
            values.append(float(_spread(near[None])[0]))
    if not centers:
        return np.full(len(LEVELS), float(_spread(blocks.reshape(1, -1))[0]), np.float32)
    return np.asarray(np.interp(LEVELS, centers, values), np.float32)
