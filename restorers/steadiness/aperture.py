"""The picture within an overscanned frame: what the camera's aperture let through, without the film around it.

The film's edge lies still where the picture's content moves, so a path of the picture is to be measured inside alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.geometry import warp
from restorers.geometry.warp import AFFINE
from restorers.render import Footage
from restorers.steadiness.gauges import Hole

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Modes: TypeAlias = tuple[tuple[int, int], ...]

CONTRAST_SHARE = 0.1
FILLED = (0.3, 0.15)
RIM_SHARE = 0.015
LEAST_SHARE = 0.3
POINTS = 33
RIDGE = 1e-2


class Opening(NamedTuple):
    """The part of a frame that shows the picture: left <= x < right, top <= y < bottom, pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def scaled(self, across: float, down: float) -> "Opening":
        """The same part of a frame so much larger."""
        return Opening(*(round(v * by) for v, by in zip(self, (across, down) * 2, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Inside(Footage):
    """Footage of which only an opening is seen."""

    opening: Opening

    @classmethod
    def of(cls, footage: Footage, opening: Opening) -> "Inside":
        """The footage seen through an opening."""
        return cls(footage.source, footage.spans, footage.space, footage.bench, opening=opening)

    def clip(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop of one shot, as opened, and cut to the opening."""
        whole = super().clip(first, stop)
        left, top, right, bottom = self.opening
        here = np.s_[..., top:bottom, left:right]
        return replace(whole, frames=whole.frames[here], origin=whole.origin[here])


def opening(picture: Singles, holes: Sequence[Hole]) -> Opening:
    """The part of an overscanned frame that is picture; as wide as the holes leave, where it is too dark to tell.

    Args:
        picture: `(h, w)` the median of some frames, lightness.
        holes: the perforations in it.
    """
    height, width = picture.shape
    between = [0, 0, width, height]
    kept = np.ones(picture.shape, bool)
    around = np.zeros(picture.shape, bool)
    for hole in holes:
        far, near = (_box(hole, share * hole.height) for share in (0.3, 0.12))
        around[far] = True
        kept[near] = False
        between[0] = max(between[0], near[1].stop) if hole.edge == "left" else between[0]
        between[2] = min(between[2], near[1].start) if hole.edge == "right" else between[2]
        if hole.edge == "middle":
            upper = hole.top < height / 2
            between[1], between[3] = (
                (max(between[1], near[0].stop), between[3]) if upper else (between[1], min(between[3], near[0].start))
            )
    film = float(np.median(picture[around & kept]))
    bare = float(np.median(picture[_box(holes[0], -0.2 * holes[0].height)]))
    unlike = np.abs(picture - film) > CONTRAST_SHARE * abs(bare - film)
    left, top, right, bottom = between
    rim = round(RIM_SHARE * height)
    rows = top + np.flatnonzero(unlike[top:bottom, left:right].mean(axis=1) > FILLED[0])
    if len(rows) > LEAST_SHARE * height:
        columns = left + np.flatnonzero(unlike[rows, left:right].mean(axis=0) > FILLED[1])
        if len(columns) > LEAST_SHARE * width:
            top, bottom = int(rows[0]) + rim, int(rows[-1]) + 1 - rim
            left, right = int(columns[0]) + rim, int(columns[-1]) + 1 - rim
    return Opening(left, top, right, bottom)


def extension(modes: Modes, opening: Opening, size: tuple[int, int]) -> Floats:
    """What coefficients of modes over the opening are over the whole frame of `size` (height, width), `(K, K)`.

    Exact for shift, rotation and shrinkage; a warp is continued beyond the opening as little as it may be.
    """
    inside, whole = _both(modes, opening, size)
    gram = whole.T @ whole / len(whole) + RIDGE * np.diag(np.arange(len(modes)) >= len(AFFINE))
    return np.asarray(np.linalg.solve(gram, whole.T @ inside / len(whole)))


def restriction(opening: Opening, size: tuple[int, int]) -> Floats:
    """What coefficients of `warp.AFFINE` over the whole frame are over the opening, `(3, 3)`."""
    inside, whole = _both(AFFINE, opening, size)
    return np.asarray(np.linalg.lstsq(inside, whole, rcond=None)[0])


def _both(modes: Modes, opening: Opening, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """The modes over the opening and over the frame at points of the opening, `(N, K)` each."""
    share = (np.arange(POINTS) + 0.5) / POINTS
    v, u = (part.reshape(-1) for part in np.meshgrid(share, share, indexing="ij"))
    y = (opening.top + v * (opening.bottom - opening.top)) / size[0]
    x = (opening.left + u * (opening.right - opening.left)) / size[1]
    each = np.eye(len(modes))
    return warp.at(each, modes, v, u).T, warp.at(each, modes, y, x).T


def _box(hole: Hole, rim: float) -> tuple[slice, slice]:
    """A hole with a rim around it, rows and columns."""
    left, top, right, bottom = hole.left - rim, hole.top - rim, hole.right + rim, hole.bottom + rim
    return slice(max(round(top), 0), round(bottom)), slice(max(round(left), 0), round(right))
