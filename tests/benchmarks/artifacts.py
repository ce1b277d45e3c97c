"""What a codec adds to a picture: steps on the grid of its blocks, and rings beside edges, in 8-bit levels of luma.

Both are measured against the original, whose own steps and textures are no flaw: what counts is what there is more.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.closeness import luma
from tests.benchmarks.moves import Floats
from tests.benchmarks.peers import Frames

GRIDS = (8, 16)
STRONG = 40.0  # levels a pixel: an edge that rings
FLAT = 2.0  # levels of standard deviation in a window of five pixels of the original
NEAR, FAR = 4.0, 8.0  # pixels from the edge, between which rings are looked for
WINDOW = (5, 5)
FEW = 400  # pixels in which rings must be looked for to say something


def blockiness(frames: Frames, grid: int) -> float:
    """How much steeper luma is across the lines of a grid than beside them, mean over lines both ways, in levels."""
    planes = luma(frames)
    return (_steeper(planes, grid) + _steeper(planes.swapaxes(1, 2), grid)) / 2


def ringing(frames: Frames, original: Frames) -> float | None:
    """Variance in windows that are flat in the original, near its strong edges; None where there are too few."""
    total, count = 0.0, 0
    for done, true in zip(luma(frames), luma(original), strict=True):
        place = beside_edges(true)
        total += float(_variance(done)[place].sum())
        count += int(place.sum())
    return total / count if count >= FEW * len(frames) else None


def beside_edges(plane: Floats) -> NDArray[np.bool_]:
    """Where luma `(H, W)` is flat, four to eight pixels from a strong edge."""
    steep = np.hypot(cv2.Sobel(plane, cv2.CV_64F, 1, 0, scale=1 / 8), cv2.Sobel(plane, cv2.CV_64F, 0, 1, scale=1 / 8))
    away = cv2.distanceTransform((steep <= STRONG / 2).astype(np.uint8), cv2.DIST_L2, 5)
    return (away >= NEAR) & (away <= FAR) & (_variance(plane) <= FLAT**2)


def _steeper(planes: Floats, grid: int) -> float:
    steps = np.abs(np.diff(planes, axis=2)).mean(axis=(0, 1))
    lines = np.arange(grid - 1, len(steps) - 1, grid)
    return float((steps[lines] - (steps[lines - 1] + steps[lines + 1]) / 2).mean())


def _variance(plane: Floats) -> Floats:
    mean = cv2.blur(plane, WINDOW)
    return np.maximum(cv2.blur(plane**2, WINDOW) - mean**2, 0)
