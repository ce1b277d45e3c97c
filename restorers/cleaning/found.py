"""What was found on a frame: its class, its box, and the pixels it hides."""

from dataclasses import dataclass
from typing import Literal

from restorers.cleaning.neighbors import Box, Mask

Polarity = Literal["bright", "dark"]


@dataclass(frozen=True)
class Found:
    """One blemish in one frame: its box, and in it the pixels it hides.

    Attributes:
        box: top, left, bottom, right, half-open.
        mask: bool, of the box's size.
        polarity: brighter or darker than the picture.
        contrast: how far it stands out at most, in sigmas.
        proof: how many times further it stands out than the neighbors are apart, less where one shows the like of it.
    """

    box: Box
    mask: Mask
    polarity: Polarity
    contrast: float
    proof: float

    @property
    def area(self) -> int:
        """Pixels it hides."""
        return int(self.mask.sum())

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box, y then x."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2
