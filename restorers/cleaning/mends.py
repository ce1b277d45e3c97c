"""The layer that repair leaves: what was found, what was done about it, and the pixels that replace it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.cleaning.found import Found, Kind, Polarity
from restorers.cleaning.neighbors import Box
from restorers.clip import Clip, Origin
from restorers.detail.grain import Floats
from restorers.restorer import Array, Bench, Remedy

Action = Literal["borrowed", "corrected", "interpolated", "generated", "left"]
Reason = Literal["", "rejected", "protected", "moves", "nothing fits"]


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
    kind: Kind
    frame: int
    box: Box = Field(description="top, left, bottom, right, half-open")
    polarity: Polarity
    contrast: float = Field(description="how far it stands out at most, in sigmas of the grain")
    confidence: float = Field(description="0 to 1: how likely it is a blemish")
    action: Action
    reason: Reason = Field("", description="why it was left")
    donors: tuple[int, ...] = Field((), description="frames from here to those it was borrowed from, most used first")
    start: int = Field(0, description="where its pixels begin in `places`, `values` and `marks`")
    area: int = Field(0, description="pixels replaced")


@dataclass(frozen=True)
class Mend:
    """What was done about something found on a frame.

    Attributes:
        frame: reel number.
        found: what.
        values: density that replaces its pixels, row by row, `(area, 3)`; none where it is left.
        marks: uint8 `(area,)`, the `Origin` of each.
        reason: why it is left.
    """

    frame: int
    found: Found
    values: Floats | None = None
    marks: NDArray[np.uint8] | None = None
    reason: Reason = ""

    @property
    def id(self) -> str:
        """Class, frame, top, left and polarity."""
        return f"{self.found.kind}-{self.frame}-{self.found.box[0]}-{self.found.box[1]}-{self.found.polarity}"

    @property
    def action(self) -> Action:
        """What was done about most of its pixels."""
        if self.marks is None:
            return "left"
        most = int(np.bincount(self.marks).argmax())
        if most >= Origin.GENERATED:
            return "generated"
        return "interpolated" if most == Origin.INTERPOLATED else "corrected" if most == Origin.TONED else "borrowed"

    @property
    def donors(self) -> tuple[int, ...]:
        """Distances to the frames it was borrowed from, most used first."""
        if self.marks is None:
            return ()
        lent = Counter(int(m) - Origin.BORROWED for m in self.marks if abs(int(m) - Origin.BORROWED) <= 31)
        return tuple(distance for distance, _ in sorted(lent.items(), key=lambda item: (-item[1], item[0])))

    def record(self, start: int) -> Blemish:
        """What is kept of it beside its pixels, which begin at `start`."""
        return Blemish(
            id=self.id,
            kind=self.found.kind,
            frame=self.frame,
            box=self.found.box,
            polarity=self.found.polarity,
            contrast=round(self.found.contrast, 2),
            confidence=round(self.found.confidence, 3),
            action=self.action,
            reason=self.reason,
            donors=self.donors,
            start=start,
            area=0 if self.values is None else self.found.area,
        )


class Mending(Remedy):
    """The blemishes of a shot, and the pixels that replace them.

    Attributes:
        size: height and width of the frames.
        blemishes: in order of frame and place.
        places: int32 `(P,)`, row * width + column of each replaced pixel, blemish after blemish.
        values: `(P, 3)`, density.
        marks: uint8 `(P,)`, the `Origin` of each.
        unmet: rejected ids of this shot's frames under which nothing was found.
        frames: how many were looked at.
    """

    size: tuple[int, int]
    frames: int
    blemishes: tuple[Blemish, ...]
    places: Array
    values: Array
    marks: Array
    unmet: tuple[str, ...] = ()

    @classmethod
    def of(cls, mends: Iterable[Mend], size: tuple[int, int], *, frames: int, unmet: tuple[str, ...] = ()) -> Self:
        """The layer of the mends of a shot of so many frames."""
        records, start = [], 0
        places, values, marks = [np.zeros(0, np.int32)], [np.zeros((0, 3), np.float32)], [np.zeros(0, np.uint8)]
        for mend in sorted(mends, key=lambda m: (m.frame, m.found.box, m.id)):
            records.append(mend.record(start))
            if mend.values is not None and mend.marks is not None:
                y, x = np.nonzero(mend.found.mask)
                places.append(((y + mend.found.box[0]) * size[1] + x + mend.found.box[1]).astype(np.int32))
                values.append(mend.values)
                marks.append(mend.marks)
                start += len(mend.values)
        return cls(
            size=size,
            frames=frames,
            blemishes=tuple(records),
            places=np.concatenate(places),
            values=np.concatenate(values),
            marks=np.concatenate(marks),
            unmet=unmet,
        )

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
            frames[number - clip.first].flatten(1)[:, places] = values.T
            marks[number - clip.first].flatten()[places] = torch.from_numpy(self.marks[cut]).to(marks.device)
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
