"""What a layer did in one shot, as its sheet in the report: charts, bars, colors of places, and pictures of frames."""

from dataclasses import dataclass
from itertools import chain
from math import ceil, floor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks.report.charts import Chart

Picture: TypeAlias = NDArray[np.uint8] | bytes
"""A picture for people: sRGB codes `(H, W, 3)`, red first, or the bytes of a JPEG or PNG file."""

ROW, THICK, CAP, AXIS = 22, 14, 8, 18
"""Height of a bar with the room around it, of the bar, of a whisker's ends, and of the axis below, in the drawing."""
PLANE, MARGIN = (62, 276), 84
"""Where the axis begins and ends from the left, and the room that numbers have to the right of it."""
STEPS, MOST_TICKS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5), 4


@dataclass(frozen=True, eq=False)
class Mesh:
    """How one frame was moved: a grid over its picture, and where that grid lay before it was moved.

    Attributes:
        frame: reel number.
        role: why this frame: typical, worst.
        words: how far it was moved.
        factor: how many times too large the movement is drawn.
        picture: the frame as found.
        size: height and width of the plane that both grids are drawn in.
        straight: the grid at rest, as SVG path data.
        bent: the same grid as it lay on the film.
    """

    frame: int
    role: str
    words: str
    factor: float
    picture: Picture
    size: tuple[int, int]
    straight: str
    bent: str


@dataclass(frozen=True, eq=False)
class Shading:
    """A smooth field over the frame.

    Attributes:
        frame: reel number.
        words: what it shows.
        picture: the field in colors.
        reach: the value of its ends of the scale, plus and minus.
        unit: of the value.
    """

    frame: int
    words: str
    picture: Picture
    reach: float
    unit: str


@dataclass(frozen=True)
class Bar:
    """How much there is of one thing.

    Attributes:
        name: of the thing.
        role: class of its color: cyan, silver ...
        value: how much.
        spread: where that may as well be, from and to; None where it is not known, or known for sure.
        words: the value, and how far it may be off.
    """

    name: str
    role: str
    value: float
    spread: tuple[float, float] | None
    words: str


@dataclass(frozen=True)
class Bars:
    """Some bars, one below the other, in a drawing that keeps its proportions.

    Attributes:
        title: what they show.
        unit: of the values, or what the axis means.
        bars: from top to bottom.
        least: the axis reaches so far at least.
        whole: how much there was of each, drawn pale behind its bar; None for nothing.
    """

    title: str
    unit: str
    bars: tuple[Bar, ...]
    least: float
    whole: float | None = None

    @property
    def words(self) -> str:
        """What they show, for who cannot see it."""
        return f"{self.title}: {'; '.join(f'{bar.name} {bar.words}' for bar in self.bars)} ({self.unit})"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the drawing."""
        return ROW * len(self.bars) + AXIS, PLANE[1] + MARGIN

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest value of the axis."""
        shown = [self.least, self.whole or 0.0, *(bar.value for bar in self.bars)]
        shown += chain.from_iterable(bar.spread or () for bar in self.bars)
        return min(0.0, *shown), max(shown)

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Labels of the axis: how far from the left, text."""
        low, high = self.span
        step = next((step for step in STEPS if high - low <= MOST_TICKS * step), high - low)
        values = [step * n for n in range(ceil(low / step), floor(high / step + 1e-6) + 1)]
        return tuple((self.across(value), f"{value:g}".replace("-", "\N{MINUS SIGN}")) for value in values)

    def across(self, value: float) -> float:
        """How far from the left a value stands in the drawing."""
        low, high = self.span
        return PLANE[0] + (PLANE[1] - PLANE[0]) * (value - low) / (high - low)

    def down(self, row: int) -> float:
        """How far from the top the middle of a bar is."""
        return ROW * (row + 0.5)

    def path(self, row: int, value: float) -> str:
        """A bar of a value in a row, counted from 0, as SVG path data."""
        zero, end = self.across(0), self.across(value)
        return f"M{zero:.1f} {self.down(row) - THICK / 2:g}H{end:.1f}v{THICK}H{zero:.1f}z"

    def whisker(self, row: int) -> str:
        """From where to where the value of a row may as well be, as SVG path data."""
        spread = self.bars[row].spread
        assert spread is not None, "a bar whose value is sure has no whisker"
        low, high = (self.across(value) for value in spread)
        return f"M{low:.1f} {self.down(row) - CAP / 2:g}v{CAP}m0 -{CAP / 2:g}H{high:.1f}m0 -{CAP / 2:g}v{CAP}"


@dataclass(frozen=True)
class Swatch:
    """A place on the film of which it is known what it looked like, and its color.

    Attributes:
        frame: reel number.
        box: left, top, width, height in pixels.
        was: what it was, in words.
        found: its color as found, `#rrggbb`; None where something else than the scan saw it.
        undone: its color with the layer; None likewise, and where the layer leaves the film as found.
        left: density by which what was found of the film does not explain it; None where nothing was.
    """

    frame: int
    box: tuple[int, int, int, int]
    was: str
    found: str | None
    undone: str | None
    left: float | None


@dataclass(frozen=True, eq=False)
class Undone:
    """One frame without a layer and with it, and how sure its colors are.

    Attributes:
        frame: reel number.
        found: the frame without the layer.
        undone: and with it.
        unsure: by how much dE its colors may be wrong; None where nothing is unsure.
        reach: dE at the end of that picture's scale, beyond which pixels are hatched as not known.
        typical: dE by which half of its pixels may be wrong at most.
        unknown: share of its pixels that are not known.
    """

    frame: int
    found: Picture
    undone: Picture
    unsure: Picture | None
    reach: float
    typical: float
    unknown: float


@dataclass(frozen=True, eq=False)
class LayerSheet:
    """What one layer did in one shot.

    Attributes:
        kind: of the treatment.
        summary: in its own words.
        charts: over the frames of the shot.
        key: what each line of the charts is, by its role.
        meshes: frames shown with the grid they were moved by.
        shading: the field of the frame most unevenly lit.
        bars: how much there is of what the layer is about.
        swatches: places it was told by.
        undone: a frame without the layer and with it.
    """

    kind: str
    summary: str
    charts: tuple[Chart, ...]
    key: dict[str, str]
    meshes: tuple[Mesh, ...] = ()
    shading: Shading | None = None
    bars: tuple[Bars, ...] = ()
    swatches: tuple[Swatch, ...] = ()
    undone: Undone | None = None
