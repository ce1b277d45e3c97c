"""Dust, dirt and hairs, found by what both neighbors of a frame agree on and the frame itself does not show.

Both neighbors are brought to the frame along the flow; where the frame stands out from both, on the same side, by
several times what grain, a slight misregistration and the neighbors' own disagreement explain, something lies on it.
Everything is in units of the measured grain, so that thresholds are absolute and clean film shows nothing.

Kokaram, *Motion Picture Restoration*, Springer 1998, ch. 6 (SDIp); Nadenau, Mitra, *Blotch and scratch detection in
image sequences based on rank ordered differences*, 1997 (both neighbors ranked against the frame).
"""

import cv2
import numpy as np

from restorers.cleaning.contrast import stand_out, surely
from restorers.cleaning.evidence import level
from restorers.cleaning.found import Found, Polarity, kind_of
from restorers.cleaning.neighbors import Box, Mask, Neighbor, Surroundings, around, beyond, fitted, grown
from restorers.cleaning.shelf import FLOOR
from restorers.detail.grain import Floats
from restorers.geometry.motion import Picture

SLACK = 0.25  # of what the picture changes by from pixel to pixel: misregistration no flow is free of
CROWD = 32  # pixels
HIDDEN = 4  # pixels around a blemish whose flow it may have spoilt
MARGIN = 16
SOUND = 0.85  # share of a blemish's surroundings that both neighbors must explain
LOST = 0.2  # share of a frame beyond which its neighbors do not explain it
CROWDED = 0.1  # share of the 65 x 65 pixels around a blemish, itself apart, beyond which they do not explain these
PROOF = 4.0  # times how far apart the neighbors are that a blemish must stand out
UNLIKE = 0.35  # share of its difference along the flow that is left at the place in a neighbor most like it
SEARCH = 24  # pixels around a blemish within which a neighbor must not show the like of it


def blemishes(
    gray: Floats, sides: tuple[Neighbor, Neighbor], sigma: Floats, *, sensitivity: float, max_area: int
) -> list[Found]:
    """Blemishes of a frame, by the two frames beside it.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        sensitivity: sigmas by which the heart of a blemish stands out; its rim by half as many.
        max_area: pixels beyond which it is taken for part of the picture.

    Returns:
        Nothing at all where the neighbors explain too little of the frame: a flash, a cut that was missed.
    """
    one, two = sides
    ratio = np.zeros_like(gray)
    levels = level(gray, one, sigma), level(gray, two, sigma)
    stand_out(gray, one.gray, two.gray, one.flow, two.flow, sigma, *levels, sensitivity / 2, ratio)
    dark, bright = _beyond(ratio, sensitivity), _beyond(-ratio, sensitivity)
    seeds = dark | bright
    if cv2.countNonZero(seeds) > LOST * seeds.size:
        return []
    found: list[Found] = []
    polarities: tuple[tuple[int, Polarity], ...] = ((1, "dark"), (-1, "bright"))
    for sign, polarity in polarities:
        wide = _beyond(sign * ratio, 0)
        for box in _boxes(wide, dark if sign > 0 else bright, max_area):
            if _crowded(seeds, box):
                continue
            judged = _judged(gray, sides, sigma, box, sign=sign, sensitivity=sensitivity, max_area=max_area)
            if judged is not None:
                mask, where, contrast, proof = judged
                kind = kind_of(mask, contrast, len(gray))
                found.append(Found(where, mask, polarity, contrast, 1 - 2 / (2 + proof), kind))
    return sorted(found, key=lambda f: (f.box, f.polarity))


def scatter(one: Floats, two: Floats, sigma: Floats, *, disagreement: bool) -> Floats:
    """One sigma of what a sound pixel may differ by: grain, slight misregistration, what the neighbors disagree by."""
    mean = (one + two) / 2
    square = np.ones((3, 3), np.uint8)
    slope = SLACK * (cv2.dilate(mean, square) - cv2.erode(mean, square) - 2 * sigma).clip(0)
    variance = sigma**2 + slope**2
    if disagreement:
        apart = cv2.blur(np.abs(one - two), (7, 7)) / 1.128
        variance += np.maximum(apart**2 - sigma**2, 0)
    return np.asarray(np.sqrt(variance), np.float32)


def borne_out(gray: Floats, sides: tuple[Neighbor, Neighbor], sigma: Floats, found: Found, dirty: Mask) -> bool:
    """Whether both neighbors show what is around a blemish, and neither of them the like of it anywhere near.

    What is around it is judged where nothing else is `dirty`, `(H, W)`.
    """
    top, left, bottom, right = crop = around(found.box, MARGIN, (gray.shape[0], gray.shape[1]))
    cut = np.s_[top:bottom, left:right]
    mask = np.zeros((bottom - top, right - left), bool)
    mask[found.box[0] - top : found.box[2] - top, found.box[1] - left : found.box[3] - left] = found.mask
    hidden = grown(mask, HIDDEN)
    if hidden.all():
        return False
    here, grain = np.ascontiguousarray(gray[cut]), sigma[cut]
    around_it = Surroundings(crop, here, hidden)
    tries = [fitted(side, around_it) for side in sides]
    one, two = (there for _, there in tries)
    unseen = beyond(tries[0][0], crop, gray.shape) | beyond(tries[1][0], crop, gray.shape)
    ring = grown(mask, 5) & ~grown(mask | dirty[cut], 2) & ~unseen
    apart = np.abs(here - one), np.abs(here - two)
    explained = np.maximum(*apart) < 4 * np.hypot(scatter(one, two, grain, disagreement=False), FLOOR)
    if not ring.any() or float(explained[ring].mean()) < SOUND:
        return False
    return _unlike(gray, sides, crop, (mask, np.minimum(*apart), grain)) > UNLIKE


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


def _excess(gray: Floats, one: Floats, two: Floats, sigma: Floats) -> Floats:
    """How far the frame lies above both neighbors (positive: darker film) or below both, in density; else zero."""
    above, below = gray - np.maximum(one, two), np.minimum(one, two) - gray
    excess = np.where(above > 0, above, np.where(below > 0, -below, 0))
    return np.asarray(excess + np.sign(excess) * 0.5 * sigma, np.float32)


def _beyond(ratio: Floats, least: float) -> Picture:
    return np.asarray(ratio > least).view(np.uint8)


def _boxes(wide: Picture, seeds: Picture, max_area: int) -> list[Box]:
    """Boxes of the parts of `wide` that hold a seed."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wide, connectivity=8)
    seeded = np.zeros(count, bool)
    places = cv2.findNonZero(seeds)
    if places is not None:
        x, y = places.reshape(-1, 2).T
        seeded[labels[y, x]] = True
    kept = [stats[i] for i in np.flatnonzero(seeded) if stats[i][cv2.CC_STAT_AREA] <= 2 * max_area]
    return [(int(y), int(x), int(y + h), int(x + w)) for x, y, w, h, _ in kept]


def _crowded(seeds: Picture, box: Box) -> bool:
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
    noise = scatter(one, two, grain, disagreement=True)
    excess = sign * _excess(here, one, two, grain) * ~unseen
    seeds = (excess > sensitivity * noise) & suspect
    if not seeds.any():
        return None
    count, labels = cv2.connectedComponents((excess > sensitivity / 2 * noise).view(np.uint8), connectivity=8)
    members = np.zeros(count, bool)
    members[labels[seeds]] = True
    mask = members[labels]
    if mask.sum() > max_area:
        return None
    ring = grown(mask, 5) & ~grown(mask, 2) & ~unseen
    plain = scatter(one, two, grain, disagreement=False)
    explained = np.maximum(np.abs(here - one), np.abs(here - two)) < 4 * np.hypot(plain, FLOOR)
    if not ring.any() or float(explained[ring].mean()) < SOUND:
        return None
    contrast = float((excess / noise)[mask].max())
    proof = contrast / (float((np.abs(one - two) / np.sqrt(grain * plain))[grown(mask, HIDDEN)].mean()) + 0.25)
    if proof < PROOF:
        return None
    along = np.minimum(np.abs(here - one), np.abs(here - two))
    proof *= np.exp(1.5 * (_unlike(gray, sides, crop, (mask, along, grain)) - 1))
    if proof < PROOF:
        return None
    whole = grown(mask, 1)
    rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
    tight = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    where = (top + int(rows[0]), left + int(columns[0]), top + int(rows[-1]) + 1, left + int(columns[-1]) + 1)
    return whole[tight].copy(), where, contrast, float(proof)  # a view would keep the whole crop


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
