"""A synthesis map as a picture: what is not the frame's own in color, over the frame in dimmed gray."""

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.clip import Origin
from tasks.pictures import Codes, reduced

WIDTH = 480  # px
DIM = 0.45
COLORS = {
    Origin.GRAIN: (196, 168, 96),
    Origin.ESTIMATED: (176, 144, 232),
    Origin.REGRAINED: (224, 160, 208),
    Origin.CORRECTED: (120, 200, 120),
    Origin.UNCERTAIN: (232, 96, 216),
    Origin.BORROWED: (64, 178, 255),
    Origin.INTERPOLATED: (255, 168, 32),
    Origin.GENERATED: (255, 48, 96),
}
"""Red, green and blue of each class that is in color."""


def painted(picture: Codes, origin: NDArray[np.uint8], *, width: int = WIDTH) -> Codes:
    """A map over its picture, no wider than `width`: a speck of one pixel can still be seen.

    Args:
        picture: `(H, W, 3)`, red first.
        origin: marks `(H, W)`.
        width: in pixels.
    """
    small = reduced(picture, width)
    height, width = small.shape[:2]
    cell = -(-origin.shape[0] // height), -(-origin.shape[1] // width)
    around = cv2.dilate(origin, np.ones(cell, np.uint8))
    shown = cv2.resize(around, (width, height), interpolation=cv2.INTER_NEAREST)
    gray = small.astype(np.float32).mean(axis=2, keepdims=True)
    out = np.repeat(gray * DIM, 3, axis=2).astype(np.uint8)
    for mark in np.unique(shown):
        color = COLORS.get(Origin.of(int(mark)))
        if color is not None:
            out[shown == mark] = color
    return out
