"""Dust, dirt and hairs, found by what both neighbors of a frame agree on and the frame itself does not show.

Both neighbors are brought to the frame along the flow; where the frame stands out from both, on the same side, by
several times what grain, a slight misregistration and the neighbors' own disagreement explain, something lies on it.
Everything is in units of the measured grain, so that thresholds are absolute and clean film shows nothing.

Kokaram, *Motion Picture Restoration*, Springer 1998, ch. 6 (SDIp); Nadenau, Mitra, *Blotch and scratch detection in
image sequences based on rank ordered differences*, 1997 (both neighbors ranked against the frame).
"""

import cv2
import numpy as np

from restorers.cleaning.contrast import Marks, grown_from, seeds_at
from restorers.cleaning.crops import standing, surely
from restorers.cleaning.evidence import Contrast, contrast
from restorers.cleaning.found import Found, Polarity, kind_of
from restorers.cleaning.neighbors import Box, Mask, Neighbor, Surroundings, around, beyond, fitted, grown
from restorers.cleaning.shelf import FLOOR
from restorers.detail.grain import Floats

UNSURE = 2.0  # sigmas by which a pixel that is looked at more closely may stand out further
CROWD = 32  # pixels
HIDDEN = 4  # pixels around a blemish whose flow it may have spoilt
MARGIN = 16
SOUND = 0.85  # share of a blemish's surroundings that both neighbors must explain
LOST = 0.2  # share of a frame beyond which its neighbors do not explain it
CROWDED = 0.1  # share of the 65 x 65 pixels around a blemish, itself apart, beyond which they do not explain these
PROOF = 4.0  # times how far apart the neighbors are that a blemish must stand out
SEARCH = 24  # pixels around a blemish within which a neighbor must not show the like of it


def blemishes(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    seen: Contrast | None = None,
    *,
    sensitivity: float,
    max_area: int,
) -> list[Found]:
    """Blemishes of a frame, by the two frames beside it.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        seen: `contrast` of it, where that is known.
        sensitivity: sigmas by which the heart of a blemish stands out; its rim by half as many.
        max_area: pixels beyond which it is taken for part of the picture.

    Returns:
        Nothing at all where the neighbors explain too little of the frame: a flash, a cut that was missed.
    """
    blurred = max(sensitivity - UNSURE, 0.5)
    if seen is None or seen.least > blurred:
        seen = contrast(gray, sides, sigma, noticed=blurred, least=blurred)
    boxes, seeds = _standing_out(gray, sides, sigma, seen, sensitivity=sensitivity, max_area=max_area)
    found: list[Found] = []
    for sign, box in boxes:
        if _crowded(seeds, box):
            continue
        judged = _judged(gray, sides, sigma, box, sign=sign, sensitivity=sensitivity, max_area=max_area)
        if judged is not None:
            mask, where, height, proven = judged
            polarity: Polarity = "dark" if sign > 0 else "bright"
            kind = kind_of(mask, height, len(gray))
            found.append(Found(where, mask, polarity, height, 1 - 2 / (2 + proven), kind))
    return sorted(found, key=lambda f: (f.box, f.polarity))


def proof(found: Found) -> float:
    """Logarithm of how many times more surely than they ask for the rules find something."""
    return float(np.log(2 / PROOF * found.confidence / (1 - found.confidence)))


def surroundings(
    gray: Floats, sides: tuple[Neighbor, Neighbor], sigma: Floats, found: Found, dirty: Mask
) -> tuple[float, float]:
    """What share of what is around a blemish both neighbors explain, and how unlike it is to all they show near it.

    What is around it is judged where nothing else is `dirty`, `(H, W)`. Both are 0 to 1; 0 where nothing can be told.
    """
    top, left, bottom, right = crop = around(found.box, MARGIN, (gray.shape[0], gray.shape[1]))
    cut = np.s_[top:bottom, left:right]
    mask = np.zeros((bottom - top, right - left), bool)
    mask[found.box[0] - top : found.box[2] - top, found.box[1] - left : found.box[3] - left] = found.mask
    hidden = grown(mask, HIDDEN)
    if hidden.all():
        return 0.0, 0.0
    here, grain = np.ascontiguousarray(gray[cut]), sigma[cut]
    around_it = Surroundings(crop, here, hidden)
    tries = [fitted(side, around_it) for side in sides]
    one, two = (there for _, there in tries)
    unseen = beyond(tries[0][0], crop, gray.shape) | beyond(tries[1][0], crop, gray.shape)
    ring = grown(mask, 5) & ~grown(mask | dirty[cut], 2) & ~unseen
    apart = np.abs(here - one), np.abs(here - two)
    explained = np.maximum(*apart) < 4 * np.hypot(standing(here, one, two, grain, 1, np.inf)[1], FLOOR)
    unlike = _unlike(gray, sides, crop, (mask, np.minimum(*apart), grain))
    return float(explained[ring].mean()) if ring.any() else 0.0, unlike


def flies(found: Found, before: list[Found], after: list[Found]) -> tuple[float, float] | None:
    """By how much (y, x) a frame something moves that is seen on the frames beside it too, alike and evenly spaced.

    Dust lies on one frame; a bird, a spark or a thrown ball is on the frames beside it too, a step further.
    """
    y, x = found.center
    for old in before:
        v = (y - old.center[0], x - old.center[1])
        if not (1.5 <= np.hypot(*v) <= 48 and _alike(found, old)):
            continue
        for new in after:
            if _alike(found, new) and np.hypot(new.center[0] - y - v[0], new.center[1] - x - v[1]) <= 3:
                return v
    return None


def _alike(one: Found, two: Found) -> bool:
    return (
        one.polarity == two.polarity
        and 0.4 <= one.area / two.area <= 2.5
        and 0.3 <= one.contrast / max(two.contrast, 1e-6) <= 3.3
    )


def _standing_out(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    seen: Contrast,
    *,
    sensitivity: float,
    max_area: int,
) -> tuple[list[tuple[int, Box]], Marks]:
    """Signs and boxes of what stands out, and where its hearts are, `(H, W)`; no boxes where that is far too much."""
    of = gray, (sides[0].gray, sides[1].gray), (sides[0].flow, sides[1].flow), sigma, seen.levels
    hearts, places = np.zeros(gray.shape, np.uint8), seen.places.copy()
    count = seeds_at(*of, places, sensitivity, hearts)
    if count > LOST * gray.size:
        return [], hearts
    known, boxes = hearts.copy(), np.empty((count, 5), np.int64)
    found = grown_from(*of, places[:count], sensitivity / 2, 2 * max_area, known, boxes)
    return [(sign, (top, left, bottom, right)) for top, left, bottom, right, sign in boxes[:found].tolist()], hearts


def _crowded(seeds: Marks, box: Box) -> bool:
    """Whether so much else stands out around a box that the neighbors do not show what is there."""
    top, left, bottom, right = box
    y, x = (top + bottom) // 2, (left + right) // 2
    around_it = cv2.countNonZero(seeds[max(y - CROWD, 0) : y + CROWD + 1, max(x - CROWD, 0) : x + CROWD + 1])
    own = cv2.countNonZero(seeds[top:bottom, left:right])
    return around_it - own > CROWDED * (2 * CROWD + 1) ** 2


def _judged(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    box: Box,
    *,
    sign: int,
    sensitivity: float,
    max_area: int,
) -> tuple[Mask, Box, float, float] | None:
    """A suspect looked at closely, with the flow under it taken from around it: its mask, box, contrast, proof."""
    top, left, bottom, right = crop = around(box, MARGIN, (gray.shape[0], gray.shape[1]))
    cut = np.s_[top:bottom, left:right]
    own = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
    inner = np.s_[own[0] : own[2], own[1] : own[3]]
    suspect = np.zeros((bottom - top, right - left), bool)
    suspect[inner] = True
    hidden = grown(suspect, HIDDEN)
    if hidden.all():
        return None
    here, grain, tries = np.ascontiguousarray(gray[cut]), sigma[cut], []
    around_it = Surroundings(crop, here, hidden)
    for side in sides:
        tries.append(fitted(side, around_it))
        if not (sign * (here - tries[-1][1]) > (sensitivity - 0.5) * grain)[inner].any():
            return None
    one, two = (there for _, there in tries)
    if not surely(here, one, two, grain, own, sign, sensitivity):
        return None
    unseen = beyond(tries[0][0], crop, gray.shape) | beyond(tries[1][0], crop, gray.shape)
    ratio, plain = standing(here, one, two, grain, sign, sensitivity / 2)
    ratio[unseen] = 0
    seeds = (ratio > sensitivity) & suspect
    if not seeds.any():
        return None
    count, labels = cv2.connectedComponents((ratio > sensitivity / 2).view(np.uint8), connectivity=8)
    members = np.zeros(count, bool)
    members[labels[seeds]] = True
    mask = members[labels]
    if mask.sum() > max_area:
        return None
    apart = np.abs(here - one), np.abs(here - two)
    ring = grown(mask, 5) & ~grown(mask, 2) & ~unseen
    explained = np.maximum(*apart) < 4 * np.hypot(plain, FLOOR)
    if not ring.any() or float(explained[ring].mean()) < SOUND:
        return None
    height = float(ratio[mask].max())
    proven = height / (float((np.abs(one - two) / np.sqrt(grain * plain))[grown(mask, HIDDEN)].mean()) + 0.25)
    if proven < PROOF:
        return None
    proven *= np.exp(1.5 * (_unlike(gray, sides, crop, (mask, np.minimum(*apart), grain)) - 1))
    if proven < PROOF:
        return None
    whole = grown(mask, 1)
    rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
    tight = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    where = (top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1)
    return whole[tight].copy(), where, height, float(proven)  # a view would keep the whole crop


def _unlike(gray: Floats, sides: tuple[Neighbor, Neighbor], crop: Box, shown: tuple[Mask, Floats, Floats]) -> float:
    """How little either neighbor shows the like of a blemish anywhere near, 0 to 1 where neither does.

    The least square difference over all shifts of up to 24 pixels, as a share of that along the flow, grain apart.
    `shown` is the blemish's mask in the crop, the difference along the flow and the sigma of grain, all `(h, w)`.
    """
    mask, miss, grain = shown
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tight = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    top, left, bottom, right = around(tight, 3, mask.shape)
    part = np.s_[top:bottom, left:right]
    patch = np.ascontiguousarray(gray[top + crop[0] : bottom + crop[0], left + crop[1] : right + crop[1]])
    random = 2 * float(np.median(grain)) ** 2
    along = float((miss[part] ** 2).mean())
    nearest = along
    for side in sides:
        y, x, end, side_end = around(
            (top + crop[0], left + crop[1], bottom + crop[0], right + crop[1]), SEARCH, gray.shape[:2]
        )
        found = cv2.matchTemplate(np.ascontiguousarray(side.gray[y:end, x:side_end]), patch, cv2.TM_SQDIFF)
        nearest = min(nearest, float(found.min()) / patch.size)
    return float(np.clip((nearest - random) / max(along - random, 1e-9), 0, 1))
