"""What was found on a frame: its class, its box, and the pixels it hides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import numpy as np

from restorers.cleaning.neighbors import Box, Mask

Polarity = Literal["bright", "dark"]
Kind = Literal["dust", "dirt", "hair", "blotch", "stain", "scratch", "splice", "tear", "marked"]
"""Dust is small and on one frame, dirt larger, a hair long and thin, a blotch large; a stain is faint and see-through.
Scratches run along the film through many frames; splices and tears cross it. `marked` was pointed out by a person."""

LINES = 480  # of a picture in which the following are pixels
DUST = 8.0  # length up to which it is dust
HAIR = 12.0  # length from which it may be a hair
THIN = 5.0  # times as long as wide
BLOTCH = 20.0  # side of a square as large
FAINT = 6.0  # sigmas


@dataclass(frozen=True)
class Found:
    """One blemish in one frame: its box, and in it the pixels it hides.

    Attributes:
        box: top, left, bottom, right, half-open.
        mask: bool, of the box's size.
        polarity: brighter or darker than the picture.
        contrast: how far it stands out at most, in sigmas of grain.
        confidence: 0 to 1, how likely it is a blemish.
        kind: its class.
        track: name of what it is a part of where that is on many frames, as a scratch is; else empty.
    """

    box: Box
    mask: Mask
    polarity: Polarity
    contrast: float
    confidence: float
    kind: Kind = "dust"
    track: str = ""

    @property
    def area(self) -> int:
        """Pixels it hides."""
        return int(self.mask.sum())

    def hidden_by(self, mask: Mask) -> float:
        """Share of it that lies under a mask of the frame, `(H, W)`."""
        top, left, bottom, right = self.box
        return float(mask[top:bottom, left:right][self.mask].mean())

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box, y then x."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def kind_of(mask: Mask, contrast: float, height: int) -> Kind:
    """What lies on one frame, by its shape, its size in a picture of so many lines, and how far it stands out.

    >>> kind_of(np.ones((3, 4), bool), 20.0, 480), kind_of(np.ones((2, 40), bool), 20.0, 480)
    ('dust', 'hair')
    """
    area, line = int(mask.sum()), height / LINES
    ys, xs = np.nonzero(mask)
    spread = np.linalg.eigvalsh(np.cov(np.stack([ys, xs]).astype(np.float64), bias=True) + np.eye(2) / 12)
    length = float(np.sqrt(12 * spread[1]))
    if length >= HAIR * line and length**2 >= THIN * area:
        return "hair"
    if contrast <= FAINT and area >= (DUST * line) ** 2:
        return "stain"
    if area >= (BLOTCH * line) ** 2:
        return "blotch"
    return "dust" if length <= DUST * line else "dirt"


def joined(ones: Sequence[Found], others: Sequence[Found]) -> list[Found]:
    """What was found in two ways, that which shares pixels as one; what a person marked stays marked."""
    whole = list(others)
    for one in ones:
        met = [meet(one, other) for other in whole]
        kept = [other for other, meets in zip(whole, met, strict=True) if not meets]
        whole = [*kept, reduce(_both, (other for other, meets in zip(whole, met, strict=True) if meets), one)]
    return sorted(whole, key=lambda one: one.box)


def covered(found: Iterable[Found], size: tuple[int, ...]) -> Mask:
    """All that some blemishes hide of a frame `(H, W)`."""
    whole = np.zeros(size, bool)
    for one in found:
        top, left, bottom, right = one.box
        whole[top:bottom, left:right] |= one.mask
    return whole


def meet(one: Found, other: Found) -> bool:
    """Whether two share pixels."""
    top, left = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    bottom, right = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    if top >= bottom or left >= right:
        return False
    parts = (
        each.mask[top - each.box[0] : bottom - each.box[0], left - each.box[1] : right - each.box[1]]
        for each in (one, other)
    )
    return bool(np.logical_and(*parts).any())


def _both(one: Found, other: Found) -> Found:
    """Two that share pixels as one; it is what the second is if a person marked it, else what the first is."""
    top, left = min(one.box[0], other.box[0]), min(one.box[1], other.box[1])
    bottom, right = max(one.box[2], other.box[2]), max(one.box[3], other.box[3])
    mask = np.zeros((bottom - top, right - left), bool)
    for each in (one, other):
        mask[each.box[0] - top : each.box[2] - top, each.box[1] - left : each.box[3] - left] |= each.mask
    known = next((each for each in (one, other) if each.kind == "marked"), one)
    return replace(
        known,
        box=(top, left, bottom, right),
        mask=mask,
        contrast=max(one.contrast, other.contrast),
        confidence=max(one.confidence, other.confidence),
    )
