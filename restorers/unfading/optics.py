"""What a clip's density says of the light that passed the film, and back."""

import math
from enum import StrEnum

import numpy as np

from restorers.colorspace import FLARE, Space
from restorers.dyes.stocks import Floats

FLOOR = -math.log10(FLARE)
GAMMA = 0.6  # of a negative, as Cineon's codes take it
DARKEST = 10**-3.2  # light


class Reading(StrEnum):
    """How the film's own density is read from a clip's."""

    DENSITY = "density"
    """It is the film's own, over its clear base."""

    LIGHT = "light"
    """It is that of the light shown, flare included, as of video and linear scans."""

    NEGATIVE = "negative"
    """It is that of the picture a negative holds: the negative is thin where it is dense."""

    @classmethod
    def of(cls, space: Space, *, negative: bool) -> "Reading":
        """How a scan's density is read.

        Raises:
            ValueError: a negative was not scanned to printing density.
        """
        if negative:
            if space is not Space.PRINTING_DENSITY:
                raise ValueError(f"a negative is scanned to printing-density, not to {space.value}")
            return cls.NEGATIVE
        return cls.DENSITY if space in {Space.DENSITY, Space.PRINT_DENSITY, Space.PRINTING_DENSITY} else cls.LIGHT

    def film(self, density: Floats) -> Floats:
        """The film's own density, any shape, of a clip's."""
        match self:
            case Reading.DENSITY:
                return density
            case Reading.LIGHT:
                return np.asarray(-np.log10(np.maximum((10**-density - FLARE) / (1 - FLARE), DARKEST)))
            case Reading.NEGATIVE:
                return np.asarray(GAMMA * (FLOOR - density))

    def clip(self, density: Floats) -> Floats:
        """A clip's density, any shape, of the film's own."""
        match self:
            case Reading.DENSITY:
                return density
            case Reading.LIGHT:
                return np.asarray(-np.log10((1 - FLARE) * 10**-density + FLARE))
            case Reading.NEGATIVE:
                return np.asarray(FLOOR - density / GAMMA)
