"""Grain of discs that cover one another, drawn one by one: slow, and nothing that it is compared with is made like it.

Newson, Delon, Galerne, *A Stochastic Film Grain Model for Resolution-Independent Rendering*, Computer Graphics Forum
36(8), 2017, doi:10.1111/cgf.13159, on a grid finer than the picture instead of at points.
"""

import cv2
import numpy as np

from restorers.detail.grain import Floats


def covered(
    chance: np.random.Generator, picture: Floats, *, radius: float, lens: float, layers: int = 1, fineness: int = 4
) -> Floats:
    """A picture as the share of it that opaque discs leave clear, seen through a lens.

    Args:
        chance: draws the discs.
        picture: brightness, `(H, W)`, in [0, 1].
        radius: of the discs, in pixels of the picture.
        lens: standard deviation of a Gaussian blur, in pixels.
        layers: emulsions whose mean is seen: grain is weaker by the root of their number.
        fineness: points to a pixel along each axis.
    """
    reach = max(round(radius * fineness), 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (np.hypot(y, x) <= radius * fineness + 0.25).astype(np.uint8)
    height, width = picture.shape
    fine = np.repeat(np.repeat(np.clip(picture, 0.004, 0.996), fineness, 0), fineness, 1)
    expected = -np.log(fine) / int(disc.sum())
    clear = np.zeros(fine.shape, np.float32)
    for _ in range(layers):
        centers = (chance.random(fine.shape, np.float32) < -np.expm1(-expected)).astype(np.uint8)
        clear += 1 - cv2.dilate(centers, disc)
    seen = cv2.GaussianBlur(clear / layers, (0, 0), lens * fineness)
    return np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA), np.float32)
