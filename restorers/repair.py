"""Take dust, dirt, scratches, stains, splices and tears off: find them, take what the neighbors know, leave the rest.

What a blemish hides is copied from the one neighboring frame that fits its surroundings best, moved along the flow;
one frame, not a mean of several, so that the mend has the film's own grain. Only where no frame knows is it
interpolated from around, with grain laid in, and only if that is allowed. No other pixel is touched.

Rather too little than too much: the finders (see `blemishes`, `scratches`, `stains`, `bands`) leave what they doubt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from restorers.cleaning.bands import bands
from restorers.cleaning.blemishes import blemishes, flies
from restorers.cleaning.detector import candidates, detected
from restorers.cleaning.edits import Edits, Region, Rejected
from restorers.cleaning.evidence import contrast
from restorers.cleaning.exposures import Step, irregularities, step_to
from restorers.cleaning.found import Found, covered, joined, meet
from restorers.cleaning.lines import Line, lines
from restorers.cleaning.maps import Maps
from restorers.cleaning.mending import Fill, Grain, mended
from restorers.cleaning.mends import Mend, Mending
from restorers.cleaning.neighbors import Box
from restorers.cleaning.scratch_mending import corrected, soiled
from restorers.cleaning.scratches import scratches, segments
from restorers.cleaning.shelf import REACH, Shelf
from restorers.cleaning.stains import stains
from restorers.detail import granularity
from restorers.networks.detector import Detector
from restorers.networks.weights import opened
from restorers.render import Footage
from restorers.restorer import Bench, Editable, Remedy

STRIDE = 4  # frames by which the window goes on
FOLLOWED = 4  # frames
ONE_SIDED = 2.5  # at the ends of a shot only one side can tell: what it shows anew looks just like dust
SMALL = 150  # pixels, for the rules alone
SURER = 0.1  # of confidence, there
HEAPED = 0.35, 0.8  # shares of what looks like a stain that are found as dust, between which it is dust in heaps
STAYING = ("marked", "splice", "tear")  # never taken for things on their way


class Repair(Editable):
    """Find blemishes and mend them with what the neighboring frames know."""

    kind: Literal["repair"] = "repair"
    sensitivity: float = Field(
        6.0,
        ge=3,
        le=20,
        description="how many sigmas of the film's grain a blemish must stand out by for the rules; more finds less",
    )
    detector: Literal["network", "classical"] = Field(
        "network",
        description="what tells where something lies on a frame: rules and a small network, or rules alone",
    )
    confidence: float = Field(
        0.55, ge=0, le=1, description="how likely something must be dirt, by all that is weighed; more finds less"
    )
    max_area: int = Field(4000, ge=1, description="pixels beyond which it is taken for part of the picture")
    scratches: bool = Field(True, description="mend scratches that run along many frames")
    bands: bool = Field(True, description="mend splices and tears, which cross a frame or run into it from an edge")
    stains: bool = Field(True, description="mend large, faint stains that are seen through")
    fill: Fill = Field(
        "network",
        description="how what no neighbor knows is filled in from around it: by a small network or a classical method; "
        "by nothing, such blemishes are left as found and listed",
    )
    grain: Grain = Field(
        "own",
        description="whose grain a mend has: that of the frames it is borrowed from, as it is; or fresh grain of its "
        "kind on what they agree on",
    )
    reject: tuple[Rejected, ...] = Field(
        (), description="mends that a person looked at and took back: ids of blemishes, or parts of frames"
    )
    protect: tuple[Region, ...] = Field((), description="parts of frames to leave alone")
    only: tuple[Region, ...] | None = Field(
        None, description="parts of frames to mend, and nothing that is not wholly within one; everywhere if not given"
    )

    remedy: ClassVar[type[Remedy]] = Mending
    revision: ClassVar[int] = 7
    maps: ClassVar[bool] = True
    edits: ClassVar[frozenset[str]] = frozenset({"reject", "protect", "only"})

    @property
    def networks(self) -> tuple[str, ...]:
        """The detector and the painter, where they are asked."""
        asked = {"detector": self.detector, "painter": self.fill}
        return tuple(name for name, means in asked.items() if means == "network")

    def examine(self, footage: Footage, bench: Bench) -> Mending:
        """The blemishes of one shot; a shot of fewer than three frames shows none, as nothing can be compared."""
        model = granularity.measured(footage)
        seen, mends = _Seen(Maps.of(footage)), list[Mend]()
        shelf: Shelf | None = None
        looked = finished = footage.first
        for _, clip in footage.windows(STRIDE):
            shelf = Shelf(clip, model, seen.found) if shelf is None else shelf.turned(clip, finished - REACH)
            ahead = 0 if clip.stop == footage.stop else REACH
            ready = range(looked, max(clip.stop - ahead, looked))
            self._look(shelf, ready, bench, seen)
            whole = range(finished, max(ready.stop - ahead, finished))
            mends += self._mended(shelf, [Mend(n, found) for n in whole for found in seen.found[n]], bench)
            looked, finished = ready.stop, whole.stop
        del shelf
        flying = _flying(seen.found, seen.exposures)
        mends = [Mend(m.frame, m.found, reason="moves") if (m.frame, m.found.box) in flying else m for m in mends]
        scratched = scratches(seen.lines, footage.size)
        for numbers, clip in footage.windows(halo=REACH, wanted=scratched):
            shelf = Shelf(clip, model, soiled(seen.found, scratched, clip))
            for number, parts in zip(numbers, bench.map(partial(segments, shelf, scratched), numbers), strict=True):
                told = bench.map(partial(corrected, shelf, number, bench=bench), parts)
                mends += [mend for mend in told if mend is not None]
                hidden = [Mend(number, part) for part in parts if not part.seen_through]
                mends += self._mended(shelf, hidden, bench)
            del shelf  # or the next window would be opened beside it
        frames = range(footage.first, footage.stop)
        return Mending.of(mends, footage.size, frames, irregularities(seen.steps))

    def edited(self, found: Remedy) -> Mending:
        """The layer as a person edited it: what is rejected has its source pixels again, all else is the same bytes.

        Raises:
            WrongEdit: a region reaches beyond the frame.
        """
        if not isinstance(found, Mending):
            raise TypeError(f"repair finds blemishes, and this is {type(found).__name__}")
        return self._edits.of(found)

    def concerning(self, first: int, stop: int) -> Self:
        """The same repair with those edits alone that concern the frames first <= n < stop."""
        return self.model_copy(update=vars(self._edits.concerning(first, stop)))

    def check(self, spans: Sequence[range]) -> None:
        """Refuse edits of frames that none of a reel's shots has.

        Raises:
            WrongEdit: there are some; names them all.
        """
        self._edits.check(spans)

    @property
    def _edits(self) -> Edits:
        return Edits(self.reject, self.protect, self.only)

    def _look(self, shelf: Shelf, numbers: range, bench: Bench, seen: "_Seen") -> None:
        """Add what some frames of a window show that nobody has looked at yet."""
        found = bench.map(partial(self._lying, shelf, bench), numbers)
        told = bench.map(partial(seen.maps.told, shelf, self.max_area), numbers)
        seen.found.update(zip(numbers, map(joined, found, told), strict=True))
        steps = zip(numbers, bench.map(partial(step_to, shelf), numbers), strict=True)
        seen.steps.update((number, one) for number, one in steps if one is not None)
        for number in numbers:
            if not seen.exposures or not shelf.repeats(number - 1, number):
                seen.exposures.append([])
            seen.exposures[-1].append(number)
        if self.scratches:
            seen.lines.update(zip(numbers, bench.map(partial(lines, shelf), numbers), strict=True))

    def _lying(self, shelf: Shelf, bench: Bench, number: int) -> list[Found]:
        """What lies on a frame; dust that is part of something larger is left out, and dust in heaps is no stain."""
        found = self._dust(shelf, bench, number)
        dusty = covered(found, shelf.clip.size)
        told = stains(shelf, number) if self.stains else []
        soft = [one for one in told if not HEAPED[0] <= one.hidden_by(dusty) < HEAPED[1]]
        for larger in (soft, bands(shelf, number) if self.bands else []):
            found = [one for one in found if not any(meet(one, other) for other in larger)] + larger
        return found

    def _dust(self, shelf: Shelf, bench: Bench, number: int) -> list[Found]:
        sides = shelf.sides(number)
        if sides is None:
            return []
        gray = shelf.gray(number)
        neighbors = (shelf.neighbor(number, sides[0]), shelf.neighbor(number, sides[1]))
        sigma, one_sided = shelf.sigma(number), not sides[0] < 0 < sides[1]
        surely, most = self.sensitivity, self.max_area
        if one_sided:
            surely, most = surely * ONE_SIDED, min(most, SMALL)
        if self.detector == "classical":
            return blemishes(gray, neighbors, sigma, sensitivity=surely, max_area=most)
        seen, network = contrast(gray, neighbors, sigma, side=shelf.grains), opened("detector", Detector, bench)
        ruled = blemishes(gray, neighbors, sigma, seen, sensitivity=self.sensitivity, max_area=self.max_area)
        judged = candidates(
            gray, neighbors, sigma, network, seen, ruled=ruled, max_area=self.max_area, one_sided=one_sided
        )
        return detected(judged, network, confidence=self.confidence + SURER * one_sided)

    def _mended(self, shelf: Shelf, suspects: list[Mend], bench: Bench) -> list[Mend]:
        return bench.map(lambda s: mended(shelf, s.frame, s.found, bench, fill=self.fill, grain=self.grain), suspects)


@dataclass(frozen=True)
class _Seen:
    """What the frames of a shot show, by reel number, which of them show one exposure, and how each follows on."""

    maps: Maps
    found: dict[int, list[Found]] = field(default_factory=dict)
    exposures: list[list[int]] = field(default_factory=list)
    steps: dict[int, Step] = field(default_factory=dict)
    lines: dict[int, list[Line]] = field(default_factory=dict)


def _flying(found: Mapping[int, list[Found]], exposures: list[list[int]]) -> set[tuple[int, Box]]:
    """Frame and box of the blemishes that are things on their way, followed to both ends of what is seen of it.

    Things move from exposure to exposure; frames that repeat one show them where they were.
    """

    def seen(index: int) -> list[tuple[int, Found]]:
        numbers = exposures[index] if 0 <= index < len(exposures) else []
        return [(number, one) for number in numbers for one in found[number]]

    flying = set()
    for index in range(len(exposures)):
        before, after = ([one for _, one in seen(index + step)] for step in (-1, 1))
        for number, here in seen(index):
            path = flies(here, before, after)
            if path is None or here.kind in STAYING:
                continue
            flying.add((number, here.box))
            for step in (k for k in range(-FOLLOWED, FOLLOWED + 1) if k):
                y, x = here.center[0] + step * path[0], here.center[1] + step * path[1]
                slack = 3 + 1.5 * (abs(step) - 1)
                for other, one in seen(index + step):
                    near = np.hypot(one.center[0] - y, one.center[1] - x) <= slack
                    if near and one.polarity == here.polarity and one.kind not in STAYING:
                        flying.add((other, one.box))
    return flying
