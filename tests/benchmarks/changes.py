"""How frames change from one to the next where the original shows the same thing twice, along the original's flow."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.moves import Singles
from tests.benchmarks.peers import Frames

RETURN = 0.7  # pixels by which flow there and back may miss
SAME = 12.0  # levels by which the original itself may change
BORDER = 3


@dataclass(frozen=True, eq=False)
class Course:
    """Where each frame's pixels are in the next, and where they can be told, by the original alone.

    Attributes:
        places: `(H, W, 2)`, x and y in the next frame, for each pair.
        seen: `(H, W)`, where the two show the same.
    """

    places: tuple[Singles, ...]
    seen: tuple[NDArray[np.bool_], ...]

    @classmethod
    def of(cls, original: Frames) -> Self:
        """The course of a clean shot `(T, H, W, 3)`."""
        found = [_followed(one, two) for one, two in pairwise(original)]
        return cls(tuple(places for places, _ in found), tuple(seen for _, seen in found))

    def changes(self, frames: Frames) -> list[Singles]:
        """By how much frames differ from the next, in 8-bit levels, `(N, 3)` pixels for each pair."""
        pairs = zip(self.places, self.seen, pairwise(frames), strict=True)
        return [(_along(two, places) - one)[seen] for places, seen, (one, two) in pairs]


def unsteadiness(changes: list[Singles]) -> float:
    """Root mean square, in levels."""
    return float(np.sqrt(np.mean([np.square(change).mean() for change in changes])))


def _followed(one: Frames, two: Frames) -> tuple[Singles, NDArray[np.bool_]]:
    height, width = one.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    forward, backward = _flow(one, two), _flow(two, one)
    places = np.stack((x + forward[..., 0], y + forward[..., 1]), axis=-1)
    seen = np.hypot(*(forward + _along(backward, places)).transpose(2, 0, 1)) < RETURN
    seen &= (places >= BORDER).all(-1) & (places[..., 0] < width - BORDER) & (places[..., 1] < height - BORDER)
    seen &= np.abs(_along(two, places) - one).mean(-1) < SAME
    return places, np.asarray(seen)


def _flow(source: Frames, target: Frames) -> Singles:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    one, two = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (source, target))
    return np.asarray(search.calc(one, two, np.zeros((*one.shape, 2), np.float32)), np.float32)


def _along(picture: NDArray[np.generic], places: Singles) -> Singles:
    single = np.asarray(picture, np.float32)
    return np.asarray(cv2.remap(single, places, None, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE))
