"""The layer that repair leaves: what was found, what was done about it, and the pixels that replace it."""

from collections import Counter
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from restorers.cleaning.neighbors import Box
from restorers.clip import Clip, Origin
from restorers.restorer import Array, Bench, Remedy


class Region(BaseModel):
    """A part of some frames that repair leaves alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int = Field(ge=0, description="reel number of the first frame")
    last: int = Field(ge=0, description="reel number of the last frame, inclusive")
    top: int = Field(0, ge=0, description="first row")
    left: int = Field(0, ge=0, description="first column")
    bottom: int | None = Field(None, ge=1, description="row behind the last; the frame's end when not given")
    right: int | None = Field(None, ge=1, description="column behind the last; the frame's end when not given")

    def meets(self, frame: int, box: Box) -> bool:
        """Whether any of a box of a frame lies in it."""
        top, left, bottom, right = box
        below = self.bottom is None or top < self.bottom
        beside = self.right is None or left < self.right
        return self.first <= frame <= self.last and below and beside and bottom > self.top and right > self.left


class Blemish(BaseModel):
    """One blemish in one frame, and what was done about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="class, frame, top, left: the same whenever the same blemish is found")
    kind: Literal["dust", "scratch"]
    frame: int
    box: Box = Field(description="top, left, bottom, right, half-open")
    polarity: Literal["bright", "dark"]
    contrast: float = Field(description="how far it stands out at most, in sigmas of the grain")
    confidence: float = Field(description="0 to 1: how much further it stands out than its neighbors differ")
    action: Literal["borrowed", "interpolated", "left"]
    reason: Literal["", "rejected", "protected", "moves", "nothing fits"] = Field("", description="why it was left")
    donor: int = Field(0, description="frames from here to the one it was borrowed from")
    start: int = Field(0, description="where its pixels begin in `places` and `values`")
    area: int = Field(0, description="pixels replaced")


class Mending(Remedy):
    """The blemishes of a shot, and the pixels that replace them.

    Attributes:
        size: height and width of the frames.
        blemishes: in order of frame and place.
        places: int32 `(P,)`, row * width + column of each replaced pixel, blemish after blemish.
        values: `(P, 3)`, density.
        unmet: rejected ids of this shot's frames under which nothing was found.
        frames: how many were looked at.
    """

    size: tuple[int, int]
    frames: int
    blemishes: tuple[Blemish, ...]
    places: Array
    values: Array
    unmet: tuple[str, ...] = ()

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """The clip with its blemishes mended; every other pixel is the same number."""
        mends = [(n, b) for n in clip.numbers for b in self._mended.get(n, ())]
        if not mends:
            return clip
        frames, marks = clip.frames.clone(), torch.zeros_like(clip.origin)
        for number, blemish in mends:
            cut = slice(blemish.start, blemish.start + blemish.area)
            places = torch.from_numpy(self.places[cut].astype(np.int64)).to(frames.device)
            values = bench.tensor(self.values[cut])
            mark = Origin.INTERPOLATED if blemish.action == "interpolated" else Origin.borrowed(blemish.donor)
            frames[number - clip.first].flatten(1)[:, places] = values.T
            marks[number - clip.first].flatten()[places] = int(mark)
        return clip.marked(frames, marks)

    def summary(self) -> str:
        """Blemishes by class and what became of them, and the share of the pixels replaced."""
        kinds = Counter(b.kind for b in self.blemishes if b.action != "left")
        left = sum(b.action == "left" for b in self.blemishes)
        share = sum(b.area for b in self.blemishes) / max(self.size[0] * self.size[1] * self.frames, 1)
        mended = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
        unmet = f"; no such blemish: {', '.join(self.unmet)}" if self.unmet else ""
        return f"mended {mended} in {self.frames} frames ({share:.3%} of the pixels), left {left}{unmet}"

    @cached_property
    def _mended(self) -> dict[int, list[Blemish]]:
        by_frame: dict[int, list[Blemish]] = {}
        for blemish in self.blemishes:
            if blemish.action != "left":
                by_frame.setdefault(blemish.frame, []).append(blemish)
        return by_frame
