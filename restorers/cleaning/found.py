"""What was found on a frame: its class, its box, and the pixels it hides."""

from dataclasses import dataclass
from typing import Literal

from restorers.cleaning.neighbors import Box, Mask

Polarity = Literal["bright", "dark"]
Kind = Literal["dust", "dirt", "hair", "blotch", "stain", "scratch", "splice", "tear", "marked"]
"""Dust is small and on one frame, dirt larger, a hair long and thin, a blotch large; a stain is faint and see-through.
Scratches run along the film through many frames; splices and tears cross it. `marked` was pointed out by a person."""


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

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box, y then x."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2
