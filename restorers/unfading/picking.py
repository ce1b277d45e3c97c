"""Places that a person may want to point at: the thinnest and the densest that are even, of some frames.

The thinnest is clear film if any is shown, the densest a black that may have been neutral. Nobody has said so: they are
shown, and not used.
"""

import cv2
import numpy as np

from restorers.clip import Clip
from restorers.dyes.stocks import Floats
from restorers.render import Footage
from restorers.unfading.optics import Reading
from restorers.unfading.references import Shown

COUNT = 8  # frames that are looked at, with the first and the last
LINES = 24  # of such places over the height of a frame
EVEN = 0.03  # density by which the channels of an even place may spread
WORDS = (
    "not pointed at; the thinnest even place, perhaps clear",
    "not pointed at; the densest even place, perhaps black",
)


def picked(footage: Footage, reading: Reading) -> tuple[Shown, ...]:
    """The thinnest and the densest even place, of footage in density; fewer where nothing is even."""
    ends = (footage.clip(number, number + 1) for number in (footage.first, footage.stop - 1))
    found = [place for clip in (*ends, *footage.sample(COUNT)) for place in _even(clip, reading)]
    if not found:
        return ()
    order = sorted(found, key=lambda place: sum(place.found))
    return tuple(
        place.model_copy(update={"was": words}) for place, words in zip((order[0], order[-1]), WORDS, strict=True)
    )


def _even(clip: Clip, reading: Reading) -> list[Shown]:
    """The thinnest and densest even place of one frame."""
    side = max(clip.size[0] // LINES, 4)
    if min(clip.size) < 3 * side:
        return []
    frame = reading.film(clip.frames[0].permute(1, 2, 0).cpu().numpy().astype(np.float64))
    mean, square = (
        cv2.blur(each, (side, side), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE) for each in (frame, frame**2)
    )
    spread = np.sqrt(np.clip(square - mean**2, 0, None)).max(-1)
    inside = np.zeros(clip.size, np.bool_)
    inside[side : -2 * side, side : -2 * side] = True
    dense = np.where(inside & (spread < EVEN), mean.sum(-1), np.nan)
    if np.isnan(dense).all():
        return []
    corners = [np.unravel_index(index, dense.shape) for index in (np.nanargmin(dense), np.nanargmax(dense))]
    return [_shown(frame, clip.first, int(x), int(y), side) for y, x in corners]


def _shown(frame: Floats, number: int, x: int, y: int, side: int) -> Shown:
    inside = frame[y : y + side, x : x + side].reshape(-1, 3)
    found = tuple(round(float(value), 4) for value in np.median(inside, axis=0))
    return Shown(frame=number, x=x, y=y, width=side, height=side, was="", found=found)
