"""Evidence in a cell of a frame, plane by plane, in compiled loops.

A cell is seen with what is around it as a tile of 64 x 64 pixels; `rows` and `columns` say where on the frame these
are, edges repeated. All the loops are in one file, since compiled code that is kept is made anew only when its own
file changes.
"""

import numpy as np

from restorers.cleaning.contrast import STEP, Counts
from restorers.compiled import compiled
from restorers.detail.grain import Floats

TILE = 64  # pixels
APART, EXCESS, MISS, HIGH, SLOPE, BEYOND, UNEVEN = 0, 2, 3, 5, 6, 7, 9  # where they are among the planes
WIDEST = 8.0  # sigmas beyond which more says nothing more
HIDING = 2.0  # sigmas of excess that the flow may be spoilt by
REACH = 15  # pixels from which it is filled in
FEWEST = 20  # pixels it wants for that
EVEN = 7  # pixels each way over which a picture is even
SCRATCH = 11  # planes of a tile's size to work on


@compiled
def frame_planes(
    gray: Floats, sigma: Floats, excess: Floats, rows: Counts, columns: Counts, out: Floats, scratch: Floats
) -> None:
    """Planes of the frame alone.

    `scratch` is given what is not hidden, how much of that is around each pixel, gray densities and their sigma.
    """
    known, near, here, grain, even, line = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    for i in range(TILE):
        for j in range(TILE):
            y, x = rows[i], columns[j]
            here[i, j], grain[i, j] = gray[y, x], sigma[y, x]
            out[EXCESS, i, j] = _clipped(excess[y, x], WIDEST)
            known[i, j] = np.float32(abs(excess[y, x]) > np.float32(HIDING))
            out[SLOPE, i, j] = out[UNEVEN, i, j] = np.float32(0)
    _most(known, 3, line, known)
    for i in range(TILE):
        for j in range(TILE):
            known[i, j] = np.float32(1) - known[i, j]
    _summed(known, REACH, line, near)
    _summed(here, EVEN, line, even)
    for i in range(TILE):
        tall = min(i + EVEN, TILE - 1) - max(i - EVEN, 0) + 1
        for j in range(TILE):
            count = np.float32(tall * (min(j + EVEN, TILE - 1) - max(j - EVEN, 0) + 1))
            out[HIGH, i, j] = _clipped((here[i, j] - even[i, j] / count) / grain[i, j], WIDEST)


@compiled
def brought(
    other: Floats,
    flow: Floats,
    astray: Floats,
    size: tuple[int, int],
    rows: Counts,
    columns: Counts,
    miss: Floats,
    scratch: Floats,
) -> None:
    """A neighbor brought to a tile along the flow, filled in where something is hidden.

    `scratch` is as `frame_planes` left it; its last three planes are given the flow across and down, and what the
    neighbor shows.
    """
    known, near, u, v, there = scratch[0], scratch[1], scratch[8], scratch[9], scratch[10]
    down, across = flow.shape[0] / size[0], flow.shape[1] / size[1]
    up, along, half, zero = np.float32(1 / down), np.float32(1 / across), np.float32(0.5), np.float32(0)
    bottom, right = np.float32(flow.shape[0] - 1), np.float32(flow.shape[1] - 1)
    for i in range(TILE):
        y = min(max(np.float32((rows[i] + half) * down - half), zero), bottom)
        top = min(np.uint32(y), np.uint32(flow.shape[0] - 2))
        under, y = np.uint32(top + np.uint32(1)), y - np.float32(top)
        for j in range(TILE):
            x = min(max(np.float32((columns[j] + half) * across - half), zero), right)
            left = min(np.uint32(x), np.uint32(flow.shape[1] - 2))
            beside, x = np.uint32(left + np.uint32(1)), x - np.float32(left)
            above = astray[top, left] + x * (astray[top, beside] - astray[top, left])
            below = astray[under, left] + x * (astray[under, beside] - astray[under, left])
            miss[i, j] = min(above + y * (below - above), np.float32(8)) * half
            above = flow[top, left, 0] + x * (flow[top, beside, 0] - flow[top, left, 0])
            below = flow[under, left, 0] + x * (flow[under, beside, 0] - flow[under, left, 0])
            u[i, j] = along * (above + y * (below - above))
            above = flow[top, left, 1] + x * (flow[top, beside, 1] - flow[top, left, 1])
            below = flow[under, left, 1] + x * (flow[under, beside, 1] - flow[under, left, 1])
            v[i, j] = up * (above + y * (below - above))
    _fill(u, known, near, scratch)
    _fill(v, known, near, scratch)
    for i in range(TILE):
        for j in range(TILE):
            there[i, j] = _shown(other, np.float32(rows[i]) + v[i, j], np.float32(columns[j]) + u[i, j])


@compiled
def side_planes(level: Floats, rows: Counts, columns: Counts, which: int, out: Floats, scratch: Floats) -> None:
    """Planes of a neighbor that was brought; `scratch` is as `brought` left it."""
    here, grain, line, most, least = scratch[2], scratch[3], scratch[5], scratch[6], scratch[7]
    u, v, there = scratch[8], scratch[9], scratch[10]
    half, quarter, widest, zero = np.float32(0.5), np.float32(0.25), np.float32(WIDEST), np.float32(0)
    apart, slope, uneven, beyond = out[APART + which], out[SLOPE], out[UNEVEN], out[BEYOND + which]
    for i in range(TILE):
        for j in range(TILE):
            there[i, j] += level[rows[i] // STEP, columns[j] // STEP]
    for i in range(TILE):
        for j in range(TILE):
            apart[i, j] = _clipped((here[i, j] - there[i, j]) / grain[i, j], WIDEST)
    _range(there, 1, line, most, least)
    for i in range(TILE):
        for j in range(TILE):
            slope[i, j] = min(slope[i, j] + quarter * ((most[i, j] - least[i, j]) / grain[i, j]), widest)
            uneven[i, j] = max(uneven[i, j], min(half * (_ahead(u, i, j) + _ahead(v, i, j)), widest))
    _range(there, 4, line, most, least)
    for i in range(TILE):
        for j in range(TILE):
            outside = max(here[i, j] - most[i, j], zero) - max(least[i, j] - here[i, j], zero)
            beyond[i, j] = _clipped(outside / grain[i, j], WIDEST)


@compiled
def _fill(plane: Floats, known: Floats, near: Floats, scratch: Floats) -> None:
    """Fill a plane in where it is not known, from what is known around there."""
    work, line, sums = scratch[4], scratch[5], scratch[6]
    for i in range(TILE):
        for j in range(TILE):
            work[i, j] = plane[i, j] * known[i, j]
    _summed(work, REACH, line, sums)
    for i in range(TILE):
        for j in range(TILE):
            if known[i, j] == 0 and near[i, j] >= FEWEST:
                plane[i, j] = sums[i, j] / near[i, j]


@compiled
def _clipped(value: np.float32, most: float) -> np.float32:
    return min(max(value, np.float32(-most)), np.float32(most))


@compiled
def _ahead(plane: Floats, i: int, j: int) -> np.float32:
    """How much a plane changes over 8 pixels, down and across."""
    above, below = max(i - 4, 0), min(i + 4, TILE - 1)
    left, right = max(j - 4, 0), min(j + 4, TILE - 1)
    return np.float32(abs(plane[below, j] - plane[above, j]) + abs(plane[i, right] - plane[i, left]))


@compiled
def _summed(source: Floats, reach: int, line: Floats, out: Floats) -> None:
    """Sums over squares, nothing beyond the edges."""
    for i in range(TILE):
        total = 0.0
        for j in range(reach):
            total += source[i, j]
        for j in range(TILE):
            if j + reach < TILE:
                total += source[i, j + reach]
            if j > reach:
                total -= source[i, j - reach - 1]
            line[i, j] = total
    sums = np.zeros(TILE, np.float64)
    for i in range(reach):
        for j in range(TILE):
            sums[j] += line[i, j]
    for i in range(TILE):
        for j in range(TILE):
            if i + reach < TILE:
                sums[j] += line[i + reach, j]
            if i > reach:
                sums[j] -= line[i - reach - 1, j]
            out[i, j] = sums[j]


@compiled
def _most(source: Floats, reach: int, line: Floats, out: Floats) -> None:
    """The largest in squares; `out` may be the source."""
    for i in range(TILE):
        for j in range(TILE):
            line[i, j] = source[i, j]
        for k in range(1, reach + 1):
            for j in range(TILE - k):
                line[i, j] = line[i, j] if line[i, j] > source[i, j + k] else source[i, j + k]
            for j in range(k, TILE):
                line[i, j] = line[i, j] if line[i, j] > source[i, j - k] else source[i, j - k]
    for i in range(TILE):
        for j in range(TILE):
            out[i, j] = line[i, j]
        for k in range(max(i - reach, 0), min(i + reach + 1, TILE)):
            for j in range(TILE):
                out[i, j] = out[i, j] if out[i, j] > line[k, j] else line[k, j]


@compiled
def _range(source: Floats, reach: int, line: Floats, most: Floats, least: Floats) -> None:
    """The largest and the smallest in squares."""
    for i in range(TILE):
        for j in range(TILE):
            least[i, j] = -source[i, j]
    _most(source, reach, line, most)
    _most(least, reach, line, least)
    for i in range(TILE):
        for j in range(TILE):
            least[i, j] = -least[i, j]


@compiled
def _shown(image: Floats, y: np.float32, x: np.float32) -> np.float32:
    """What an image shows at a place, edges repeated."""
    y = min(max(y, np.float32(0)), np.float32(image.shape[0] - 1))
    x = min(max(x, np.float32(0)), np.float32(image.shape[1] - 1))
    top, left = min(np.uint32(y), np.uint32(image.shape[0] - 2)), min(np.uint32(x), np.uint32(image.shape[1] - 2))
    under, beside = np.uint32(top + np.uint32(1)), np.uint32(left + np.uint32(1))
    y, x = y - np.float32(top), x - np.float32(left)
    above = image[top, left] + x * (image[top, beside] - image[top, left])
    below = image[under, left] + x * (image[under, beside] - image[under, left])
    return np.float32(above + y * (below - above))
