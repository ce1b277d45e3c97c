"""How a frame contrasts with its neighbors, in compiled loops: over all of it, and over tiles of it in many ways.

Places on a neighbor follow from the flow, which may be of a smaller picture. Tiles are 64 x 64 pixels; `rows` and
`columns` say where on the frame they are, edges repeated.

All of them are in one file, since compiled code that is kept is made anew only when its own file changes.
"""

import numpy as np
from numpy.typing import NDArray

from restorers.compiled import compiled
from restorers.detail.grain import Floats

Counts = NDArray[np.int64]

TILE = 64  # pixels
APART, EXCESS, MISS, HIGH, SLOPE, BEYOND, UNEVEN = 0, 2, 3, 5, 6, 7, 9  # where they are among the planes
WIDEST = 8.0  # sigmas beyond which more says nothing more
UNSURE = 1.5  # sigmas by which interpolating less well may be off
NOTICED = 2.0  # sigmas below which a difference is not looked at
SLACK = 0.25  # of what the picture changes by from pixel to pixel: misregistration no flow is free of
STEP = 4  # pixels between those that the level of a neighbor is taken from
HIDING = 2.0  # sigmas of excess that the flow may be spoilt by
REACH = 15  # pixels from which it is filled in
FEWEST = 20  # pixels it wants for that


@compiled
def sample(gray: Floats, other: Floats, flow: Floats, sigma: Floats, out: Floats) -> None:
    """How far a frame lies above a neighbor every 4 pixels, no more than 3 sigmas."""
    height, width = gray.shape
    places, left, right = np.empty((2, width), np.float32), np.empty(width, np.int64), np.empty(width, np.float32)
    _columns(width, flow.shape[1], left, right)
    for row in range(out.shape[0]):
        y = min(row * STEP + STEP // 2, height - 1)
        _places(flow, y, height, left, right, STEP, places)
        for column in range(out.shape[1]):
            x = min(column * STEP + STEP // 2, width - 1)
            most = np.float32(3) * sigma[y, x]
            out[row, column] = min(max(gray[y, x] - _shown(other, places[0, x], places[1, x]), -most), most)


@compiled
def compare(
    gray: Floats,
    one: Floats,
    two: Floats,
    flow_one: Floats,
    flow_two: Floats,
    sigma: Floats,
    level_one: Floats,
    level_two: Floats,
    out: Floats,
) -> None:
    """By how many sigmas a frame stands out from both its neighbors; `out` holds zeros."""
    height, width = gray.shape
    places, left, right = np.empty((2, width), np.float32), np.empty(width, np.int64), np.empty(width, np.float32)
    _columns(width, flow_one.shape[1], left, right)
    up, along = np.float32(1 / (flow_two.shape[0] / height)), np.float32(1 / (flow_two.shape[1] / width))
    noticed, half, zero = np.float32(NOTICED), np.float32(0.5), np.float32(0)
    for y in range(height):
        _places(flow_one, y, height, left, right, 1, places)
        top, low = _row(y, height, flow_two.shape[0])
        for x in range(width):
            least = noticed * sigma[y, x]
            first = gray[y, x] - level_one[y // STEP, x // STEP] - _shown(one, places[0, x], places[1, x])
            if abs(first) < least:
                continue
            v = np.float32(y) + up * _between(flow_two, top, low, left[x], right[x], 1)
            u = np.float32(x) + along * _between(flow_two, top, low, left[x], right[x], 0)
            second = gray[y, x] - level_two[y // STEP, x // STEP] - _shown(two, v, u)
            if first * second <= zero or abs(second) < least:
                continue
            slope = half * (_slope(one, places[0, x], places[1, x]) + _slope(two, v, u))
            slope = np.float32(SLACK) * max(slope - np.float32(3) * sigma[y, x], zero)
            nearest = min(abs(first), abs(second)) / np.sqrt(sigma[y, x] * sigma[y, x] + slope * slope)
            out[y, x] = nearest if first > zero else -nearest


@compiled
def stand_out(
    gray: Floats,
    one: Floats,
    two: Floats,
    flow_one: Floats,
    flow_two: Floats,
    sigma: Floats,
    level_one: Floats,
    level_two: Floats,
    least: float,
    out: Floats,
) -> None:
    """By how many times what a sound pixel may differ by a frame stands out from both its neighbors, if `least` times.

    Bicubic, where bilinear interpolation does not rule it out; `out` holds zeros.
    """
    height, width = gray.shape
    places, left, right = np.empty((2, width), np.float32), np.empty(width, np.int64), np.empty(width, np.float32)
    others = np.empty((2, width), np.float32)
    _columns(width, flow_one.shape[1], left, right)
    half, zero, rows, columns = np.float32(0.5), np.float32(0), np.float32(height - 0.5), np.float32(width - 0.5)
    noticed, enough = np.float32(max(least - UNSURE, 0.5)), np.float32(least)
    for y in range(height):
        _places(flow_one, y, height, left, right, 1, places)
        _places(flow_two, y, height, left, right, 1, others)
        for x in range(width):
            grain = sigma[y, x]
            here = gray[y, x] - level_one[y // STEP, x // STEP]
            first = here - _shown(one, places[0, x], places[1, x])
            if abs(first) < noticed * grain:
                continue
            v, u = others[0, x], others[1, x]
            too = gray[y, x] - level_two[y // STEP, x // STEP]
            second = too - _shown(two, v, u)
            if first * second <= zero or abs(second) < noticed * grain:
                continue
            if not (-half <= min(v, places[0, x]) and max(v, places[0, x]) <= rows):
                continue
            if not (-half <= min(u, places[1, x]) and max(u, places[1, x]) <= columns):
                continue
            first, second = here - _cubic(one, places[0, x], places[1, x]), too - _cubic(two, v, u)
            if first * second <= zero:
                continue
            nearest = min(abs(first), abs(second)) + half * grain
            if nearest <= enough * grain:
                continue
            slope = _mean_slope(one, two, places[0, x], places[1, x], v, u)
            slope = np.float32(SLACK) * max(slope - np.float32(2) * grain, zero)
            nearest /= np.sqrt(grain * grain + slope * slope)
            if nearest > enough:
                out[y, x] = nearest if first > zero else -nearest


@compiled
def surely(
    here: Floats, one: Floats, two: Floats, sigma: Floats, box: tuple[int, int, int, int], sign: int, least: float
) -> bool:
    """Whether anything in a box of a crop stands out from both neighbors by `least` times what a sound pixel may.

    They were brought to it; that is grain, slight misregistration, and what the neighbors disagree by.
    """
    height, width = here.shape
    for i in range(box[0], box[2]):
        for j in range(box[1], box[3]):
            grain = float(sigma[i, j])
            above = sign * (here[i, j] - one[i, j]), sign * (here[i, j] - two[i, j])
            excess = min(above[0], above[1]) + 0.5 * grain
            if excess <= least * grain:
                continue
            low, high, apart, count = np.inf, -np.inf, 0.0, 0
            for y in range(max(i - 3, 0), min(i + 4, height)):
                for x in range(max(j - 3, 0), min(j + 4, width)):
                    apart += abs(one[y, x] - two[y, x])
                    count += 1
                    if abs(y - i) < 2 and abs(x - j) < 2:
                        mean = 0.5 * (one[y, x] + two[y, x])
                        low, high = min(low, mean), max(high, mean)
            slope, apart = SLACK * max(high - low - 2 * grain, 0.0), apart / count / 1.128
            variance = grain * grain + slope * slope + max(apart * apart - grain * grain, 0.0)
            if excess > least * np.sqrt(variance):
                return True
    return False


@compiled
def carried(flow: Floats, size: tuple[int, int], top: int, left: int, out: Floats) -> None:
    """The flow of a smaller picture in a box `(h, w, 2)` of a frame, in pixels of the frame."""
    low, share = np.empty(out.shape[1], np.int64), np.empty(out.shape[1], np.float32)
    for j in range(out.shape[1]):
        u = min(max((left + j + 0.5) * flow.shape[1] / size[1] - 0.5, 0.0), flow.shape[1] - 1.0)
        low[j] = min(int(u), flow.shape[1] - 2)
        share[j] = u - low[j]
    up, along = np.float32(size[0] / flow.shape[0]), np.float32(size[1] / flow.shape[1])
    for i in range(out.shape[0]):
        row, rest = _row(top + i, size[0], flow.shape[0])
        for j in range(out.shape[1]):
            out[i, j, 0] = along * _between(flow, row, rest, low[j], share[j], 0)
            out[i, j, 1] = up * _between(flow, row, rest, low[j], share[j], 1)


@compiled
def frame_planes(
    gray: Floats, sigma: Floats, excess: Floats, rows: Counts, columns: Counts, out: Floats, scratch: Floats
) -> None:
    """Planes of the frame alone; `scratch` is given what is not hidden, first."""
    known, here, even, weight = scratch[0], scratch[1], scratch[2], scratch[3]
    for i in range(TILE):
        for j in range(TILE):
            y, x = rows[i], columns[j]
            here[i, j], weight[i, j] = gray[y, x], np.float32(1)
            out[EXCESS, i, j] = _clipped(excess[y, x], WIDEST)
            known[i, j] = np.float32(abs(excess[y, x]) > np.float32(HIDING))
            out[SLOPE, i, j] = out[UNEVEN, i, j] = np.float32(0)
    _most(known, 3, scratch[4], known)
    for i in range(TILE):
        for j in range(TILE):
            known[i, j] = np.float32(1) - known[i, j]
    _summed(here, 7, scratch[4], even)
    _summed(weight, 7, scratch[4], weight)
    for i in range(TILE):
        for j in range(TILE):
            high = (here[i, j] - even[i, j] / weight[i, j]) / sigma[rows[i], columns[j]]
            out[HIGH, i, j] = _clipped(high, WIDEST)


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

    `scratch` holds what is not hidden, first; it is given the flow across and down, second and third, and what the
    neighbor shows, last.
    """
    known, u, v, weight, there = scratch[0], scratch[1], scratch[2], scratch[3], scratch[7]
    down, across = flow.shape[0] / size[0], flow.shape[1] / size[1]
    up, along, half = np.float32(1 / down), np.float32(1 / across), np.float32(0.5)
    sideways, downwards = flow[:, :, 0], flow[:, :, 1]
    for i in range(TILE):
        y = np.float32((rows[i] + half) * down - half)
        for j in range(TILE):
            x = np.float32((columns[j] + half) * across - half)
            miss[i, j] = min(_shown(astray, y, x), np.float32(8)) * half
            u[i, j] = along * _shown(sideways, y, x)
            v[i, j] = up * _shown(downwards, y, x)
    _summed(known, REACH, scratch[4], weight)
    _fill(u, known, weight, there, scratch)
    _fill(v, known, weight, there, scratch)
    for i in range(TILE):
        for j in range(TILE):
            there[i, j] = _shown(other, np.float32(rows[i]) + v[i, j], np.float32(columns[j]) + u[i, j])


@compiled
def side_planes(
    gray: Floats, sigma: Floats, level: Floats, rows: Counts, columns: Counts, which: int, out: Floats, scratch: Floats
) -> None:
    """Planes of a neighbor that was brought."""
    u, v, most, least, there = scratch[1], scratch[2], scratch[5], scratch[6], scratch[7]
    half, quarter = np.float32(0.5), np.float32(0.25)
    apart, slope, uneven, beyond = out[APART + which], out[SLOPE], out[UNEVEN], out[BEYOND + which]
    for i in range(TILE):
        for j in range(TILE):
            y, x = rows[i], columns[j]
            there[i, j] += level[y // STEP, x // STEP]
            apart[i, j] = _clipped((gray[y, x] - there[i, j]) / sigma[y, x], WIDEST)
    _range(there, 1, scratch[4], most, least)
    for i in range(TILE):
        for j in range(TILE):
            steep = (most[i, j] - least[i, j]) / sigma[rows[i], columns[j]]
            slope[i, j] = min(slope[i, j] + quarter * steep, np.float32(WIDEST))
            uneven[i, j] = max(uneven[i, j], min(half * (_ahead(u, i, j) + _ahead(v, i, j)), np.float32(WIDEST)))
    _range(there, 4, scratch[4], most, least)
    for i in range(TILE):
        for j in range(TILE):
            here = gray[rows[i], columns[j]]
            outside = max(here - most[i, j], np.float32(0)) - max(least[i, j] - here, np.float32(0))
            beyond[i, j] = _clipped(outside / sigma[rows[i], columns[j]], WIDEST)


@compiled
def _fill(plane: Floats, known: Floats, weight: Floats, work: Floats, scratch: Floats) -> None:
    """Fill a plane in where it is not known, from what is known around there."""
    for i in range(TILE):
        for j in range(TILE):
            work[i, j] = plane[i, j] * known[i, j]
    _summed(work, REACH, scratch[4], scratch[5])
    for i in range(TILE):
        for j in range(TILE):
            if known[i, j] == 0 and weight[i, j] >= FEWEST:
                plane[i, j] = scratch[5, i, j] / weight[i, j]


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
def _columns(width: int, small: int, left: Counts, right: Floats) -> None:
    """Between which columns of a smaller picture each column lies: the left one, and the share of the next."""
    for x in range(width):
        u = min(max((x + 0.5) * small / width - 0.5, 0.0), small - 1.0)
        left[x] = min(int(u), small - 2)
        right[x] = u - left[x]


@compiled
def _row(y: int, height: int, small: int) -> tuple[int, np.float32]:
    """Between which rows of a smaller picture a row lies: the upper one, and the share of the next."""
    v = min(max((y + 0.5) * (small / height) - 0.5, 0.0), small - 1.0)
    top = min(int(v), small - 2)
    return top, np.float32(v - top)


@compiled
def _between(flow: Floats, top: int, low: np.float32, left: int, share: np.float32, way: int) -> np.float32:
    """Flow between four of its pixels, across (0) or down (1)."""
    one = np.float32(1)
    here = (one - low) * flow[top, left, way] + low * flow[top + 1, left, way]
    next_to_it = (one - low) * flow[top, left + 1, way] + low * flow[top + 1, left + 1, way]
    return np.float32((one - share) * here + share * next_to_it)


@compiled
def _places(flow: Floats, y: int, height: int, left: Counts, right: Floats, step: int, out: Floats) -> None:
    """Where the pixels of a row are on a neighbor, y and x `(2, W)`; only every `step`th if not every one is wanted."""
    down, across = flow.shape[0] / height, flow.shape[1] / len(left)
    top, low = _row(y, height, flow.shape[0])
    high, one = np.float32(1) - low, np.float32(1)
    up, along = np.float32(1 / down), np.float32(1 / across)
    row = np.empty((flow.shape[1], 2), np.float32)
    for u in range(flow.shape[1]):
        row[u, 0] = high * flow[top, u, 0] + low * flow[top + 1, u, 0]
        row[u, 1] = high * flow[top, u, 1] + low * flow[top + 1, u, 1]
    for x in range(step // 2, len(left), step):
        u, share = left[x], right[x]
        out[0, x] = np.float32(y) + up * ((one - share) * row[u, 1] + share * row[u + 1, 1])
        out[1, x] = np.float32(x) + along * ((one - share) * row[u, 0] + share * row[u + 1, 0])
    if step > 1:
        out[:, -1] = out[:, (len(left) - 1 - step // 2) // step * step + step // 2]


@compiled
def _shown(image: Floats, y: np.float32, x: np.float32) -> np.float32:
    """What an image shows at a place, edges repeated."""
    y = min(max(y, np.float32(0)), np.float32(image.shape[0] - 1))
    x = min(max(x, np.float32(0)), np.float32(image.shape[1] - 1))
    top, left = min(int(y), image.shape[0] - 2), min(int(x), image.shape[1] - 2)
    y, x = y - np.float32(top), x - np.float32(left)
    above = image[top, left] + x * (image[top, left + 1] - image[top, left])
    below = image[top + 1, left] + x * (image[top + 1, left + 1] - image[top + 1, left])
    return np.float32(above + y * (below - above))


@compiled
def _slope(image: Floats, y: np.float32, x: np.float32) -> np.float32:
    """How far apart the 3 x 3 pixels of an image around a place are."""
    row = min(max(int(y + np.float32(0.5)), 1), image.shape[0] - 2)
    column = min(max(int(x + np.float32(0.5)), 1), image.shape[1] - 2)
    least = most = image[row, column]
    for i in range(row - 1, row + 2):
        for j in range(column - 1, column + 2):
            least, most = min(least, image[i, j]), max(most, image[i, j])
    return np.float32(most - least)


@compiled
def _mean_slope(one: Floats, two: Floats, y: np.float32, x: np.float32, v: np.float32, u: np.float32) -> np.float32:
    """How far apart the 3 x 3 pixels around a place in the mean of two images are."""
    least, most = np.float32(np.inf), np.float32(-np.inf)
    for i in range(-1, 2):
        for j in range(-1, 2):
            down, across = np.float32(i), np.float32(j)
            mean = np.float32(0.5) * (_shown(one, y + down, x + across) + _shown(two, v + down, u + across))
            least, most = min(least, mean), max(most, mean)
    return np.float32(most - least)


@compiled
def _cubic(image: Floats, y: np.float32, x: np.float32) -> np.float32:
    """What an image shows at a place, bicubic, edges repeated."""
    top, left = int(np.floor(y)), int(np.floor(x))
    b0, b1, b2, b3 = _bends(y - np.float32(top))
    a0, a1, a2, a3 = _bends(x - np.float32(left))
    bottom, right = image.shape[0] - 1, image.shape[1] - 1
    total = np.float32(0)
    for i in range(4):
        row = min(max(top + i - 1, 0), bottom)
        if 1 <= left < right - 1:
            line = a0 * image[row, left - 1] + a1 * image[row, left]
            line += a2 * image[row, left + 1] + a3 * image[row, left + 2]
        else:
            line = a0 * image[row, min(max(left - 1, 0), right)] + a1 * image[row, min(max(left, 0), right)]
            line += a2 * image[row, min(max(left + 1, 0), right)] + a3 * image[row, min(max(left + 2, 0), right)]
        total += (b0 if i == 0 else b1 if i == 1 else b2 if i == 2 else b3) * line
    return np.float32(total)


@compiled
def _bends(share: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Weights of the four pixels around a place (Keys, 1981, with a slope of -3/4 as OpenCV's)."""
    a, one = np.float32(-0.75), np.float32(1)
    t = share + one
    first = ((a * t - np.float32(5) * a) * t + np.float32(8) * a) * t - np.float32(4) * a
    second = ((a + np.float32(2)) * share - (a + np.float32(3))) * share * share + one
    s = one - share
    third = ((a + np.float32(2)) * s - (a + np.float32(3))) * s * s + one
    return first, second, third, one - first - second - third
