"""Two exposures of the same thing: blocks of neighboring frames, registered, and what they differ by."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from restorers.compiled import compiled
from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow, flow, luma_for_flow

Shifts = NDArray[np.float64]

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
    every = [(y, x) for y in range(0, h - BLOCK + 1, BLOCK) for x in range(0, w - BLOCK + 1, BLOCK)]
    places = np.array(every[:: -(-len(every) // MOST)] if every else [], np.int64).reshape(-1, 2)
    motion = flow(luma_for_flow(source), luma_for_flow(target))
    one, two = (np.ascontiguousarray(frame.cpu().numpy(), np.float32) for frame in (source, target))
    whole = np.zeros((len(places), 2))
    blocks, _ = _fetched(one, places, whole)
    there, shifts, known = _registered(blocks, two, places, _usual(motion, places, (h, w)))
    blocks, there, shifts = blocks[known], there[known], shifts[known]
    means = np.asarray((blocks + there) / 2, np.float32)
    return Exposures(
        _unexplained(np.asarray((blocks - there) * HALVED, np.float32), means),
        np.asarray([softened(mean) for mean in means], np.float32).reshape(-1, 3, BLOCK, BLOCK),
        structure(means.mean(1)),
        np.asarray(shifts, np.float32).reshape(-1, 2),
    )


def _usual(motion: Flow, places: NDArray[np.int64], size: tuple[int, int]) -> tuple[Shifts, Shifts]:
    """The shift of most of the frame, and of most of each block, x and y in pixels of the frame, `(N, 2)`."""
    scale = np.array((size[0] / motion.shape[0], size[1] / motion.shape[1]))
    everywhere = np.median(motion[::4, ::4].reshape(-1, 2), 0) * scale[::-1]
    tall, wide = np.maximum((BLOCK / scale).astype(int), 1)
    first = (places / scale).astype(int)
    rows, columns = first[:, :1] + np.arange(tall), first[:, 1:] + np.arange(wide)
    parts = motion[rows[:, :, None], columns[:, None, :]].reshape(len(places), -1, 2)
    here = np.median(parts, 1) * scale[::-1] if len(places) else np.zeros((0, 2))
    return np.broadcast_to(everywhere, here.shape).astype(np.float64), here


def _registered(
    blocks: Floats, frame: Floats, places: NDArray[np.int64], shifts: tuple[Shifts, ...]
) -> tuple[Floats, Shifts, NDArray[np.bool_]]:
    """The blocks of another frame that show the same, each by the first of its shifts that no later one beats clearly.

    And by how much they are shifted, x and y, in pixels; and which of them are within the frame.

    Where there is nothing to hold on to, flow follows the grain itself, and the motion of the whole frame is the better
    guess.
    """
    best, chosen, least = np.zeros_like(blocks), np.zeros((len(places), 2)), np.full(len(places), np.inf)
    for shift in shifts:
        there, inside = _fetched(frame, places, shift)
        miss = (_means((blocks - there).mean(1)) ** 2).mean((1, 2))
        better = inside & (miss < CLEARLY * least)
        best[better], chosen[better], least[better] = there[better], shift[better], miss[better]
    known, moved = np.isfinite(least), np.isfinite(least)
    for _ in range(2):
        more = np.zeros_like(chosen)
        more[moved] = _left_over(blocks[moved], best[moved])
        moved = moved & more.any(1)
        chosen[moved] += more[moved]
        best[moved], known[moved] = _fetched(frame, places[moved], chosen[moved])
        moved = moved & known
    return best, chosen, known


def _left_over(blocks: Floats, there: Floats) -> Shifts:
    """The small shifts (x, y) that still lie between blocks, zero where their difference does not show one.

    Lucas, Kanade, An iterative image registration technique, IJCAI 1981.
    """
    across, down = _gradients((blocks + there).mean(1) / 2)
    difference = (blocks - there).mean(1).astype(np.float64)
    difference -= difference.mean((1, 2), keepdims=True)
    xx, xy, yy = ((a * b).sum((1, 2)) for a, b in ((across, across), (across, down), (down, down)))
    ex, ey = ((a * difference).sum((1, 2)) for a in (across, down))
    det = xx * yy - xy * xy
    clear = det > 1e-12 * np.maximum(xx, yy) ** 2
    shift = np.stack((yy * ex - xy * ey, xx * ey - xy * ex), -1) / np.where(clear, det, 1)[:, None]
    explained = shift[:, 0] * ex + shift[:, 1] * ey
    shown = clear & (explained > SHIFTED * (difference**2).sum((1, 2))) & (np.abs(shift).max(1) < 2)
    return np.where(shown[:, None], shift, 0)


def _gradients(pictures: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How blocks `(N, 32, 32)`, slightly blurred, change across and down, less the mean of that."""
    smooth = np.zeros_like(pictures)
    for picture, target in zip(pictures, smooth, strict=True):
        cv2.GaussianBlur(picture, (0, 0), 1.0, dst=target)
    down, across = np.gradient(smooth, axis=(1, 2)) if len(smooth) else (smooth, smooth)
    one, two = (np.asarray(g - g.mean((1, 2), keepdims=True), np.float64) for g in (across, down))
    return one, two


def _fetched(frame: Floats, places: NDArray[np.int64], shifts: Shifts) -> tuple[Floats, NDArray[np.bool_]]:
    """The blocks at some places `(N, 2)`, y and x, + shifts, by a sinc so long that it leaves grain its strength.

    And which of them are within the frame; the others are zeros.
    """
    nearest = np.rint(shifts).astype(np.int64)
    rest = shifts - nearest
    whole = np.abs(rest) < WHOLE
    taps = _taps(np.where(whole, 0, rest)).astype(np.float32)
    out, inside = np.zeros((len(places), 3, BLOCK, BLOCK), np.float32), np.zeros(len(places), np.bool_)
    _fetch(frame, places + nearest[:, ::-1], taps, whole, out, inside)
    return out, inside


@compiled
def _fetch(
    frame: Floats,
    places: NDArray[np.int64],
    taps: Floats,
    whole: NDArray[np.bool_],
    out: Floats,
    inside: NDArray[np.bool_],
) -> None:
    """Blocks at whole places, through taps across and down, which are left out where the shift is whole."""
    between = np.empty((BLOCK + 2 * TAPS, BLOCK), np.float32)
    for n in range(len(places)):
        across, down = 0 if whole[n, 0] else TAPS - 1, 0 if whole[n, 1] else TAPS - 1
        top, left = places[n, 0] - down, places[n, 1] - across
        rows, columns = BLOCK + 2 * down, BLOCK + 2 * across
        if top < 0 or left < 0 or top + rows > frame.shape[1] or left + columns > frame.shape[2]:
            continue
        inside[n] = True
        for c in range(3):
            for i in range(rows):
                for j in range(BLOCK):
                    between[i, j] = 0
                for k in range(2 * across + 1):
                    weight = np.float32(1) if across == 0 else taps[n, 0, k]
                    for j in range(BLOCK):
                        between[i, j] += weight * frame[c, top + i, left + j + k]
            for i in range(BLOCK):
                for k in range(2 * down + 1):
                    weight = np.float32(1) if down == 0 else taps[n, 1, k]
                    for j in range(BLOCK):
                        out[n, c, i, j] += weight * between[i + k, j]


def _taps(rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lanczos's weights `(..., 17)`, which add up to one, of the pixels about places fractions of a pixel further."""
    lags = np.arange(1 - TAPS, TAPS) - rest[..., None]
    taps = np.sinc(lags) * np.sinc(lags / TAPS)
    return np.asarray(taps / taps.sum(-1, keepdims=True))


def _unexplained(differences: Floats, means: Floats) -> Floats:
    """What flicker (an offset) and a shift left over (the picture's gradient) do not explain of differences.

    The gradient is taken off only where it explains far more than chance would: in calm blocks it would take grain.
    """
    gradients = np.stack(_gradients(means.mean(1)), -1).reshape(len(means), BLOCK**2, 2)
    basis = np.linalg.qr(gradients)[0]
    values = (differences - differences.mean((2, 3), keepdims=True)).reshape(len(means), 3, BLOCK**2)
    explained = values @ basis
    clear = (explained**2).sum((1, 2)) > SHIFTED * (values**2).sum((1, 2))
    values = np.where(clear[:, None, None], values - explained @ basis.transpose(0, 2, 1), values)
    return np.asarray(values.reshape(differences.shape), np.float32)


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
        across, down = (_taps(rest) if abs(rest) >= WHOLE else np.ones(1) for rest in shift)
        share += np.abs(np.fft.fft(down, size))[:, None] ** 2 * np.abs(np.fft.rfft(across, size)) ** 2
    return np.asarray((1 + share / max(len(shifts), 1)) / 2, np.float32)


def structure(blocks: Floats) -> Floats:
    """How much the picture varies inside blocks `(N, 32, 32)`, on means of 8 x 8 pixels, where grain is averaged."""
    means = _means(blocks)
    down, across = (np.abs(np.diff(means, axis=axis)).mean((1, 2)) for axis in (1, 2))
    return np.asarray(down + across, np.float32)


def _means(blocks: Floats) -> Floats:
    """Means of 8 x 8 pixels of blocks `(N, 32, 32)`, less their own mean."""
    means = blocks.reshape(-1, BLOCK // 8, 8, BLOCK // 8, 8).mean((2, 4))
    return np.asarray(means - means.mean((1, 2), keepdims=True), np.float32)


def softened(block: Floats) -> Floats:
    """A block `(3, 32, 32)` without its grain and detail."""
    return np.stack([cv2.GaussianBlur(np.ascontiguousarray(channel), (0, 0), 2.0) for channel in block])
