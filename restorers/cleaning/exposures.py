"""Exposures that a shot shows twice, and exposures that it lacks.

Two exposures of a still scene differ by their grain; a frame copied from the one before does not, or only by what
coding it added. Where exposures are missing, an even motion makes one step of twice its length, or three times. What
stands still shows no step, and film with hardly any grain no copy: then nothing is said.

Both are reported, and that is all: to put a frame in or take one out would change the reel's timing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from restorers.cleaning.shelf import REPEATED, Shelf
from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow

GRID = (6, 8)  # parts of the frame whose motion is looked at
ENOUGH = 2.0  # pixels of the flow's picture: a motion in which a step can be told
UNEVEN = 0.2  # of a motion, by which it may vary from frame to frame
PARTS = 6  # of the grid that must move evenly
AGREEING = 0.75  # share of these that must make the same step
MOST = 4  # times its length
SIDE = 2  # steps on each side that show how even the motion is
DISTINCT = 0.75  # of what exposures differ by: frames that differ by less are hardly two of them
RHYTHM = 4  # so many at even distances are one finding


class Irregularity(BaseModel):
    """A place in a shot where a frame does not follow on the one before as the next exposure does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["repeated", "missing"]
    frame: int = Field(description="reel number of the first frame that repeats the one before, or follows a gap")
    last: int = Field(description="the same of the last such frame")
    count: int = Field(description="how many frames repeat an exposure, or how many are missing")
    confidence: float = Field(description="0 to 1: how surely it is told")
    every: int = Field(0, description="frames from one to the next where they come at even distances, else 0")

    def __str__(self) -> str:
        here = f"frame {self.frame}" if self.frame == self.last else f"frames {self.frame}-{self.last}"
        if self.every:
            what = "repeat the one before" if self.kind == "repeated" else "are missing"
            return f"{self.count} frames {what} in {self.frame}-{self.last}, one about every {self.every}"
        if self.kind == "repeated":
            return f"{here} repeat{'s' if self.count == 1 else ''} the exposure of frame {self.frame - 1}"
        return f"{self.count} {'frame is' if self.count == 1 else 'frames are'} missing before {here}"


@dataclass(frozen=True, eq=False)
class Step:
    """How a frame follows on the one before.

    Attributes:
        repeated: both show one exposure.
        apart: how far they differ, over what two exposures of a still scene do; None where grain is too fine to tell.
        moves: flow between them in each part of the frame, `(P, 2)`, x then y, in pixels of the flow's picture.
    """

    repeated: bool
    apart: float | None
    moves: Floats


def step_to(shelf: Shelf, number: int) -> Step | None:
    """How a frame follows on the one before; None for the first of a shot."""
    if number - 1 not in shelf.clip.numbers:
        return None
    apart = shelf.apart(number - 1, number) if shelf.grainy(number) else None
    return Step(shelf.repeats(number - 1, number), apart, _moves(shelf.flow(number - 1, 1)))


def irregularities(steps: Mapping[int, Step]) -> tuple[Irregularity, ...]:
    """What is irregular in a shot, of the steps to its frames by their reel numbers; in the order of frames."""
    found = (*_rhythmical(list(_repeated(steps))), *_rhythmical(list(_missing(steps))))
    return tuple(sorted(found, key=lambda one: (one.frame, one.kind)))


def _repeated(steps: Mapping[int, Step]) -> Iterator[Irregularity]:
    apart = {n: s.apart for n, s in steps.items() if s.repeated and s.apart is not None}
    doubtful = sum(s.apart is not None and REPEATED <= s.apart < DISTINCT for s in steps.values())
    if 4 * doubtful > len(apart):
        return
    for run in _runs(sorted(apart)):
        sure = 1 - float(np.mean([apart[n] for n in run]))
        yield Irregularity(kind="repeated", frame=run[0], last=run[-1], count=len(run), confidence=round(sure, 3))


def _missing(steps: Mapping[int, Step]) -> Iterator[Irregularity]:
    for shown in _runs(sorted(steps), lambda n: not steps[n].repeated):
        for at in range(SIDE, len(shown) - SIDE):
            around = shown[at - SIDE : at + SIDE + 1]
            gap = _gap(np.stack([steps[n].moves for n in around]))
            if gap is not None:
                here, (count, sure) = shown[at], gap
                yield Irregularity(kind="missing", frame=here, last=here, count=count, confidence=round(sure, 3))


def _gap(moves: Floats) -> tuple[int, float] | None:
    """How many exposures the middle one of some steps `(2 SIDE + 1, P, 2)` leaps over, and how surely."""
    others = np.delete(moves, SIDE, 0)
    usual = others.mean(0)
    speed = np.hypot(usual[:, 0], usual[:, 1])
    unlike = np.hypot(*np.moveaxis(others - usual, -1, 0)).max(0)
    even = (speed >= ENOUGH) & (unlike <= UNEVEN * speed)
    if even.sum() < PARTS:
        return None
    here, usual, speed = moves[SIDE][even], usual[even], speed[even]
    times = int(np.rint(np.median((here * usual).sum(1) / speed**2)))
    sure = float((np.hypot(*(here - times * usual).T) <= UNEVEN * times * speed).mean())
    return (times - 1, sure) if 2 <= times <= MOST and sure >= AGREEING else None


def _rhythmical(found: Sequence[Irregularity]) -> Sequence[Irregularity]:
    """The same, or one in their stead where they come at even distances."""
    if len(found) < RHYTHM:
        return found
    gaps = np.diff([one.frame for one in found])
    usual = int(np.median(gaps))
    if (np.abs(gaps - usual) <= 1).mean() < AGREEING:
        return found
    sure = round(float(np.mean([one.confidence for one in found])), 3)
    count = sum(one.count for one in found)
    together = {"last": found[-1].last, "count": count, "confidence": sure, "every": usual}
    return [found[0].model_copy(update=together)]


def _runs(numbers: Sequence[int], kept: Callable[[int], bool] = lambda _: True) -> list[list[int]]:
    """Numbers that follow one another, those that are kept of each run."""
    runs = [list(numbers[:1])]
    for before, number in pairwise(numbers):
        if number > before + 1:
            runs.append([])
        runs[-1].append(number)
    return [held for run in runs if (held := [n for n in run if kept(n)])]


def _moves(flow: Flow) -> Floats:
    bands = (band for rows in np.array_split(flow[::4, ::4], GRID[0]) for band in np.array_split(rows, GRID[1], 1))
    return np.stack([np.median(band.reshape(-1, 2), 0) for band in bands]).astype(np.float32)
