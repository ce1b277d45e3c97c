"""Take out the flicker of uneven exposure, printing and decay; leave the light of the scene.

The light of the frames (see `light`) is parted into a course that swings slowly, which the scene keeps, and the rest,
which is flicker: from frame to frame, every second frame, or pumping within the window. A lamp switched on and a fade
lead from one lasting level to another; there the course may turn as sharply as the film does. A flash that stands far
out of the shot's own flicker is left as found.
"""

from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from restorers import trend
from restorers.clip import Clip, Origin
from restorers.light import EVEN, SHADED, Light, Modes, evened, light
from restorers.render import Footage
from restorers.restorer import Array, Bench, Remedy, Restorer

Floats: TypeAlias = NDArray[np.float64]

ORDER = 2
LEAST_DENSITY = 0.001
CERTAINTY = 2.0
PERIOD_OF_TURNS = 12.0
PERIOD_INSIDE_CHANGES = 24.0
PERIOD_AT_THEIR_ENDS = 6.0
CHANGE_MARGIN = 4
LEAST_CHANGE = 0.06
LASTING_SHARE = 0.6
LASTING_FRAMES = 24
FEW_FRAMES = 6
LEAST_CHANGE_AT_AN_END = 0.3
STEP_SHARE = 0.6
FLASH_SPREADS = 6.0
FLASH_DENSITY = 0.1
FLASH_ROUNDS = 3
SHORTEST = 8


class Evening(Remedy):
    """The light of each frame, the course it should have taken, and what is taken out."""

    first: int
    even: bool = Field(description="no flicker to be told from grain: frames come back with the very same numbers")
    spatial: bool = Field(description="whether shading was evened too, or only level and contrast")
    found: Array = Field(description="(T, 3, K + 1) light found: density of level and shading modes, then gain")
    course: Array = Field(description="(T, 3, K + 1) the part of it that is the scene's")
    correction: Array = Field(description="(T, 3, K + 1) the part of the rest that is taken out")
    changes: tuple[int, ...] = Field((), description="frames at which the scene's light changes for good, e.g. a lamp")
    flashes: tuple[int, ...] = Field((), description="frames left as found: light far beyond the shot's own flicker")

    @property
    def modes(self) -> Modes:
        """The modes of level and shading."""
        return SHADED if self.spatial else EVEN

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """Each pixel toned by a straight line of its own frame, channel and place."""
        if self.even:
            return clip
        frames, marks = clip.frames.clone(), torch.zeros_like(clip.origin)
        for index, number in enumerate(clip.numbers):
            change = self.correction[number - self.first]
            if change.any():
                frames[index] = evened(clip.frames[index], torch.from_numpy(change).to(bench.device), self.modes)
                marks[index] = Origin.TONED
        return clip.marked(frames, marks)

    def summary(self) -> str:
        """E.g. `flicker 0.031 D (7.4 %), shading 0.004 D, contrast 1.2 %; light changes at 142`."""
        level, shading, gain = (_rms(self.flicker[..., part]) for part in _GROUPS)
        found = f"flicker {level:.3f} D ({100 * (10**level - 1):.1f} %), shading {shading:.3f} D, contrast {gain:.1%}"
        if self.even:
            return f"{found}; even, left as found"
        changes = f"; light changes at {', '.join(map(str, self.changes))}" if self.changes else ""
        flashes = f"; flashes kept at {', '.join(map(str, self.flashes))}" if self.flashes else ""
        return found + changes + flashes

    @property
    def flicker(self) -> Floats:
        """What of the light is not the scene's, `(T, 3, K + 1)`."""
        return np.asarray(self.found - self.course, np.float64)


class Deflicker(Restorer):
    """Even out flicker of brightness, contrast, color and shading, and keep the light of the scene."""

    kind: Literal["deflicker"] = "deflicker"
    strength: float = Field(1.0, ge=0, le=1, description="share of the flicker taken out; 0 leaves the clip as found")
    spatial: bool = Field(True, description="also even out shading that flickers across the frame")
    window: int = Field(
        64, ge=12, le=1000, description="frames; light that swings faster is flicker, slower is the scene's"
    )

    remedy: ClassVar[type[Remedy]] = Evening

    def examine(self, footage: Footage, bench: Bench) -> Evening:
        """The flicker of the shot; reads the footage once."""
        modes = SHADED if self.spatial else EVEN
        if self.strength == 0 or len(footage) < 2:
            still = np.zeros((len(footage), 3, len(modes) + 1), np.float32)
            return Evening(
                first=footage.first, even=True, spatial=self.spatial, found=still, course=still, correction=still
            )
        found = light(footage, modes, bench)
        course = _course(found.values, self.window)
        correction = self.strength * _told(found.values - course.values, found)
        correction[list(course.flashes)] = 0
        return Evening(
            first=footage.first,
            even=not correction.any(),
            spatial=self.spatial,
            found=found.values.astype(np.float32),
            course=course.values.astype(np.float32),
            correction=correction.astype(np.float32),
            changes=tuple(footage.first + index for index in course.changes),
            flashes=tuple(footage.first + index for index in course.flashes),
        )


_GROUPS = (slice(0, 1), slice(1, -1), slice(-1, None))


class _Course(NamedTuple):
    values: Floats
    changes: tuple[int, ...]
    flashes: tuple[int, ...]


def _course(found: Floats, window: int) -> _Course:
    """The scene's part of the light `(T, 3, K + 1)`, and where, from the start of the shot, it leaps or flashes."""
    length = len(found)
    series = found.reshape(length, -1)
    if length < SHORTEST:
        return _Course(np.broadcast_to(np.median(found, axis=0), found.shape), (), ())
    level = found[:, :, 0].mean(axis=1)
    flash = np.zeros(length, np.bool_)
    for _ in range(FLASH_ROUNDS):
        hold, changes = _hold(_bridged(level, flash), window)
        trust = np.where(flash, 0.0, 1.0)
        values = trend.smoothed(series, window, order=ORDER, hold=hold, trust=trust)
        spread = 1.4826 * np.median(np.abs(series - values), axis=0)
        held = np.clip(series, values - 4 * spread, values + 4 * spread)
        values = trend.smoothed(held, window, order=ORDER, hold=hold, trust=trust).reshape(found.shape)
        flash = _flashing(level - values[:, :, 0].mean(axis=1))
    return _Course(values, changes, tuple(int(t) for t in np.flatnonzero(flash)))


def _flashing(apart: Floats) -> NDArray[np.bool_]:
    """Frames far out of the flicker of the others, and those about them that are still out of it."""
    usual = 1.4826 * float(np.median(np.abs(apart)))
    near = np.abs(apart) > max(FLASH_DENSITY / 4, FLASH_SPREADS / 2 * usual)
    far = np.abs(apart) > max(FLASH_DENSITY, FLASH_SPREADS * usual)
    label = np.cumsum(np.diff(near, prepend=False) & near) * near
    return np.asarray(near & np.isin(label, label[far]))


def _bridged(level: Floats, flash: NDArray[np.bool_]) -> Floats:
    return np.interp(np.arange(len(level)), np.flatnonzero(~flash), level[~flash])


def _hold(level: Floats, window: int) -> tuple[Floats, tuple[int, ...]]:
    """How smooth the course must be at each place, in [0, 1]: less where the light leads to another lasting level."""
    length = len(level)
    hold, changes = np.ones(length - ORDER), list[int]()
    inside_change, at_its_ends = (
        min((np.sin(np.pi / window) / np.sin(np.pi / period)) ** (2 * ORDER), 1.0)
        for period in (PERIOD_INSIDE_CHANGES, PERIOD_AT_THEIR_ENDS)
    )
    runs = _runs(trend.smoothed(level[:, None], PERIOD_OF_TURNS, order=ORDER)[:, 0])
    for start, stop in sorted(runs, key=lambda run: -abs(float(level[run[1]] - level[run[0]]))):
        change = _lasting_change(level, start, stop, changes)
        if change == 0:
            continue
        inside = level[max(start - 1, 0) : stop + 2]
        leap = int(np.argmax(np.abs(np.diff(inside))))
        edge = max(start - 1, 0) + leap + 1
        if abs(inside[leap + 1] - inside[leap]) > STEP_SHARE * abs(change):
            hold[max(edge - ORDER, 0) : edge] = 0
        else:
            hold[max(start - ORDER, 0) : stop + 1] = inside_change
            for end in (start, stop):
                hold[max(end - ORDER - CHANGE_MARGIN, 0) : end + 1 + CHANGE_MARGIN] = at_its_ends
            edge = start
        changes.append(edge)
    return hold, tuple(sorted(changes))


def _lasting_change(level: Floats, start: int, stop: int, known: list[int]) -> float:
    """By how much a rise or fall changes the level for good, up to changes known already; 0 where it does not."""
    since = max([start - LASTING_FRAMES, 0, *(edge for edge in known if edge <= start)])
    until = min([stop + LASTING_FRAMES, *(edge for edge in known if edge > stop)])
    lead, trail = level[since : start + 1], level[stop:until]
    change = float(np.median(trail) - np.median(lead))
    rise = float(level[stop] - level[start])
    apart = np.concatenate((lead - np.median(lead), trail - np.median(trail)))
    unrest = 1.4826 * max(float(np.median(np.abs(apart))), float(np.median(np.abs(np.diff(level)))) / np.sqrt(2))
    least = max(LEAST_CHANGE, 4 * unrest)
    if min(len(lead), len(trail)) < FEW_FRAMES:
        least = max(least, LEAST_CHANGE_AT_AN_END)  # too few frames to see whether it lasts
    lasting = rise * change > 0 and LASTING_SHARE < abs(change / rise) < 1 / LASTING_SHARE
    return change if lasting and abs(change) > least else 0.0


def _runs(values: Floats) -> list[tuple[int, int]]:
    """First and last frame of each stretch over which values only rise or only fall."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(values)))) + 1
    bounds = [0, *(int(turn) for turn in turns), len(values) - 1]
    return [(a, b) for a, b in pairwise(bounds) if b > a]


def _told(flicker: Floats, found: Light) -> Floats:
    """The flicker `(T, 3, K + 1)` without what may be error, and without groups not to be told from an even film."""
    sizes = np.asarray((flicker**2).mean(axis=0), np.float64)
    told = flicker * np.clip(1 - found.error**2 / np.maximum(sizes, 1e-12), 0, 1)
    for group in _GROUPS:
        size, error = sizes[:, group].sum(), (found.error[:, group] ** 2).sum()
        if size < max(3 * LEAST_DENSITY**2, CERTAINTY**2 * error):
            told[..., group] = 0
    return np.asarray(told, np.float64)


def _rms(values: Floats) -> float:
    """Root mean square over frames and channels of what `(T, 3, ...)` amounts to."""
    return float(np.sqrt((values**2).sum() / (3 * len(values))))
