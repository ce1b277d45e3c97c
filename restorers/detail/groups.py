"""Patches of a frame that look alike, and what they show together: what time leaves of grain is taken off in space.

A frame repeats itself. Around each patch those most like it are searched in the picture known so far, and stacked;
their cosines, and Haar's wavelet along the stack, keep what stands out of the grain. How much grain is left differs
from patch to patch and band to band: where no neighbor in time shows a place, patches that time has calmed lend it
theirs.

Dabov, Foi, Katkovnik, Egiazarian, Image denoising by sparse 3-D transform-domain collaborative filtering, IEEE TIP
16(8), 2007, doi:10.1109/TIP.2007.901238, its second pass, with patches that lie 8 pixels apart.
"""

from typing import TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from restorers.compiled import compiled
from restorers.detail.tiles import STEP, TILE

Floats: TypeAlias = NDArray[np.float32]
Pair: TypeAlias = tuple[Floats, Floats]
Places: TypeAlias = NDArray[np.int64]

ALIKE = 8  # patches of a group, a power of two
SEARCH = 8  # pixels to each side
SPARSE = 2  # pixels between those by which patches are compared
KAISER = 2.0
CELLS = TILE * TILE
HALF, DIAGONAL = np.float32(0.5), np.float32(0.5**0.5)
LEAST = np.float32(1e-12)


def grouped(picture: Floats, mean: Floats, left: Floats, variance: Floats) -> Floats:
    """The mean of a frame over time without the grain that is left in it, `(3, H, W)`.

    Args:
        picture: what is known so far, luma and differences of the colors, `(3, H, W)`, density, at least 12 x 12.
        mean: the mean over time, of the same size.
        left: variance of each cosine, row by row, in the mean of grain whose variance is 1: `(rows, columns, 64)` of
            tiles, one every 4 pixels, the first of which begins 4 pixels before the frame.
        variance: that of the grain of each color, `(3, rows, columns)`.
    """
    line = scipy.fft.dct(np.eye(TILE), axis=0, norm="ortho").astype(np.float32)
    window = np.outer(*[np.kaiser(TILE, KAISER)] * 2).astype(np.float32)
    sums = np.zeros((2, *picture.shape), np.float32)
    _add((picture, mean), (left, variance), (np.stack((line, line.T)), window), sums)
    return np.asarray(sums[0] / sums[1], np.float32)


@compiled
def _add(
    known: tuple[Floats, Floats], noise: tuple[Floats, Floats], tables: tuple[Floats, Floats], out: Floats
) -> None:
    """Add up what each group shows, and how much that counts, in both halves of `out`, `(2, 3, H, W)`."""
    (picture, mean), (left, variance), (cosines, window) = known, noise, tables
    colors, height, width = picture.shape
    tops, sides = np.zeros(ALIKE, np.int64), np.zeros(ALIKE, np.int64)
    group = np.empty((ALIKE, CELLS), np.float32)
    grain, gains = np.empty((CELLS, ALIKE), np.float32), np.empty(CELLS * ALIKE, np.float32)
    shown, seen = np.empty((CELLS, ALIKE), np.float32), np.empty((CELLS, ALIKE), np.float32)
    spare = np.empty((CELLS, ALIKE), np.float32)
    for row in range(0, height, TILE):
        for column in range(0, width, TILE):
            top, side = min(row, height - TILE), min(column, width - TILE)
            _search(picture[0], top, side, tops, sides)
            for k in range(ALIKE):
                group[k] = left[_tile(tops[k]), _tile(sides[k])]
            _even(group)
            _turn(group, grain)
            for color in range(colors):
                scale = variance[color, _tile(top), _tile(side)]
                _fetch(picture[color], tops, sides, group)
                _haar(group, 1)
                _turn(group, shown)
                _cosine(shown, cosines[0], spare)
                _fetch(mean[color], tops, sides, group)
                _haar(group, 1)
                _turn(group, seen)
                _cosine(seen, cosines[0], spare)
                power = _weigh(shown.reshape(-1), seen.reshape(-1), grain.reshape(-1), scale, gains)
                _cosine(seen, cosines[1], spare)
                _turn_back(seen, group)
                _haar(group, -1)
                _lay(group, window / (power + LEAST), (tops, sides), out[:, color])


@compiled
def _tile(place: int) -> int:
    """The tile, of those that lie 4 pixels apart, that is nearest to a patch that begins at a row or column."""
    return (place + STEP + STEP // 2) // STEP


@compiled
def _search(picture: Floats, top: int, side: int, tops: Places, sides: Places) -> None:
    """Fill in where the patches most like the one at (top, side) begin, itself first."""
    height, width = picture.shape
    first, stop = max(side - SEARCH, 0), min(side + SEARCH, width - TILE) + 1
    misses, least = np.empty(stop - first, np.float32), np.empty(ALIKE, np.float32)
    tops[0], sides[0] = top, side
    found = 1
    for y in range(max(top - SEARCH, 0), min(top + SEARCH, height - TILE) + 1):
        misses[:] = 0
        for v in range(0, TILE, SPARSE):
            own, line = picture[top + v, side : side + TILE], picture[y + v, first:]
            for u in range(v // SPARSE % SPARSE, TILE, SPARSE):
                here, there = own[u], line[u : u + len(misses)]
                for k in range(len(misses)):
                    apart = there[k] - here
                    misses[k] += apart * apart
        for k in range(len(misses)):
            miss = misses[k]
            if (found == ALIKE and miss >= least[ALIKE - 1]) or (y == top and first + k == side):
                continue
            rank = min(found, ALIKE - 1)
            while rank > 1 and least[rank - 1] > miss:
                least[rank], tops[rank], sides[rank] = least[rank - 1], tops[rank - 1], sides[rank - 1]
                rank -= 1
            least[rank], tops[rank], sides[rank] = miss, y, first + k
            found = min(found + 1, ALIKE)


@compiled
def _fetch(plane: Floats, tops: Places, sides: Places, group: Floats) -> None:
    for k in range(ALIKE):
        for v in range(TILE):
            line, patch = plane[tops[k] + v, sides[k] :], group[k, v * TILE :]
            for u in range(TILE):
                patch[u] = line[u]


@compiled
def _lay(group: Floats, window: Floats, places: tuple[Places, Places], out: Floats) -> None:
    tops, sides = places
    for k in range(ALIKE):
        for v in range(TILE):
            patch, weight = group[k, v * TILE :], window[v]
            line, counted = out[0, tops[k] + v, sides[k] :], out[1, tops[k] + v, sides[k] :]
            for u in range(TILE):
                line[u] += weight[u] * patch[u]
                counted[u] += weight[u]


@compiled
def _haar(group: Floats, direction: int) -> None:
    """Haar's wavelet along a group `(8, 64)`, in its place, the mean first; back if the direction is -1."""
    step = 1 if direction > 0 else ALIKE // 2
    while 0 < step < ALIKE:
        for k in range(0, ALIKE, 2 * step):
            one, two = group[k], group[k + step]
            for at in range(CELLS):
                a, b = one[at], two[at]
                one[at] = (a + b) * DIAGONAL
                two[at] = (a - b) * DIAGONAL
        step = step * 2 if direction > 0 else step // 2


@compiled
def _even(group: Floats) -> None:
    """The variances `(8, 64)` of what Haar's wavelet makes of values, of theirs, in their place."""
    step = 1
    while step < ALIKE:
        for k in range(0, ALIKE, 2 * step):
            one, two = group[k], group[k + step]
            for at in range(CELLS):
                mean = (one[at] + two[at]) * HALF
                one[at] = mean
                two[at] = mean
        step *= 2


@compiled
def _turn(group: Floats, stack: Floats) -> None:
    for k in range(ALIKE):
        for at in range(CELLS):
            stack[at, k] = group[k, at]


@compiled
def _turn_back(stack: Floats, group: Floats) -> None:
    for k in range(ALIKE):
        for at in range(CELLS):
            group[k, at] = stack[at, k]


@compiled
def _cosine(stack: Floats, cosines: Floats, spare: Floats) -> None:
    """The cosines of patches `(64, 8)`, in their place: along one side, which becomes the other, twice."""
    pixels, sums = stack.reshape(TILE, -1), spare.reshape(TILE, -1)
    for _ in range(2):
        for v in range(TILE):
            out, w = sums[v], cosines[v]
            for at in range(CELLS):
                out[at] = 0
            for y in range(0, TILE, 4):  # four rows at once stay in registers
                a, b, c, d = pixels[y], pixels[y + 1], pixels[y + 2], pixels[y + 3]
                for at in range(CELLS):
                    out[at] += w[y] * a[at] + w[y + 1] * b[at] + w[y + 2] * c[at] + w[y + 3] * d[at]
        for v in range(TILE):
            for u in range(TILE):
                to, source = stack[u * TILE + v], spare[v * TILE + u]
                for k in range(ALIKE):
                    to[k] = source[k]


@compiled
def _weigh(shown: Floats, seen: Floats, grain: Floats, scale: float, gains: Floats) -> np.float32:
    """Keep of the coefficients seen what those shown say; what is left of grain's variance in them, added up.

    The mean of the group's means is kept whole.
    """
    mean = seen[0]
    for index in range(len(gains)):
        power = shown[index] * shown[index]
        gain = power / (power + scale * grain[index])
        gains[index] = gain
        seen[index] *= gain
    seen[0], gains[0] = mean, 1
    left = np.float32(0)
    for index in range(len(gains)):
        left += gains[index] * gains[index] * grain[index]
    return np.float32(left * scale)
