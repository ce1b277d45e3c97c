"""A frame's neighbors, brought to it: along the flow, or along a plain shift where something spoils the flow."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow, Weights

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]

ASTRAY = 1.5  # pixels of the flow's picture
PREFERRED = 0.85  # a later, less simple motion must miss by this much less


@dataclass(frozen=True)
class Neighbor:
    """A frame beside the one examined: its gray densities `(H, W)`, the flow to it and how well that leads back.

    `flow` `(h, w, 2)` and `astray` `(h, w)` are as `motion.flow` and `motion.consistency` found them, in their pixels.
    """

    gray: Floats
    flow: Flow
    astray: Weights

    def lost(self, box: Box) -> Mask:
        """Where inside a box flow there and back misses by more than 1.5 pixels of the picture it was made on."""
        grid = self._grid(box)
        return np.asarray(cv2.remap(self.astray, *grid, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE) > ASTRAY)

    def motion(self, box: Box) -> Floats:
        """The flow inside a box, `(h, w, 2)`, in pixels of the frame."""
        there = cv2.remap(self.flow, *self._grid(box), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        down, across = self._shrunk
        return np.asarray(there / np.array([across, down], np.float32), np.float32)

    @cached_property
    def drift(self) -> tuple[float, float]:
        """The flow x, y of most of the frame, in its pixels."""
        x, y = np.median(self.flow[::8, ::8].reshape(-1, 2), 0)
        return float(x) / self._shrunk[1], float(y) / self._shrunk[0]

    @property
    def _shrunk(self) -> tuple[float, float]:
        return self.flow.shape[0] / self.gray.shape[0], self.flow.shape[1] / self.gray.shape[1]

    def _grid(self, box: Box) -> tuple[Floats, Floats]:
        top, left, bottom, right = box
        down, across = self._shrunk
        x = ((np.arange(left, right) + 0.5) * across - 0.5).astype(np.float32)
        y = ((np.arange(top, bottom) + 0.5) * down - 0.5).astype(np.float32)
        grid = np.meshgrid(x, y)
        return grid[0], grid[1]


def fitted(side: Neighbor, here: Floats, box: Box, hidden: Mask) -> tuple[Floats, Floats, float]:
    """The motion to a neighbor that fits the surroundings of something hidden best.

    A blemish spoils the flow around it. So the flow is filled in from further out, and tried against plain shifts: of
    the frame, of the surroundings and of nothing at all; whole pixels, which leave grain as it is, are preferred.

    Args:
        side: the neighbor.
        here: gray densities of the frame in a box, `(h, w)`.
        box: the box.
        hidden: what cannot be told, `(h, w)`.

    Returns:
        The motion `(h, w, 2)`; the neighbor's gray densities along it, at the level of the surroundings, `(h, w)`; and
        by how much these differ from the frame in the surroundings, mean absolute density.
    """
    motion = side.motion(box)
    rim = np.median(motion[~hidden], 0)
    shifts = {(0, 0), (round(side.drift[0]), round(side.drift[1])), (round(float(rim[0])), round(float(rim[1])))}
    tries = [np.broadcast_to(np.array(shift, np.float32), motion.shape) for shift in sorted(shifts)]
    surroundings = grown(hidden, 6) & ~hidden
    best: tuple[Floats, Floats, float] | None = None
    for attempt in [*tries, _filled(motion, hidden)]:
        there = fetched(side.gray, attempt, box, cv2.INTER_LANCZOS4)
        there = np.asarray(there + np.median((here - there)[surroundings]), np.float32)
        miss = float(np.abs(here - there)[surroundings].mean())
        if best is None or miss < PREFERRED * best[2]:
            best = (np.asarray(attempt), there, miss)
    assert best is not None
    return best


def beyond(motion: Floats, box: Box, size: tuple[int, ...]) -> Mask:
    """Pixels of a box that a motion fetches from outside the frame."""
    top, left, bottom, right = box
    x = np.arange(left, right) + motion[..., 0]
    y = np.arange(top, bottom)[:, None] + motion[..., 1]
    return np.asarray((x < -0.5) | (y < -0.5) | (x > size[1] - 0.5) | (y > size[0] - 0.5))


def fetched(image: Floats, flow: Floats, box: Box, interpolation: int) -> Floats:
    """What a frame `(H, W)` or `(H, W, 3)` shows along a flow `(h, w, 2)` given for a box of another frame."""
    top, left, bottom, right = box
    x, y = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    return np.asarray(
        cv2.remap(image, x + flow[..., 0], y + flow[..., 1], interpolation, None, cv2.BORDER_REPLICATE), np.float32
    )


def grown(mask: Mask, pixels: int) -> Mask:
    """A mask with a rim of so many pixels more."""
    size = 2 * pixels + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel).astype(bool))


def around(box: Box, margin: int, size: tuple[int, int]) -> Box:
    """A box with a margin, kept inside the frame."""
    top, left, bottom, right = box
    return max(top - margin, 0), max(left - margin, 0), min(bottom + margin, size[0]), min(right + margin, size[1])


def _filled(flow: Floats, mask: Mask) -> Floats:
    known = (~mask).astype(np.float32)
    reach = max(float(np.sqrt(mask.sum())) / 2, 2.0)
    weight = cv2.GaussianBlur(known, (0, 0), reach)
    filled = np.stack([cv2.GaussianBlur(flow[..., i] * known, (0, 0), reach) for i in range(2)], -1)
    return np.asarray(np.where(mask[..., None], filled / np.maximum(weight, 1e-6)[..., None], flow), np.float32)
