"""Take out the flicker of uneven exposure, printing and decay; leave the light of the scene.

The light of the frames (see `light`) is parted into a course that swings slowly, which the scene keeps, and the rest,
which is flicker: from frame to frame, every second frame, or pumping within the window. A lamp switched on and a fade
lead from one lasting level to another; there the course may turn as sharply as the film does. A flash that stands far
out of the shot's own flicker is left as found.
"""

from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from restorers.clip import Clip, Origin
from restorers.evenness.events import Event
from restorers.evenness.light import EVEN, SHADED, Light, light
from restorers.evenness.response import BINS, Modes, curve, evened
from restorers.evenness.scenelight import parted
from restorers.render import Footage
from restorers.restorer import Array, Bench, Remedy, Restorer

Floats: TypeAlias = NDArray[np.float64]

LEAST_DENSITY = 0.0015
CERTAINTY = 3.0
USUAL = 1.4826
FARTHEST = 4.0


class Evening(Remedy):
    """The light of each frame, the course it should have taken, and what is taken out."""

    first: int
    even: bool = Field(description="no flicker to be told from grain: frames come back with the very same numbers")
    spatial: bool = Field(description="whether shading was evened too, or only level and contrast")
    middle: Array = Field(description="(3,) density about which the gain turns, and that level speaks of")
    found: Array = Field(description="(T, 3, K + 1) light found: density of level and shading modes, then gain")
    course: Array = Field(description="(T, 3, K + 1) the part of it that is the scene's")
    correction: Array = Field(description="(T, 3, K + 1) the part of the rest that is taken out")
    response: Array = Field(description="(3, B) share of it that each density shows, from white to black")
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
        shares = torch.from_numpy(self.response).to(bench.device)
        frames, marks = torch.empty_like(clip.frames), torch.zeros_like(clip.origin)

        def lay(number: int) -> None:
            frame, out = clip[number], frames[number - clip.first]
            change = self.correction[number - self.first]
            if change.any():
                light = torch.from_numpy(change).to(bench.device)
                evened(frame, light, out, middle=self.middle, modes=self.modes, response=shares)
                marks[number - clip.first] = Origin.TONED
            else:
                out.copy_(frame)

        bench.map(lay, clip.numbers)
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

    revision: ClassVar[int] = 3
    remedy: ClassVar[type[Remedy]] = Evening

    def examine(self, footage: Footage, bench: Bench) -> Evening:
        """The flicker of the shot; reads the footage once."""
        modes = SHADED if self.spatial else EVEN
        if self.strength == 0 or len(footage) < 2:
            still = np.zeros((len(footage), 3, len(modes) + 1), np.float32)
            return Evening(
                first=footage.first,
                even=True,
                spatial=self.spatial,
                middle=np.zeros(3, np.float32),
                found=still,
                course=still,
                correction=still,
                response=np.ones((3, BINS), np.float32),
            )
        found = light(footage, modes, bench)
        course, events = _parted(found)
        correction = self.strength * _told(found.values - course, found)
        passing = [range(max(event.first, 0), min(event.stop, len(footage))) for event in events if event.passes]
        flashes = sorted({t for frames in passing for t in frames})
        correction[flashes] = 0
        return Evening(
            first=footage.first,
            even=not correction.any(),
            spatial=self.spatial,
            middle=found.middle.astype(np.float32),
            found=found.values.astype(np.float32),
            course=course.astype(np.float32),
            correction=correction.astype(np.float32),
            response=curve(found.followed, _largest(correction)).astype(np.float32),
            changes=tuple(sorted({footage.first + max(event.first, 0) for event in events if not event.passes})),
            flashes=tuple(footage.first + t for t in flashes),
        )


_GROUPS = (slice(0, 1), slice(1, -1), slice(-1, None))


def _parted(found: Light) -> tuple[Floats, tuple[Event, ...]]:
    """The scene's part of the light `(T, 3, K + 1)`, and what happened in it."""
    groups = [group for group in _GROUPS if found.values[..., group].size]
    series = [found.values[..., group].reshape(len(found.values), -1) for group in groups]
    noise = [float(np.sqrt((found.error[:, group] ** 2).mean())) for group in groups]
    scene, events = parted(series, noise)
    course = np.empty_like(found.values)
    for group, part in zip(groups, scene, strict=True):
        course[..., group] = part.reshape(course[..., group].shape)
    return course, events


def _told(flicker: Floats, found: Light) -> Floats:
    """The flicker `(T, 3, K + 1)` without what may be error, and without groups not to be told from an even film.

    Flicker goes on through the shot: what stands far out of its usual size in a few frames is held to that.
    """
    sizes = np.minimum((flicker**2).mean(axis=0), (USUAL * np.median(np.abs(flicker), axis=0)) ** 2)
    held = np.clip(flicker, -FARTHEST * np.sqrt(sizes), FARTHEST * np.sqrt(sizes))
    told = held * np.clip(1 - found.error**2 / np.maximum(sizes, 1e-12), 0, 1)
    for group in _GROUPS:
        size, error = sizes[:, group].sum(), (found.error[:, group] ** 2).sum()
        if size < max(3 * LEAST_DENSITY**2, CERTAINTY**2 * error):
            told[..., group] = 0
    return np.asarray(told, np.float64)


def _largest(correction: Floats) -> float:
    """The most that a correction `(T, 3, K + 1)` can change of a density, but for rare frames."""
    return float(np.quantile(np.linalg.norm(correction, axis=-1), 0.99))


def _rms(values: Floats) -> float:
    """Root mean square over frames and channels of what `(T, 3, ...)` amounts to."""
    return float(np.sqrt((values**2).sum() / (3 * len(values))))
