"""Slanted edges in a scene, and how sharp they are: the frequency at which half of their contrast is left."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.special import erf

from restorers.metrics import sharpness
from tests.benchmarks.moves import Singles
from tests.benchmarks.overlaid import Overlaid
from tests.benchmarks.peers import Frames

SLANT = np.deg2rad(5.0)
BLUR_PX = 0.65
DARK, BRIGHT = 90.0, 165.0
PATCH_PX = 120
WINDOW_PX = 80
PLACES = ((0.25, 0.3), (0.75, 0.7))  # of the frame, y and x: an upright edge, then a level one


@dataclass(frozen=True, eq=False)
class Edged(Overlaid):
    """A film with two slanted edges in its scene."""

    def seen(self, time: int, x: Singles, y: Singles) -> Singles:
        """The frame at places `(H, W)`, sRGB `(H, W, 3)`."""
        frame = self.film.seen(time, x, y)
        for index, (cy, cx) in enumerate(centers(self.size)):
            u, v = (x - cx, y - cy) if index == 0 else (y - cy, x - cx)
            level = (1 + erf((u * np.cos(SLANT) + v * np.sin(SLANT)) / (BLUR_PX * np.sqrt(2)))) / 2
            inside = (np.abs(u) < PATCH_PX / 2) & (np.abs(v) < PATCH_PX / 2)
            frame[inside] = (DARK + (BRIGHT - DARK) * level[inside])[:, None]
        return frame


def centers(size: tuple[int, int]) -> list[tuple[float, float]]:
    """Where the edges are, y and x."""
    return [(size[0] * down, size[1] * across) for down, across in PLACES]


def mtf50(frames: Frames) -> float:
    """Mean over frames and both edges, cycles per pixel."""
    size = frames.shape[1], frames.shape[2]
    found = []
    for frame in frames:
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64)
        for index, (cy, cx) in enumerate(centers(size)):
            rows, columns = (slice(round(c) - WINDOW_PX // 2, round(c) + WINDOW_PX // 2) for c in (cy, cx))
            patch = gray[rows, columns]
            found.append(sharpness.mtf50(patch if index == 0 else patch.T))
    return float(np.mean(found))
