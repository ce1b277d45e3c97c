"""What steadying uncovers at a picture's borders, taken from frames that still show it.

A frame that lay too far to the left shows less of the right, but its neighbors showed it: each says by its own place in
the path where that part of the scene lies in it. It lends its pixels only where, in a rim beside the border, it agrees
with the frame itself; what nobody knows repeats the edge.

Matsushita, Ofek, Ge, Tang, Shum, Full-frame video stabilization with motion inpainting, IEEE TPAMI 28(7), 2006.
doi:10.1109/TPAMI.2006.141 (mosaicing with consistency constraint; nothing is painted in here)
"""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Origin
from restorers.geometry.movement import Floats, Movement
from restorers.geometry.resampling import sampled

Mask: TypeAlias = NDArray[np.bool_]
Singles: TypeAlias = NDArray[np.float32]

BLOCKS = 9  # to the height of a picture
RIM = 12  # pixels of the frame
WORN = (0, 4, 8)  # pixels along a frame's edge that may be mask or shadow instead of picture
LEAST, MOST = 64, 800  # pixels that a donor is judged by
NOISE_SHARE = 2.0
DETAIL_SHARE = 0.3
UNSEEN = 0.015  # density
ENOUGH = 0.8  # of the most boxes that agree
BLEND = 4  # pixels of the frame
SOFT = 6.0  # pixels
NORMAL_80 = 1.2816  # eight tenths of a normal's values are within so many of its spreads
NORMAL_MEDIAN = 0.6745


class Donor(NamedTuple):
    """A neighboring frame and where the pixels of the steadied picture lie in it.

    Attributes:
        distance: how many frames later it is; earlier, if negative.
        frame: `(3, H, W)`.
        movement: from the picture to be filled to this frame.
    """

    distance: int
    frame: Tensor
    movement: Movement


def filled(picture: Tensor, movement: Movement, donors: Iterable[Donor]) -> NDArray[np.uint8]:
    """Fill what a steadied picture does not know; block by block, each from the first donor that agrees.

    Args:
        picture: `(3, H, W)`, edge repeated; changed in place.
        movement: from the picture to its own frame.
        donors: the ones to be asked first, first; no more of them are taken than are needed.

    Returns:
        Marks of `Origin`, `(H, W)`: borrowed, or interpolated where nobody knows, else resampled.
    """
    beyond = movement.outside()
    marks = np.where(beyond, np.uint8(Origin.INTERPOLATED), np.uint8(Origin.RESAMPLED))
    boxes = _boxes(beyond, movement)
    asked = iter(donors)
    while boxes and (donor := next(asked, None)) is not None:
        offers = [offer for box in boxes if (offer := _offer(box, picture, donor)) is not None]
        if not offers:
            continue
        worn, judged = _agreed(offers)
        sound = sum(miss <= 1 for miss, _ in judged)
        bearable = 2.0 if 2 * sound > len(offers) else 1.0
        for offer, (miss, level) in zip(offers, judged, strict=True):
            if miss <= bearable:
                _lay(offer, picture, marks, donor, worn=worn, level=level)
        boxes = [box for box in boxes if box.wanted.any()]
    return marks


class _Box(NamedTuple):
    """A part of the picture's border: where it is, what of it is to be filled, how deep in its own frame it lies."""

    part: tuple[slice, slice]
    wanted: Mask
    depth: Singles


class _Offer(NamedTuple):
    """What a donor shows in a box, what it knows of it, and what the frame itself shows there."""

    box: _Box
    there: Singles
    known: Mask
    own: Singles


def _boxes(beyond: Mask, movement: Movement) -> list[_Box]:
    """What is unknown in boxes, block by block, each with a rim around it."""
    found = []
    height, width = beyond.shape
    side, rim = -(-height // BLOCKS), movement.factor * (RIM + max(WORN))
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = beyond[top : top + side, left : left + side]
            if not block.any():
                continue
            rows, columns = np.flatnonzero(block.any(axis=1)) + top, np.flatnonzero(block.any(axis=0)) + left
            first, last = (int(rows[0]), int(columns[0])), (int(rows[-1]) + 1, int(columns[-1]) + 1)
            part = (
                slice(max(first[0] - rim, 0), min(last[0] + rim, height)),
                slice(max(first[1] - rim, 0), min(last[1] + rim, width)),
            )
            wanted = np.zeros_like(beyond[part])
            inner = tuple(slice(a - p.start, b - p.start) for a, b, p in zip(first, last, part, strict=True))
            wanted[inner] = beyond[part][inner]
            found.append(_Box(part, wanted, _depth(movement.places(*part), movement)))
    return found


def _offer(box: _Box, picture: Tensor, donor: Donor) -> _Offer | None:
    """What a donor has for a box; None where it knows nothing of what is to be filled."""
    places = donor.movement.places(*box.part)
    known = _depth(places, donor.movement) >= 0.5
    if not (known & box.wanted).any():
        return None
    x, y = torch.from_numpy(places.astype(np.float32)).to(donor.frame.device)
    there = sampled(donor.frame, x, y).cpu().numpy()
    return _Offer(box, there, known, picture[:, *box.part].cpu().numpy())


def _agreed(offers: list[_Offer]) -> tuple[int, list[tuple[float, Singles]]]:
    """How much of the frame's edge is worn, so that donors agree with what is left, and how each offer is judged then.

    Nothing more is tried where nearly all agree.
    """
    tried: list[list[tuple[float, Singles]]] = []
    for worn in WORN:
        rims = [offer.known & (offer.box.depth > worn) & (offer.box.depth <= worn + RIM) for offer in offers]
        tried.append([_judged(offer.own, offer.there, rim) for offer, rim in zip(offers, rims, strict=True)])
        if sum(miss <= 1 for miss, _ in tried[-1]) >= ENOUGH * len(offers):
            break
    agreeing = [sum(miss <= 1 for miss, _ in judged) for judged in tried]
    index = next(k for k, count in enumerate(agreeing) if count >= ENOUGH * max(agreeing))
    return WORN[index], tried[index]


def _lay(offer: _Offer, picture: Tensor, marks: NDArray[np.uint8], donor: Donor, *, worn: int, level: Singles) -> None:
    """Fill a box of the picture with what a donor offers, brought to the picture's level and blended into it."""
    (part, wanted, depth), there, known, _ = offer
    own = picture[:, *part].cpu().numpy()
    reach = donor.movement.factor * (worn + BLEND)
    near = known & cv2.dilate(wanted.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(bool)
    share = np.clip((worn + BLEND - depth) / BLEND, 0, 1) * near
    share[wanted] = known[wanted]
    judged = (known & (depth > worn)).astype(np.float32)[..., None]
    other = (there + level[:, None, None]).transpose(1, 2, 0)
    apart = np.clip(own.transpose(1, 2, 0) - other, -UNSEEN, UNSEEN)
    soft = cv2.GaussianBlur(np.concatenate((apart * judged, judged), axis=2), (0, 0), SOFT)
    own += share * ((other + soft[..., :3] / (soft[..., 3:] + 0.01)).transpose(2, 0, 1) - own)
    picture[:, *part] = torch.from_numpy(own).to(picture.device)
    marks[part][share > 0] = Origin.borrowed(donor.distance)
    wanted &= ~known


def _depth(places: Floats, movement: Movement) -> Singles:
    """How far inside the frame places `(2, h, w)` lie, in pixels from its edge; negative beyond it."""
    (x, y), (height, width) = places, movement.frame
    nearest = np.minimum(np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y))
    return np.asarray(nearest + 0.5, np.float32)


def _judged(own: Singles, there: Singles, where: Mask) -> tuple[float, Singles]:
    """By how much a donor misses a frame, in shares of what is bearable, and how much less of each channel it has.

    Eight tenths of what is judged may differ by what grain, a small misplacement and the eye explain, no more.
    """
    at = np.flatnonzero(where)
    if len(at) < LEAST:
        return np.inf, np.zeros(3, np.float32)
    inside = np.flatnonzero(where[:, 2:] & where[:, 1:-1] & where[:, :-2])
    row, column = np.divmod(_some(inside), where.shape[1] - 2)
    line = own.mean(axis=0)
    bends = np.abs(line[row, column + 2] - 2 * line[row, column + 1] + line[row, column])
    shown = own.reshape(3, -1)[:, _some(at)]
    apart = shown - there.reshape(3, -1)[:, _some(at)]
    level = _ranked(apart, 0.5)[:, None]
    gray = shown.mean(axis=0)
    detail = float(_ranked(np.abs(gray - _ranked(gray, 0.5)), 0.5)) / NORMAL_MEDIAN
    grain = float(_ranked(bends, 0.5)) / (NORMAL_MEDIAN * 6**0.5) if len(bends) else 0.0
    miss = float(_ranked(np.abs((apart - level).mean(axis=0)), 0.8)) / NORMAL_80
    return miss / (NOISE_SHARE * grain + DETAIL_SHARE * detail + UNSEEN), level[:, 0]


def _some(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """So many of the places, evenly spread, that they tell as much as all."""
    return places[:: -(-len(places) // MOST)] if len(places) else places


def _ranked(values: Singles, share: float) -> Singles:
    """The value that a share of the last axis lies beneath."""
    rank = int(share * values.shape[-1])
    return np.asarray(np.partition(values, rank, axis=-1)[..., rank])
