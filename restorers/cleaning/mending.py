"""Mending one blemish: what it hides, taken from the neighbor that fits best, or else from its rim.

The flow under a blemish is filled in from around it, neighbors are brought along it and leveled to the blemish's
surroundings, and one of them lends its pixels as they are: a mean of several would be a patch without grain.
"""

import cv2
import numpy as np
import torch

from restorers.cleaning.blemishes import HIDDEN, MARGIN, scatter
from restorers.cleaning.found import Found
from restorers.cleaning.mends import Mend
from restorers.cleaning.neighbors import Box, Mask, around, beyond, fetched, fitted, grown
from restorers.cleaning.shelf import Shelf, gray_sigma
from restorers.clip import Origin
from restorers.detail.grain import Floats, laid
from restorers.restorer import Bench

FITTING = 1.8  # times what grain and slight misregistration explain: how far a donor may be off
DIFFERENCE = 1.128  # mean absolute difference of two grains of sigma 1
ROUNDING = 10_000  # OpenCV's fast marching rounds even floats to whole numbers


def mended(shelf: Shelf, number: int, found: Found, bench: Bench, *, spatial: bool) -> Mend:
    """What is done about a blemish: pixels from the neighbor that fits best, or from its rim where that is allowed."""
    loan = borrowed(shelf, number, found, lasting=found.kind == "scratch")
    if loan is not None:
        return Mend(number, found, loan[0], np.full(found.area, Origin.borrowed(loan[1]), np.uint8))
    if not spatial:
        return Mend(number, found, reason="nothing fits")
    values = interpolated(shelf, number, found, bench)
    return Mend(number, found, values, np.full(found.area, Origin.INTERPOLATED, np.uint8))


def borrowed(shelf: Shelf, number: int, found: Found, *, lasting: bool) -> tuple[Floats, int] | None:
    """The pixels `(area, 3)` under a blemish from the frame that fits best, and its distance; None where none fits.

    A frame with dirt of its own there lends nothing.

    A `lasting` blemish is on the neighbors too, at the same place: they know what is under it only where the picture
    has moved on by more than its width.
    """
    gray = shelf.gray(number)
    crop, mask = _cropped(found, gray.shape)
    hidden, ring = grown(mask, HIDDEN), grown(mask, 5) & ~grown(mask, 1)
    top, left, bottom, right = crop
    here = shelf.part(number, crop)
    calm = np.ascontiguousarray(gray[top:bottom, left:right])
    grain = gray_sigma(shelf.model, calm)
    sigma = float(np.median(grain))
    sign = 1 if found.polarity == "dark" else -1
    offers: list[tuple[int, float, Floats]] = []
    for distance in shelf.donors(number):
        side = shelf.neighbor(number, distance)
        motion, seen, miss = fitted(side, calm, crop, hidden)
        miss /= DIFFERENCE * float(scatter(seen, seen, grain, disagreement=False)[~hidden].mean())
        same_place = lasting and bool((np.abs(motion[mask][:, 0]) < found.box[3] - found.box[1]).any())
        if miss > FITTING or same_place or beyond(motion, crop, gray.shape)[mask].any():
            continue
        if fetched(shelf.dirty(number + distance), motion, crop, cv2.INTER_LINEAR)[mask].any():
            continue
        there = _along(shelf, number + distance, motion, crop)
        there = there + np.median((here - there)[ring], 0)
        if float(np.quantile(sign * (here - there).mean(2)[mask], 0.75)) > sigma:
            offers.append((distance, miss, there[mask]))
    if not offers:
        return None
    middle = np.median(np.stack([values.mean(1) for _, _, values in offers]), 0)
    apart = [float(np.abs(values.mean(1) - middle).mean()) / (sigma * DIFFERENCE) for _, _, values in offers]
    scores = [miss + max(alone - 1.2, 0) for (_, miss, _), alone in zip(offers, apart, strict=True)]
    best = int(np.argmin(scores))
    distance, _, values = offers[best]
    return np.asarray(values, np.float32), distance


def interpolated(shelf: Shelf, number: int, found: Found, bench: Bench) -> Floats:
    """The pixels `(area, 3)` under a blemish from its rim, with fresh grain.

    Telea, *An Image Inpainting Technique Based on the Fast Marching Method*, 2004. doi:10.1080/10867651.2004.10487596
    """
    crop, mask = _cropped(found, shelf.gray(number).shape)
    here = shelf.part(number, crop)
    hole = mask.astype(np.uint8)
    smooth = cv2.GaussianBlur(here, (0, 0), 0.8) * ROUNDING
    filled = np.stack([cv2.inpaint(np.ascontiguousarray(smooth[..., c]), hole, 3, cv2.INPAINT_TELEA) for c in range(3)])
    filled = filled.transpose(1, 2, 0) / ROUNDING
    picture = torch.from_numpy(np.ascontiguousarray(filled.transpose(2, 0, 1)))
    fresh = laid(shelf.model, picture, number, bench, place=found.box).numpy().transpose(1, 2, 0)
    return np.asarray((filled + fresh)[mask], np.float32)


def _along(shelf: Shelf, number: int, motion: Floats, box: Box) -> Floats:
    """What a frame shows along a motion given for a box of another, `(h, w, 3)`."""
    reach = int(np.ceil(np.abs(motion).max())) + 6
    top, left, _, _ = wide = around(box, reach, shelf.clip.size)
    inside = (box[0] - top, box[1] - left, box[2] - top, box[3] - left)
    return fetched(shelf.part(number, wide), motion, inside, cv2.INTER_LANCZOS4)


def _cropped(found: Found, size: tuple[int, ...]) -> tuple[Box, Mask]:
    crop = around(found.box, MARGIN, (size[0], size[1]))
    mask = np.zeros((crop[2] - crop[0], crop[3] - crop[1]), bool)
    top, left, bottom, right = found.box
    mask[top - crop[0] : bottom - crop[0], left - crop[1] : right - crop[1]] = found.mask
    return crop, mask
