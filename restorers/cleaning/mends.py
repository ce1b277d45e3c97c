"""The layer that repair leaves: what was found, what was done about it, and the pixels that replace it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from restorers.cleaning.exposures import Irregularity
from restorers.cleaning.found import Found, Kind, Polarity
from restorers.cleaning.neighbors import Box
from restorers.clip import Clip, Origin
from restorers.detail.grain import Floats
from restorers.restorer import Bench, Packed, Remedy

Action = Literal["borrowed", "corrected", "interpolated", "generated", "left"]
Reason = Literal["", "rejected", "protected", "not in only", "moves", "nothing fits"]
REASONS: tuple[Reason, ...] = get_args(Reason)


class Part(NamedTuple):
    """A blemish in one frame, or a piece of it there: the box, where its pixels begin, how many, or why it was left."""

    frame: int
    box: Box
    start: int
    area: int
    reason: Reason


class Blemish(BaseModel):
    """One blemish, in one frame or through many, and what was done about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="frame, row and column of its middle where it is first seen; see `edits`")
    kind: Kind
    first: int = Field(description="reel number of the first frame it is on")
    last: int = Field(description="reel number of the last frame it is on, inclusive")
    box: Box = Field(description="top, left, bottom, right, half-open; around all of it in all frames")
    polarity: Polarity
    contrast: float = Field(description="how far it stands out at most, in sigmas of the grain")
    confidence: float = Field(description="0 to 1: how likely it is a blemish; mean over its parts")
    action: Action = Field(description="what was done about most of its pixels")
    reason: Reason = Field("", description="why it, or most of what was left of it, was left")
    donors: tuple[int, ...] = Field((), description="frames from here to those it was borrowed from, most used first")
    area: int = Field(0, description="pixels replaced")
    parts: int = Field(1, description="pieces it is mended in: rows of the layer's `parts`")
    parts_left: int = Field(0, description="how many of these were left as found")


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
    def action(self) -> Action:
        """What was done about most of its pixels."""
        return "left" if self.marks is None else _action(self.marks)

    @property
    def donors(self) -> tuple[int, ...]:
        """Distances to the frames it was borrowed from, most used first."""
        return () if self.marks is None else _donors(self.marks)

    @property
    def area(self) -> int:
        """Pixels replaced."""
        return 0 if self.marks is None else len(self.marks)


class Mending(Remedy):
    """The blemishes of a shot, and the pixels that replace them.

    Attributes:
        size: height and width of the frames.
        first: reel number of the first frame that was looked at.
        frames: how many were.
        blemishes: in the order of frame and place in which they are first seen.
        parts: int32 `(S, 7)`, blemish after blemish: frame, box, pixels replaced, and place of the reason in `REASONS`.
        places: int32 `(P,)`, row * width + column of each replaced pixel, part after part.
        values: `(P, 3)`, density.
        marks: uint8 `(P,)`, the `Origin` of each.
        unmet: what was rejected in this shot, by id or region, and was not found there.
        irregularities: exposures shown twice and exposures missing; nothing is done about them.
    """

    size: tuple[int, int]
    first: int
    frames: int
    blemishes: tuple[Blemish, ...]
    parts: Packed
    places: Packed
    values: Packed
    marks: Packed
    unmet: tuple[str, ...] = ()
    irregularities: tuple[Irregularity, ...] = ()

    @field_serializer("blemishes", when_used="json")
    def _table(self, blemishes: tuple[Blemish, ...]) -> dict[str, object]:
        """A row for each, under the names of the columns: a third of the bytes."""
        rows = [list(blemish.model_dump(mode="json").values()) for blemish in blemishes]
        return {"columns": list(Blemish.model_fields), "rows": rows}

    @field_validator("blemishes", mode="before")
    @classmethod
    def _from_table(cls, value: object) -> object:
        if isinstance(value, Mapping):
            return [dict(zip(value["columns"], row, strict=True)) for row in value["rows"]]
        return value

    @classmethod
    def of(
        cls,
        mends: Iterable[Mend],
        size: tuple[int, int],
        numbers: range,
        irregularities: tuple[Irregularity, ...] = (),
    ) -> Self:
        """The layer of the mends of a shot of these frames."""
        blemishes: list[Blemish] = []
        rows: list[tuple[int, ...]] = []
        places, values, marks = [np.zeros(0, np.int32)], [np.zeros((0, 3), np.float32)], [np.zeros(0, np.uint8)]
        taken: Counter[str] = Counter()
        for group in _grouped(mends):
            blemishes.append(_recorded(group, taken))
            rows += ((m.frame, *m.found.box, m.area, REASONS.index(m.reason)) for m in group)
            for mend in group:
                if mend.values is not None and mend.marks is not None:
                    y, x = np.nonzero(mend.found.mask)
                    places.append(((y + mend.found.box[0]) * size[1] + x + mend.found.box[1]).astype(np.int32))
                    values.append(mend.values)
                    marks.append(mend.marks)
        return cls(
            size=size,
            first=numbers.start,
            frames=len(numbers),
            blemishes=tuple(blemishes),
            parts=np.array(rows, np.int32).reshape(-1, 7),
            places=np.concatenate(places),
            values=np.concatenate(values),
            marks=np.concatenate(marks),
            irregularities=irregularities,
        )

    def without(self, why: Callable[[Blemish, Part], Reason], unmet: tuple[str, ...] = ()) -> Self:
        """The layer less some parts of blemishes: those that `why` gives a reason for leaving."""
        blemishes: list[Blemish] = []
        rows: list[tuple[int, ...]] = []
        kept = np.zeros(len(self.places), bool)
        for blemish, parts in self.pieces:
            reasons = [why(blemish, part) for part in parts]
            now = [p._replace(area=0, reason=r) if r else p for p, r in zip(parts, reasons, strict=True)]
            for part in now:
                kept[part.start : part.start + part.area] = True
            span = slice(parts[0].start, parts[-1].start + parts[-1].area)
            blemishes.append(blemish.model_copy(update=_outcome(now, self.marks[span][kept[span]])))
            rows += ((part.frame, *part.box, part.area, REASONS.index(part.reason)) for part in now)
        return type(self)(
            size=self.size,
            first=self.first,
            frames=self.frames,
            blemishes=tuple(blemishes),
            parts=np.array(rows, np.int32).reshape(-1, 7),
            places=self.places[kept],
            values=self.values[kept],
            marks=self.marks[kept],
            unmet=unmet,
            irregularities=self.irregularities,
        )

    def apply(self, clip: Clip, bench: Bench) -> Clip:
        """The clip with its blemishes mended; every other pixel is the same number."""
        mends = [(number, cut) for number in clip.numbers for cut in self._cuts.get(number, ())]
        if not mends:
            return clip
        frames, marks = clip.frames.clone(), torch.zeros_like(clip.origin)
        for number, cut in mends:
            places = torch.from_numpy(self.places[cut].astype(np.int64)).to(frames.device)
            values = bench.tensor(self.values[cut])
            frames[number - clip.first].flatten(1)[:, places] = values.T
            marks[number - clip.first].flatten()[places] = torch.from_numpy(self.marks[cut]).to(marks.device)
        return clip.marked(frames, marks)

    def touched(self, number: int) -> NDArray[np.bool_]:
        """Which pixels of a frame it replaces, `(H, W)`."""
        mask = np.zeros(self.size[0] * self.size[1], bool)
        for cut in self._cuts.get(number, ()):
            mask[self.places[cut]] = True
        return mask.reshape(self.size)

    def summary(self) -> str:
        """Blemishes by class and what became of them, the share of the pixels replaced, and what is irregular."""
        kinds = Counter(b.kind for b in self.blemishes if b.action != "left")
        left = sum(b.action == "left" for b in self.blemishes)
        share = len(self.places) / max(self.size[0] * self.size[1] * self.frames, 1)
        mended = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
        unmet = f"; nothing was found to reject at {'; '.join(self.unmet)}" if self.unmet else ""
        return (
            f"mended {mended} in {self.frames} frames ({share:.3%} of the pixels), left {left}{unmet}{self._timing()}"
        )

    @cached_property
    def pieces(self) -> tuple[tuple[Blemish, tuple[Part, ...]], ...]:
        """Each blemish with its parts."""
        starts = np.cumsum(self.parts[:, 5]) - self.parts[:, 5]
        every = [
            Part(frame, (top, left, bottom, right), start, area, REASONS[reason])
            for (frame, top, left, bottom, right, area, reason), start in zip(
                self.parts.tolist(), starts.tolist(), strict=True
            )
        ]
        stops = np.cumsum([blemish.parts for blemish in self.blemishes]).tolist()
        return tuple((b, tuple(every[stop - b.parts : stop])) for b, stop in zip(self.blemishes, stops, strict=True))

    def _timing(self) -> str:
        kinds = Counter[str]()
        for one in self.irregularities:
            kinds[one.kind] += one.count
        return "".join(f"; frames {kind}: {count}" for kind, count in sorted(kinds.items()))

    @cached_property
    def _cuts(self) -> dict[int, list[slice]]:
        by_frame: dict[int, list[slice]] = {}
        for _, parts in self.pieces:
            for part in parts:
                if part.area:
                    by_frame.setdefault(part.frame, []).append(slice(part.start, part.start + part.area))
        return by_frame


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box around some boxes."""
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)


def _grouped(mends: Iterable[Mend]) -> list[list[Mend]]:
    """The mends of each blemish, in the order of frame and place in which they are first seen."""
    groups: dict[object, list[Mend]] = {}
    ordered = sorted(mends, key=lambda m: (m.frame, m.found.box, m.found.polarity, m.found.kind))
    for index, mend in enumerate(ordered):
        groups.setdefault(mend.found.track or index, []).append(mend)
    return list(groups.values())


def _recorded(group: Sequence[Mend], taken: Counter[str]) -> Blemish:
    """A blemish by its mends, under an id that is not taken yet."""
    lead = max((mend.found for mend in group), key=lambda found: found.contrast)
    top, left, bottom, right = hull(m.found.box for m in group if m.frame == group[0].frame)
    place = f"f{group[0].frame:06d}-y{(top + bottom) // 2:04d}-x{(left + right) // 2:04d}"
    taken[place] += 1
    marks = [mend.marks for mend in group if mend.marks is not None]
    parts = [Part(m.frame, m.found.box, 0, m.area, m.reason) for m in group]
    plain = Blemish(
        id=place if taken[place] == 1 else f"{place}-{taken[place]}",
        kind=lead.kind,
        first=group[0].frame,
        last=group[-1].frame,
        box=hull(m.found.box for m in group),
        polarity=lead.polarity,
        contrast=round(lead.contrast, 2),
        confidence=round(float(np.mean([mend.found.confidence for mend in group])), 3),
        action="left",
        parts=len(group),
    )
    return plain.model_copy(update=_outcome(parts, np.concatenate([np.zeros(0, np.uint8), *marks])))


def _outcome(parts: Sequence[Part], marks: NDArray[np.uint8]) -> dict[str, object]:
    """What a blemish's record says was done about it."""
    left = [part.reason for part in parts if not part.area]
    return {
        "action": _action(marks) if len(marks) else "left",
        "reason": Counter(left).most_common(1)[0][0] if left else "",
        "donors": _donors(marks),
        "area": len(marks),
        "parts_left": len(left),
    }


def _action(marks: NDArray[np.uint8]) -> Action:
    most = int(np.bincount(marks).argmax())
    if most >= Origin.GENERATED:
        return "generated"
    return "interpolated" if most == Origin.INTERPOLATED else "corrected" if most == Origin.CORRECTED else "borrowed"


def _donors(marks: NDArray[np.uint8]) -> tuple[int, ...]:
    counts = np.bincount(marks, minlength=256)
    lent = [k for k in range(-31, 32) if k and counts[Origin.BORROWED + k]]
    return tuple(sorted(lent, key=lambda k: (-counts[Origin.BORROWED + k], k)))
