"""What a scratch lays over the picture: most are seen through, and what they add and take can be told and undone.

Along a line in a frame, density is `(1 - veil) * picture + veil * color`: a dark scratch adds to the picture, as if its
color were far darker than anything; one that took emulsion off pulls it towards clear film. The veil is a depth, that
changes slowly along the line, times a profile across it that stays the same. Which color it is, is told by what
remains: where it is taken off rightly, the pixels differ from those beside the line as those differ from one another.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.lines import Grid, path_within
from restorers.cleaning.shelf import Shelf, gray_sigma
from restorers.detail.grain import Floats

Columns = NDArray[np.int_]

CORRIDOR = 4  # pixels of the small picture by which a line may be off where it was thought to be
SWELL = 30  # parts of the height over each of which a scratch is about as deep
FINE = 4  # parts of a pixel in which the profile is kept
FLANK = 2  # pixels beside a line that tell what is beneath it
COLORS = (100.0, 3.0, 1.8, 1.1)  # density of dark scratches; the first as good as adds to the picture only
CLEAR = (-100.0, 0.0, 0.15)  # and of bright ones
THICKEST = 0.9  # share of the picture that a veil may hide at most
PLAIN = 0.2  # by how much better (natural logarithm) another color must do than mere adding
CORE = 0.5  # of the profile, where the line is told best
ROUNDS = 2  # of aligning
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
    core = int(np.ceil(1.2 * width)) + 3
    course = np.interp(np.arange(len(gray)), grid.rows_of(np.arange(len(thought))), thought).astype(np.float32)
    sigma = gray_sigma(shelf.model, _strip(gray, np.rint(course).astype(int), core).beneath).mean(1)
    middle = _followed(sign * gray, course, core, sigma, grid)
    middle = _centered(gray, middle, core, sign, swell)
    for _ in range(ROUNDS):
        middle, core = _aligned(sign * gray, middle, core, swell)
    whole = np.rint(middle).astype(int)
    line = _strip(frame, whole, core)
    beside = [_strip(frame, whole + side * (2 * core + 2 * FLANK + 1), core) for side in (-1, 1)]
    apart = np.arange(-core, core + 1) - (middle - whole)[:, None]
    profile = _read(_profile(sign * line.excess.mean(2), apart, core, swell), apart, core)
    errors = [_matched(strip.excess.mean(2), profile) for strip in beside]
    error = np.asarray((errors[0] ** 2 + errors[1] ** 2) / 2, np.float32)
    weights = 1 / (sigma**2 / 4 + _along(error, swell))
    scene = _Scene(line, (beside[0], beside[1]), profile, weights, swell)
    tries = [_taken_off(scene, color) for color in (COLORS if sign > 0 else CLEAR)]
    best = min(range(len(tries)), key=lambda k: tries[k][2] + PLAIN * (k > 0))
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
    one, two = pixels[:, :FLANK].mean(1), pixels[:, -FLANK:].mean(1)
    way = (np.arange(2 * core + 1) + (FLANK + 1) / 2) / (2 * core + FLANK + 1)
    shape = (1, -1) + (1,) * (frame.ndim - 2)
    beneath = one[:, None] + (two - one)[:, None] * way.reshape(shape).astype(np.float32)
    return _Strip(np.ascontiguousarray(pixels[:, FLANK:-FLANK]), np.asarray(beneath, np.float32))


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
    return np.asarray(moved, np.float32), min(int(np.ceil(reach)) + 1, core)


def _profile(excess: Floats, apart: Floats, core: int, swell: float) -> Floats:
    """How much of the line's depth there is at each distance from its middle, in parts of a pixel; 1 at most."""
    calm = _along(excess, swell)
    depth = np.maximum(np.where(np.abs(apart) <= max((core - 2) / 2, 0.75), calm, 0).max(1), 0)[:, None]
    bins = np.rint((apart + core + 1) * FINE).astype(int)
    count = (2 * core + 2) * FINE + 1
    above = np.bincount(bins.ravel(), (depth * calm).ravel(), minlength=count)[:count]
    below = np.bincount(bins.ravel(), np.broadcast_to(depth**2, bins.shape).ravel(), minlength=count)[:count]
    kernel = np.array([1.0, 2.0, 1.0])
    shape = np.maximum(np.convolve(above, kernel, "same") / np.maximum(np.convolve(below, kernel, "same"), 1e-12), 0)
    inner = np.abs(np.arange(count) - count // 2) <= core * FINE / 2
    peak = int(np.argmax(np.where(inner, shape, 0)))
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
    """Gain and offset of a veil of a color, and by how much what it leaves differs from what is beside the line."""
    line, profile = scene.line, scene.profile
    whole, weights = profile[..., None] * (color - line.beneath), scene.weights[:, None]
    known = np.maximum(_along(weights * (whole**2).sum(1), scene.swell), 1e-9)
    share = _along(weights * (whole * line.excess).sum(1), scene.swell) / known
    cover = share.clip(0, THICKEST)[:, None] * profile[..., None]
    gain, offset = 1 - cover, cover * np.float32(color)
    left = _Strip(np.asarray((line.pixels - offset) / gain, np.float32), line.beneath)
    depth = share.mean(1)
    core = (profile > CORE) * (depth > np.median(depth) / 2)[:, None]
    left_over, around = _power(left, core), [_power(strip, core) for strip in scene.beside]
    unlike = sum(
        abs(np.log(max(p, 1e-12) / max((one + two) / 2, 1e-12))) for p, one, two in zip(left_over, *around, strict=True)
    )
    return gain, offset, float(unlike)


def _power(strip: _Strip, where: Floats) -> tuple[float, float]:
    """How far pixels differ from what both sides tell, and from the rows below: mean squares."""
    excess, pixels = strip.excess.mean(2), strip.pixels.mean(2)
    count = max(float(where.sum()), 1.0)
    return float((excess**2 * where).sum()) / count, float((np.diff(pixels, axis=0) ** 2 * where[1:]).sum()) / count


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
