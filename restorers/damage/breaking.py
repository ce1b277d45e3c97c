"""Break the film: splices that join it again, and tears.

A splice is a line across the film, where it was cut: dirt and cement darken it, or light comes through the gap. Beside
it the two ends overlap for some millimeters under a faint veil, which ends in a second, finer line. Most lie at a frame
line and are seen at the bottom of one frame and the top of the next. A tear runs from an edge of the film into it,
slanted and jagged, over one frame or several: light comes through, its lips are dark, and what lies beneath it has
slipped.
"""

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.chance import numbers
from restorers.damage.soiling import VISIBLE
from restorers.restorer import Bench

FINER = 4  # tears are drawn so many times finer than the frame
REACH = 3  # frames that one break may be seen on, to either side of where it is
JAGS = 24  # corners of a lip
FADING = 0.15  # of the height: from a tear to where nothing has slipped


class Breaking(BaseModel):
    """How often the film is broken, and how badly."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    splices: float = Field(0.02, ge=0, le=1, description="splices a frame")
    tears: float = Field(0.01, ge=0, le=1, description="tears a frame")
    thickness: float = Field(0.012, gt=0, le=0.1, description="median thickness of a splice's line, in frame heights")
    overlap: float = Field(0.05, ge=0, le=0.3, description="median overlap of its two ends, in frame heights")
    at_line: float = Field(0.7, ge=0, le=1, description="share of the splices that lie at a frame line")
    clear: float = Field(0.5, ge=0, le=1, description="share of splices and tears that let light through")
    slip: float = Field(0.002, ge=0, le=0.05, description="by how much tears slip, in frame heights")
    density: float = Field(0.9, gt=0, le=3, description="density of what lets no light through")


@dataclass(frozen=True, eq=False)
class BreakTruth:
    """What crosses the film.

    Attributes:
        first: reel number of the first frame.
        change: density added, `(T, H, W)`, mean of the layers, without what has slipped.
    """

    first: int
    change: Tensor

    @property
    def mask(self) -> Tensor:
        """Where a break can be seen, bool `(T, H, W)`: it changes density by 0.05 or more."""
        return self.change.abs() >= VISIBLE


@dataclass(frozen=True)
class _Splice:
    place: float  # along the film, in frames, as all of these
    thickness: float
    overlap: float
    slope: float
    clear: bool
    depth: float
    veil: float
    veil_clear: bool
    waves: NDArray[np.float64]


@dataclass(frozen=True)
class _Tear:
    path: NDArray[np.float64]  # x, in widths, and the place along the film of each corner, from mouth to tip
    gape: NDArray[np.float64]  # half the width of the gap at each, in frame heights
    clear: bool
    slip: tuple[float, float]


def crack(clip: Clip, breaking: Breaking, bench: Bench) -> tuple[Clip, BreakTruth]:
    """The clip with breaks across it, in the space it came in, and what lies where."""
    density = clip.in_space(Space.DENSITY)
    device = density.frames.device
    slipped = bench.map(partial(_slipped, density, breaking, bench), clip.numbers)
    covers = bench.map(lambda number: cover(number, clip.size, breaking, bench), clip.numbers)
    dark, bright = torch.from_numpy(np.stack(covers)).to(device).unbind(1)
    frames = torch.from_numpy(np.stack(slipped)).to(device)
    broken = frames * (1 - bright.unsqueeze(1)) + breaking.density * dark.unsqueeze(1)
    truth = BreakTruth(clip.first, (broken - frames).mean(dim=1))
    return replace(density, frames=broken).in_space(clip.space), truth


def cover(number: int, size: tuple[int, int], breaking: Breaking, bench: Bench) -> NDArray[np.float32]:
    """How much of each pixel of a reel frame is under what darkens it and what lets light through.

    Returns:
        `(2, H, W)` in [0, 1].
    """
    planes = np.zeros((2, *size), np.float32)
    for splice, tear in _near(number, breaking, bench):
        if splice is not None:
            _join(planes, splice, number)
        if tear is not None:
            _open(planes, tear, number)
    return planes


def _near(number: int, breaking: Breaking, bench: Bench) -> list[tuple[_Splice | None, _Tear | None]]:
    """The breaks that may be seen on a frame."""
    found = []
    for beside in range(number - REACH, number + REACH + 1):
        chance = numbers(bench, "breaks", beside)
        spliced, torn = chance.random(2) < (breaking.splices, breaking.tears)
        one, two = _spliced(chance, beside, breaking), _torn(chance, beside, breaking)
        found.append((one if spliced else None, two if torn else None))
    return found


def _spliced(chance: np.random.Generator, number: int, breaking: Breaking) -> _Splice:
    aside = chance.normal(0, 0.02) if chance.random() < breaking.at_line else chance.uniform(0.1, 0.9)
    spread = np.exp(0.4 * chance.standard_normal(2))
    return _Splice(
        place=number + aside,
        thickness=breaking.thickness * spread[0],
        overlap=breaking.overlap * spread[1] * chance.choice([-1, 1]),
        slope=chance.normal(0, 0.006),
        clear=bool(chance.random() < breaking.clear),
        depth=chance.uniform(0.6, 1.0),
        veil=chance.uniform(0.05, 0.25),
        veil_clear=bool(chance.random() < breaking.clear),
        waves=chance.uniform(0, 2 * np.pi, 4),
    )


def _torn(chance: np.random.Generator, number: int, breaking: Breaking) -> _Tear:
    way = np.linspace(0, 1, JAGS)
    way[1:-1] += chance.uniform(-0.4, 0.4, JAGS - 2) / JAGS
    depth, rise = chance.uniform(0.5, 1.05), chance.uniform(-1.3, 1.3)
    x = depth * way if chance.random() < 0.5 else 1 - depth * way
    along = number + chance.uniform(0.1, 0.9) + rise * way + 0.012 * chance.standard_normal(JAGS)
    gape = chance.uniform(0.004, 0.014) * np.sqrt(1 - 0.9 * way) * np.exp(0.25 * chance.standard_normal(JAGS))
    turn = chance.uniform(0, 2 * np.pi)
    return _Tear(
        path=np.stack([x, along], 1),
        gape=gape,
        clear=bool(chance.random() < breaking.clear),
        slip=(breaking.slip * float(np.cos(turn)), breaking.slip * float(np.sin(turn))),
    )


def _join(planes: NDArray[np.float32], splice: _Splice, number: int) -> None:
    """Lay a splice on a frame's planes."""
    height, width = planes.shape[1:]
    x = np.arange(width) / width
    waves = sum(np.sin(2 * np.pi * (k + 1) * x + phase) / (k + 1) for k, phase in enumerate(splice.waves))
    rows = np.arange(height)[:, None] + 0.5
    course = (splice.place - number + splice.slope * (x - 0.5)) * height + 0.0015 * height * waves
    end = course + splice.overlap * height
    top, bottom = np.minimum(course, end), np.maximum(course, end)
    veil = splice.veil * np.clip(np.minimum(rows - top, bottom - rows) + 0.5, 0, 1)
    thick = max(splice.thickness * height, 1.0)
    line = splice.depth * np.clip(thick / 2 + 0.5 - np.abs(rows - course), 0, 1)
    fine = 0.5 * splice.depth * np.clip(thick / 4 + 0.5 - np.abs(rows - end), 0, 1)
    for plane, part in ((int(splice.veil_clear), veil), (int(splice.clear), np.maximum(line, fine))):
        np.maximum(planes[plane], part.astype(np.float32), out=planes[plane])


def _open(planes: NDArray[np.float32], tear: _Tear, number: int) -> None:
    """Lay a tear on a frame's planes."""
    height, width = planes.shape[1:]
    scale = np.array([width, height]) * FINER
    middle = (tear.path - (0, number)) * scale
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.hypot(*along.T)[:, None]
    aside = across * (tear.gape * height * FINER)[:, None]
    lips = [np.rint(middle + side * aside).astype(np.int32) for side in (1, -1)]
    gap, rim = np.zeros((2, height * FINER, width * FINER), np.uint8)
    cv2.fillPoly(gap, [np.concatenate([lips[0], lips[1][::-1]])], (255,))
    cv2.polylines(rim, lips, isClosed=False, color=(255,), thickness=max(round(0.003 * height * FINER), 2))
    small = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255) for plane in (gap, rim)]
    np.maximum(planes[int(tear.clear)], small[0], out=planes[int(tear.clear)])
    np.maximum(planes[0], 0.6 * small[1] * (1 - small[0] * float(tear.clear)), out=planes[0])


def _slipped(clip: Clip, breaking: Breaking, bench: Bench, number: int) -> NDArray[np.float32]:
    """A frame with what lies beneath its tears moved, most of all at their mouths, `(3, H, W)`."""
    frame = np.ascontiguousarray(clip[number].cpu().numpy())
    height, width = clip.size
    for _, tear in _near(number, breaking, bench):
        if tear is None or not breaking.slip:
            continue
        order = np.argsort(tear.path[:, 0])
        x, along = tear.path[order].T
        columns, rows = np.arange(width) / width, np.arange(height)[:, None] / height
        below = rows - (np.interp(columns, x, along) - number)
        from_mouth = np.interp(columns, x, np.linspace(1, 0, JAGS)[order], left=0, right=0)
        amount = from_mouth * np.where(below > 0, np.exp(-below.clip(0) / FADING), 0) * height
        x_there = np.asarray(np.arange(width) - tear.slip[0] * amount, np.float32)
        y_there = np.asarray(np.arange(height)[:, None] - tear.slip[1] * amount, np.float32)
        frame = np.stack([cv2.remap(p, x_there, y_there, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE) for p in frame])
    return np.asarray(frame, np.float32)
