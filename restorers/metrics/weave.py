"""How unsteadily the picture stands: the part of its path over time that no camera made.

Gate weave is small, differs from frame to frame, and has no memory; a camera move is smooth. So the path of the picture
is fitted with local parabolas over about a second, and what remains is weave. The fit follows a little of the weave
too; each residual is divided by what the fit left of it, so that a weave of known size is measured at that size.

Local fits as in Savitzky, Golay, Smoothing and Differentiation of Data by Simplified Least Squares Procedures,
Analytical Chemistry 36(8), 1964. doi:10.1021/ac60214a047
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.metrics.registration import Picture, coarse_shift, common_shift, registered

LINES = 540  # frames with more lines are measured on a picture of this many
WINDOW = 25  # frames


class PicturePath:
    """The path of the picture across frames that come one after the other."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._path: list[tuple[float, float]] = []

    def add(self, luma: Picture) -> tuple[float, float]:
        """One more frame.

        Args:
            luma: `(H, W)`, best in density.

        Returns:
            How far the picture moved from the frame before, (x, y) in pixels; (0, 0) for the first.
        """
        height, width = luma.shape
        picture = luma
        if height > LINES:
            size = (max(round(width * LINES / height), 1), LINES)
            picture = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
        step = (0.0, 0.0)
        if self._last is not None and not np.array_equal(self._last, picture):
            tiles = registered(self._last, picture, coarse_shift(self._last, picture))
            x, y = common_shift(tiles)
            step = x * width / picture.shape[1], y * height / picture.shape[0]
        self._last = picture
        x, y = self._path[-1] if self._path else (0.0, 0.0)
        self._path.append((x + step[0], y + step[1]))
        return step

    @property
    def path(self) -> NDArray[np.float64]:
        """Where the picture stands in each frame, `(T, 2)`, x then y, in pixels from where it stood in the first."""
        return np.array(self._path, np.float64).reshape(-1, 2)


def weave(path: NDArray[np.float64]) -> tuple[float, float] | None:
    """Standard deviation (x, y) of the weave in a path `(T, 2)`, in pixels; None under 6 frames.

    From the median of the residuals, so that single jumps, as splices make them, do not count as weave.

    >>> rng = np.random.default_rng(3)
    >>> pan = np.stack([np.linspace(0, 300, 96) ** 1.1, np.zeros(96)], axis=1)
    >>> [round(w, 1) for w in weave(pan + rng.normal(0, (1.0, 2.0), (96, 2)))]
    [1.0, 2.0]
    """
    if len(path) < 6:
        return None
    residual = departure(path)
    x, y = np.median(np.abs(residual), axis=0) / 0.67449
    return float(x), float(y)


def departure(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each frame stands from where a smooth camera move would have it, `(T, 2)`, in pixels."""
    count = len(path)
    width = min(WINDOW, count)
    out = np.empty_like(path)
    for number in range(count):
        start = min(max(number - width // 2, 0), count - width)
        # Tricube weights, so that far frames do not bend the parabola at this one.
        distance = np.abs(np.arange(start, start + width) - number)
        weights = (1 - (distance / (distance.max() + 1)) ** 3) ** 3
        powers = np.vander((np.arange(start, start + width) - number) / width, 3)
        hat = powers[number - start] @ np.linalg.pinv(powers * np.sqrt(weights)[:, None]) * np.sqrt(weights)
        left = (1 - hat[number - start]) ** 2 + (np.delete(hat, number - start) ** 2).sum()
        out[number] = (path[number] - hat @ path[start : start + width]) / np.sqrt(left)
    return out
