"""A frame's neighbors, brought to it: along the flow, or along a plain shift where something spoils the flow."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.contrast import carried
from restorers.cleaning.following import LANCZOS, fitting
from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow, Weights, consistency

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Neighbor:
    """A frame beside the one examined: its gray densities `(H, W)`, the flow to it and how well that leads back.

    `flow` and `back` `(h, w, 2)`, there and from there, are as `motion.flow` found them, in its pixels.
    """

    gray: Floats
    flow: Flow
    back: Flow

    @cached_property
    def astray(self) -> Weights:
        """How far the flow there and back misses, `(h, w)`, in its pixels."""
        return consistency(self.flow, self.back)

    def motion(self, box: Box) -> Floats:
        """The flow inside a box, `(h, w, 2)`, in pixels of the frame."""
        top, left, bottom, right = box
        out = np.empty((bottom - top, right - left, 2), np.float32)
        carried(self.flow, self.gray.shape, top, left, out)
        return out

    @cached_property
    def drift(self) -> tuple[float, float]:
        """The flow x, y of most of the frame, in its pixels."""
        x, y = np.median(self.flow[::8, ::8].reshape(-1, 2), 0)
        return float(x) / self._shrunk[1], float(y) / self._shrunk[0]

    @property
    def _shrunk(self) -> tuple[float, float]:
        return self.flow.shape[0] / self.gray.shape[0], self.flow.shape[1] / self.gray.shape[1]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A box of a frame in which something is hidden, and what is around that.

    Attributes:
        box: top, left, bottom, right.
        here: gray densities of the frame in it, `(h, w)`.
        hidden: what cannot be told, `(h, w)`.
    """

    box: Box
    here: Floats
    hidden: Mask

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """2 where it is hidden, 1 within six pixels of that, else 0, `(h, w)`."""
        return np.add(self.hidden.view(np.uint8), grown(self.hidden, 6).view(np.uint8), dtype=np.uint8)


def fitted(side: Neighbor, seen: Surroundings) -> tuple[Floats, Floats]:
    """The motion to a neighbor that fits the surroundings of something hidden best.

    A blemish spoils the flow around it. So the flow is filled in from further out, and tried against plain shifts: of
    the surroundings, of the frame and of nothing at all; whole pixels, which leave grain as it is, are preferred.

    Returns:
        The motion `(h, w, 2)`; and the neighbor's gray densities along it, at the level of the surroundings, `(h, w)`.
    """
    top, left, bottom, right = seen.box
    motion = side.motion(seen.box)
    drift = round(side.drift[0]), round(side.drift[1])
    flows, x, y, level = fitting(side.gray, seen.here, motion, seen.marks, (top, left), drift, LANCZOS)
    if flows:
        # Around what is hidden, where it was tried, the flow that is filled in is the flow itself.
        motion = _filled(motion, seen.hidden)
        there = fetched(side.gray, motion, seen.box, cv2.INTER_LANCZOS4)
    else:
        motion = np.broadcast_to(np.array((x, y), np.float32), motion.shape)
        there = _part(side.gray, (top + y, left + x, bottom + y, right + x))
    return motion, there + np.float32(level)


def _part(image: Floats, box: Box) -> Floats:
    """A box of a picture, which may reach beyond its edges; these are repeated there."""
    top, left, bottom, right = box
    height, width = image.shape
    if min(top, left) >= 0 and bottom <= height and right <= width:
        return np.asarray(image[top:bottom, left:right])
    rows, columns = np.arange(top, bottom).clip(0, height - 1), np.arange(left, right).clip(0, width - 1)
    return np.asarray(image[rows[:, None], columns])


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
    return np.asarray(cv2.dilate(mask.view(np.uint8), _disc(size)).view(bool))


@lru_cache(maxsize=64)
def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def around(box: Box, margin: int, size: tuple[int, int]) -> Box:
    """A box with a margin, kept inside the frame."""
    top, left, bottom, right = box
    return max(top - margin, 0), max(left - margin, 0), min(bottom + margin, size[0]), min(right + margin, size[1])


def _filled(flow: Floats, mask: Mask) -> Floats:
    known = (~mask).astype(np.float32)
    reach, (height, width) = max(float(np.sqrt(mask.sum())) / 2, 2.0), mask.shape
    sums = cv2.merge((flow[..., 0] * known, flow[..., 1] * known, known))
    # So wide a mean needs no more than a quarter of the pixels.
    small = cv2.resize(sums, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA)
    sums = cv2.resize(cv2.GaussianBlur(small, (0, 0), reach / 2), (width, height), interpolation=cv2.INTER_LINEAR)
    mean = sums[..., :2] / np.maximum(sums[..., 2:], 1e-6)
    return np.asarray(np.where(mask[..., None], mean, flow), np.float32)
