"""Opening a shot: frames of the scan, window by window, with the layers of its stack laid on them.

No restorer meets a boundary: windows carry the halo their layers need, end at the shot, and are trimmed here.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Clip, Origin
from restorers.colorspace import Space
from restorers.restorer import Bench, Enlarging, Moving, Remedy, RestorationError

ROWS = 64  # of a frame that are looked at at once: they stay in the processor's cache


class Source(Protocol):
    """Where frames come from: a scan, a frame store, an array in a test."""

    @property
    def space(self) -> Space:
        """The space of the scan's own codes."""

    @property
    def white(self) -> float:
        """The code that is 1.0 in a clip, e.g. 1023 for 10-bit scans; 1.0 for scans in floating point."""

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop as scanned, `code / white`, all of them untouched."""


@dataclass(frozen=True, eq=False)
class Held:
    """A clip in memory as the scan of one shot."""

    clip: Clip
    white: float = 255.0

    @property
    def space(self) -> Space:
        """The space of the clip."""
        return self.clip.space

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop."""
        return self.clip.between(first, stop)


class Companion(Protocol):
    """Maps that come with a scan, in its geometry: infrared light, or what a person marked."""

    def read(self, number: int) -> NDArray[np.float32] | None:
        """The map of a frame, `(H, W)` in [0, 1]; None where it has none."""


@dataclass(frozen=True)
class Span:
    """A shot as opened: its frames, and the remedies that lie on them, lowest first."""

    first: int
    stop: int
    remedies: tuple[Remedy, ...] = ()

    def __contains__(self, number: int) -> bool:
        return self.first <= number < self.stop

    def __len__(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True)
class Footage:
    """One shot, or all shots of a reel, seen through the remedies beneath, in the space a restorer asked for."""

    source: Source
    spans: tuple[Span, ...]
    space: Space
    bench: Bench = field(default_factory=Bench)
    infrared: Companion | None = None
    masks: Companion | None = None

    WINDOW = 8

    @property
    def first(self) -> int:
        """Reel number of the first frame."""
        return self.spans[0].first

    @property
    def stop(self) -> int:
        """Reel number behind the last frame."""
        return self.spans[-1].stop

    def __len__(self) -> int:
        return sum(len(span) for span in self.spans)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width as opened, in pixels."""
        return self.clip(self.first, self.first + 1).size

    def clip(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop of one shot, as opened.

        Raises:
            IndexError: the frames are not all in one shot.
        """
        span = next((span for span in self.spans if first in span and stop - 1 in span), None)
        if span is None or not first < stop:
            shots = ", ".join(f"{s.first}-{s.stop - 1}" for s in self.spans)
            raise IndexError(f"frames {first}-{stop - 1} are not within one shot ({shots})")
        return opened(self.source, span, first, stop, self.bench).in_space(self.space)

    def beside(self, maps: Companion, number: int) -> NDArray[np.float32] | None:
        """The map of a frame, laid where the frame as opened shows its pixels; None where it has none.

        Raises:
            IndexError: the frame is in no shot.
        """
        span = next((span for span in self.spans if number in span), None)
        if span is None:
            raise IndexError(f"frame {number} is in no shot")
        plane = maps.read(number)
        if plane is None:
            return None
        for remedy in span.remedies:
            plane = remedy.carried(plane, number) if isinstance(remedy, Moving) else plane
            plane = plane.repeat(remedy.scale, 0).repeat(remedy.scale, 1)
        return plane

    def windows(
        self, length: int = WINDOW, *, halo: int = 0, wanted: Container[int] | None = None
    ) -> Iterator[tuple[range, Clip]]:
        """Every frame once, in order: the numbers that are new, and a clip that holds them and their halo.

        At the ends of a shot the halo is shorter; nothing reaches across a cut. Frames that two windows share are
        opened once; windows in which no frame is wanted are left out.
        """
        for span in self.spans:
            kept: Clip | None = None
            for first in range(span.first, span.stop, length):
                stop = min(first + length, span.stop)
                if wanted is not None and not any(number in wanted for number in range(first, stop)):
                    kept = None
                    continue
                clip = self._continued(kept, max(first - halo, span.first), min(stop + halo, span.stop))
                yield range(first, stop), clip
                last = max(stop - halo, span.first)
                kept = _copied(clip.between(last, clip.stop)) if last < clip.stop else None
                del clip  # or the next window would be opened beside it

    def _continued(self, kept: Clip | None, first: int, stop: int) -> Clip:
        """The frames first <= n < stop, of which `kept` holds the first ones."""
        if kept is None:
            return self.clip(first, stop)
        if kept.stop == stop:
            return kept
        new = self.clip(kept.stop, stop)
        return replace(kept, frames=torch.cat((kept.frames, new.frames)), origin=torch.cat((kept.origin, new.origin)))

    def frames(self) -> Iterator[Clip]:
        """Every frame once, in order, as clips of one frame, opened a window at a time."""
        for numbers, clip in self.windows():
            for number in numbers:
                yield clip.between(number, number + 1)

    def sample(self, count: int) -> Iterator[Clip]:
        """At most `count` single frames spread evenly over the footage."""
        numbers = [n for span in self.spans for n in range(span.first, span.stop)]
        count = min(count, len(numbers))
        for i in range(count):
            number = numbers[(2 * i + 1) * len(numbers) // (2 * count)]
            yield self.clip(number, number + 1)


def opened(source: Source, span: Span, first: int, stop: int, bench: Bench) -> Clip:
    """The frames first <= n < stop of a shot with its remedies on them, in the space of the scan.

    A layer that moves its frames right beneath one that enlarges them draws them at their final size: one resampling.
    A pixel that no layer touched has exactly the value the scan has.

    Raises:
        RestorationError: a layer changed a pixel without marking it.
    """
    halos = [remedy.halo for remedy in span.remedies]
    reach = sum(halos)
    scan = source.read(max(first - reach, span.first), min(stop + reach, span.stop))
    clip = on_device(scan, bench)
    drawn = False
    for remedy, above, halo in zip(span.remedies, (*span.remedies, None)[1:], halos, strict=True):
        reach -= halo
        clip = clip.in_space(remedy.space)
        here, there = max(first - reach, span.first), min(stop + reach, span.stop)
        if drawn and isinstance(remedy, Enlarging):
            clip, drawn = remedy.finished(clip.between(here, there), bench), False
        elif isinstance(above, Enlarging) and above.enlarges > 1 and isinstance(remedy, Moving) and remedy.moves:
            clip, drawn = remedy.drawn(clip, here, there, above.enlarges, bench), True
        else:
            clip = _laid(remedy, clip, here, there, bench)
    clip = clip.in_space(source.space)
    return _as_scanned(clip, scan) if span.remedies else clip


def on_device(clip: Clip, bench: Bench) -> Clip:
    """The clip on the bench's device."""
    return replace(clip, frames=clip.frames.to(bench.device), origin=clip.origin.to(bench.device))


def _laid(remedy: Remedy, clip: Clip, first: int, stop: int, bench: Bench) -> Clip:
    """The frames first <= n < stop with a layer on them, its marks laid over those beneath.

    A layer that leaves pixels in their places must have marked each one it changed; a layer that moves or enlarges
    frames resamples, and marks, all of them.
    """
    if isinstance(remedy, Moving | Enlarging):
        return remedy.applied(clip, first, stop, bench)
    bare = replace(clip, origin=torch.zeros_like(clip.origin))
    version = clip.frames._version
    beneath, laid = clip.between(first, stop), remedy.applied(bare, first, stop, bench)
    if clip.frames._version != version:
        raise RestorationError(
            f"the layer {type(remedy).__name__} wrote into the frames {clip.first}-{clip.stop - 1} it was given"
        )
    for number in laid.numbers:
        _accounted(remedy, number, beneath[number], laid[number], laid.origin[number - first])
    return replace(laid, origin=torch.maximum(beneath.origin, laid.origin))


def _accounted(remedy: Remedy, number: int, before: Tensor, after: Tensor, marks: Tensor) -> None:
    if before.data_ptr() == after.data_ptr() or bool(marks.all()):
        return
    rows = range(0, len(marks), ROWS)
    if not any(bool(_silent(before[:, y : y + ROWS], after[:, y : y + ROWS], marks[y : y + ROWS]).any()) for y in rows):
        return
    silent = _silent(before, after, marks).any(0)
    y, x = (int(place[0]) for place in np.nonzero(silent))
    raise RestorationError(
        f"the layer {type(remedy).__name__} changed {int(silent.sum())} pixels of frame {number} without a mark, "
        f"the first at row {y}, column {x}: where each pixel comes from must be told"
    )


def _silent(before: Tensor, after: Tensor, marks: Tensor) -> NDArray[np.bool_]:
    """Where a frame `(3, H, W)` differs from another and no mark `(H, W)` says why."""
    differs = (before.cpu().numpy() != after.cpu().numpy()) & (marks.cpu().numpy() == Origin.UNTOUCHED)
    return np.asarray(differs, bool)


def _copied(clip: Clip) -> Clip:
    return replace(clip, frames=clip.frames.clone(), origin=clip.origin.clone())


def _as_scanned(clip: Clip, scan: Clip) -> Clip:
    if clip.size != scan.size:
        return clip
    touched = clip.origin != Origin.UNTOUCHED
    if bool(touched.all()):
        return clip
    frames = scan.between(clip.first, clip.stop).frames.to(clip.frames.device, copy=True).contiguous()
    for frame, mended, there in zip(frames, clip.frames, touched, strict=True):
        places = torch.nonzero(there.flatten())[:, 0]
        frame.view(3, -1)[:, places] = mended.flatten(1)[:, places]
    return replace(clip, frames=frames)
