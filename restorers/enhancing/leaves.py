"""Pictures of fallen leaves, made up: what a network is shown when its whole numbers are fitted to what it will see.

Disks of all sizes lie on one another; their edges and their contrasts are distributed as those of photographs are
(Lee, Mumford, Huang, *Occlusion Models for Natural Images*, IJCV 41, 2001, doi:10.1023/A:1011109015675). They are the
same wherever they are made.
"""

import cv2
import numpy as np

from restorers.detail.grain import Floats

LEAVES = 6000  # enough to cover each other
SMALLEST, LARGEST = 1.5, 60.0  # pixels: radii
FINE = 4  # times finer drawn than shown


def leaves(number: int, size: int) -> Floats:
    """A picture of leaves, `(size, size, 3)`, brightness."""
    chance = np.random.default_rng((11, number))
    side = FINE * size
    picture = np.full((side, side, 3), 0.5, np.float32)
    low, high = SMALLEST**-2, LARGEST**-2
    radii = (high + chance.random(LEAVES) * (low - high)) ** -0.5  # as many as a world without a scale has
    for radius in radii:
        center = [int(n) for n in chance.integers(0, side, 2)]
        color = np.clip(chance.beta(1.2, 1.4) + 0.15 * chance.standard_normal(3), 0, 1)
        cv2.circle(picture, center, max(round(FINE * radius), 1), color.tolist(), -1)
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
