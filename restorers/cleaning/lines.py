"""Thin lines that run down a frame, upright or slightly slanted, dark or bright: what may be a scratch, or a pole.

A frame is averaged over short upright strips, which takes grain down and leaves lines. In each strip a line stands out
from both its sides by several times what grain and the texture around it explain. The best paths down the frame, that
may wander by a column from strip to strip, are found by dynamic programming; a path begins and ends where going on
would cost more than it brings.

Smith, Waterman, *Identification of common molecular subsequences*, 1981. doi:10.1016/0022-2836(81)90087-5 (paths with
free ends); Newson, Almansa, Gousseau, Pérez, *Robust automatic line scratch detection in films*, IEEE TIP 23(3), 2014.
doi:10.1109/TIP.2014.2300824 (slanted lines, and their judging by motion).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.found import Polarity
from restorers.cleaning.shelf import Shelf, gray_sigma
from restorers.compiled import compiled
from restorers.detail.grain import Floats
from restorers.geometry.motion import FLOW_LINES, warped

STRIPS = 72  # to a frame, about
WIDTHS = (1, 2, 3, 5, 8)  # columns of the small picture
AREA = (5, 41)  # strips, columns: the surroundings whose texture a line must stand out from
TEXTURE = 1.25  # standard deviation of what is about normal, over its mean size
SURE = 3.0  # sigmas that one strip counts at most
COST = 1.1  # sigmas below which a strip is no line
TURN = 0.4  # cost of a step aside
SHORTEST = 0.2  # of the height
LEAST = 0.45  # score of a strip, on average
MOST = 24  # lines of each polarity to a frame
APART = 5  # columns
EDGE = 0.02  # of the width: the gate's own edge keeps its place as scratches do
GAP = 2  # columns of the small picture between a line and what tells its level
SIDE = 2  # columns that tell it
NEAR, FAR = 0.02, 0.09  # of the height: from a line to where the picture beside it is seen to move

POLARITIES: tuple[Polarity, ...] = ("dark", "bright")
Cells = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Line:
    """A line in one frame.

    Attributes:
        polarity: darker or brighter than both its sides.
        top: its first strip.
        columns: where it is in each of its strips, in pixels from the left, `(n,)`.
        width: pixels, about.
        score: how surely it is one, a strip: sigmas beyond `COST`.
        drift: pixels by which the picture on its left and on its right moves across it until the next frame;
            nothing at the end of a shot.
        change: how it differs from what the next frame shows at the same place of the picture; nothing at the end.
    """

    polarity: Polarity
    top: int
    columns: Floats
    width: float
    score: float
    drift: tuple[float, float] | None
    change: "Change | None" = None

    @property
    def bottom(self) -> int:
        """Strip behind its last."""
        return self.top + len(self.columns)

    def at(self, strips: NDArray[np.int_]) -> Floats:
        """Where it is in some strips; straight on beyond its ends."""
        own = np.arange(self.top, self.bottom)
        return np.asarray(np.interp(strips, own, self.columns), np.float32)


@dataclass(frozen=True)
class Change:
    """What becomes of a line in the picture's own place; means of squares over its strips, density times pixels.

    Attributes:
        line: of what stands out from both sides.
        own: of by how much less of it, or more, the next frame shows there.
        beside: the same beside the line.
        mostly: how much the next frame differs in half of the strips at least, in times as much as beside the line.
    """

    line: float
    own: float
    beside: float
    mostly: float


@dataclass(frozen=True)
class Grid:
    """How frames are divided: into columns of the small picture that flow is found on, and strips of its rows.

    Attributes:
        size: height and width of the frame.
        small: of the small picture.
        rows: of the small picture to a strip.
    """

    size: tuple[int, int]
    small: tuple[int, int]
    rows: int

    @classmethod
    def of(cls, size: tuple[int, int]) -> "Grid":
        """The grid of frames of a height and a width."""
        height = min(size[0], FLOW_LINES)
        small = (height, size[1] if size[0] == height else max(round(size[1] * height / size[0]), 1))
        return cls(size, small, max(height // STRIPS, 2))

    @property
    def strips(self) -> int:
        """How many there are; rows that are left over at the bottom are left out."""
        return self.small[0] // self.rows

    @property
    def scale(self) -> float:
        """Pixels of the frame to one of the small picture."""
        return self.size[0] / self.small[0]

    def averaged(self, small: Floats) -> Floats:
        """Means of a small picture's strips, `(strips, columns)`."""
        cut = small[: self.strips * self.rows]
        return np.asarray(cut.reshape(self.strips, self.rows, -1).mean(1), np.float32)

    def rows_of(self, strips: NDArray[np.int_]) -> Floats:
        """The row of the frame in the middle of each strip."""
        return np.asarray((strips + 0.5) * self.rows * self.scale - 0.5, np.float32)

    def columns_of(self, columns: NDArray[np.int16]) -> Floats:
        """The column of the frame in the middle of columns of the small picture."""
        return np.asarray((columns + 0.5) * self.size[1] / self.small[1] - 0.5, np.float32)


def lines(shelf: Shelf, number: int) -> list[Line]:
    """The lines of a frame, the surest first, dark before bright."""
    grid = Grid.of(shelf.clip.size)
    planes = {distance: _strips(shelf, number, distance, grid) for distance in (0, *(shelf.sides(number) or ()))}
    evidence, widths = _standing_out(shelf, planes, grid)
    following = None
    if number + 1 in shelf.clip.numbers:
        following = planes[1] if 1 in planes else _strips(shelf, number, 1, grid)
    found = []
    for index, polarity in enumerate(POLARITIES):
        shortest = max(int(SHORTEST * grid.strips), 3)
        for top, columns, score in _paths(evidence[index], shortest):
            wide = float(np.median(widths[index][np.arange(top, top + len(columns)), columns])) * grid.scale
            line = Line(polarity, top, grid.columns_of(columns), wide, score, None)
            inside = min(float(line.columns.min()), grid.size[1] - 1 - float(line.columns.max()))
            if inside < EDGE * grid.size[1]:
                continue
            if following is not None:
                change = _change(line, columns, planes[0], following, grid)
                line = replace(line, drift=_drift(shelf, number, line, grid), change=change)
            found.append(line)
    return found


def _strips(shelf: Shelf, number: int, distance: int, grid: Grid) -> Floats:
    """Means of the strips of the frame so many frames later, brought to a frame along the flow."""
    small = _small(shelf, number + distance, grid)
    return grid.averaged(warped(small, shelf.flow(number, distance)) if distance else small)


def _standing_out(shelf: Shelf, planes: Mapping[int, Floats], grid: Grid) -> tuple[Floats, NDArray[np.uint8]]:
    """By how many sigmas of grain and texture the strips are darker, brighter than both their sides, and how wide.

    In the frame itself, or in what sets it apart from both its neighbors brought to it along the flow, which leaves
    little of the picture where it moves.

    Args:
        shelf: knows the grain.
        planes: strips of the frame, at distance 0, and of its neighbors, if it has any.
        grid: of the strips.

    Returns:
        Two planes `(strips, columns)` each, dark and bright: sigmas, at most `SURE`, and columns.
    """
    plain, *others = planes.values()
    sigma = gray_sigma(shelf.model, plain)
    spreads = _spreads(shelf.model.autocorrelation.astype(np.float32).tobytes(), grid)
    apart: tuple[Floats, Floats] | None = None
    if others:
        one, two = others
        apart = (plain - np.maximum(one, two), np.minimum(one, two) - plain)
    dark = _line_like(plain, apart and apart[0], sigma, spreads)
    bright = _line_like(-plain, apart and apart[1], sigma, spreads)
    return np.stack([dark[0], bright[0]]), np.stack([dark[1], bright[1]])


def _line_like(
    plain: Floats, apart: Floats | None, sigma: Floats, spreads: tuple[float, ...]
) -> tuple[Floats, NDArray[np.uint8]]:
    """By how many sigmas each cell stands above both its sides, and over how many columns."""
    count = plain.shape[1]
    totals = [_sums(plane) for plane in (plain, apart) if plane is not None]
    best, wide = np.full(plain.shape, -SURE, np.float32), np.zeros(plain.shape, np.uint8)
    for width, spread in zip(WIDTHS, spreads, strict=True):
        flank, gap, start = _sides(width)
        rises = []
        for index, total in enumerate(totals):
            middle = _mean(total, start, width, count)
            one, two = (_mean(total, at, flank, count) for at in (start - gap - flank, start + width + gap))
            rise = middle - (one + two) / 2
            rises.append(rise)
            busy = TEXTURE * cv2.blur(np.abs(rise), AREA[::-1], borderType=cv2.BORDER_REFLECT)
            noise = np.maximum(busy, sigma * (spread * (1 + index / 2)))
            sigmas = (middle - np.maximum(one, two)) / noise
            if index:  # a neighbor's own line leaves its like where this frame has none
                sigmas[rises[0] < rise / 2] = -SURE
            better = sigmas > best
            best[better], wide[better] = sigmas[better], width
    return np.minimum(best, SURE), wide


def _sums(plane: Floats) -> NDArray[np.float64]:
    reach = 2 * max(WIDTHS) + 4
    return np.pad(
        np.cumsum(np.pad(plane, ((0, 0), (reach, reach)), mode="edge"), axis=1, dtype=np.float64), ((0, 0), (1, 0))
    )


def _mean(total: NDArray[np.float64], start: int, width: int, count: int) -> Floats:
    first = 2 * max(WIDTHS) + 4 + start
    sums = total[:, first + width : first + width + count] - total[:, first : first + count]
    return np.asarray(sums / width, np.float32)


def _sides(width: int) -> tuple[int, int, int]:
    """Columns of a line's sides, columns between them and it, and where it begins."""
    return max(width, 2), 1 + width // 3, -(width // 2)


def _small(shelf: Shelf, number: int, grid: Grid) -> Floats:
    gray = shelf.gray(number)
    if grid.small == grid.size:
        return gray
    return np.asarray(cv2.resize(gray, grid.small[::-1], interpolation=cv2.INTER_AREA), np.float32)


@lru_cache(maxsize=8)
def _spreads(autocorrelation: bytes, grid: Grid) -> tuple[float, ...]:
    """Standard deviation of the difference of lines to one of their sides, in flat film, in sigmas of one pixel."""
    lags = np.frombuffer(autocorrelation, np.float32).astype(np.float64)
    lags = lags.reshape(isqrt(len(lags)), -1)
    reach, columns, rows = len(lags) // 2, round(grid.scale), round(grid.rows * grid.scale)
    down = np.maximum(rows - np.abs(np.arange(-reach, reach + 1)), 0) / rows**2
    spreads = []
    for width in WIDTHS:
        flank, gap, _ = _sides(width)
        parts = ((width, 1 / width), (gap, 0.0), (flank, -1 / flank))
        across = np.concatenate([np.full(n * columns, weight / columns) for n, weight in parts])
        own = np.pad(np.correlate(across, across, "full"), reach)
        middle = len(own) // 2
        spreads.append(float(np.sqrt(max(down @ lags @ own[middle - reach : middle + reach + 1], 1e-6))))
    return tuple(spreads)


def path_within(evidence: Floats) -> Cells:
    """The best path down all strips of a narrow corridor of evidence `(S, W)`, its column in each strip."""
    count = len(evidence)
    total, came = _walked(evidence - np.float32(COST) - 100, free=False)
    column = int(np.argmax(total[-1]))
    path = np.zeros(count, np.int16)
    for strip in range(count - 1, -1, -1):
        path[strip] = column
        column += int(came[strip, column])
    return path


def _paths(evidence: Floats, shortest: int) -> list[tuple[int, Cells, float]]:
    """The best paths that do not touch: their first strip, their columns and their score a strip."""
    total, came = _walked(evidence - np.float32(COST), free=True)
    ends = np.flatnonzero(total.ravel() >= LEAST * shortest)
    ends = ends[np.argsort(-total.ravel()[ends], kind="stable")]
    paths, tops, lengths, gains = _traced(total, came, ends, shortest, MOST)
    return [
        (int(top), path[:length][::-1].copy(), float(gain / length))
        for path, top, length, gain in zip(paths, tops, lengths, gains, strict=True)
    ]


@compiled
def _walked(gain: Floats, free: bool) -> tuple[Floats, NDArray[np.int8]]:
    """Best sum of a path that ends in each cell, and the step back to the cell it came from (2: it begins here)."""
    strips, columns = gain.shape
    total = np.zeros((strips, columns), np.float32)
    came = np.zeros((strips, columns), np.int8)
    for x in range(columns):
        total[0, x] = max(gain[0, x], np.float32(0)) if free else gain[0, x]
    for s in range(1, strips):
        for x in range(columns):
            best, step = total[s - 1, x], 0
            if x > 0 and total[s - 1, x - 1] - np.float32(TURN) > best:
                best, step = total[s - 1, x - 1] - np.float32(TURN), -1
            if x + 1 < columns and total[s - 1, x + 1] - np.float32(TURN) > best:
                best, step = total[s - 1, x + 1] - np.float32(TURN), 1
            value = best + gain[s, x]
            if free and value < 0:
                value = np.float32(0)
            total[s, x] = value
            came[s, x] = step
    return total, came


@compiled
def _traced(
    total: Floats, came: NDArray[np.int8], ends: NDArray[np.int_], shortest: int, most: int
) -> tuple[Cells, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Walk back from the cells that paths may end in to where each begins or meets another; each claims its sides.

    Returns:
        The columns of each path from its end upwards, its first strip, its length and its sum.
    """
    claimed, paths = np.zeros(total.shape, np.bool_), np.zeros((most, len(total)), np.int16)
    tops, lengths, gains = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most)
    count, columns = 0, total.shape[1]
    for place in ends:
        strip, x = place // columns, place % columns
        if count == most:
            break
        if claimed[strip, x]:
            continue
        last, length, before, path = strip, 0, 0.0, paths[count]
        while strip >= 0 and total[strip, x] > 0:
            if claimed[strip, x]:
                before = total[strip, x]
                break
            path[length] = x
            length += 1
            x += came[strip, x]
            strip -= 1
        for k in range(length):
            for near in range(max(path[k] - APART, 0), min(path[k] + APART + 1, columns)):
                claimed[last - k, near] = True
        gain = total[place // columns, place % columns] - before
        if length >= shortest and gain >= LEAST * length:
            tops[count], lengths[count], gains[count] = last - length + 1, length, gain
            count += 1
    return paths[:count], tops[:count], lengths[:count], gains[:count]


def _change(line: Line, columns: Cells, here: Floats, following: Floats, grid: Grid) -> Change:
    """What becomes of a line in some columns until the next frame, whose strips are brought to this one."""
    reach = int(np.ceil(line.width / grid.scale / 2))
    away = 2 * (reach + GAP + SIDE) + 1
    strips = np.arange(line.top, line.bottom)[:, None]
    around = np.arange(-reach - GAP - SIDE, reach + GAP + SIDE + 1)

    def rise(plane: Floats, aside: int) -> Floats:
        seen = plane[strips, (columns[:, None] + around + aside).clip(0, plane.shape[1] - 1)]
        level = (seen[:, :SIDE].mean(1) + seen[:, -SIDE:].mean(1)) / 2
        middle = seen[:, SIDE + GAP : -SIDE - GAP]
        return np.asarray(middle.sum(1) - middle.shape[1] * level, np.float32)

    own, *sides = (np.square(rise(here, aside) - rise(following, aside)) for aside in (0, -away, away))
    beside = np.concatenate(sides)
    mostly = np.sqrt(np.median(own) / max(np.median(beside), 1e-12))
    return Change(float(np.square(rise(here, 0)).mean()), float(own.mean()), float(beside.mean()), float(mostly))


def _drift(shelf: Shelf, number: int, line: Line, grid: Grid) -> tuple[float, float] | None:
    """Pixels by which the picture moves across a line until the next frame, on either side of it."""
    there = shelf.flow(number, 1)
    height, width = grid.size
    down, across = there.shape[0] / height, there.shape[1] / width
    strips = np.arange(line.top, line.bottom)
    rows = ((grid.rows_of(strips) + 0.5) * down - 0.5).round().astype(int).clip(0, there.shape[0] - 1)
    slope = (line.columns[-1] - line.columns[0]) / max((len(strips) - 1) * grid.rows * grid.scale, 1)
    apart = line.width / 2 + np.linspace(NEAR, FAR, 5) * height
    moves = []
    for side in (-1, 1):
        x = line.columns[:, None] + side * apart
        inside = (x >= 0) & (x <= width - 1)
        columns = ((x + 0.5) * across - 0.5).round().astype(int).clip(0, there.shape[1] - 1)
        flow = there[rows[:, None], columns]
        moved = flow[..., 0] / across - slope * flow[..., 1] / down
        moves.append(float(np.median(moved[inside])) if inside.any() else None)
    left, right = moves
    if left is None or right is None:
        one = right if left is None else left
        return None if one is None else (one, one)
    return left, right
