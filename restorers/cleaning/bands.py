"""Splices and tears: what crosses a frame from edge to edge, or runs into it from one, on this frame alone.

What is under a band is known from the frames before and after, each brought halfway along the flow from one to the
other: that flow does not see the band. Where a frame stands out from both, on the same side, in one long piece, while
the two agree, neither shows the like of it nearby, and all else is as they say, something crosses the film. A flash, a
cut or a thing on its way does one of these things, not all of them. All of it is seen in a small picture, where grain
is averaged out and what is long stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from restorers.cleaning.blemishes import scatter
from restorers.cleaning.found import Found, Kind, Polarity
from restorers.cleaning.neighbors import Mask, grown
from restorers.cleaning.shelf import Shelf
from restorers.detail.grain import Floats, GrainModel
from restorers.geometry.motion import Flow, Picture, warped

LOOKED_AT = 288  # lines of the small picture; all else in pixels is of it
OUT = 2.5  # times what a sound pixel may differ by, mean of 3 x 3
MOST = 8.0  # times as much that one pixel counts at most
RIM_OUT = 1.5  # times as much, where it hangs together with what does
SPECK = 6  # pixels of a part that are too few to be a part of it
LINK, GAP = 19, 5  # pixels over which it is still one piece, and over which it is filled
NEAR = 3  # pixels from the frame's edge
LONG = 0.4  # of the height: the shortest tear
THIN = 5.0  # times as long as thick, at least
SURE = 5.0  # times as much, as half of a tear stands out by
WEAK, FIRM = 0.7, 1.4  # the same of a splice, in the mean of a part: worth a look, and enough
ONE_SIDED = 1.5  # times as sure at the ends of a shot
PARTS = 16  # of the width
LINES = 3  # splices of one polarity to a frame
LEVEL = 0.03  # rows to a column
BROAD = 0.15  # of the height: the thickest
SEEN = 0.25  # share of a row that the neighbors must show
VEIL = 0.6  # sigmas of grain by which a row beside a splice differs on average, where the two ends overlap
STRANGE = 0.4  # share of its columns in which it shows what no neighbor does within two pixels
ELSEWHERE = 0.03  # share of all else that may stand out as well
SOUND = 0.7  # share of what is beside it that the neighbors must explain
UNLIKE = 0.35  # share of its difference along the flow that is left at the place in a neighbor most like it
SEARCH = 24  # pixels
SEGMENT = 64  # columns or rows of the frame mended at a time
RIM = 2  # pixels of the frame

SIGNS: Mapping[int, Polarity] = {1: "dark", -1: "bright"}


def bands(shelf: Shelf, number: int) -> list[Found]:
    """The bands on a frame, each in pieces of at most 64 pixels that share a track."""
    sides = shelf.sides(number)
    if sides is None:
        return []
    quick = _View.of(shelf, number, sides, _seen(shelf, number, sides))
    if not _rows(quick, WEAK) and not any(_long(quick, sign) for sign in SIGNS):
        return []
    view = _View.of(shelf, number, sides, _carried(shelf, number, sides))
    height, width = shelf.clip.size
    found = []
    for band in (*(splices := _splices(view)), *_tears(view, splices)):
        y, x = np.nonzero(band.mask)
        track = f"{number}-{round(float(y.mean()))}-{round(float(x.mean()))}-{band.kind}-{band.polarity}"
        large = cv2.resize(band.mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        found += _pieces(replace(band, box=(0, 0, height, width), mask=grown(large, RIM), track=track))
    return found


def beside(pieces: Sequence[Found], found: Sequence[Found]) -> list[Found]:
    """What was found on a frame and is no part of a band on it."""

    def meets(one: Found, piece: Found) -> bool:
        top, left, bottom, right = (
            max(one.box[0], piece.box[0]),
            max(one.box[1], piece.box[1]),
            min(one.box[2], piece.box[2]),
            min(one.box[3], piece.box[3]),
        )
        if top >= bottom or left >= right:
            return False
        both = [f.mask[top - f.box[0] : bottom - f.box[0], left - f.box[1] : right - f.box[1]] for f in (one, piece)]
        return bool((both[0] & both[1]).any())

    return [one for one in found if not any(meets(one, piece) for piece in pieces)]


@dataclass(frozen=True, eq=False)
class _View:
    """A frame and what its neighbors say it shows, small, at its level, `(h, w)`.

    Attributes:
        here: gray density.
        shown: what each of the two neighbors says.
        others: these as they are.
        inside: what of it each neighbor shows, and not its edge repeated.
        sigma: of the grain.
        sure: how many times as sure as between two neighbors a band must be.
    """

    here: Floats
    shown: tuple[Floats, Floats]
    others: tuple[Floats, Floats]
    inside: tuple[Mask, Mask]
    sigma: Floats
    sure: float

    @classmethod
    def of(cls, shelf: Shelf, number: int, sides: tuple[int, int], ways: tuple[Floats, Floats]) -> "_View":
        """A frame and two others along the ways to them `(h, w, 2)`, in pixels of the small picture."""
        here, *others = (_small(shelf.gray(number + k)) for k in (0, *sides))
        shown, inside, sigma = [], [], _sigma(shelf, number, here.shape)
        y, x = (np.arange(n, dtype=np.float32) for n in here.shape)
        for way, other in zip(ways, others, strict=True):
            down, along = y[:, None] + way[..., 1], x + way[..., 0]
            inside.append((down >= -1) & (along >= -1) & (down <= len(y)) & (along <= len(x)))
            there = np.asarray(cv2.remap(other, along, down, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE), np.float32)
            shown.append(there + _level(here - there, sigma))
        sure = 1.0 if sides[0] < 0 < sides[1] else ONE_SIDED
        return cls(here, (shown[0], shown[1]), (others[0], others[1]), (inside[0], inside[1]), sigma, sure)

    @cached_property
    def known(self) -> Mask:
        """What both neighbors show, `(h, w)`."""
        return self.inside[0] & self.inside[1]

    @cached_property
    def noise(self) -> Floats:
        """One sigma of what a sound pixel may differ by."""
        return scatter(*self.shown, self.sigma, disagreement=True)

    def out(self, sign: int) -> Floats:
        """By how many times that it is darker (1) or brighter (-1) than both say, mean of 3 x 3."""
        return self.at_least(sign) * self.known

    def at_least(self, sign: int) -> Floats:
        """The same, and where only one neighbor knows what it says."""
        known = (np.where(i, sign * (self.here - s), np.inf) for i, s in zip(self.inside, self.shown, strict=True))
        nearest = np.minimum(*known)
        apart = np.where(np.isfinite(nearest), nearest, 0).clip(0) / self.noise
        return np.asarray(cv2.blur(apart, (3, 3)), np.float32)

    @cached_property
    def miss(self) -> Floats:
        """By how many times that the frame is off what they say at most, mean of 3 x 3."""
        apart = np.maximum(*(np.abs(self.here - there) for there in self.shown))
        return np.asarray(cv2.blur(apart / self.noise, (3, 3)) * self.known, np.float32)

    def beyond(self, sign: int) -> Floats:
        """By how many sigmas it is darker or brighter than all they show within two pixels."""
        square = np.ones((5, 5), np.uint8)
        reach = np.maximum(*(cv2.dilate(sign * there, square) for there in self.shown))
        return np.asarray((sign * self.here - reach) / self.sigma, np.float32)


def _seen(shelf: Shelf, number: int, sides: tuple[int, int]) -> tuple[Floats, Floats]:
    """The ways to two neighbors as flow from the frame itself sees them, `(h, w, 2)`."""
    size = _size(shelf.clip.size)
    one, two = (_scaled(shelf.flow(number, k), size) for k in sides)
    return one, two


def _carried(shelf: Shelf, number: int, sides: tuple[int, int]) -> tuple[Floats, Floats]:
    """The same by the flow between the two, `(h, w, 2)`; what the frame itself moves by is evened out over all of it."""
    size, span = _size(shelf.clip.size), sides[1] - sides[0]
    across = _scaled(shelf.flow(number + sides[0], span), size)
    motion = across
    for _ in range(2):
        motion = warped(across, np.float32(sides[0] / span) * motion)
    ways = []
    for k in sides:
        way, seen = motion * np.float32(k / span), _scaled(shelf.flow(number, k), size)
        ways.append(way + np.median((seen - way).reshape(-1, 2), 0))
    return ways[0], ways[1]


def _long(view: _View, sign: int) -> list[Mask]:
    """What stands out in long pieces from an edge of what the neighbors show, `(h, w)` each, small gaps filled."""
    height, width = view.here.shape
    some = view.at_least(sign)
    seen = (some >= OUT).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen)
    seen[stats[labels, cv2.CC_STAT_AREA] < SPECK] = 0
    linked = _closed(seen, LINK)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(linked)
    inner = cv2.erode(np.pad(view.known, 1).view(np.uint8), np.ones((2 * NEAR + 1,) * 2))[1:-1, 1:-1] > 0
    at_edge = np.isin(np.arange(count), labels[~inner & (seen > 0)])
    kept = np.flatnonzero(at_edge & (np.hypot(*stats[:, 2:4].T) >= LONG * height))
    faint = _closed((some >= RIM_OUT).view(np.uint8), GAP) > 0
    return [faint & (labels == index) for index in kept if index]


def _closed(mask: Picture, pixels: int) -> Picture:
    """A mask with gaps of so many pixels filled."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pixels, pixels))
    wide = cv2.copyMakeBorder(mask, pixels, pixels, pixels, pixels, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc)[pixels:-pixels, pixels:-pixels])


def _splices(view: _View) -> list[Found]:
    """The splices of a frame, their lines and veils by polarity, masks of the small picture."""
    found: list[Found] = []
    for sign, line in _rows(view, FIRM * view.sure):
        parts, out = _spliced(view, line), view.out(sign)
        whole = np.logical_or(*parts.values())
        core = whole & (out >= OUT)
        if not core.any() or not _alone(view, whole):
            continue
        reach = np.rint(line).astype(int) + np.arange(-2, 3)[:, None]
        beyond = view.beyond(sign)[reach.clip(0, len(whole) - 1), np.arange(whole.shape[1])].max(0)
        unlike = _unlike(view, core)
        if (beyond >= 1).mean() >= STRANGE and unlike > UNLIKE:
            contrast = float(np.quantile(out[core], 0.9))
            masks = ((polarity, mask) for polarity, mask in parts.items() if mask.any())
            found += [_found(view, mask, "splice", polarity, contrast, unlike) for polarity, mask in masks]
    return found


def _tears(view: _View, splices: Sequence[Found]) -> list[Found]:
    """The tears of a frame, masks of the small picture."""
    found: list[Found] = []
    for sign, polarity in SIGNS.items():
        out = view.out(sign)
        for piece in _long(view, sign):
            seen = piece & (out >= OUT)
            if not seen.any():
                continue
            strength, length = float(np.median(out[seen])), _length(piece)
            strange = float(np.median(view.beyond(sign)[seen])) >= 1
            thin = piece.sum() <= min(length / THIN, BROAD * len(piece)) * length
            known = any((one.mask & piece).any() for one in splices)
            if known or strength < SURE * view.sure or not (strange and thin and _alone(view, piece)):
                continue
            unlike = _unlike(view, seen)
            if unlike > UNLIKE:
                found.append(_found(view, piece, "tear", polarity, float(np.quantile(out[seen], 0.9)), unlike))
    return found


def _found(view: _View, mask: Mask, kind: Kind, polarity: Polarity, contrast: float, unlike: float) -> Found:
    proof = contrast * unlike / view.sure
    return Found((0, 0, *mask.shape), mask, polarity, contrast, proof / (proof + SURE / 2), kind)


def _rows(view: _View, least: float) -> list[tuple[int, Floats]]:
    """The sign and the row in each column, `(w,)`, of straight lines across most of the frame, the clearest first.

    Along each of them three of four parts of the width stand out by as much on average.
    """
    height, width = view.here.shape
    bounds = np.linspace(0, width, PARTS + 1).astype(int)
    slopes = np.linspace(-LEVEL, LEVEL, 2 * round(LEVEL * width / 2) + 1)
    middles = (bounds[:-1] + bounds[1:]) / 2 - width / 2
    rows = np.rint(np.arange(height)[:, None] + slopes[:, None, None] * middles).astype(int)
    inside = (rows >= 0) & (rows < height)
    scores = []
    for sign in SIGNS:
        out = view.out(sign).clip(0, MOST)
        parts = np.stack([out[:, a:b].mean(1) for a, b in pairwise(bounds)], 1)
        along = np.where(inside, parts[rows.clip(0, height - 1), np.arange(PARTS)], 0)
        scores.append(np.partition(along, PARTS // 4, axis=2)[..., PARTS // 4])
    score, apart = np.stack(scores), round(BROAD * height)
    lines = []
    for _ in range(LINES):
        sign, slope, row = np.unravel_index(int(score.argmax()), score.shape)
        if score[sign, slope, row] < least:
            break
        line = np.asarray(row + slopes[slope] * (np.arange(width) - width / 2), np.float32)
        lines.append((tuple(SIGNS)[sign], line))
        score[..., max(row - apart, 0) : row + apart + 1] = 0
    return lines


def _length(piece: Mask) -> float:
    rows, columns = piece.any(1).sum(), piece.any(0).sum()
    return float(np.hypot(rows, columns))


def _spliced(view: _View, line: Floats) -> dict[Polarity, Mask]:
    """All that a splice lays on a frame: its line, and the veil where the two ends overlap, from edge to edge."""
    height, width = view.here.shape
    reach = round(BROAD * height)
    rows = np.rint(line).astype(int) + np.arange(-reach, reach + 1)[:, None]
    inside, kept, columns = (rows >= 0) & (rows < height), rows.clip(0, height - 1), np.arange(width)
    change = (view.here - (view.shown[0] + view.shown[1]) / 2) / view.sigma
    told = inside & view.known[kept, columns]
    counted = told.mean(1) >= SEEN
    profile = np.zeros(len(rows), np.float32)
    along = np.where(told, change[kept, columns], np.nan)[counted]
    profile[counted] = np.nanmedian(along, 1)
    noise = float(np.median(np.abs(profile[counted]))) / 0.6745
    start, stop = _run(np.abs(profile) >= max(VEIL, 3 * noise), reach)
    within = (np.arange(len(rows)) >= start) & (np.arange(len(rows)) < stop)
    parts: dict[Polarity, Mask] = {}
    for sign, polarity in SIGNS.items():
        mask = np.zeros((height, width), bool)
        own = inside & (within & (profile * sign > 0))[:, None]
        mask[kept[own], np.broadcast_to(columns, rows.shape)[own]] = True
        parts[polarity] = mask
    return parts


def _run(laid: Mask, middle: int) -> tuple[int, int]:
    """Where what is laid around a row begins and ends, gaps of two rows apart."""
    start, stop, last = middle, middle + 1, len(laid)
    while start > 0 and laid[max(start - 3, 0) : start].any():
        start -= 1
    while stop < last and laid[stop : stop + 3].any():
        stop += 1
    return start, stop


def _alone(view: _View, piece: Mask) -> bool:
    """Whether the neighbors explain what is beside a band, and nearly all else."""
    near, far = grown(piece, 6) & ~grown(piece, 2) & view.known, ~grown(piece, 6) & view.known
    if not near.any() or (view.miss[near] < OUT).mean() < SOUND:
        return False
    return bool((np.maximum(view.out(1), view.out(-1))[far] >= OUT).mean() <= ELSEWHERE)


def _unlike(view: _View, seen: Mask) -> float:
    """How little either neighbor shows the like of a band anywhere near, 0 to 1 where neither does."""
    rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
    top, bottom = max(int(rows[0]) - 2, 0), int(rows[-1]) + 3
    left, right = int(columns[0]), int(columns[-1]) + 1
    if right - left > seen.shape[1] - 2 * SEARCH:
        left, right = max(left, SEARCH), min(right, seen.shape[1] - SEARCH)
    if bottom - top > seen.shape[0] - 2 * SEARCH:
        top, bottom = max(top, SEARCH), min(bottom, seen.shape[0] - SEARCH)
    part = np.s_[top:bottom, left:right]
    weight = np.ascontiguousarray(grown(seen, 1)[part], np.float32)
    if not weight.any():
        return 1.0
    patch = np.ascontiguousarray(view.here[part])
    along = min(float((np.square(view.here - there)[part] * weight).sum()) for there in view.shown)
    random = 2 * float((view.sigma[part] ** 2 * weight).sum())
    nearest = along
    for other in view.others:
        field = cv2.copyMakeBorder(other, SEARCH, SEARCH, SEARCH, SEARCH, cv2.BORDER_REPLICATE)
        field = field[top : bottom + 2 * SEARCH, left : right + 2 * SEARCH]
        nearest = min(nearest, float(cv2.matchTemplate(field, patch, cv2.TM_SQDIFF, mask=weight).min()))
    return float(np.clip((nearest - random) / max(along - random, 1e-9), 0, 1))


def _pieces(band: Found) -> list[Found]:
    """A band in pieces that can be mended."""
    found = []
    height, width = band.mask.shape
    for top in range(0, height, SEGMENT):
        for left in range(0, width, SEGMENT):
            part = band.mask[top : top + SEGMENT, left : left + SEGMENT]
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            if len(rows):
                tight = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
                y, x = top + int(rows[0]), left + int(columns[0])
                found.append(replace(band, box=(y, x, y + tight.shape[0], x + tight.shape[1]), mask=tight))
    return found


def _size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the small picture."""
    height, width = size
    return (height, width) if height <= LOOKED_AT else (LOOKED_AT, round(width * LOOKED_AT / height))


def _small(gray: Floats) -> Floats:
    size = _size((gray.shape[0], gray.shape[1]))
    return gray if gray.shape == size else np.asarray(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA))


def _scaled(flow: Flow, size: tuple[int, int]) -> Floats:
    """A flow in pixels of the small picture, `(h, w, 2)`."""
    scale = np.array((size[1] / flow.shape[1], size[0] / flow.shape[0]), np.float32)
    return np.asarray(cv2.resize(flow, size[::-1], interpolation=cv2.INTER_LINEAR) * scale, np.float32)


def _sigma(shelf: Shelf, number: int, size: tuple[int, ...]) -> Floats:
    """Sigma of the grain that is left in the small picture, `(h, w)`."""
    sigma = shelf.sigma(number)
    if sigma.shape == size:
        return sigma
    small = cv2.resize(sigma, size[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(_left(shelf.model, sigma.shape[0] / size[0])), np.float32)


def _left(model: GrainModel, factor: float) -> float:
    """Share of grain's sigma that is left in means of so many pixels squared."""
    lags = np.abs(np.arange(len(model.autocorrelation)) - len(model.autocorrelation) // 2)
    weights = np.clip(1 - lags / factor, 0, None)
    weights /= weights.sum()
    return float(np.sqrt(max((model.autocorrelation * np.outer(weights, weights)).sum(), 0)))


def _level(apart: Floats, sigma: Floats) -> Floats:
    """The light that a frame has more than a neighbor, wide means, none counted beyond 3 sigmas."""
    wide = 2 * (len(apart) // 4) + 1
    return np.asarray(cv2.blur(apart.clip(-3 * sigma, 3 * sigma), (wide, wide), borderType=cv2.BORDER_REFLECT), np.float32)
