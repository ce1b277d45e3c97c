"""How a frame contrasts with its neighbors, in compiled loops over all of it.

Places on a neighbor follow from the flow, which may be of a smaller picture.

All of them are in one file, since compiled code that is kept is made anew only when its own file changes.
"""

import numpy as np
from numpy.typing import NDArray

from restorers.compiled import compiled
from restorers.detail.grain import Floats

Counts = NDArray[np.int64]
Marks = NDArray[np.uint8]

UNSURE = 1.5  # sigmas by which interpolating less well may be off
SLACK = 0.25  # of what the picture changes by from pixel to pixel: misregistration no flow is free of
STEP = 4  # pixels between those that the level of a neighbor is taken from
NONE, DARK, BRIGHT, REACHED, LOST = 1, 2, 3, 4, 8  # what is known of a pixel; the last two are added to the others


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
    noticed: float,
    least: float,
    out: Floats,
    places: Counts,
) -> int:
    """By how many sigmas a frame stands out from both its neighbors, where it is so many; `out` holds zeros.

    `places`, row * width + column, are given those where it does by `least` sigmas, how steep the picture is left out
    of account; returns how many they are.
    """
    height, width = gray.shape
    at, left, right = np.empty((2, width), np.float32), np.empty(width, np.int64), np.empty(width, np.float32)
    apart, count = np.empty(width, np.float32), 0
    _columns(width, flow_one.shape[1], left, right)
    up, along = np.float32(1 / (flow_two.shape[0] / height)), np.float32(1 / (flow_two.shape[1] / width))
    few, many, half, zero = np.float32(noticed), np.float32(least), np.float32(0.5), np.float32(0)
    for y in range(height):
        _places(flow_one, y, height, left, right, 1, at)
        _shown_along(one, at, apart)
        for x in range(width):
            apart[x] = gray[y, x] - level_one[y // STEP, x // STEP] - apart[x]
        top, low = _row(y, height, flow_two.shape[0])
        for x in range(width):
            first, grain = apart[x], sigma[y, x]
            if abs(first) < few * grain:
                continue
            v = np.float32(y) + up * _between(flow_two, top, low, left[x], right[x], 1)
            u = np.float32(x) + along * _between(flow_two, top, low, left[x], right[x], 0)
            second = gray[y, x] - level_two[y // STEP, x // STEP] - _shown(two, v, u)
            if first * second <= zero or abs(second) < few * grain:
                continue
            nearest = min(abs(first), abs(second))
            if nearest >= many * grain:
                places[count] = y * width + x
                count += 1
            slope = half * (_slope(one, at[0, x], at[1, x]) + _slope(two, v, u))
            slope = np.float32(SLACK) * max(slope - np.float32(3) * grain, zero)
            nearest /= np.sqrt(grain * grain + slope * slope)
            out[y, x] = nearest if first > zero else -nearest
    return count


@compiled
def seeds_at(
    gray: Floats,
    sides: tuple[Floats, Floats],
    flows: tuple[Floats, Floats],
    sigma: Floats,
    levels: tuple[Floats, Floats],
    places: Counts,
    least: float,
    out: Marks,
) -> int:
    """Mark the places that do stand out by `least` times what a sound pixel may; returns how many they are.

    `places` begins with these afterwards; `out`, which holds zeros, is given whether they are `DARK` or `BRIGHT`.
    """
    width, count = gray.shape[1], 0
    for k in range(len(places)):
        y, x = places[k] // width, places[k] % width
        ratio = _ratio(gray, sides, flows, sigma, levels, y, x, least)
        if ratio != 0:
            out[y, x] = _kind(ratio)
            places[count] = places[k]
            count += 1
    return count


@compiled
def grown_from(
    gray: Floats,
    sides: tuple[Floats, Floats],
    flows: tuple[Floats, Floats],
    sigma: Floats,
    levels: tuple[Floats, Floats],
    seeds: Counts,
    least: float,
    most: int,
    known: Marks,
    out: Counts,
) -> int:
    """Boxes of what hangs together with seeds and stands out by `least` times what a sound pixel may.

    Only pixels around the seeds are looked at; `known` holds the seeds' kinds, else zeros. `out` is given top, left,
    bottom, right and the sign of each (1, darker than both neighbors) that has no more than so many pixels; returns
    how many they are.
    """
    height, width = gray.shape
    waiting, count = np.empty(most + 1, np.int64), 0
    for k in range(len(seeds)):
        place = seeds[k]
        if known[place // width, place % width] > BRIGHT:
            continue
        own = known[place // width, place % width]
        known[place // width, place % width] = own + REACHED
        waiting[0], area, done, lost = place, 1, 0, False
        top, left, bottom, right = height, width, 0, 0
        while done < area and not lost:
            i, j = waiting[done] // width, waiting[done] % width
            done += 1
            top, left, bottom, right = min(top, i), min(left, j), max(bottom, i + 1), max(right, j + 1)
            for y in range(max(i - 1, 0), min(i + 2, height)):
                for x in range(max(j - 1, 0), min(j + 2, width)):
                    if known[y, x] == 0:
                        known[y, x] = _kind(_ratio(gray, sides, flows, sigma, levels, y, x, least))
                    lost = lost or known[y, x] == own + LOST
                    if known[y, x] == own:
                        known[y, x] = own + REACHED
                        waiting[min(area, most)] = y * width + x
                        area += 1
            lost = lost or area > most
        if lost:
            for n in range(min(area, most + 1)):
                known[waiting[n] // width, waiting[n] % width] = own + LOST
            continue
        out[count, 0], out[count, 1], out[count, 2], out[count, 3] = top, left, bottom, right
        out[count, 4] = 1 if own == DARK else -1
        count += 1
    return count


@compiled
def cells_of(excess: Floats, side: int, patch: float, heart: float, size: int, out: Marks) -> None:
    """Mark cells, so many pixels wide, that hold a pixel beyond `heart`, or `side` x `side` of a mean beyond `patch`.

    `out` holds zeros. Nothing stands out beyond the frame.
    """
    height, width = excess.shape
    sums, reach, bound = np.zeros(width + side, np.float32), side // 2, np.float32(patch * side * side)
    marks, most = np.empty(width, np.bool_), np.float32(heart)
    for y in range(height):
        sums[:] = 0
        for i in range(max(y - reach, 0), min(y + reach + 1, height)):
            for x in range(width):
                sums[x + reach] += excess[i, x]
        for x in range(width):
            total = sums[x]
            for j in range(1, side):
                total += sums[x + j]
            marks[x] = (abs(total) > bound) | (abs(excess[y, x]) > most)
        for x in range(width):
            if marks[x]:
                out[y // size, x // size] = 1


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
def _ratio(
    gray: Floats,
    sides: tuple[Floats, Floats],
    flows: tuple[Floats, Floats],
    sigma: Floats,
    levels: tuple[Floats, Floats],
    row: int,
    column: int,
    least: float,
) -> float:
    """By how many times what a sound pixel may a pixel stands out from both neighbors, 0 if not `least` times.

    Bicubic, where bilinear interpolation does not rule it out.
    """
    one, two, grain = sides[0], sides[1], sigma[row, column]
    noticed = np.float32(max(least - UNSURE, 0.5)) * grain
    here = gray[row, column] - levels[0][row // STEP, column // STEP]
    y, x = _place(flows[0], row, column, gray.shape)
    first = here - _shown(one, y, x)
    if abs(first) < noticed:
        return 0.0
    too = gray[row, column] - levels[1][row // STEP, column // STEP]
    v, u = _place(flows[1], row, column, gray.shape)
    second = too - _shown(two, v, u)
    if first * second <= 0 or abs(second) < noticed:
        return 0.0
    if min(y, v) < -0.5 or min(x, u) < -0.5 or max(y, v) > gray.shape[0] - 0.5 or max(x, u) > gray.shape[1] - 0.5:
        return 0.0
    first, second = here - _cubic(one, y, x), too - _cubic(two, v, u)
    nearest = min(abs(first), abs(second)) + np.float32(0.5) * grain
    if first * second <= 0 or nearest <= least * grain:
        return 0.0
    slope = np.float32(SLACK) * max(_mean_slope(one, two, y, x, v, u) - np.float32(2) * grain, np.float32(0))
    nearest /= np.sqrt(grain * grain + slope * slope)
    if nearest <= least:
        return 0.0
    return float(nearest if first > 0 else -nearest)


@compiled
def _kind(ratio: float) -> int:
    return NONE if ratio == 0 else DARK if ratio > 0 else BRIGHT


@compiled
def _place(flow: Floats, y: int, x: int, size: tuple[int, int]) -> tuple[np.float32, np.float32]:
    """Where a pixel is on a neighbor, y and x."""
    u = min(max((x + 0.5) * flow.shape[1] / size[1] - 0.5, 0.0), flow.shape[1] - 1.0)
    left = min(int(u), flow.shape[1] - 2)
    share = np.float32(u - left)
    top, low = _row(y, size[0], flow.shape[0])
    up, along = np.float32(1 / (flow.shape[0] / size[0])), np.float32(1 / (flow.shape[1] / size[1]))
    down = np.float32(y) + up * _between(flow, top, low, left, share, 1)
    return down, np.float32(np.float32(x) + along * _between(flow, top, low, left, share, 0))


@compiled
def _shown_along(image: Floats, places: Floats, out: Floats) -> None:
    """What an image shows at places y and x `(2, W)`, edges repeated; the same as `_shown`, many at a time."""
    bottom, right = np.float32(image.shape[0] - 1), np.float32(image.shape[1] - 1)
    last, last_but_one = np.uint32(image.shape[0] - 2), np.uint32(image.shape[1] - 2)
    pixels, width, zero = image.ravel(), np.uint32(image.shape[1]), np.float32(0)
    for k in range(len(out)):
        y, x = min(max(places[0, k], zero), bottom), min(max(places[1, k], zero), right)
        top, left = min(np.uint32(y), last), min(np.uint32(x), last_but_one)
        y, x = y - np.float32(top), x - np.float32(left)
        corner = np.uint32(top * width + left)
        beside, under = np.uint32(corner + np.uint32(1)), np.uint32(corner + width)
        above = pixels[corner] + x * (pixels[beside] - pixels[corner])
        below = pixels[under] + x * (pixels[np.uint32(under + np.uint32(1))] - pixels[under])
        out[k] = above + y * (below - above)


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
    height, width = one.shape
    inside = min(y, v) >= 1 and min(x, u) >= 1 and max(y, v) < height - 3 and max(x, u) < width - 3
    for i in range(-1, 2):
        for j in range(-1, 2):
            if inside:
                mean = np.float32(0.5) * (_within(one, y, x, i, j) + _within(two, v, u, i, j))
            else:
                down, across = np.float32(i), np.float32(j)
                mean = np.float32(0.5) * (_shown(one, y + down, x + across) + _shown(two, v + down, u + across))
            least, most = min(least, mean), max(most, mean)
    return np.float32(most - least)


@compiled
def _within(image: Floats, y: np.float32, x: np.float32, i: int, j: int) -> np.float32:
    """What an image shows some pixels off a place that is not near its edges."""
    top, left = int(y), int(x)
    y, x = y - np.float32(top), x - np.float32(left)
    row, column = np.uint32(top + i), np.uint32(left + j)
    under, beside = np.uint32(row + np.uint32(1)), np.uint32(column + np.uint32(1))
    above = image[row, column] + x * (image[row, beside] - image[row, column])
    below = image[under, column] + x * (image[under, beside] - image[under, column])
    return np.float32(above + y * (below - above))


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
