"""The bicubic resizing that super-resolution is measured with: MATLAB's `imresize`, which widens its kernel to shrink.

Keys, Cubic Convolution Interpolation for Digital Image Processing, IEEE TASSP 29(6), 1981, with a = -0.5.
doi:10.1109/TASSP.1981.1163711. Stretched by the factor when a picture is shrunk, so that nothing aliases; normalized at
each place; mirrored at the edges, the last pixel twice. OpenCV's own has a = -0.75 and does not stretch.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.moves import Floats
from tests.benchmarks.peers import Frames

A = -0.5


def shrunk(picture: NDArray[np.generic], scale: int) -> Floats:
    """A picture `(H, W)` or `(H, W, C)` `scale` times smaller, not rounded; sides must be multiples of `scale`."""
    if picture.shape[0] % scale or picture.shape[1] % scale:
        raise ValueError(f"a picture of {picture.shape[1]} x {picture.shape[0]} does not shrink {scale} times evenly")
    return _resized(picture, picture.shape[0] // scale, picture.shape[1] // scale)


def enlarged(picture: NDArray[np.generic], scale: int) -> Floats:
    """The same, so many times larger."""
    return _resized(picture, picture.shape[0] * scale, picture.shape[1] * scale)


def rounded(picture: NDArray[np.floating]) -> Frames:
    """8-bit codes."""
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def cropped(picture: Frames, multiple: int) -> Frames:
    """Frames or a frame `(..., H, W, 3)` whose sides are cut to a multiple."""
    height, width = (n - n % multiple for n in picture.shape[-3:-1])
    return np.ascontiguousarray(picture[..., :height, :width, :])


@lru_cache(maxsize=16)
def weights(source: int, target: int) -> Floats:
    """What each of `target` pixels takes of each of `source` pixels, `(target, source)`; rows sum to one."""
    scale = target / source
    stretch = max(1 / scale, 1.0)
    centers = (np.arange(target) + 0.5) / scale - 0.5
    first = np.floor(centers - 2 * stretch).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(4 * stretch)) + 2)
    shares = _cubic((centers[:, None] - taps) / stretch)
    shares /= shares.sum(axis=1, keepdims=True)
    mirrored = taps % (2 * source)
    mirrored = np.where(mirrored < source, mirrored, 2 * source - 1 - mirrored)
    out = np.zeros((target, source))
    np.add.at(out, (np.arange(target)[:, None], mirrored), shares)
    return out


def _resized(picture: NDArray[np.generic], height: int, width: int) -> Floats:
    tall = np.tensordot(weights(picture.shape[0], height), picture.astype(np.float64), axes=(1, 0))
    wide = np.tensordot(tall, weights(picture.shape[1], width), axes=(1, 1))
    return np.ascontiguousarray(np.moveaxis(wide, -1, 1))


def _cubic(x: Floats) -> Floats:
    x = np.abs(x)
    near = (A + 2) * x**3 - (A + 3) * x**2 + 1
    far = A * x**3 - 5 * A * x**2 + 8 * A * x - 4 * A
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
