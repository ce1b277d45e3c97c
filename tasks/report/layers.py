"""What a layer did in one shot, as its sheet in the report: charts over the frames, and pictures of single ones."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks.report.charts import Chart

Picture: TypeAlias = NDArray[np.uint8] | bytes
"""A picture for people: sRGB codes `(H, W, 3)`, red first, or the bytes of a JPEG or PNG file."""


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
    """

    kind: str
    summary: str
    charts: tuple[Chart, ...]
    key: dict[str, str]
    meshes: tuple[Mesh, ...] = ()
    shading: Shading | None = None
