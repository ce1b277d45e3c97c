"""Two exposures of the same thing: blocks of neighboring frames, registered, and what they differ by."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from restorers.detail.grain import Floats
from restorers.geometry.motion import flow, luma_for_flow
from restorers.geometry.resampling import displacement

BLOCK = 32
MOST = 256  # blocks of a pair of frames, evenly over them
TAPS = 9
WHOLE = 0.02  # a shift this close to a whole pixel is one
CLEARLY = 0.8
SHIFTED = 0.04  # share of a block's variance that a shift must explain to be one
HALVED = 0.5**0.5


class Exposures(NamedTuple):
    """Registered blocks of two frames."""

    blocks: Floats
    """What they differ by, over sqrt2: `(N, 3, 32, 32)`, density."""
    pictures: Floats
    """What they show, without detail, `(N, 3, 32, 32)`, density."""
    structure: Floats
    """`structure` of each, `(N,)`."""
    shifts: Floats
    """How far apart they lay, x and y, in pixels, `(N, 2)`."""


def compared(source: Tensor, target: Tensor) -> Exposures:
    """What blocks of two frames differ by.

    Args:
        source: `(3, H, W)`, density.
        target: of the same size.
    """
    h, w = source.shape[-2:]
    found = flow(luma_for_flow(source), luma_for_flow(target))
    motion = displacement(found, (h, w)).permute(1, 2, 0).numpy()
    everywhere = np.median(motion.reshape(-1, 2), 0)
    one, two = source.cpu().numpy(), target.cpu().numpy()
    places = [(y, x) for y in range(0, h - BLOCK + 1, BLOCK) for x in range(0, w - BLOCK + 1, BLOCK)]
    blocks, pictures, varying, shifts = [], [], [], []
    for y, x in places[:: -(-len(places) // MOST)] if places else []:
        a = one[:, y : y + BLOCK, x : x + BLOCK]
        here = np.median(motion[y : y + BLOCK, x : x + BLOCK].reshape(-1, 2), 0)
        there = _registered(a, two, y, x, (everywhere, here))
        if there is None:
            continue
        b, shift = there
        mean = np.asarray((a + b) / 2, np.float32)
        blocks.append(_unexplained(np.asarray((a - b) * HALVED, np.float32), mean))
        pictures.append(softened(mean))
        varying.append(structure(mean.mean(0)))
        shifts.append(shift)
    return Exposures(
        np.asarray(blocks, np.float32).reshape(-1, 3, BLOCK, BLOCK),
        np.asarray(pictures, np.float32).reshape(-1, 3, BLOCK, BLOCK),
        np.asarray(varying, np.float32),
        np.asarray(shifts, np.float32).reshape(-1, 2),
    )


def _registered(
    block: Floats, frame: Floats, y: int, x: int, shifts: tuple[NDArray[np.float32], ...]
) -> tuple[Floats, NDArray[np.float64]] | None:
    """The block of another frame that shows the same, by the first of the shifts that no later one beats clearly.

    And by how much it is shifted, x and y, in pixels.

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
        more = _left_over(block, best)
        if not more.any():
            break
        chosen = chosen + more
        best = _shifted(frame, y, x, chosen)
    return None if best is None else (best, chosen)


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


@lru_cache(maxsize=64)
def _sinc(shift: float) -> tuple[Floats, int]:
    """Banded matrix `(32, 32 + 16)` that fetches a block a fraction further, and where its first column lies."""
    whole = round(shift)
    rest = shift - whole
    if abs(rest) < WHOLE:
        return np.eye(BLOCK, dtype=np.float32), whole
    taps = _taps(rest)
    rows = np.zeros((BLOCK, BLOCK + len(taps)), np.float32)
    rows[:, : len(taps)] = taps
    return rows.ravel()[:-BLOCK].reshape(BLOCK, -1), whole - len(taps) // 2


def _taps(rest: float) -> NDArray[np.float64]:
    """Lanczos's weights, which add up to one, of the 17 pixels about a place a fraction of a pixel further."""
    lags = np.arange(1 - TAPS, TAPS) - rest
    taps = np.sinc(lags) * np.sinc(lags / TAPS)
    return np.asarray(taps / taps.sum())


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


def response(shifts: Floats, size: int) -> Floats:
    """Share `(size, size // 2 + 1)` of grain's power that is left in differences of blocks, at each frequency.

    One of the two was fetched by a shift, and interpolation takes fine grain half a pixel off.

    Args:
        shifts: x and y in pixels, `(N, 2)`; the mean over them is taken.
        size: of the spectrum.

    >>> float(response(np.array([[0.5, 0.0]], np.float32), 64)[0, -1].round(2))
    0.5
    """
    share = np.zeros((size, size // 2 + 1))
    for shift in shifts - np.rint(shifts):
        across, down = (_taps(rest) if abs(rest) >= WHOLE else np.ones(1) for rest in shift.tolist())
        share += np.abs(np.fft.fft(down, size))[:, None] ** 2 * np.abs(np.fft.rfft(across, size)) ** 2
    return np.asarray((1 + share / max(len(shifts), 1)) / 2, np.float32)


def structure(block: Floats) -> float:
    """How much the picture varies inside a block, measured on means of 8 x 8 pixels, where grain is averaged away."""
    means = _means(block)
    return float(np.abs(np.diff(means, axis=0)).mean() + np.abs(np.diff(means, axis=1)).mean())


def _means(block: Floats) -> Floats:
    """Means of 8 x 8 pixels, less their own mean."""
    means = block.reshape(BLOCK // 8, 8, BLOCK // 8, 8).mean((1, 3))
    return np.asarray(means - means.mean(), np.float32)


def softened(block: Floats) -> Floats:
    """A block `(3, 32, 32)` without its grain and detail."""
    return np.stack([cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), 2.0) for channel in block])
