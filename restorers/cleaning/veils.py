"""What a scratch lays over the picture: most are seen through, and what they add and take can be told and undone.

Along a line in a frame, density is `(1 - veil) * picture + veil * color`: a dark scratch adds to the picture, as if its
color were far darker than anything; one that took emulsion off pulls it towards clear film. The veil is a depth, that
changes slowly along the line, times a profile across it that stays the same. Which color it is, is told by
what fits: over light and dark parts of the picture a veil of another color changes by another amount.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.lines import Grid, path_within
from restorers.cleaning.shelf import REACH, Shelf, gray_sigma
from restorers.detail.grain import Floats

Columns = NDArray[np.int_]

CORRIDOR = 2  # pixels of the small picture by which a line may be off where it was thought to be
SWELL = 30  # parts of the height over each of which a scratch is about as deep
FINE = 4  # parts of a pixel in which the profile is kept
FLANK = 2  # pixels beside a line that tell what is beneath it
COLORS = (100.0, 3.0, 1.8, 1.1)  # density of dark scratches; the first as good as adds to the picture only
CLEAR = (-100.0, 0.0, 0.15)  # and of bright ones
THICKEST = 0.9  # share of the picture that a veil may hide at most
PLAIN = 0.85  # of what mere adding leaves, another color must leave less
BESIDE = 0.01  # of the height: a third of the way to where the motion beside a line is read
ROUNDS = 2  # of aligning
STEP = 0.25  # of what both sides of a row differ by, that its picture may be off
RIM = 0.04  # of the profile, where it ends


@dataclass(frozen=True, eq=False)
class Veil:
    """What lies over the picture along one line of a frame: `density = gain * picture + offset`.

    Attributes:
        columns: of the frame, `(H, K)`; some may be outside it.
        gain: `(H, K, 3)`, in (0, 1].
        offset: `(H, K, 3)`, density.
        change: `(H, K)`, by how much mean density is changed, in sigmas of grain, either way.
        contrast: `(H,)`, the same where it is most.
        doubt: `(H,)`, by how much that may be wrong: what is measured in the same way beside the line.
        signal: `(H,)`, detail left in the line's middle, as a share of that beside it.
    """

    columns: Columns
    gain: Floats
    offset: Floats
    change: Floats
    contrast: Floats
    doubt: Floats
    signal: Floats


@dataclass(frozen=True, eq=False)
class _Strip:
    """Pixels along a line `(H, J, 3)`, and the picture beneath as both sides tell it."""

    pixels: Floats
    beneath: Floats

    @property
    def excess(self) -> Floats:
        return self.pixels - self.beneath


def veil(shelf: Shelf, number: int, thought: Floats, *, width: float, sign: int, grid: Grid) -> Veil:
    """What a line lays over a frame.

    Args:
        shelf: holds the frame.
        number: the frame.
        thought: where the line should be in each strip of the grid, in pixels, `(strips,)`.
        width: pixels, about.
        sign: 1 for a dark line, -1 for a bright one.
        grid: of the strips.
    """
    frame, gray = np.moveaxis(shelf.clip[number].cpu().numpy(), 0, -1), shelf.gray(number)
    swell = max(len(gray) / SWELL, 3.0)
    core = int(np.ceil(width)) + 2
    course = np.interp(np.arange(len(gray)), grid.rows_of(np.arange(len(thought))), thought).astype(np.float32)
    sigma = gray_sigma(shelf.model, _strip(gray, np.rint(course).astype(int), core).beneath).mean(1)
    middle = _followed(sign * gray, course, core, sigma, grid)
    middle = _centered(gray, middle, core, sign, swell)
    for _ in range(ROUNDS):
        middle, core = _aligned(sign * gray, middle, core, swell)
    whole = np.rint(middle).astype(int)
    places = [whole + side * (2 * core + 2 * FLANK + 1) for side in (0, -1, 1)]
    line, *beside = _told(shelf, number, [_strip(frame, place, core) for place in places], places, core)
    apart = np.arange(-core, core + 1) - (middle - whole)[:, None]
    profile = _read(_profile(sign * line.excess.mean(2), apart, core, swell), apart, core)
    errors = [_matched(strip.excess.mean(2), profile) for strip in beside]
    error = np.asarray((errors[0] ** 2 + errors[1] ** 2) / 2, np.float32)
    step = (line.beneath[:, -1] - line.beneath[:, 0]).mean(1)
    weights = 1 / (sigma**2 / 4 + _along(error, swell) + (STEP * step) ** 2)
    scene = _Scene(line, (beside[0], beside[1]), profile, weights, swell)
    tries = [_taken_off(scene, color) for color in (COLORS if sign > 0 else CLEAR)]
    best = min(range(len(tries)), key=lambda k: tries[k][2] * (1 if k else PLAIN))
    gain, offset, _ = tries[best]
    change = sign * (offset + (gain - 1) * line.beneath).mean(2) / sigma[:, None]
    wrong = _along(_even(errors[0], weights, swell) ** 2 + _even(errors[1], weights, swell) ** 2, 4 * swell) / 2
    return Veil(
        columns=whole[:, None] + np.arange(-core, core + 1),
        gain=gain,
        offset=offset,
        change=np.asarray(change, np.float32),
        contrast=np.asarray(change.max(1), np.float32),
        doubt=np.asarray(np.sqrt(wrong) / sigma, np.float32),
        signal=_signal(line, beside, profile, swell),
    )


def _strip(frame: Floats, middle: Columns, core: int) -> _Strip:
    """The pixels around each row's middle column, and what is beneath them: a straight line from flank to flank."""
    reach = core + FLANK
    columns = (middle[:, None] + np.arange(-reach, reach + 1)).clip(0, frame.shape[1] - 1)
    pixels = frame[np.arange(len(frame))[:, None], columns]
    return _Strip(np.ascontiguousarray(pixels[:, FLANK:-FLANK]), _bridged(pixels))


def _bridged(pixels: Floats) -> Floats:
    """A straight line from the flank on the left to that on the right, for the pixels between them."""
    one, two, inner = pixels[:, :FLANK].mean(1), pixels[:, -FLANK:].mean(1), pixels.shape[1] - 2 * FLANK
    way = (np.arange(inner) + (FLANK + 1) / 2) / (inner + FLANK)
    shape = (1, -1) + (1,) * (pixels.ndim - 2)
    return np.asarray(one[:, None] + (two - one)[:, None] * way.reshape(shape), np.float32)


def _told(shelf: Shelf, number: int, strips: list[_Strip], places: list[Columns], core: int) -> list[_Strip]:
    """A line and what is beside it, with the picture beneath as other frames tell it where they do so better.

    They can where the picture has moved on by more than the line's width, so that it lies elsewhere on them.
    """
    frame, swell = np.moveaxis(shelf.clip[number].cpu().numpy(), 0, -1), len(strips[0].pixels) / SWELL
    sums, votes = [np.zeros_like(strip.beneath) for strip in strips], np.zeros(len(frame), np.float32)
    for side in (-1, 1):
        distance = _far_enough(shelf, number, side, places[0], 2 * core + FLANK)
        if distance is None:
            continue
        motion = _motion(shelf.flow(number, distance), places[0], frame.shape[1])
        vote = (_along(np.abs(motion[:, 0]), swell) >= 2 * core + FLANK).astype(np.float32)
        there = np.ascontiguousarray(np.moveaxis(shelf.clip[number + distance].cpu().numpy(), 0, -1))
        sums = [
            total + vote[:, None, None] * _carried(frame, there, motion, place, core)
            for total, place in zip(sums, places, strict=True)
        ]
        votes += vote
    count = np.maximum(votes, 1).astype(np.float32)[:, None, None]
    carried = [_Strip(strip.pixels, total / count) for strip, total in zip(strips, sums, strict=True)]
    off = [_along((s[1].excess ** 2 + s[2].excess ** 2).mean((1, 2)), 2 * swell) for s in (strips, carried)]
    better = ((votes > 0) & (off[1] < off[0]))[:, None, None]
    return [
        _Strip(plain.pixels, np.where(better, other.beneath, plain.beneath))
        for plain, other in zip(strips, carried, strict=True)
    ]


def _far_enough(shelf: Shelf, number: int, side: int, middle: Columns, pixels: int) -> int | None:
    """Frames to the nearest frame on a side before which the picture has moved on by so many pixels."""
    if number + side not in shelf.clip.numbers:
        return None
    motion = _motion(shelf.flow(number, side), middle, shelf.clip.size[1])
    for count in range(1, REACH + 1):
        if number + count * side not in shelf.clip.numbers:
            return None
        if count * float(np.median(np.abs(motion[:, 0]))) >= pixels:
            return count * side
    return None


def _motion(flow: Floats, middle: Columns, width: int) -> Floats:
    """The flow around a line in each row of the frame, `(H, 2)`, in its pixels."""
    height = len(middle)
    down, across = flow.shape[0] / height, flow.shape[1] / width
    rows = ((np.arange(height) + 0.5) * down - 0.5).round().astype(int).clip(0, flow.shape[0] - 1)
    beside = np.array([-3, -2, 2, 3]) * BESIDE * height
    columns = ((middle[:, None] + beside + 0.5) * across - 0.5).round().astype(int).clip(0, flow.shape[1] - 1)
    return np.asarray(np.median(flow[rows[:, None], columns], 1) / np.array([across, down]), np.float32)


def _carried(frame: Floats, there: Floats, motion: Floats, middle: Columns, core: int) -> Floats:
    """The picture beneath as another frame shows it along a motion, at the level of the flanks, `(H, J, 3)`."""
    reach = core + FLANK
    columns = middle[:, None] + np.arange(-reach, reach + 1)
    here = frame[np.arange(len(frame))[:, None], columns.clip(0, frame.shape[1] - 1)]
    x = (columns + motion[:, :1]).astype(np.float32)
    y = np.broadcast_to(np.arange(len(frame))[:, None] + motion[:, 1:], x.shape).astype(np.float32)
    shown = np.asarray(cv2.remap(there, x, y, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32)
    return np.asarray(shown[:, FLANK:-FLANK] + _bridged(here - shown), np.float32)


def _followed(gray: Floats, middle: Floats, core: int, sigma: Floats, grid: Grid) -> Floats:
    """The column of the line in each row, near where it is thought to be."""
    reach = round(CORRIDOR * grid.scale)
    whole = np.rint(middle).astype(int)
    strip = _strip(gray, whole, core + reach)
    half = max((core - 2) // 2, 0)
    sums = np.cumsum(np.pad(strip.excess, ((0, 0), (1, 0))), axis=1)
    first = core - half
    count = 2 * reach + 1
    boxes = (sums[:, first + 2 * half + 1 :][:, :count] - sums[:, first:][:, :count]) / (2 * half + 1)
    rows = max(round(grid.rows * grid.scale), 1)
    strips = len(gray) // rows
    calm = boxes[: strips * rows].reshape(strips, rows, count).mean(1)
    noise = sigma[: strips * rows : rows] / np.sqrt(rows)
    path = path_within(np.clip(calm / noise[:, None], -1, 3).astype(np.float32))
    aside = np.interp(np.arange(len(gray)), (np.arange(strips) + 0.5) * rows - 0.5, path.astype(float) - reach)
    return np.asarray(whole + aside, np.float32)


def _centered(gray: Floats, middle: Floats, core: int, sign: int, swell: float) -> Floats:
    """The middle of the line in each row, to parts of a pixel: the center of what it changes."""
    whole = np.rint(middle).astype(int)
    excess = np.maximum(_along(sign * _strip(gray, whole, core).excess, swell), 0) ** 2
    places = np.arange(-core, core + 1)
    inner = np.abs(places) <= max(core - 2, 1)
    moment = _along((excess * places)[:, inner].sum(1), 2 * swell)
    return np.asarray(
        _along(whole.astype(np.float32), swell) + moment / np.maximum(_along(excess[:, inner].sum(1), 2 * swell), 1e-9)
    )


def _aligned(gray: Floats, middle: Floats, core: int, swell: float) -> tuple[Floats, int]:
    """The middle of the line in each row, moved to where its profile fits best, and how many pixels it reaches."""
    whole = np.rint(middle).astype(int)
    excess = _strip(gray, whole, core).excess
    apart = np.arange(-core, core + 1) - (middle - whole)[:, None]
    table = _profile(excess, apart, core, swell)
    shape, slope = _read(table, apart, core), _read(np.gradient(table) * FINE, apart, core)
    depth = np.maximum(_along(_matched(excess, shape), swell), 0)
    miss = excess - depth[:, None] * shape
    pull = _along(depth * (miss * slope).sum(1), swell)
    hold = _along(depth**2 * (slope**2).sum(1), swell)
    reach = float(np.abs(np.flatnonzero(table) / FINE - core - 1).max(initial=0))
    moved = middle - np.clip(pull / np.maximum(hold, 1e-9), -0.7, 0.7)
    return np.asarray(moved, np.float32), min(int(np.ceil(reach + 0.5)), core)


def _profile(excess: Floats, apart: Floats, core: int, swell: float) -> Floats:
    """How much of the line's depth there is at each distance from its middle, in parts of a pixel; 1 at most."""
    inner = np.abs(apart) <= max(core - 2, 1)
    depth = np.maximum(_along(np.where(inner, excess, 0).sum(1), swell), 0)[:, None]  # the same wherever it falls
    bins = np.rint((apart + core + 1) * FINE).astype(int)
    count = (2 * core + 2) * FINE + 1
    above = np.bincount(bins.ravel(), (depth * excess).ravel(), minlength=count)[:count]
    below = np.bincount(bins.ravel(), np.broadcast_to(depth**2, bins.shape).ravel(), minlength=count)[:count]
    kernel = np.array([1.0, 2.0, 1.0])
    shape = np.maximum(np.convolve(above, kernel, "same") / np.maximum(np.convolve(below, kernel, "same"), 1e-12), 0)
    middle = np.abs(np.arange(count) - count // 2) <= core * FINE / 2
    peak = int(np.argmax(np.where(middle, shape, 0)))
    shape /= max(float(shape[peak]), 1e-9)
    ends = np.flatnonzero(shape < RIM)
    shape[: np.max(ends[ends < peak], initial=-1) + 1] = 0
    shape[np.min(ends[ends > peak], initial=count) :] = 0
    return np.asarray(shape, np.float32)


def _read(table: Floats, apart: Floats, core: int) -> Floats:
    """What a table of a profile says at some distances from the line's middle."""
    return np.asarray(np.interp(apart + core + 1, np.arange(len(table)) / FINE, table), np.float32)


def _matched(excess: Floats, profile: Floats) -> Floats:
    """Depth of each row `(H,)` of what is beyond the picture `(H, J)`, if it has the profile of the line."""
    return np.asarray((excess * profile).sum(1) / np.maximum((profile**2).sum(1), 1e-6), np.float32)


@dataclass(frozen=True, eq=False)
class _Scene:
    """A line, what is beside it on the left and on the right, its profile, and how sure each row is."""

    line: _Strip
    beside: tuple[_Strip, _Strip]
    profile: Floats
    weights: Floats
    swell: float


def _taken_off(scene: _Scene, color: float) -> tuple[Floats, Floats, float]:
    """Gain and offset of a veil of a color, and how far off it is."""
    line, profile = scene.line, scene.profile
    whole, weights = profile[..., None] * (color - line.beneath), scene.weights[:, None]
    known = np.maximum(_along(weights * (whole**2).sum(1), scene.swell), 1e-9)
    share = _along(weights * (whole * line.excess).sum(1), scene.swell) / known
    cover = share.clip(0, THICKEST)[:, None] * profile[..., None]
    gain, offset = 1 - cover, cover * np.float32(color)
    rest = (line.excess - cover * (color - line.beneath)).mean(2)
    return gain, offset, float((rest**2 * scene.weights[:, None] * (profile > 0)).sum())


def _signal(line: _Strip, beside: list[_Strip], profile: Floats, swell: float) -> Floats:
    """Detail of the line's middle as a share of that beside it, in each row's neighborhood."""
    core = profile > 0.7

    def power(strip: _Strip) -> Floats:
        steps = np.diff(strip.pixels.mean(2), axis=0, append=strip.pixels[-1:].mean(2)) ** 2
        return _along((steps * core).sum(1), 2 * swell)

    around = (power(beside[0]) + power(beside[1])) / 2
    return np.asarray(np.sqrt(power(line) / np.maximum(around, 1e-12)), np.float32)


def _even(values: Floats, weights: Floats, swell: float) -> Floats:
    return np.asarray(_along(values * weights, swell) / _along(weights, swell), np.float32)


def _along(values: Floats, swell: float) -> Floats:
    """Values `(H,)` or `(H, J)` smoothed down the rows."""
    flat = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
    smooth = cv2.GaussianBlur(flat, (1, 2 * int(np.ceil(2.5 * swell)) + 1), 1e-6, None, swell, cv2.BORDER_REFLECT)
    return np.asarray(smooth, np.float32).reshape(values.shape)
