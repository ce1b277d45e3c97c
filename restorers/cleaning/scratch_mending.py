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
from restorers.cleaning.scratches import Part, Scratch, hidden
from restorers.cleaning.shelf import Shelf
from restorers.clip import Clip, Origin
from restorers.detail.grain import Floats
from restorers.restorer import Bench

SLOW = (6.0, 1.5)  # rows and columns: Gaussian over which other frames are believed
FEWEST = 0.3  # share of the weight of that Gaussian that other frames must know


def soiled(found: Mapping[int, list[Found]], scratched: Mapping[int, Sequence[Scratch]], clip: Clip) -> dict[int, list[Found]]:
    """What lies on each frame of a clip: what was found on it, and the bands in which scratches run."""
    return {n: [*found.get(n, ()), *(hidden(one, clip.size) for one in scratched.get(n, ()))] for n in clip.numbers}


def corrected(shelf: Shelf, number: int, part: Part, bench: Bench) -> Mend | None:
    """The part of a scratch on a frame with what lies over it taken off; None where too little is left beneath."""
    if not part.seen_through:
        return None
    here = shelf.part(number, part.box)[part.mask]
    values = np.asarray((here - part.offset) / part.gain, np.float32)
    shown, marks = borrowed(shelf, number, part, bench, transparent=False)
    values += _slowly(part, shown - values, marks > 0)
    return Mend(number, part, values, np.full(part.area, Origin.CORRECTED, np.uint8))


def _slowly(part: Part, apart: Floats, known: np.ndarray) -> Floats:
    """The slow part of what is apart `(area, 3)` where that is known; nothing far from there."""
    planes = np.zeros((*part.mask.shape, 5), np.float32)
    planes[part.mask, :3], planes[part.mask, 3], planes[part.mask, 4] = np.where(known[:, None], apart, 0), known, 1
    slow = [cv2.GaussianBlur(np.ascontiguousarray(planes[..., k]), (0, 0), SLOW[1], None, SLOW[0], cv2.BORDER_CONSTANT)[part.mask] for k in range(5)]
    sums, knows, whole = np.stack(slow[:3], 1), slow[3], slow[4]
    return np.where((knows >= FEWEST * whole)[:, None], sums / np.maximum(knows, 1e-6)[:, None], 0).astype(np.float32)
