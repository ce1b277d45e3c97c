"""How unsteadily the picture is exposed: changes of density over time that nothing in front of the camera made.

Frames are laid on each other by the shift that most of the picture makes, and compared in cells; the exposure step is
the median over the cells, so that people who walk and smoke that rises do not count. Steps add up to a path of
exposure. Its spectrum tells what frame-to-frame differences cannot: slow pumping changes little from one frame to the
next, and a flicker of two frames' period is nothing at a lag of two.

Robust exposure steps after Pitié, Dahyot, Kelly, Kokaram, A new robust technique for stabilizing brightness
fluctuations in image sequences, SMVP 2004. doi:10.1007/978-3-540-30212-4_14
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.metrics.registration import Picture

ROWS, COLUMNS = 12, 16
SLOW, ALTERNATING = 1 / 8, 0.45  # cycles per frame


class Flicker(BaseModel):
    """Flicker of one shot, in density."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: float = Field(description="root mean square of the change from frame to frame")
    slow: float = Field(description="pumping slower than a period of 8 frames, root mean square, without its trend")
    fast: float = Field(description="periods of 8 frames and less, root mean square, but for the alternation")
    alternating: float = Field(description="one frame light, one frame dark: periods under 2.2 frames")
    uneven: float = Field(description="change from frame to frame that differs across the picture, typical cell")


class Exposure:
    """The path of exposure across frames that come one after the other."""

    def __init__(self) -> None:
        self._last: Picture | None = None
        self._steps: list[float] = []
        self._uneven: list[float] = []
        self.means: list[float] = []
        """Mean of each frame as it is, motion and all, for plots."""

    def add(self, luma: Picture, shift: tuple[float, float]) -> None:
        """One more frame.

        Args:
            luma: `(H, W)`, in density.
            shift: how far the picture moved since the frame before, (x, y) in pixels.
        """
        self.means.append(float(luma.mean(dtype=np.float64)))
        if self._last is not None:
            before, now = overlap(self._last, luma, shift)
            change = _cells(now) - _cells(before)
            step = float(np.median(change))
            self._steps.append(step)
            self._uneven.append(float(np.median(np.abs(change - step)) / 0.67449))
        self._last = luma

    @property
    def path(self) -> NDArray[np.float64]:
        """Exposure of each frame against the first, `(T,)`, in density."""
        return np.concatenate([[0.0], np.cumsum(self._steps)])

    @property
    def flicker(self) -> Flicker | None:
        """Flicker of the frames so far; None under 6 frames."""
        if len(self._steps) < 5:
            return None
        slow, fast, alternating = bands(self.path)
        return Flicker(
            step=float(np.sqrt(np.mean(np.square(self._steps)))),
            slow=slow,
            fast=fast,
            alternating=alternating,
            uneven=float(np.median(self._uneven)),
        )


def bands(path: NDArray[np.float64]) -> tuple[float, float, float]:
    """Root mean square of the slow, the fast and the alternating part of a path of exposure `(T,)`.

    A trend is not flicker, film fades to black: a straight line is taken off first. The squares of the three add up
    to the variance of the rest.

    >>> [round(v, 2) for v in bands(np.array([0.1, -0.1] * 24))]
    [0.0, 0.0, 0.1]
    """
    count = len(path)
    line = np.polynomial.Polynomial.fit(np.arange(count), path, 1)
    rest = path - line(np.arange(count))
    power = np.abs(np.fft.rfft(rest)) ** 2 / count**2
    frequency = np.fft.rfftfreq(count)
    power[(frequency > 0) & (frequency < 0.5)] *= 2
    power[0] = 0
    slow, alternating = frequency < SLOW, frequency > ALTERNATING
    parts = (power[slow], power[~slow & ~alternating], power[alternating])
    return float(np.sqrt(parts[0].sum())), float(np.sqrt(parts[1].sum())), float(np.sqrt(parts[2].sum()))


def overlap(before: Picture, now: Picture, shift: tuple[float, float]) -> tuple[Picture, Picture]:
    """The parts of two frames that show the same, the second laid on the first."""
    height, width = before.shape
    x, y = shift
    left, right = max(math.ceil(-x), 0), width - max(math.ceil(x), 0)
    top, bottom = max(math.ceil(-y), 0), height - max(math.ceil(y), 0)
    if right - left < width // 2 or bottom - top < height // 2:
        return before, now
    moved = cv2.warpAffine(
        now, np.array([[1, 0, x], [0, 1, y]]), (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return before[top:bottom, left:right], np.asarray(moved[top:bottom, left:right], np.float32)


def _cells(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA), np.float32)
