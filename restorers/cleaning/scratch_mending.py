"""Mending a part of a scratch that is seen through: what lies over the picture is taken off.

A pixel keeps its own detail and its own grain, and is marked as corrected of itself.
"""

import numpy as np

from restorers.cleaning.mends import Mend
from restorers.cleaning.scratches import Part
from restorers.cleaning.shelf import Shelf
from restorers.clip import Origin


def corrected(shelf: Shelf, number: int, part: Part) -> Mend | None:
    """The part of a scratch on a frame with what lies over it taken off; None where too little is left beneath."""
    if not part.seen_through:
        return None
    here = shelf.part(number, part.box)[part.mask]
    values = np.asarray((here - part.offset) / part.gain, np.float32)
    return Mend(number, part, values, np.full(part.area, Origin.CORRECTED, np.uint8))
