"""The motion from a frame to another of its neighborhood, as exactly as grain lets it be known.

Flow is searched down to pictures of half the size: a quarter, DIS's own choice, costs 0.2 dB of what is fused along it.
Where the camera's motion explains the picture as well as flow does, it is taken instead: it is one affine motion of the
whole background, and known far better than the flow at any one place.
"""

import cv2
import numpy as np
from torch import Tensor

from restorers.clip import Clip
from restorers.detail.grain import Floats
from restorers.geometry.motion import Flow, Picture, Weights, luma_for_flow, texture

FINEST = 1  # powers of two by which pictures are made smaller
WIDE = 13  # pixels of pictures at half size, over which both motions are judged
AS_WELL = 1.05  # times what the flow misses by
SPARSE = 4  # pixels between those by which the camera's motion is fitted


def flow_pictures(clip: Clip, blemished: Tensor | None = None) -> dict[int, Picture]:
    """What flow is searched on for each frame of a clip, by reel number, with the blemishes painted over.

    Args:
        clip: density.
        blemished: bool `(T, H, W)`.
    """
    pictures = {number: luma_for_flow(clip[number]) for number in clip.numbers}
    if blemished is None:
        return pictures
    holes = blemished.cpu().numpy().astype(np.uint8)
    return {number: _painted(pictures[number], holes[number - clip.first]) for number in clip.numbers}


def course(source: Picture, target: Picture) -> Flow:
    """The motion `(h, w, 2)` from a picture to another: `target(x + course(x)) = source(x)`, in their pixels.

    Args:
        source: `(h, w)` of `flow_pictures`, at least 12 x 12.
        target: of the same size.
    """
    found = _flow(source, target)
    camera = _affine(found, texture(source))
    misses = [
        _missed(source[::2, ::2], target[::2, ::2], np.asarray(flow[::2, ::2] / 2, np.float32))
        for flow in (found, camera)
    ]
    as_well = (misses[1] <= AS_WELL * misses[0] + 0.25).astype(np.float32)
    share = cv2.resize(cv2.blur(as_well, (WIDE // 2, WIDE // 2)), source.shape[::-1])
    camera -= found
    camera *= np.asarray(share)[..., None]
    camera += found
    return camera


def _affine(flow: Flow, sure: Weights) -> Flow:
    """The affine motion that most of a flow follows, fitted again and again without what does not (Geman, McClure)."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    basis = np.stack((np.ones_like(x), x / width - 0.5, y / height - 0.5), -1)
    some = np.s_[SPARSE // 2 :: SPARSE, SPARSE // 2 :: SPARSE]
    rows, motion = basis[some].reshape(-1, 3).astype(np.float64), flow[some].reshape(-1, 2)
    trust = sure[some].reshape(-1, 1).astype(np.float64) + 1e-6
    weight = trust
    fit = np.zeros((3, 2))
    for spread in (4.0, 2.0, 1.0, 0.5, 0.5):
        # einsum, since the last bits of a matrix product depend on the number of threads
        normal = np.einsum("na,nb->ab", rows * weight, rows)
        fit = np.linalg.solve(normal, np.einsum("na,nb->ab", rows * weight, motion))
        miss = np.square(motion - rows @ fit).sum(1, keepdims=True)
        weight = trust / np.square(1 + miss / spread**2)
    return np.asarray(basis @ fit, np.float32)


def _missed(source: Picture, target: Picture, flow: Flow) -> Floats:
    """By how much a picture differs from the one that a flow leads to, mean around each pixel."""
    height, width = source.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    maps = cv2.convertMaps(x + flow[..., 0], y + flow[..., 1], cv2.CV_16SC2)
    led = cv2.remap(target, maps[0], maps[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.blur(cv2.absdiff(source, led).astype(np.float32), (WIDE, WIDE)), np.float32)


def _flow(source: Picture, target: Picture) -> Flow:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setUseMeanNormalization(True)
    search.setFinestScale(FINEST)
    return np.asarray(search.calc(source, target, np.zeros((*source.shape, 2), np.float32)), np.float32)


def _painted(picture: Picture, hole: Picture) -> Picture:
    """A picture with what a mask `(H, W)` of the frame hides filled in from around it."""
    if not hole.any():
        return picture
    height, width = picture.shape
    small = cv2.resize(hole * 255, (width, height), interpolation=cv2.INTER_AREA)
    grown = cv2.dilate(np.asarray(small > 0, np.uint8), np.ones((7, 7), np.uint8))
    return np.asarray(cv2.inpaint(picture, grown, 3, cv2.INPAINT_TELEA), np.uint8)
