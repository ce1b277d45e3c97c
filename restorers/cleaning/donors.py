"""What other frames offer for a hole: each of them brought to it along the motions that fit its surroundings.

Motion under a hole is that of the ring around it: flow, chained from frame to frame, and plain shifts, each refined on
the ring. Where none of them explains a part of the ring, that part is searched for in the other frame. So what moves
fast is followed, and where a hole lies on two things that move apart both motions are offered.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.following import LANCZOS, chosen, followed, lent, middle_of
from restorers.cleaning.holes import Hole
from restorers.cleaning.neighbors import Mask, around
from restorers.cleaning.shelf import Shelf
from restorers.detail.grain import Floats

ASTRAY = 1.5  # pixels from the median of the flow, beyond which it is another motion
APART = 0.15  # share of the ring that makes one
UNEXPLAINED = 3.0  # variances
SEARCH = 24  # pixels
SEARCHES = 2
MOSTLY = 0.4  # share of the 7 x 7 pixels around one that makes them lost
SEARCHED = 12  # pixels of the ring that are worth a search
MOTIONS = 3  # of one frame
GAIN = 0.2  # variances, mean over the ring, that another motion must explain
SLOPE_NOISE = 0.1  # variance of a slope of blurred grain, in variances of grain
DIRTY = 0.7  # share of the ring
SURE = 1.5  # variances
ENOUGH = 3  # offers


@dataclass(frozen=True, eq=False)
class Offers:
    """Pixels that other frames offer for a hole, an offer a column.

    Attributes:
        distances: to the frame that makes it, `(K,)`.
        values: density, at the level of the surroundings, `(M, 3, K)`.
        shown: whether it is clean there and inside the frame, `(M, K)`.
        unlike: how much the ring differs near each pixel, in variances of chance, `(M, K)`.
    """

    distances: tuple[int, ...]
    values: Floats
    shown: Mask
    unlike: Floats


def offers(shelf: Shelf, number: int, hole: Hole, *, lasting: bool) -> Offers | None:
    """What the frames within reach offer for a hole; None where there is none that shows any of it.

    Args:
        shelf: the window.
        number: the frame's.
        hole: the hole in it.
        lasting: whether what makes it lies on the other frames too, at the same place.
    """
    made: list[_Offer] = []
    wanted = shelf.donors(number)
    ways = {step: _Way(0, np.zeros((hole.ring.shape[1], 2), np.float32)) for step in (-1, 1)}
    for depth in range(1, max((abs(distance) for distance in wanted), default=0) + 1):
        for step in (-1, 1):
            if number + step * depth not in shelf.clip.numbers:
                continue
            ways[step] = _further(shelf, number, step, hole, ways[step])
            if step * depth in wanted:
                motions, ways[step] = _motions(shelf, number, hole, ways[step])
                made += _offered(shelf, number, step * depth, hole, motions, lasting=lasting)
        if depth > 1 and sum(offer.sure for offer in made) >= ENOUGH:
            break
    if not made:
        return None
    apart = np.stack([offer.unlike for offer in made], 1)
    known = (apart >= 0).astype(np.float32)
    apart *= known
    near = hole.spread(np.concatenate((apart, known), 1))
    count, mean = len(made), apart.sum(0) / known.sum(0)
    unlike = (near[:, :count] + 0.1 * mean) / (near[:, count:] + 0.1) + 0.1 * mean
    values, shown = np.stack([offer.values for offer in made], -1), np.stack([offer.shown for offer in made], 1)
    return Offers(tuple(offer.distance for offer in made), values, shown, unlike)


@dataclass(frozen=True, eq=False)
class _Offer:
    """What a frame offers along one motion: the hidden pixels, whether it shows them, how unlike the ring is."""

    distance: int
    values: Floats
    shown: Mask
    unlike: Floats

    @property
    def sure(self) -> bool:
        """Whether it shows them all and fits well."""
        return bool(self.shown.all() and self.unlike.sum() < SURE * len(self.unlike))


@dataclass(frozen=True, eq=False)
class _Way:
    """How far a ring was followed: the distance, the flow there `(R, 2)`, shifts x, y that were found by search."""

    distance: int
    flow: Floats
    shifts: tuple[Floats, ...] = ()


def _further(shelf: Shelf, number: int, step: int, hole: Hole, way: _Way) -> _Way:
    """The way to the next frame."""
    flow = shelf.flow(number + way.distance, step)
    scale = np.array([flow.shape[1] / shelf.clip.size[1], flow.shape[0] / shelf.clip.size[0]], np.float32)
    x, y = (hole.ring + way.flow.T + np.float32(0.5)) * scale[:, None] - np.float32(0.5)
    there = cv2.remap(flow, x[None], y[None], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    distance = way.distance + step
    shifts = tuple(shift * np.float32(distance / way.distance) for shift in way.shifts)
    return _Way(distance, np.asarray(way.flow + there[0] / scale, np.float32), shifts)


def _motions(shelf: Shelf, number: int, hole: Hole, way: _Way) -> tuple[Floats, _Way]:
    """The motions `(C, R, 2)` that explain a ring in the frame that a way leads to, and the way with what was found."""
    there, flow = number + way.distance, way.flow
    middle = np.array((middle_of(flow[:, 0]), middle_of(flow[:, 1])), np.float32)
    drift = np.array(shelf.drift(number, int(np.sign(way.distance)))) * abs(way.distance)
    whole = {(0.0, 0.0), *((float(x), float(y)) for x, y in (np.rint(middle), np.rint(drift)))}
    shifts = [np.array(shift, np.float32) for shift in sorted(whole)]
    other = np.hypot(*(flow - middle).T) > ASTRAY
    if other.mean() > APART:
        shifts.append(flow[other].mean(0))
    tried, unlike = _tried(shelf, there, hole, [flow, *(_plain(shift, flow) for shift in (*shifts, *way.shifts))])
    found: list[Floats] = []
    for _ in range(SEARCHES):
        shift = _searched(shelf, there, hole, unlike)
        if shift is None:
            break
        found.append(shift)
        more, differ = _tried(shelf, there, hole, [_plain(shift, flow)])
        tried, unlike = np.concatenate((tried, more)), np.concatenate((unlike, differ))
    return tried[chosen(unlike, MOTIONS, GAIN)], replace(way, shifts=tuple(found) or way.shifts)


def _plain(shift: Floats, flow: Floats) -> Floats:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(shift, np.float32), flow.shape))


def _tried(shelf: Shelf, there: int, hole: Hole, motions: list[Floats]) -> tuple[Floats, Floats]:
    """The motions refined, and all but the first as they are too; and how much unlike the ring is along each."""
    tries = np.stack([*motions, *motions[1:]] if len(motions) > 1 else motions * 2)
    free = np.arange(len(tries)) < len(motions)
    noise = SLOPE_NOISE * hole.sigma**2
    dirty = shelf.dirty(there)
    return tries, followed(shelf.calm(there), dirty, hole.ring, hole.ours, tries, free, noise)


def _searched(shelf: Shelf, there: int, hole: Hole, unlike: Floats) -> Floats | None:
    """The shift x, y to where another frame shows the largest part of the ring that no motion explains."""
    lost = unlike.min(0) > UNEXPLAINED
    if lost.sum() < SEARCHED // 2:
        return None
    top, left = hole.box[:2]
    x, y = hole.ring[0].astype(int) - left, hole.ring[1].astype(int) - top
    part = _largest(hole, lost, x, y)
    if part.sum() < SEARCHED:
        return None
    rows, columns = (slice(int(places[part].min()), int(places[part].max()) + 1) for places in (y, x))
    pattern, weight = np.zeros((2, *hole.mask.shape), np.float32)
    pattern[y[part], x[part]], weight[y[part], x[part]] = hole.ours[0, part], 1
    pattern, weight = (np.ascontiguousarray(plane[rows, columns]) for plane in (pattern, weight))
    box = (top + rows.start, left + columns.start, top + rows.stop, left + columns.stop)
    up, back, down, along = around(box, SEARCH, shelf.clip.size)
    field = np.ascontiguousarray(shelf.calm(there)[up:down, back:along])
    misses = cv2.matchTemplate(field, pattern, cv2.TM_SQDIFF, mask=weight)
    row, column = np.unravel_index(int(misses.argmin()), misses.shape)
    return np.array([column + back - box[1], row + up - box[0]], np.float32)


def _largest(hole: Hole, lost: Mask, x: NDArray[np.int_], y: NDArray[np.int_]) -> Mask:
    """The largest part of a ring, `(R,)`, most of which is lost, single pixels apart."""
    marks = np.zeros((*hole.mask.shape, 2), np.float32)
    marks[y, x, 0], marks[y, x, 1] = lost, 1
    share = cv2.blur(marks, (7, 7))[y, x]
    mostly = np.asarray(share[:, 0] > MOSTLY * share[:, 1])
    if not mostly.any():
        return mostly
    some = np.zeros(hole.mask.shape, np.uint8)
    some[y[mostly], x[mostly]] = 1
    labels = cv2.connectedComponents(cv2.dilate(some, np.ones((3, 3), np.uint8)))[1][y, x]
    return np.asarray(mostly & (labels == np.bincount(labels[mostly]).argmax()))


def _offered(shelf: Shelf, number: int, distance: int, hole: Hole, motions: Floats, *, lasting: bool) -> list[_Offer]:
    """What a frame offers along some motions `(C, R, 2)` of the ring."""
    planes, dirty = shelf.planes(number + distance), shelf.dirty(number + distance)
    if lasting:
        dirty = dirty.copy()
        x, y = hole.hidden.astype(int)
        dirty[y, x] = 1
    under = hole.spread(motions.transpose(1, 0, 2).reshape(hole.ring.shape[1], -1)).reshape(-1, len(motions), 2)
    made = []
    for k, beside in enumerate(motions):
        motion = np.concatenate((under[:, k], beside))
        values, shown, unlike = lent(planes, dirty, hole.places, motion, hole.colors, LANCZOS)
        if shown.any() and (unlike < 0).mean() < DIRTY:
            made.append(_Offer(distance, values, shown, unlike))
    return made
