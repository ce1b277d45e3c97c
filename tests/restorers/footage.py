"""Footage in memory, for tests: a source that holds its frames as an array."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.render import Footage, Span
from restorers.restorer import Bench, Remedy


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Frames `(T, 3, H, W)` of a scan, `code / white`, the first of which has reel number `first`."""

    frames: Tensor
    space: Space = Space.DENSITY
    white: float = 65535.0
    first: int = 0

    def read(self, first: int, stop: int) -> Clip:
        """The frames first <= n < stop, in memory of their own."""
        if not self.first <= first < stop <= self.first + len(self.frames):
            raise IndexError(f"frames {first}-{stop - 1} are not in {self.first}-{self.first + len(self.frames) - 1}")
        return Clip(self.frames[first - self.first : stop - self.first].clone(), self.space, first)


def footage_of(
    frames: Tensor,
    *,
    first: int = 0,
    space: Space = Space.DENSITY,
    cuts: tuple[int, ...] = (),
    remedies: tuple[Remedy, ...] = (),
    bench: Bench | None = None,
) -> Footage:
    """Footage of frames `(T, 3, H, W)` in `space`: one shot, or several that begin at the reel numbers `cuts`."""
    bounds = [first, *cuts, first + len(frames)]
    spans = tuple(Span(a, b, remedies) for a, b in pairwise(bounds))
    return Footage(ArraySource(frames, space, first=first), spans, space, bench or Bench())


def clip_of(frames: Tensor, *, first: int = 0, space: Space = Space.DENSITY) -> Clip:
    """The same frames as one untouched clip."""
    return Clip(torch.as_tensor(frames, dtype=torch.float32).clone(), space, first)
