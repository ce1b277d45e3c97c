"""What surrounds a hole, followed to another frame: motions tried, refined and judged on a list of pixels.

Lucas, Kanade, *An Iterative Image Registration Technique with an Application to Stereo Vision*, IJCAI 1981; each
difference is weighed down where it is more than grain explains (Geman, McClure, 1985).
"""

import numpy as np
from numpy.typing import NDArray

from restorers.compiled import compiled
from restorers.detail.grain import Floats

Mask = NDArray[np.bool_]

STEPS = 2
LONGEST = 1.5  # pixels that a refinement may move by
UNLIKE = 9.0  # variances beyond which a difference counts no more
DOUBTFUL = 2.0  # variances that a pixel counts for whose counterpart is under dirt
AGREEING = 2.0  # sigmas of chance
COLORED = 1.5  # times as much grain in one color as in the mean of all, about
SLIGHT = 0.1  # share of a pixel that does not count
PREFERRED = 0.85  # a later, less simple motion must miss by this much less
FINE = 1024  # fractions of a pixel that Lanczos' windows are kept for


def _windows() -> Floats:
    offset = np.arange(FINE + 1)[:, None] / FINE + 3 - np.arange(8)
    taps = np.sinc(offset) * np.sinc(offset / 4) * (np.abs(offset) < 4)
    return np.asarray(taps / taps.sum(1, keepdims=True), np.float32)


LANCZOS = _windows()


@compiled
def followed(
    calm: Floats,
    dirty: Floats,
    places: Floats,
    ours: Floats,
    motions: Floats,
    free: Mask,
    noise: float,
) -> Floats:
    """How much unlike each pixel is along each of some motions, which are refined in place where they are free.

    Args:
        calm: the other frame's gray densities, slightly blurred, `(H, W)`.
        dirty: 1 where dirt lies on it, `(H, W)`.
        places: x and y of the pixels, `(2, R)`.
        ours: of each pixel in the frame: gray density, blurred, its slope along x and y, and the variance that
            a difference has by chance, `(4, R)`.
        motions: x and y of each, `(C, R, 2)`.
        free: which of them may be refined, `(C,)`.
        noise: variance of a slope by grain alone.

    Returns:
        Squared differences, level apart, in variances, at most 9, `(C, R)`; 2 where the other frame is dirty.
    """
    count, length = motions.shape[:2]
    unlike = np.empty((count, length), np.float32)
    apart = np.empty(length, np.float32)
    for c in range(count):
        across, down = 0.0, 0.0
        for _ in range(STEPS if free[c] else 0):
            for i in range(length):
                x, y = places[0, i] + motions[c, i, 0] + across, places[1, i] + motions[c, i, 1] + down
                apart[i] = bilinear(calm, x, y) - ours[0, i]
            level = _middle(apart, np.sqrt(ours[3]))
            xx, xy, yy, ex, ey = length * noise, 0.0, length * noise, 0.0, 0.0
            for i in range(length):
                e = apart[i] - level
                w = 1 / (1 + e * e / (4 * ours[3, i]))
                gx, gy = ours[1, i], ours[2, i]
                xx += w * gx * gx
                xy += w * gx * gy
                yy += w * gy * gy
                ex += w * gx * e
                ey += w * gy * e
            det = xx * yy - xy * xy
            across -= (yy * ex - xy * ey) / det
            down -= (xx * ey - xy * ex) / det
            far = np.sqrt(across * across + down * down)
            if far > LONGEST:
                across *= LONGEST / far
                down *= LONGEST / far
        for i in range(length):
            motions[c, i, 0] += across
            motions[c, i, 1] += down
            apart[i] = bilinear(calm, places[0, i] + motions[c, i, 0], places[1, i] + motions[c, i, 1]) - ours[0, i]
        level = _middle(apart, np.sqrt(ours[3]))
        for i in range(length):
            e = apart[i] - level
            x, y = places[0, i] + motions[c, i, 0], places[1, i] + motions[c, i, 1]
            unlike[c, i] = DOUBTFUL if _nearest(dirty, x, y) > 0 else min(e * e / ours[3, i], UNLIKE)
    return unlike


@compiled
def chosen(unlike: Floats, most: int, gain: float) -> NDArray[np.int64]:
    """Which motions explain the pixels together: the best one, and at most so many that each explain more of them."""
    count, length = unlike.shape
    kept = np.empty(most, np.int64)
    least = np.full(length, np.float32(2 * UNLIKE))
    before = np.inf
    for n in range(most):
        best, which = np.inf, -1
        for c in range(count):
            total = 0.0
            for i in range(length):
                total += min(least[i], unlike[c, i])
            if total < best:
                best, which = total, c
        if best > before - gain * length:
            return kept[:n]
        kept[n] = which
        before = best
        for i in range(length):
            least[i] = min(least[i], unlike[which, i])
    return kept


@compiled
def lent(
    planes: Floats, dirty: Floats, places: Floats, motion: Floats, ring: Floats, windows: Floats
) -> tuple[Floats, Mask, Floats]:
    """A frame's pixels along a motion, resampled with Lanczos' window, at the level of what is around them.

    Args:
        planes: `(3, H, W)`.
        dirty: 1 where dirt lies on it, `(H, W)`.
        places: x and y of the hidden pixels and then of those of the ring, `(2, M + R)`.
        motion: `(M + R, 2)`.
        ring: density of the ring's pixels, and the variance that their mean has by chance, `(R, 4)`.
        windows: `LANCZOS`.

    Returns:
        The hidden pixels `(M, 3)`; whether they are clean and inside the frame `(M,)`; and the squared differences of
        the ring, in variances, at most 9, -1 where it is under dirt, `(R,)`.
    """
    count = len(ring)
    length = places.shape[1] - count
    level, unlike = _level(planes, dirty, places[:, length:] + motion[length:].T, ring)
    values, shown = np.zeros((length, 3), np.float32), np.empty(length, np.bool_)
    for i in range(length):
        x, y = places[0, i] + motion[i, 0], places[1, i] + motion[i, 1]
        shown[i] = _shown(dirty, x, y)
        if shown[i]:
            _resample(planes, x, y, windows, values[i])
            values[i] += level
    return values, shown, unlike


@compiled
def middle_of(values: Floats) -> float:
    """The median of some values `(R,)`."""
    return float(np.median(values))


@compiled
def weights_between(hidden: NDArray[np.int64], ring: NDArray[np.int64], falling: NDArray[np.float64]) -> Floats:
    """How much each pixel of a ring counts for each hidden pixel, `(M, R)`; those of one add up to one.

    Args:
        hidden: x and y, `(2, M)`.
        ring: x and y, `(2, R)`.
        falling: what one counts that is so many rows and columns away, `(h, w)`.
    """
    out, row = np.empty((hidden.shape[1], ring.shape[1]), np.float32), np.empty(ring.shape[1])
    for m in range(len(out)):
        total = 0.0
        for r in range(len(row)):
            row[r] = falling[abs(hidden[1, m] - ring[1, r]), abs(hidden[0, m] - ring[0, r])]
            total += row[r]
        for r in range(len(row)):
            out[m, r] = row[r] / total
    return out


@compiled
def fitting(
    other: Floats,
    here: Floats,
    motion: Floats,
    marks: NDArray[np.uint8],
    corner: tuple[int, int],
    drift: tuple[int, int],
    windows: Floats,
) -> tuple[bool, int, int, float]:
    """Which motion fits what is around something hidden best: the surroundings', the drift, no shift, or the flow.

    Args:
        other: gray densities of the other frame, `(H, W)`.
        here: of a box of the frame, `(h, w)`.
        motion: the flow in it, x and y, `(h, w, 2)`.
        marks: 2 where it is hidden, 1 within six pixels of that, `(h, w)`.
        corner: row and column of the box.
        drift: the shift x, y of most of the frame, whole pixels.
        windows: `LANCZOS`.

    Returns:
        Whether it is the flow, or else the shift x, y; and the level of the frame above the other one along it.
    """
    height, width = other.shape
    ring, count, seen = np.empty((marks.size, 2), np.int64), 0, 0
    flows = np.empty((2, marks.size), np.float32)
    for i in range(marks.shape[0]):
        for j in range(marks.shape[1]):
            if marks[i, j] == 1:
                ring[count, 0], ring[count, 1] = i, j
                count += 1
            if marks[i, j] < 2 and (i + j) % 2 == 0:
                flows[0, seen], flows[1, seen] = motion[i, j, 0], motion[i, j, 1]
                seen += 1
    shifts = np.zeros((3, 2), np.int64)
    shifts[1] = drift
    if seen > 0:
        shifts[0, 0], shifts[0, 1] = np.rint(np.median(flows[0, :seen])), np.rint(np.median(flows[1, :seen]))
    apart = np.empty(count, np.float32)
    which, level, least = 0, 0.0, np.inf
    for s in range(4 if count > 0 else 0):
        if 0 < s < 3 and (shifts[s] == shifts[s - 1]).all():
            continue
        for k in range(count):
            i, j = ring[k]
            y, x = i + corner[0], j + corner[1]
            if s < 3:
                y, x = min(max(y + shifts[s, 1], 0), height - 1), min(max(x + shifts[s, 0], 0), width - 1)
                apart[k] = here[i, j] - other[y, x]
            else:
                apart[k] = here[i, j] - _lanczos(other, x + motion[i, j, 0], y + motion[i, j, 1], windows)
        middle, miss = float(np.median(apart)), 0.0
        for k in range(count):
            miss += abs(apart[k] - middle)
        if miss < PREFERRED * least:
            which, level, least = s, middle, miss
    x, y = shifts[min(which, 2)]
    return which == 3, x, y, level


@compiled
def _lanczos(image: Floats, x: float, y: float, windows: Floats) -> np.float32:
    """What an image shows at a place, by Lanczos' window, edges repeated."""
    height, width = image.shape
    left, top = int(np.floor(x)), int(np.floor(y))
    across, down = windows[int(np.rint((x - left) * FINE))], windows[int(np.rint((y - top) * FINE))]
    value = np.float32(0)
    if left >= 3 and left + 4 < width:
        for b in range(8):
            row = image[min(max(top + b - 3, 0), height - 1), left - 3 : left + 5]
            one = across[0] * row[0] + across[1] * row[1] + (across[2] * row[2] + across[3] * row[3])
            two = across[4] * row[4] + across[5] * row[5] + (across[6] * row[6] + across[7] * row[7])
            value += down[b] * (one + two)
        return np.float32(value)
    for b in range(8):
        row_number, line = min(max(top + b - 3, 0), height - 1), np.float32(0)
        for a in range(8):
            line += across[a] * image[row_number, min(max(left + a - 3, 0), width - 1)]
        value += down[b] * line
    return np.float32(value)


@compiled
def _level(planes: Floats, dirty: Floats, places: Floats, ring: Floats) -> tuple[Floats, Floats]:
    """By how much a ring is denser than what a frame shows at some places, `(3,)`, and how unlike it is besides."""
    count = len(ring)
    apart, unlike, level = np.empty((3, count), np.float32), np.full(count, np.float32(-1)), np.zeros(3, np.float32)
    chance = np.empty(count, np.float32)
    known = 0
    for i in range(count):
        x, y = places[0, i], places[1, i]
        if _nearest(dirty, x, y) == 0:
            for k in range(3):
                apart[k, known] = ring[i, k] - bilinear(planes[k], x, y)
            chance[known] = COLORED * np.sqrt(ring[i, 3])
            unlike[i] = known
            known += 1
    if known > 0:
        for k in range(3):
            level[k] = _middle(apart[k, :known], chance[:known])
    for i in range(count):
        if unlike[i] >= 0:
            j = int(unlike[i])
            mean = (apart[0, j] + apart[1, j] + apart[2, j] - level[0] - level[1] - level[2]) / 3
            unlike[i] = min(mean * mean / ring[i, 3], UNLIKE)
    return level, unlike


@compiled
def _middle(apart: Floats, chance: Floats) -> float:
    """The level of some differences: their median, or none where more of them agree on that; then of those that agree.

    Args:
        apart: `(R,)`.
        chance: standard deviation of each.
    """
    median = float(np.median(apart))
    most, level = -1, 0.0
    for start in (0.0, median):
        near = 0
        for i in range(len(apart)):
            near += abs(apart[i] - start) < AGREEING * chance[i]
        if near > most:
            most, level = near, start
    if most < len(apart) // 8:
        return median
    agreeing = np.empty(most, np.float32)
    near = 0
    for i in range(len(apart)):
        if abs(apart[i] - level) < AGREEING * chance[i]:
            agreeing[near] = apart[i]
            near += 1
    return float(np.median(agreeing))


@compiled
def _shown(dirty: Floats, x: float, y: float) -> bool:
    """Whether a place is inside a frame, and none of those of the four pixels around it that count there is dirty."""
    height, width = dirty.shape
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        return False
    left, top = int(np.floor(x)), int(np.floor(y))
    for v in range(max(top, 0), min(top + 2, height)):
        for u in range(max(left, 0), min(left + 2, width)):
            if dirty[v, u] > 0 and (1 - abs(x - u)) * (1 - abs(y - v)) > SLIGHT:
                return False
    return True


@compiled
def _resample(planes: Floats, x: float, y: float, windows: Floats, value: Floats) -> None:
    """Add what a frame shows at a place, by Lanczos' window, to a value `(3,)`."""
    height, width = planes.shape[1:]
    left, top = int(np.floor(x)), int(np.floor(y))
    across, down = int(np.rint((x - left) * FINE)), int(np.rint((y - top) * FINE))
    if across % FINE == 0 and down % FINE == 0:
        row, column = min(max(top + down // FINE, 0), height - 1), min(max(left + across // FINE, 0), width - 1)
        for k in range(3):
            value[k] += planes[k, row, column]
        return
    for k in range(3):
        value[k] += _lanczos(planes[k], x, y, windows)


@compiled
def bilinear(image: Floats, x: float, y: float) -> float:
    """A picture `(h, w)` at a place."""
    height, width = image.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = min(int(x), width - 2), min(int(y), height - 2)
    a, b = x - left, y - top
    above = image[top, left] * (1 - a) + image[top, left + 1] * a
    below = image[top + 1, left] * (1 - a) + image[top + 1, left + 1] * a
    return float(above * (1 - b) + below * b)


@compiled
def _nearest(image: Floats, x: float, y: float) -> float:
    height, width = image.shape
    row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    return float(image[min(max(row, 0), height - 1), min(max(column, 0), width - 1)])
