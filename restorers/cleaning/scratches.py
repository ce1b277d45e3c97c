"""Scratches: thin lines that run along the film for many frames while the picture beneath them goes its own way.

A line is followed from frame to frame, where it stays about where it was, or enters at the top where the last frame's
left at the bottom. Poles and door frames are followed, too. What tells them apart is what the picture beside the line
does: a pole moves with it, whatever the camera does and however loose the gate is; a scratch does not.

Newson, Almansa, Gousseau, Pérez, *Robust automatic line scratch detection in films*, IEEE TIP 23(3), 2014.
doi:10.1109/TIP.2014.2300824
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.found import Found, Polarity
from restorers.cleaning.lines import Change, Grid, Line
from restorers.cleaning.neighbors import Mask
from restorers.cleaning.shelf import Shelf
from restorers.cleaning.veils import Veil, veil
from restorers.detail.grain import Floats

LASTING = 4  # frames
GAP = 3  # frames that a line may not be seen in
ASIDE = 0.013  # of the height: from frame to frame
JOINED = 0.008  # of the height: from a frame's bottom to the next one's top
STEADY = 0.45  # pixels by which the place of a line in the picture may be off from frame to frame
MOVED = 4.0  # pixels (root of the sum of squares) the picture moves at least before anything is told by it
OWN = 0.35  # share of the picture's movement that a scratch may seem to follow
FULL = 0.8  # of the height: lines that may be told without the picture's moving
SWAYING = 0.9  # pixels (root mean square) from frame to frame against a picture that stands
SWAYED = 5  # frames
CHANGED = 0.15  # share of what stands out (root mean square) that is other on the next frame
MORE = 1.2  # times as much (squared) as beside it
MUCH = 2.0  # the same where nothing but this tells it from the picture
WHOLLY = 1.1  # times as much as beside it in half of its strips: one that something passes is other in some only
MOSTLY = 1.3  # times as much as beside it in half of its strips, for a line that may be a part of the frame's height
CLEAR = 0.7  # score of a line that does not go its own way: of fainter ones of the picture much is seen to change
SEGMENT = 96  # rows mended at a time
SEEN = 1.5  # sigmas of grain from which on a scratch is mended
SURE = 2.5  # times its doubt, where no line was seen
WITNESSED = 1.0  # times its doubt, where one was
LIKE = 2.5  # times as strong as elsewhere
BAND = 1.5  # pixels of the small picture beside a scratch that it may reach to
RIM = 1.5  # sigmas of grain to which the mask reaches
SKIRT = 0.1  # of its contrast, below which it is left
FAINT = 0.3  # share of the picture that must be left in nearly all pixels that are seen through
DETAIL = 0.6  # of the detail that should be left beneath, as much must be


@dataclass(frozen=True, eq=False)
class Track:
    """A line followed through frames: where it is on each, by reel number."""

    polarity: Polarity
    lines: Mapping[int, Line]

    @property
    def numbers(self) -> list[int]:
        """Frames it is seen on."""
        return sorted(self.lines)

    def whole(self, grid: Grid) -> "Track":
        """What is left of it where it runs through the whole frame, or nearly: what it follows may be the picture's."""
        lines = {n: line for n, line in self.lines.items() if len(line.columns) >= FULL * grid.strips}
        return Track(self.polarity, lines)

    @property
    def name(self) -> str:
        """Its first frame, and where it is there: the same whenever it is found."""
        first = self.numbers[0]
        return f"{first}-{round(float(self.lines[first].columns.mean()))}-{self.polarity}"


@dataclass(frozen=True, eq=False)
class Scratch:
    """Where a scratch should run through a frame.

    Attributes:
        columns: its column in each strip, in pixels.
        seen: first and behind the last row in which a line was seen there; none where it must be between others.
        width: pixels.
        polarity: darker or brighter than the picture.
        track: its name.
    """

    columns: Floats
    seen: tuple[int, int]
    width: float
    polarity: Polarity
    track: str


@dataclass(frozen=True)
class Part(Found):
    """A part of a scratch in one frame, and what lies over the picture there: `density = gain * picture + offset`.

    Attributes:
        gain: `(area, 3)`, in (0, 1].
        offset: `(area, 3)`, density.
        seen_through: whether enough of the picture is left to be told.
    """

    gain: Floats = field(default_factory=lambda: np.ones((0, 3), np.float32))
    offset: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    seen_through: bool = False


def scratches(frames: Mapping[int, Sequence[Line]], size: tuple[int, int]) -> dict[int, list[Scratch]]:
    """The scratches of a shot's frames, by reel number, the longest first.

    Args:
        frames: the lines of each frame.
        size: height and width of the frames.
    """
    grid = Grid.of(size)
    kept = []
    for track in tracks(frames, grid):
        tries = (track, track.whole(grid))
        kept += [one for one in tries if len(one.lines) >= LASTING and on_the_film(one, grid)][:1]
    found: dict[int, list[Scratch]] = {}
    for track in sorted(kept, key=lambda t: (-len(t.lines), t.name)):
        width = float(np.median([line.width for line in track.lines.values()]))
        for number in range(track.numbers[0] - 1, track.numbers[-1] + 2):
            if number in frames:
                course, seen = _course(track, number, grid), _rows(track.lines.get(number), grid)
                found.setdefault(number, []).append(Scratch(course, seen, width, track.polarity, track.name))
    return found


def tracks(frames: Mapping[int, Sequence[Line]], grid: Grid) -> list[Track]:
    """The lines of a shot's frames, followed from frame to frame."""
    height = grid.size[0]
    running: list[dict[int, Line]] = []
    done: list[dict[int, Line]] = []
    for number in sorted(frames):
        done += [track for track in running if number - max(track) > GAP]
        running = [track for track in running if number - max(track) <= GAP]
        offers = []
        for i, track in enumerate(running):
            last = max(track)
            for j, line in enumerate(frames[number]):
                apart = min(_apart(track[n], line, number - n, grid) for n in (last, *sorted(track)[-2:-1])) / height
                if apart <= 1:
                    offers.append((apart, i, j))
        taken: set[int] = set()
        given: set[int] = set()
        for _, i, j in sorted(offers):
            if i not in taken and j not in given:
                taken.add(i)
                given.add(j)
                running[i][number] = frames[number][j]
        running += [{number: line} for j, line in enumerate(frames[number]) if j not in given]
    return [Track(next(iter(t.values())).polarity, t) for t in done + running]


def _apart(old: Line, new: Line, frames: int, grid: Grid) -> float:
    """How far a line is from where it should be, as a share of what is allowed times the height."""
    if old.polarity != new.polarity:
        return np.inf
    height, apart = grid.size[0], np.inf
    first, last = max(old.top, new.top), min(old.bottom, new.bottom)
    if last - first >= 3:
        common = np.arange(first, last)
        apart = float(np.median(np.abs(old.at(common) - new.at(common)))) / (ASIDE * np.sqrt(frames))
    if frames == 1 and old.bottom >= grid.strips - 1 and new.top <= 1:
        apart = min(apart, abs(float(old.columns[-1] - new.columns[0])) / JOINED)
    return float(apart) if apart <= height else np.inf


def on_the_film(track: Track, grid: Grid) -> bool:
    """Whether a line is the film's and not the picture's.

    Args:
        track: the line, followed.
        grid: of the strips.
    """
    seen = track.numbers
    pairs = [(track.lines[a], track.lines[b]) for a, b in pairwise(seen) if b == a + 1]
    moves = np.array([move for pair in pairs if (move := _move(*pair)) is not None])
    if len(moves) < LASTING - 1:
        return False
    changes = [change for line, _ in pairs if (change := line.change) is not None]
    mostly = float(np.median([change.mostly for change in changes]))
    if (
        mostly >= MOSTLY
        and _changed(changes)
        and all(_goes_its_own_way(moves[:, 0], moves[:, side]) for side in (1, 2))
    ):
        return True
    if np.median([line.score for line in track.lines.values()]) < CLEAR:
        return False
    whole = np.median([len(line.columns) for line in track.lines.values()]) >= FULL * grid.strips
    joins = [abs(float(a.columns[-1] - b.columns[0])) for a, b in pairs]
    if not whole or np.median(joins) > JOINED * grid.size[0]:
        return False
    sways = min(float(np.sqrt(np.mean((moves[:, 0] - moves[:, side]) ** 2))) for side in (1, 2)) >= SWAYING
    return (mostly >= WHOLLY and _changed(changes, MUCH)) or (sways and len(moves) >= SWAYED)


def _changed(changes: Sequence[Change], more: float = MORE) -> bool:
    """Whether a line is other in the picture's own place on the next frames: less or more deep there, or elsewhere."""
    own, beside = sum(one.own for one in changes), sum(one.beside for one in changes)
    return own >= more * beside and own - beside >= CHANGED**2 * sum(one.line for one in changes)


def _goes_its_own_way(line: NDArray[np.float64], picture: NDArray[np.float64]) -> bool:
    """Whether a line does not follow the picture, by how both move from frame to frame."""
    moved = float((picture**2).sum())
    if moved < MOVED**2:
        return False
    follows = float((line * picture).sum()) / moved
    rest = max(float(np.sqrt(np.mean((line - follows * picture) ** 2))), STEADY)
    return abs(follows) <= OWN and abs(follows) + 2 * rest / np.sqrt(moved) <= 2 * OWN


def _move(one: Line, two: Line) -> tuple[float, float, float] | None:
    """By how much a line moves to the right until the next frame, and the picture on its left and its right."""
    first, last = max(one.top, two.top), min(one.bottom, two.bottom)
    if one.drift is None or last - first < 3:
        return None
    common = np.arange(first, last)
    return float(np.median(two.at(common) - one.at(common))), one.drift[0], one.drift[1]


def _course(track: Track, number: int, grid: Grid) -> Floats:
    """Where a track runs through a frame, `(strips,)`: as seen there, and else as on the frames beside it."""
    strips = np.arange(grid.strips)
    near = sorted(track.lines, key=lambda n: (abs(n - number), n))[:5]
    course = np.full(grid.strips, np.nan, np.float32)
    for other in near:
        line = track.lines[other]
        own = (strips >= line.top) & (strips < line.bottom)
        there = line.at(strips)
        both = own & np.isfinite(course)
        if both.any():
            there = there + np.median((course - there)[both])
        course[own & ~np.isfinite(course)] = there[own & ~np.isfinite(course)]
    known = np.isfinite(course)
    return np.asarray(np.interp(strips, strips[known], course[known]), np.float32)


def _rows(line: Line | None, grid: Grid) -> tuple[int, int]:
    if line is None:
        return 0, 0
    rows = grid.rows * grid.scale
    return int(line.top * rows), int(line.bottom * rows)


def hidden(scratch: Scratch, size: tuple[int, int]) -> Found:
    """The band of a frame in which a scratch runs."""
    grid = Grid.of(size)
    course = np.interp(np.arange(size[0]), grid.rows_of(np.arange(grid.strips)), scratch.columns)
    reach = scratch.width / 2 + BAND * grid.scale
    left, right = max(int(course.min() - reach), 0), min(int(course.max() + reach) + 2, size[1])
    mask = np.abs(np.arange(left, right) - course[:, None]) <= reach
    box = (0, left, size[0], right)
    return Found(box, mask, scratch.polarity, SEEN, 1.0, "scratch", scratch.track)


def segments(shelf: Shelf, scratched: Mapping[int, Sequence[Scratch]], number: int) -> list[Part]:
    """The scratches of a frame in segments of 96 rows; each pixel is in one of them at most."""
    grid = Grid.of(shelf.clip.size)
    taken = np.zeros(grid.size, bool)
    found = []
    for scratch in scratched.get(number, ()):
        sign = 1 if scratch.polarity == "dark" else -1
        laid = veil(shelf, number, scratch.columns, width=scratch.width, sign=sign, grid=grid)
        found += _segments(laid, scratch, taken)
    return found


def _segments(laid: Veil, scratch: Scratch, taken: Mask) -> list[Part]:
    height, width = taken.shape
    inside = (laid.columns >= 0) & (laid.columns < width)
    columns, rows = laid.columns.clip(0, width - 1), np.arange(height)[:, None]
    mask = (
        (laid.change >= np.maximum(RIM, SKIRT * laid.contrast)[:, None])
        & _present(laid, scratch.seen)[:, None]
        & inside
        & ~taken[rows, columns]
    )
    taken[np.broadcast_to(rows, mask.shape)[mask], columns[mask]] = True
    found = []
    for top in range(0, height, SEGMENT):
        part = np.s_[top : top + SEGMENT]
        y, k = np.nonzero(mask[part])
        if not len(y):
            continue
        y, x = y + top, columns[y + top, k]
        box = (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
        hidden = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
        hidden[y - box[0], x - box[1]] = True
        lit = mask[part].any(1)
        surely = np.median((laid.contrast[part] / np.maximum(SURE * laid.doubt[part], SEEN))[lit])
        gain = laid.gain[y, k]
        through = float(np.quantile(gain, 0.1)) >= FAINT and float(np.median(laid.signal[part][lit])) >= DETAIL * float(
            np.median(gain)
        )
        found.append(
            Part(
                box=box,
                mask=hidden,
                polarity=scratch.polarity,
                contrast=float(np.quantile(laid.contrast[part][lit], 0.9)),
                confidence=float(surely / (1 + surely)),
                kind="scratch",
                track=scratch.track,
                gain=gain,
                offset=laid.offset[y, k],
                seen_through=through,
            )
        )
    return found


def _present(laid: Veil, seen: tuple[int, int]) -> Mask:
    """Rows in which a scratch is seen: there for sure, and from there on as far as it is likely.

    Beyond where a line was seen it is nowhere much stronger than there: that would be something of the picture.
    """
    sure = np.full(len(laid.contrast), SURE, np.float32)
    sure[seen[0] : seen[1]] = WITNESSED
    level = laid.contrast / np.maximum(sure * laid.doubt, SEEN)
    told = laid.contrast[seen[0] : seen[1]] if seen[1] > seen[0] else laid.contrast
    strange = laid.contrast > LIKE * np.median(told)
    strange[seen[0] : seen[1]] = False
    weak = np.concatenate([[False], (level > 0.5) & ~strange, [False]])
    starts, stops = np.flatnonzero(~weak[:-1] & weak[1:]), np.flatnonzero(weak[:-1] & ~weak[1:])
    present = np.zeros(len(level), bool)
    for start, stop in zip(starts, stops, strict=True):
        present[start:stop] = stop - start >= len(level) / 30 and level[start:stop].max() >= 1
    return present
