"""Small charts of a shot frame by frame, drawn so that the page stretches them to any width.

The curves are SVG paths in a plane of 1000 by 100; axis labels are text of the page set at shares of its width and
height, so that they stay legible however narrow it is.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Role: TypeAlias = Literal["before", "after", "course"]

WIDTH, HEIGHT = 1000, 100
BUCKETS = 500  # of a longer curve the least and greatest value in each of so many pieces are drawn
MOST_CUTS = 100
UPRIGHT_TICKS, LEAST_TICKS, LEVEL_TICKS = 3, 3, 5
NARROWEST_LABEL = 12.0  # percent of the width


@dataclass(frozen=True, eq=False)
class Line:
    """One curve: a value for each frame `(T,)`, NaN where there is none."""

    role: Role
    values: Floats


@dataclass(frozen=True)
class Mark:
    """An event at a frame, e.g. a jump or a change of light."""

    frame: int
    kind: str


@dataclass(frozen=True, eq=False)
class Chart:
    """Some curves over the frames of a shot.

    Attributes:
        title: what goes up where a curve goes up.
        unit: of the values; empty for none.
        first: reel number of the first frame.
        lines: of one length, drawn in this order.
        least: the smallest range the axis shows, so that next to nothing looks like it.
        band: lower and upper edge of what cannot be told, `(T,)` each.
        marks: events of the shot.
        cuts: reel numbers of frames before which there is a cut; no curve runs across.
    """

    title: str
    unit: str
    first: int
    lines: tuple[Line, ...]
    least: float
    band: tuple[Floats, Floats] | None = None
    marks: tuple[Mark, ...] = ()
    cuts: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """What the chart shows, for who cannot see it."""
        unit = f" {self.unit}" if self.unit else ""
        names = {"before": "as found", "after": "restored", "course": "the scene's own course"}
        parts = [
            f"{names[line.role]} {_range(line.values)}{unit}" for line in self.lines if np.isfinite(line.values).any()
        ]
        return f"{self.title}: {'; '.join(parts)}"

    @property
    def length(self) -> int:
        """Frames."""
        return len(self.lines[0].values)

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value of the axis."""
        shown = np.concatenate([*(line.values for line in self.lines), *(self.band or ())])
        shown = shown[np.isfinite(shown)]
        if not len(shown):
            return -self.least / 2, self.least / 2
        low, high = float(shown.min()), float(shown.max())
        room = max(0.06 * (high - low), (self.least - (high - low)) / 2)
        return low - room, high + room

    def path(self, line: Line) -> str:
        """A curve as SVG path data."""
        bounds = [0, *(cut - self.first for cut in self.cuts), self.length]
        left, down = self._left(), self._down(line.values)
        return "".join(_path(left[a:b], down[a:b], -(-BUCKETS * (b - a) // self.length)) for a, b in pairwise(bounds))

    @property
    def upright_lines(self) -> str:
        """The cuts as SVG path data; none where there are too many to be told apart."""
        shown = self.cuts if len(self.cuts) <= MOST_CUTS else ()
        return "".join(f"M{(cut - self.first) * WIDTH / self.length:.0f} 0V{HEIGHT}" for cut in shown)

    @property
    def band_path(self) -> str:
        """The band as SVG path data."""
        assert self.band is not None, "a chart without a band has no path of one"
        lower, upper = self.band
        around = np.concatenate((upper, lower[::-1]))
        left = self._left()
        return _points(np.concatenate((left, left[::-1])), self._down(around)) + "Z"

    @property
    def heights(self) -> tuple[tuple[float, str], ...]:
        """Labels of the upright axis: percent from the top, text."""
        low, high = self.span
        step = _step((high - low) / UPRIGHT_TICKS)
        if np.floor(high / step) - np.ceil(low / step) < LEAST_TICKS - 1:
            step = _step(step / 2.5)
        digits = max(-int(np.floor(np.log10(step))), 0)
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        return tuple((100 * (high - tick) / (high - low), _number(float(tick), digits)) for tick in ticks)

    @property
    def frames(self) -> tuple[tuple[float, str], ...]:
        """Labels of the level axis: percent from the left, reel number."""
        return frame_labels(self.first, self.length)

    @property
    def named_marks(self) -> tuple[Mark, ...]:
        """The marks whose frame numbers fit side by side."""
        named: list[Mark] = []
        for mark in self.marks:
            if not named or self.place(mark.frame) - self.place(named[-1].frame) > NARROWEST_LABEL:
                named.append(mark)
        return tuple(named)

    def place(self, frame: int) -> float:
        """Percent from the left of the middle of a frame."""
        return _place(frame, self.first, self.length)

    def _left(self) -> Floats:
        return np.asarray((np.arange(self.length) + 0.5) * WIDTH / self.length, np.float64)

    def _down(self, values: Floats) -> Floats:
        low, high = self.span
        return np.asarray((high - values) * HEIGHT / (high - low), np.float64)


def frame_labels(first: int, length: int) -> tuple[tuple[float, str], ...]:
    """Labels of an axis over frames: percent from the left, reel number."""
    step = max(round(_step(length / LEVEL_TICKS)), 1)
    numbers = range(-(-first // step) * step, first + length, step)
    return tuple((_place(number, first, length), str(number)) for number in numbers)


def lines(*, before: Floats, after: Floats, course: Floats | None = None) -> tuple[Line, ...]:
    """Curves of the same thing; the course is a thin dashed line that shows the others beneath it."""
    last = () if course is None else (Line("course", course),)
    return Line("before", before), Line("after", after), *last


def _place(frame: int, first: int, length: int) -> float:
    return 100 * (frame - first + 0.5) / length


def _path(left: Floats, down: Floats, buckets: int) -> str:
    known = np.isfinite(down)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False)).tolist()
    pieces = (_thinned(left[a:b], down[a:b], buckets) for a, b in zip(edges[::2], edges[1::2], strict=True))
    return "".join(_points(x, y) for x, y in pieces)


def _thinned(left: Floats, down: Floats, buckets: int) -> tuple[Floats, Floats]:
    if len(left) <= 2 * buckets:
        return left, down
    bounds = np.linspace(0, len(left), buckets + 1).astype(int).tolist()
    kept = sorted({place for a, b in pairwise(bounds) for place in _extremes(down, slice(a, b))})
    return left[kept], down[kept]


def _extremes(values: Floats, bucket: slice) -> tuple[int, int]:
    return bucket.start + int(np.argmin(values[bucket])), bucket.start + int(np.argmax(values[bucket]))


def _points(left: Floats, down: Floats) -> str:
    pairs = [f"{x:.0f} {_short(y)}" for x, y in zip(left.tolist(), down.tolist(), strict=True)]
    return "M" + " ".join(pairs) if len(pairs) > 1 else f"M{pairs[0]}h1"


def _short(value: float) -> str:
    return f"{round(value, 1) + 0.0:g}"


def _step(about: float) -> float:
    """The next greater of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(next(power * m for m in (1, 2, 5, 10) if power * m >= about * (1 - 1e-9)))


def _range(values: Floats) -> str:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return f"from {_figures(low)} to {_figures(high)}"


def _figures(value: float) -> str:
    return _number(float(f"{value:.2g}"), max(1 - int(np.floor(np.log10(abs(value)))), 0) if value else 0)


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}")
