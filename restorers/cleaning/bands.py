"""Splices and tears: what crosses a frame from edge to edge, or runs into it from one, on this frame alone.

What is under a band is known from the frames before and after, each brought halfway along the flow from one to the
other: that flow does not see the band. Where a frame stands out from both, on the same side, in one long piece, while
the two agree, neither shows the like of it nearby, and all else is as they say, something crosses the film. A flash, a
cut or a thing on its way does one of these things, not all of them. All of it is seen in a small picture, where grain
is averaged out and what is long stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from restorers.cleaning.found import Found, Kind, Polarity
from restorers.cleaning.neighbors import Mask, grown
from restorers.cleaning.shelf import Shelf
from restorers.cleaning.views import OUT, View
from restorers.detail.grain import Floats
from restorers.geometry.motion import Picture

LOOKED_AT = 288  # lines of the small picture; all else in pixels is of it
MOST = 8.0  # times what a sound pixel may differ by that one counts at most
FAINT = 1.5  # times as much, where it hangs together with what does
SPECK = 6  # pixels of a part that are too few to be a part of it
LINK, GAP = 19, 5  # pixels over which it is still one piece, and over which it is filled
NEAR = 3  # pixels from the frame's edge
LONG = 0.4  # of the height: the shortest tear
THIN = 5.0  # times as long as thick, at least
SURE = 5.0  # times as much, as half of a tear stands out by
WEAK, FIRM = 0.7, 1.4  # the same of a splice, in the mean of a part: worth a look, and enough
PARTS = 16  # of the width
LINES = 3  # splices of one polarity to a frame
LEVEL = 0.03  # rows to a column
BROAD = 0.15  # of the height: the thickest
SEEN = 0.25  # share of a row that the neighbors must show
DEVIATION = 0.6745  # median of a normal distribution's size
VEIL = 0.6  # sigmas of grain by which a row beside a splice differs on average, where the two ends overlap
STRANGE = 0.4  # share of its columns in which it shows what no neighbor does nearby
AMISS, GATE = 2, 6  # rows that are nearby, and by which the gate's edge may come and go
ELSEWHERE = 0.03  # share of all else that may stand out as well
SOUND = 0.7  # share of what is beside it that the neighbors must explain
UNLIKE = 0.35  # share of its difference along the flow that is left at the place in a neighbor most like it
SEARCH = 24  # pixels
SEGMENT = 32  # columns or rows of the frame mended at a time
RIM = 2  # pixels of the frame

SIGNS: Mapping[int, Polarity] = {1: "dark", -1: "bright"}


def bands(shelf: Shelf, number: int) -> list[Found]:
    """The bands on a frame, each in pieces of at most 32 pixels that share a track."""
    sides = shelf.sides(number)
    if sides is None:
        return []
    quick = View.quick(shelf, number, sides, LOOKED_AT)
    if not _rows(quick, WEAK) and not any(_long(quick, sign) for sign in SIGNS):
        return []
    view = View.through(shelf, number, sides, LOOKED_AT)
    height, width = shelf.clip.size
    found = []
    for band in (*(splices := _splices(view)), *_tears(view, splices)):
        y, x = np.nonzero(band.mask)
        track = f"{number}-{round(float(y.mean()))}-{round(float(x.mean()))}-{band.kind}-{band.polarity}"
        large = cv2.resize(band.mask.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
        found += _pieces(replace(band, box=(0, 0, height, width), mask=grown(large, RIM), track=track))
    return found


def _long(view: View, sign: int) -> list[Mask]:
    """What stands out in long pieces from an edge of what the neighbors show, `(h, w)` each, small gaps filled."""
    height = len(view.here)
    some = view.at_least(sign)
    seen = (some >= OUT).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen)
    seen[stats[labels, cv2.CC_STAT_AREA] < SPECK] = 0
    linked = _closed(seen, LINK)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(linked)
    inner = cv2.erode(np.pad(view.known, 1).view(np.uint8), np.ones((2 * NEAR + 1,) * 2))[1:-1, 1:-1] > 0
    at_edge = np.isin(np.arange(count), labels[~inner & (seen > 0)])
    kept = np.flatnonzero(at_edge & (np.hypot(*stats[:, 2:4].T) >= LONG * height))
    faint = _closed((some >= FAINT).view(np.uint8), GAP) > 0
    return [faint & (labels == index) for index in kept if index]


def _closed(mask: Picture, pixels: int) -> Picture:
    """A mask with gaps of so many pixels filled."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pixels, pixels))
    wide = cv2.copyMakeBorder(mask, pixels, pixels, pixels, pixels, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc)[pixels:-pixels, pixels:-pixels])


def _splices(view: View) -> list[Found]:
    """The splices of a frame, line and veil as one, masks of the small picture."""
    found: list[Found] = []
    lines = [(sign, line, _spliced(view, line)) for sign, line in _rows(view, FIRM * view.sure)]
    others = np.zeros(view.here.shape, bool)
    for _, _, parts in lines:
        others |= np.logical_or(*parts.values())
    for sign, line, parts in lines:
        whole, out = np.logical_or(*parts.values()), view.out(sign)
        core = whole & (out >= OUT)
        if not core.any() or not view.explained(whole, others, SOUND, ELSEWHERE):
            continue
        rows = (np.rint(line).astype(int) + np.arange(-2, 3)[:, None]).clip(0, len(whole) - 1)
        outer = min(float(line.min()), len(whole) - 1 - float(line.max())) < GATE
        beyond = view.beyond(sign, GATE if outer else AMISS)[rows, np.arange(whole.shape[1])].max(0)
        unlike = view.unlike(core, SEARCH, 1)
        if (beyond >= 1).mean() >= STRANGE and unlike > UNLIKE:
            contrast = float(np.quantile(out[core], 0.9))
            found.append(_found(whole, "splice", SIGNS[sign], contrast, contrast * unlike / view.sure))
    return found


def _tears(view: View, splices: Sequence[Found]) -> list[Found]:
    """The tears of a frame, masks of the small picture."""
    found: list[Found] = []
    for sign, polarity in SIGNS.items():
        out = view.out(sign)
        for piece in _long(view, sign):
            seen = piece & (out >= OUT)
            if not seen.any():
                continue
            strength, length = float(np.median(out[seen])), _length(piece)
            strange = float(np.median(view.beyond(sign, AMISS)[seen])) >= 1
            thin = piece.sum() <= min(length / THIN, BROAD * len(piece)) * length
            known = any((one.mask & piece).any() for one in splices)
            if (
                known
                or strength < SURE * view.sure
                or not (strange and thin and view.explained(piece, piece, SOUND, ELSEWHERE))
            ):
                continue
            unlike = view.unlike(seen, SEARCH, 1)
            if unlike > UNLIKE:
                contrast = float(np.quantile(out[seen], 0.9))
                found.append(_found(piece, "tear", polarity, contrast, contrast * unlike / view.sure))
    return found


def _found(mask: Mask, kind: Kind, polarity: Polarity, contrast: float, proof: float) -> Found:
    """A band by its mask in the small picture."""
    return Found((0, 0, *mask.shape), mask, polarity, contrast, proof / (proof + SURE / 2), kind)


def _rows(view: View, least: float) -> list[tuple[int, Floats]]:
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
        which, slope, row = (int(n) for n in np.unravel_index(int(score.argmax()), score.shape))
        if score[which, slope, row] < least:
            break
        line = np.asarray(row + slopes[slope] * (np.arange(width) - width / 2), np.float32)
        lines.append((tuple(SIGNS)[which], line))
        score[..., max(row - apart, 0) : row + apart + 1] = 0
    return lines


def _length(piece: Mask) -> float:
    rows, columns = piece.any(1).sum(), piece.any(0).sum()
    return float(np.hypot(rows, columns))


def _spliced(view: View, line: Floats) -> dict[Polarity, Mask]:
    """All that a splice lays on a frame: its line, and the veil where the two ends overlap, from edge to edge."""
    height, width = view.here.shape
    rows = np.rint(line).astype(int) + np.arange(-height, height + 1)[:, None]
    inside, kept, columns = (rows >= 0) & (rows < height), rows.clip(0, height - 1), np.arange(width)
    change = (view.here - (view.shown[0] + view.shown[1]) / 2) / view.sigma
    told = inside & view.known[kept, columns]
    counted = told.mean(1) >= SEEN
    profile = np.zeros(len(rows), np.float32)
    profile[counted] = np.nanmedian(np.where(told, change[kept, columns], np.nan)[counted], 1)
    noise = float(np.median(np.abs(profile[counted]))) / DEVIATION
    start, stop = _run(np.abs(profile) >= max(VEIL, 3 * noise), height, round(BROAD * height))
    within = (np.arange(len(rows)) >= start) & (np.arange(len(rows)) < stop)
    parts: dict[Polarity, Mask] = {}
    for sign, polarity in SIGNS.items():
        mask = np.zeros((height, width), bool)
        own = inside & (within & (profile * sign > 0))[:, None]
        mask[kept[own], np.broadcast_to(columns, rows.shape)[own]] = True
        parts[polarity] = mask
    return parts


def _run(laid: Mask, middle: int, most: int) -> tuple[int, int]:
    """Where what is laid around a row begins and ends, gaps of two rows apart."""
    start, stop = middle, middle + 1
    while start > middle - most and laid[start - 3 : start].any():
        start -= 1
    while stop < middle + most and laid[stop : stop + 3].any():
        stop += 1
    return start, stop


def _pieces(band: Found) -> list[Found]:
    """A band in pieces that can be mended."""
    found = []
    height, width = band.mask.shape
    down = height if band.kind == "splice" else SEGMENT  # what is around a piece must not be another piece
    for top in range(0, height, down):
        for left in range(0, width, SEGMENT):
            part = band.mask[top : top + down, left : left + SEGMENT]
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            if len(rows):
                tight = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
                y, x = top + int(rows[0]), left + int(columns[0])
                found.append(replace(band, box=(y, x, y + tight.shape[0], x + tight.shape[1]), mask=tight))
    return found
