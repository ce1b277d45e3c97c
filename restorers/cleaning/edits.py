"""What a person says about the finds of repair: this one was none, leave that part of the frame alone, only here.

A blemish goes by where it is seen first, so that its id outlives a new examination in which its box, or all that lies
beneath, has moved by a pixel or two: an id means what is found nearest to that place in that frame.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from restorers.cleaning.found import Kind
from restorers.cleaning.mends import Blemish, Mending, Part, Reason, hull
from restorers.cleaning.neighbors import Box
from restorers.restorer import WrongEdit

NEAR = 4  # pixels that a blemish's middle may have moved by; a large one by a quarter of its size
SOON = 12  # frames by which a blemish that is on many may begin sooner or later

_ID = re.compile(r"f(\d{1,9})-y(\d{1,6})-x(\d{1,6})(-\d{1,4})?")


def place(name: str) -> tuple[int, int, int]:
    """The frame, row and column in an id.

    >>> place("f000123-y0456-x0789")
    (123, 456, 789)

    Raises:
        ValueError: it is none.
    """
    match = _ID.fullmatch(name)
    if match is None:
        raise ValueError(
            f"{name!r} is no id of a blemish: they look like f000123-y0456-x0789, frame, row and column, as "
            "`reelwright blemishes` lists them"
        )
    frame, row, column = match.groups()[:3]
    return int(frame), int(row), int(column)


def _well_formed(name: str) -> str:
    place(name)
    return name


BlemishId = Annotated[str, AfterValidator(_well_formed)]


class Region(BaseModel):
    """A part of some frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int = Field(ge=0, description="reel number of the first frame")
    last: int = Field(ge=0, description="reel number of the last frame, inclusive")
    top: int = Field(0, ge=0, description="first row")
    left: int = Field(0, ge=0, description="first column")
    bottom: int | None = Field(None, ge=1, description="row behind the last; the frame's end when not given")
    right: int | None = Field(None, ge=1, description="column behind the last; the frame's end when not given")
    kinds: tuple[Kind, ...] = Field((), description="these classes of blemishes alone; all of them when not given")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        for before, after, low, high in (
            ("first", "last", self.first, self.last + 1),
            ("top", "bottom", self.top, self.bottom),
            ("left", "right", self.left, self.right),
        ):
            if high is not None and high <= low:
                raise ValueError(f"{after!r} lies before {before!r} {low}: the region has nothing in it")
        return self

    def meets(self, kind: Kind, frame: int, box: Box) -> bool:
        """Whether it is about any of a box of a blemish of some class in a frame."""
        top, left, bottom, right = box
        below = self.bottom is None or top < self.bottom
        beside = self.right is None or left < self.right
        return self._about(kind, frame) and below and beside and bottom > self.top and right > self.left

    def holds(self, kind: Kind, frame: int, box: Box) -> bool:
        """Whether it is about all of it."""
        top, left, bottom, right = box
        above = self.bottom is None or bottom <= self.bottom
        beside = self.right is None or right <= self.right
        return self._about(kind, frame) and above and beside and top >= self.top and left >= self.left

    def __str__(self) -> str:
        frames = f"frame {self.first}" if self.first == self.last else f"frames {self.first}-{self.last}"
        return f"{frames}, rows {self.top}-{_end(self.bottom)}, columns {self.left}-{_end(self.right)}"

    def _about(self, kind: Kind, frame: int) -> bool:
        return self.first <= frame <= self.last and (not self.kinds or kind in self.kinds)


Rejected = Annotated[
    Annotated[BlemishId, Tag("id")] | Annotated[Region, Tag("region")],
    Discriminator(lambda value: "region" if isinstance(value, Mapping | Region) else "id"),
]
"""What a person takes back: the mend of one blemish by its id, or all that meet a part of some frames."""


@dataclass(frozen=True)
class Edits:
    """A person's edits of what repair found.

    Attributes:
        reject: ids and regions of mends that are taken back.
        protect: regions that are left alone.
        only: regions outside of which nothing is mended; None for the whole film.
    """

    reject: tuple[Rejected, ...]
    protect: tuple[Region, ...]
    only: tuple[Region, ...] | None

    @property
    def ids(self) -> tuple[str, ...]:
        """The blemishes that are rejected by name."""
        return tuple(one for one in self.reject if isinstance(one, str))

    @property
    def regions(self) -> tuple[Region, ...]:
        """Every region named."""
        return *(one for one in self.reject if isinstance(one, Region)), *self.protect, *(self.only or ())

    def concerning(self, first: int, stop: int) -> "Edits":
        """Those that concern the frames first <= n < stop; blemishes on many frames may begin a little sooner."""

        def concerns(one: str | Region) -> bool:
            if isinstance(one, Region):
                return one.first < stop and one.last >= first
            return first <= place(one)[0] < stop

        return Edits(
            reject=tuple(one for one in self.reject if concerns(one)),
            protect=tuple(one for one in self.protect if concerns(one)),
            only=None if self.only is None else tuple(one for one in self.only if concerns(one)),
        )

    def check(self, spans: Sequence[range]) -> None:
        """Refuse edits of frames that none of a reel's shots has.

        Raises:
            WrongEdit: there are some; names them all.
        """
        stray = [name for name in self.ids if not any(place(name)[0] in span for span in spans)]
        for one in self.regions:
            if not any(one.first < span.stop and one.last >= span.start for span in spans):
                stray.append(str(one))
        if stray:
            held = ", ".join(f"{span.start}-{span.stop - 1}" for span in spans)
            raise WrongEdit(f"repair is told of frames that the reel has not: {'; '.join(stray)}. Its shots are {held}")

    def of(self, found: Mending) -> Mending:
        """The layer as edited: what is left has its source pixels again, all else is the same bytes.

        Raises:
            WrongEdit: a region reaches beyond the frame.
        """
        self._within(found.size)
        rejected, unmet = matched(self.ids, found)
        regions = tuple(one for one in self.reject if isinstance(one, Region))
        unmet += tuple(str(one) for one in regions if _misses(one, found))

        def why(blemish: Blemish, part: Part) -> Reason:
            at = (blemish.kind, part.frame, part.box)
            if blemish.id in rejected or any(region.meets(*at) for region in regions):
                return "rejected"
            if any(region.meets(*at) for region in self.protect):
                return "protected"
            if self.only is not None and not any(region.holds(*at) for region in self.only):
                return "not in only"
            return ""

        return found.without(why, unmet)

    def _within(self, size: tuple[int, int]) -> None:
        height, width = size
        for one in self.regions:
            if max(one.top + 1, one.bottom or 0) > height or max(one.left + 1, one.right or 0) > width:
                raise WrongEdit(f"{one}: a frame has {height} rows and {width} columns")


def matched(ids: Sequence[str], found: Mending) -> tuple[frozenset[str], tuple[str, ...]]:
    """The ids as a layer has them, of what is nearest to the places that some ids name, and the ids nothing is near."""
    names = {blemish.id for blemish in found.blemishes}
    met, unmet = set(), []
    for wanted in ids:
        near = {wanted: 0.0} if wanted in names else _distances(wanted, found)
        if near:
            met.add(min(near, key=lambda name: (near[name], name)))
        else:
            unmet.append(wanted)
    return frozenset(met), tuple(unmet)


def _misses(region: Region, found: Mending) -> bool:
    """Whether a region that lies in a layer's frames meets nothing that was found there."""
    inside = found.first <= region.first and region.last < found.first + found.frames
    parts = ((blemish.kind, part.frame, part.box) for blemish, parts in found.pieces for part in parts)
    return inside and not any(region.meets(*at) for at in parts)


def _distances(wanted: str, found: Mending) -> dict[str, float]:
    """How far the blemishes near the place of an id are from it, in pixels and frames."""
    frame, y, x = place(wanted)
    near = {}
    for blemish, parts in found.pieces:
        late = max(blemish.first - frame, frame - blemish.last, 0)
        if late > (SOON if blemish.last > blemish.first else 0):
            continue
        here = min((part.frame for part in parts), key=lambda number: abs(number - frame))
        top, left, bottom, right = hull(part.box for part in parts if part.frame == here)
        down, across = abs((top + bottom) // 2 - y), abs((left + right) // 2 - x)
        if down <= max(NEAR, (bottom - top) / 4) and across <= max(NEAR, (right - left) / 4):
            near[blemish.id] = float(np.hypot(down, across)) + late
    return near


def _end(stop: int | None) -> str:
    return "end" if stop is None else str(stop - 1)
