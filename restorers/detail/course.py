"""The motion from a frame to those of its neighborhood, as exactly as grain lets it be known.

Flow is searched between neighbors only and chained for those further off: a third of the work. Pictures are half the
size of the frame: a quarter, DIS's own choice, costs 0.2 dB of what is fused along it. Motion is held three times as
stiff as usual, since grain would else be followed. Where the camera's motion explains the picture as well as flow does,
it is taken instead: it is one affine motion of the whole background, and known far better than the flow at any one
place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from torch import Tensor

from restorers.clip import Clip
from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow, Picture, Weights, luma_for_flow, texture, warped
from restorers.restorer import Bench

STIFF = 60.0  # weight of smoothness in the refinement of flow
SMALL = 24  # pixels: pictures are halved as long as both sides keep as many
WIDE = 13  # pixels of pictures, over which both motions are judged
AS_WELL = 1.05  # times what the flow misses by
SPARSE = 4  # pixels between those by which the camera's motion is fitted


@dataclass(frozen=True, eq=False)
class Courses:
    """The motion between the frames of a window.

    Attributes:
        pictures: `flow_picture` of each frame, by reel number.
        steps: flow from each frame to the next and to the one before, by both reel numbers.
    """

    pictures: Mapping[int, Picture]
    steps: Mapping[tuple[int, int], Flow]

    @classmethod
    def of(cls, clip: Clip, bench: Bench, blemished: Tensor | None = None) -> Self:
        """The courses of a clip.

        Args:
            clip: density, at least 12 x 12.
            bench: its workers share the search.
            blemished: bool `(T, H, W)`, painted over before flow is searched.
        """
        numbers = list(clip.numbers)
        masks = {n: None if blemished is None else blemished[n - clip.first] for n in numbers}
        pictures = dict(zip(numbers, bench.map(lambda n: flow_picture(clip[n], masks[n]), numbers), strict=True))
        pairs = [pair for n in numbers[1:] for pair in ((n - 1, n), (n, n - 1))]
        return cls(
            pictures, dict(zip(pairs, bench.map(lambda p: _flow(pictures[p[0]], pictures[p[1]]), pairs), strict=True))
        )

    def course(self, source: int, target: int) -> Flow:
        """The motion `(h, w, 2)` from a frame to another: `target(x + course(x)) = source(x)`, in pixels of pictures.

        It depends on these two frames and those between them alone.

        Args:
            source: reel number.
            target: reel number of another.
        """
        step = 1 if target > source else -1
        found = self.steps[source, source + step]
        for number in range(source + step, target, step):
            found = found + warped(self.steps[number, number + step], found)
        return _steadied(found, self.pictures[source], self.pictures[target])


def flow_picture(frame: Tensor, blemished: Tensor | None = None) -> Picture:
    """What flow is searched on, half the size of the frame or less, with the blemishes painted over.

    Args:
        frame: density, `(3, H, W)`.
        blemished: bool `(H, W)`.
    """
    whole = luma_for_flow(frame)
    if blemished is not None:
        whole = _painted(whole, blemished.cpu().numpy().astype(np.uint8))
    height, width = (n // 2 for n in whole.shape)
    if min(height, width) < SMALL:
        return whole
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _steadied(found: Flow, source: Picture, target: Picture) -> Flow:
    """A flow with the camera's motion in its place where that leads to the same."""
    camera = _affine(found, texture(source))
    misses = [_missed(source, target, flow) for flow in (found, camera)]
    as_well = (misses[1] <= AS_WELL * misses[0] + 0.25).astype(np.float32)
    camera -= found
    camera *= cv2.blur(as_well, (WIDE, WIDE))[..., None]
    camera += found
    return camera


def _affine(flow: Flow, sure: Weights) -> Flow:
    """The affine motion that most of a flow follows, fitted again and again without what does not (Geman, McClure)."""
    height, width = flow.shape[:2]
    y, x = (np.arange(n, dtype=np.float32) / n - np.float32(0.5) for n in (height, width))
    some = np.s_[SPARSE // 2 :: SPARSE, SPARSE // 2 :: SPARSE]
    across, down = np.broadcast_to(x, (height, width))[some], np.broadcast_to(y[:, None], (height, width))[some]
    rows = np.stack((np.ones_like(across), across, down), -1).reshape(-1, 3).astype(np.float64)
    motion = flow[some].reshape(-1, 2).astype(np.float64)
    trust = sure[some].reshape(-1, 1).astype(np.float64) + 1e-6
    weight = trust
    fit = np.zeros((3, 2))
    for spread in (2.0, 1.0, 0.5, 0.25, 0.25):
        # einsum, since the last bits of a matrix product depend on the number of threads
        normal = np.einsum("na,nb->ab", rows * weight, rows)
        fit = np.linalg.solve(normal, np.einsum("na,nb->ab", rows * weight, motion))
        miss = np.square(motion - rows @ fit).sum(1, keepdims=True)
        weight = trust / np.square(1 + miss / spread**2)
    shift, rightward, downward = fit.astype(np.float32)
    return np.asarray(shift + x[:, None] * rightward + y[:, None, None] * downward, np.float32)


def _missed(source: Picture, target: Picture, flow: Flow) -> Floats:
    """By how much a picture differs from the one that a flow leads to, mean around each pixel."""
    return np.asarray(cv2.blur(np.abs(warped(target, flow) - source), (WIDE, WIDE)), np.float32)


def _flow(source: Picture, target: Picture) -> Flow:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setUseMeanNormalization(True)
    search.setFinestScale(0)
    search.setVariationalRefinementAlpha(STIFF)
    return np.asarray(search.calc(source, target, np.zeros((*source.shape, 2), np.float32)), np.float32)


def _painted(picture: Picture, hole: Picture) -> Picture:
    """A picture with what a mask `(H, W)` of the frame hides filled in from around it."""
    if not hole.any():
        return picture
    height, width = picture.shape
    small = cv2.resize(hole * 255, (width, height), interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(np.asarray(small > 0, np.uint8), np.ones((7, 7), np.uint8))
    return np.asarray(cv2.inpaint(picture, grown, 3, cv2.INPAINT_TELEA), np.uint8)
