"""A frame laid along a smooth movement line by line: along its rows first, then down its columns, in one walk.

A stripe of columns is walked from the top. Rows of the frame are laid sidewards when they are first asked for, and are
held in a ring for as long as the rows of the picture fetch from them, so that all stays in the processor's cache.
Weights are worked out once for all channels; where neighboring pixels come from neighboring samples, which they do for
hundreds of pixels, everything runs over whole vectors.

Samples are float32. Places are counted from where a pixel would come from if nothing moved.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers.compiled import compiled

Singles: TypeAlias = NDArray[np.float32]
Counts: TypeAlias = NDArray[np.int64]
Offsets: TypeAlias = NDArray[np.uint64]

TAPS = 8
BEFORE = TAPS // 2 - 1
STRIPE = 512
HALF, ONE = np.float32(0.5), np.float32(1)


@compiled
def laid(frame: Singles, across: Singles, down: Singles, shifts: Singles, bend: Singles, out: Singles) -> None:
    """Fill a picture, each pixel within the range of the 36 pixels of the frame around where it comes from.

    Args:
        frame: `(C, H, W)`.
        across: `(n + 1, factor, W)` how far from the right the columns of each phase of the picture come, at rows of
            the frame that are evenly spread from its upper edge to its lower.
        down: `(n + 1, factor, W)` how far from below they come, at those rows.
        shifts: `(factor,)` how far from below each phase of the rows comes if nothing moves.
        bend: `(4, 4)` polynomials of the first four weights.
        out: `(C, factor H, factor, W)`, the picture's columns by phase.
    """
    channels, height, width = frame.shape
    factor = len(shifts)
    highest = int(np.floor(down.min() + shifts.min())) - BEFORE - 1  # one more for rounding
    rows = int(np.floor(down.max() + shifts.max())) + TAPS - BEFORE + 1 - highest
    reach = int(np.floor(across.max())) - int(np.floor(across.min())) + STRIPE + TAPS + 2
    ring = np.empty((3, channels, rows * STRIPE), np.float32)
    line = np.empty((channels, reach), np.float32)
    whole, weights = np.empty(STRIPE, np.int64), np.empty(TAPS * STRIPE, np.float32)
    value, starts = np.empty(STRIPE, np.float32), np.empty(TAPS, np.uint64)
    for phase in range(factor):
        for begin in range(0, width, STRIPE):
            count = min(STRIPE, width - begin)
            made = min(max(highest, 0), height - 1)
            for row in range(factor * height):
                beneath, shift = row // factor, shifts[row % factor]
                knot, share = _between((row + 0.5) / factor, height, len(down) - 1)
                here, there = down[knot, phase, begin : begin + count], down[knot + 1, phase, begin : begin + count]
                lowest = beneath + int(np.floor(max(here.max(), there.max()) + shift)) + TAPS - BEFORE + 1
                while made < min(max(lowest, 1), height):
                    _lay_across(frame, across, phase, made, begin, count, bend, whole, weights, line, ring, rows)
                    made += 1
                _place(here, there, share, shift, bend, whole, weights)
                first = 0
                while first < count:
                    last = _alike(whole, first, count)
                    for tap in range(TAPS):
                        source = min(max(beneath + whole[first] - BEFORE + tap, 0), height - 1)
                        starts[tap] = source % rows * STRIPE + first
                    for channel in range(channels):
                        target = out[channel, row, phase, begin + first : begin + last]
                        _mix_rows(ring, channel, starts, weights[first:], value, target)
                    first = last


@compiled
def _lay_across(
    frame: Singles,
    across: Singles,
    phase: int,
    row: int,
    begin: int,
    count: int,
    bend: Singles,
    whole: Counts,
    weights: Singles,
    line: Singles,
    ring: Singles,
    rows: int,
) -> None:
    """A row of the frame, and the least and the greatest around, where a stripe wants it, into the ring."""
    channels, height, width = frame.shape
    knot, share = _between(row + 0.5, height, len(across) - 1)
    here, there = across[knot, phase, begin : begin + count], across[knot + 1, phase, begin : begin + count]
    _place(here, there, share, np.float32(0), bend, whole, weights)
    least, most = whole[0], whole[0]
    for x in range(count):
        least = min(least, whole[x])
        most = max(most, whole[x])
    left, right = begin + least - BEFORE, begin + count + most + TAPS - BEFORE
    for channel in range(channels):
        if left >= 0 and right <= width:
            line[channel, : right - left] = frame[channel, row, left:right]
        else:
            for x in range(left, right):
                line[channel, x - left] = frame[channel, row, min(max(x, 0), width - 1)]
    slot = row % rows * STRIPE
    first = 0
    while first < count:
        last = _alike(whole, first, count)
        for channel in range(channels):
            samples = line[channel, first + whole[first] - least :]
            into = slice(slot + first, slot + last)
            _mix(samples, weights[first:], ring[0, channel, into], ring[1, channel, into], ring[2, channel, into])
        first = last


@compiled
def _between(place: float, height: int, knots: int) -> tuple[int, np.float32]:
    """The knot before a place between a frame's upper and lower edge, and how far behind it is, in [0, 1]."""
    at = place * knots / height
    knot = min(int(at), knots - 1)
    return knot, np.float32(at - knot)


@compiled
def _alike(whole: Counts, first: int, count: int) -> int:
    """Up to where pixels come from as far away as the first."""
    last = first + 1
    while last < count and whole[last] == whole[first]:
        last += 1
    return last


@compiled
def _place(
    here: Singles, there: Singles, share: np.float32, shift: np.float32, bend: Singles, whole: Counts, weights: Singles
) -> None:
    """How many whole samples away pixels come from, and the weights of the eight around, `(8 STRIPE,)`."""
    count = len(here)
    fractions = weights[:count]
    for x in range(count):
        at = here[x] + share * (there[x] - here[x]) + shift
        below = np.floor(at)
        fractions[x] = at - below
        whole[x] = int(below)
    a, b, c, d = bend[0], bend[1], bend[2], bend[3]
    a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
    b0, b1, b2, b3 = b[0], b[1], b[2], b[3]
    c0, c1, c2, c3 = c[0], c[1], c[2], c[3]
    d0, d1, d2, d3 = d[0], d[1], d[2], d[3]
    for x in range(count):
        after = weights[x]
        middle, before = after - HALF, ONE - after
        square, even = middle * middle, after * before
        odd = even * middle
        left, right = even * (a0 + square * a2), odd * (a1 + square * a3)
        weights[x], weights[x + 7 * STRIPE] = left + right, left - right
        left, right = even * (b0 + square * b2), odd * (b1 + square * b3)
        weights[x + STRIPE], weights[x + 6 * STRIPE] = left + right, left - right
        left, right = even * (c0 + square * c2), odd * (c1 + square * c3)
        weights[x + 2 * STRIPE], weights[x + 5 * STRIPE] = left + right, left - right
        left, right = even * (d0 + square * d2), odd * (d1 + square * d3)
        weights[x + 3 * STRIPE], weights[x + 4 * STRIPE] = left + right + before, left - right + after


@compiled
def _mix(samples: Singles, weights: Singles, value: Singles, least: Singles, most: Singles) -> None:
    """Samples side by side, weighted; and the least and the greatest of the inner six."""
    w, s, n = weights, samples, STRIPE
    for x in range(len(value)):
        outer = (w[x] * s[x] + w[x + 7 * n] * s[x + 7]) + (w[x + n] * s[x + 1] + w[x + 6 * n] * s[x + 6])
        inner = (w[x + 2 * n] * s[x + 2] + w[x + 5 * n] * s[x + 5]) + (
            w[x + 3 * n] * s[x + 3] + w[x + 4 * n] * s[x + 4]
        )
        value[x] = outer + inner
    for x in range(len(value)):
        a, b, c, d, e, f = s[x + 1], s[x + 2], s[x + 3], s[x + 4], s[x + 5], s[x + 6]
        p, q, r = a if a < b else b, c if c < d else d, e if e < f else f
        p = p if p < q else q
        least[x] = p if p < r else r
        p, q, r = a if a > b else b, c if c > d else d, e if e > f else f
        p = p if p > q else q
        most[x] = p if p > r else r


@compiled
def _mix_rows(ring: Singles, channel: int, starts: Offsets, weights: Singles, value: Singles, out: Singles) -> None:
    """Rows of the ring, weighted, and held to the least and the greatest of the inner six."""
    s, least, most = ring[0, channel], ring[1, channel], ring[2, channel]
    a, b, c, d, e, f, g, h = starts
    w, n = weights, STRIPE
    for i in range(len(out)):
        x = np.uint64(i)
        outer = (w[i] * s[a + x] + w[i + 7 * n] * s[h + x]) + (w[i + n] * s[b + x] + w[i + 6 * n] * s[g + x])
        inner = (w[i + 2 * n] * s[c + x] + w[i + 5 * n] * s[f + x]) + (
            w[i + 3 * n] * s[d + x] + w[i + 4 * n] * s[e + x]
        )
        value[i] = outer + inner
    s = least
    for i in range(len(out)):
        x = np.uint64(i)
        p = s[b + x] if s[b + x] < s[c + x] else s[c + x]
        q = s[d + x] if s[d + x] < s[e + x] else s[e + x]
        r = s[f + x] if s[f + x] < s[g + x] else s[g + x]
        p = p if p < q else q
        p = p if p < r else r
        value[i] = value[i] if value[i] > p else p
    s = most
    for i in range(len(out)):
        x = np.uint64(i)
        p = s[b + x] if s[b + x] > s[c + x] else s[c + x]
        q = s[d + x] if s[d + x] > s[e + x] else s[e + x]
        r = s[f + x] if s[f + x] > s[g + x] else s[g + x]
        p = p if p > q else q
        p = p if p > r else r
        out[i] = value[i] if value[i] < p else p
