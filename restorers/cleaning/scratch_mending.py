"""Mending a part of a scratch that is seen through: what lies over the picture is taken off.

A pixel keeps its own detail and its own grain, and is marked as corrected of itself. How much lies over it is told from
both its sides, which texture misleads; where the picture has moved on from under the scratch, other frames tell better,
and what they show decides about the slow part.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from restorers.cleaning.found import Found
from restorers.cleaning.mending import borrowed
from restorers.cleaning.mends import Mend
from restorers.cleaning.neighbors import Mask
from restorers.cleaning.scratches import Part, Scratch, hidden
from restorers.cleaning.shelf import Shelf
from restorers.clip import Clip, Origin
from restorers.detail.grain import Floats
from restorers.restorer import Bench

SLOW = 6.0  # rows: Gaussian over which other frames are believed
DOUBTED = 0.3  # pixels in the middle of a row that they must know to be believed by half


def soiled(
    found: Mapping[int, list[Found]], scratched: Mapping[int, Sequence[Scratch]], clip: Clip
) -> dict[int, list[Found]]:
    """What lies on each frame of a clip: what was found on it, and the bands in which scratches run."""
    return {n: [*found.get(n, ()), *(hidden(one, clip.size) for one in scratched.get(n, ()))] for n in clip.numbers}


def corrected(shelf: Shelf, number: int, part: Part, bench: Bench) -> Mend | None:
    """The part of a scratch on a frame with what lies over it taken off; None where too little is left beneath."""
    if not part.seen_through:
        return None
    here = shelf.part(number, part.box)[part.mask]
    values = np.asarray((here - part.offset) / part.gain, np.float32)
    shown, marks = borrowed(shelf, number, part, bench, transparent=False)
    laid = np.abs(here - values).mean(1)
    values += _deeper(part, laid / max(float(laid.max()), 1e-6), shown - values, marks > 0)
    return Mend(number, part, values, np.full(part.area, Origin.CORRECTED, np.uint8))


def _deeper(part: Part, profile: Floats, apart: Floats, known: Mask) -> Floats:
    """What a scratch lays over it besides, as deep in each row as what is apart `(area, 3)` and known tells."""
    weight = profile * known
    rows = np.nonzero(part.mask)[0]
    sums = np.stack([np.bincount(rows, weight * one, len(part.mask)) for one in (*apart.T, profile)], 1)
    calm = cv2.GaussianBlur(sums, (1, 2 * int(3 * SLOW) + 1), 1e-6, None, SLOW, cv2.BORDER_CONSTANT)
    depth = calm[:, :3] / (calm[:, 3:] + DOUBTED)
    return np.asarray(depth[rows] * profile[:, None], np.float32)
