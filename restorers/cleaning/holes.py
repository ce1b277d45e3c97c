"""A hole in a frame: the pixels something hides, and the ring around it that tells what may go there."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from restorers.cleaning.following import weights_between
from restorers.cleaning.found import Found
from restorers.cleaning.neighbors import Box, Mask, around, grown
from restorers.cleaning.shelf import Shelf, gray_sigma
from restorers.detail.grain import Floats

MARGIN = 12
NEAREST, FURTHEST = 2.0, 7.0  # pixels from the hole to the ring, and to its outer edge
FEWEST = 16  # pixels of the ring
MOST = 320
NEAR = 2.5  # pixels over which a pixel of the ring counts e times less than the one that is nearest
AMISS = 0.5  # pixels by which motion may be off
AT_ONCE = 4096  # pixels


@dataclass(frozen=True, eq=False)
class Hole:
    """What a blemish hides in one frame and the ring around it, at most 320 pixels of it.

    Attributes:
        box: top, left, bottom, right of what was looked at.
        mask: what is hidden, of the box's size.
        hidden: x and y of the hidden pixels in the frame, row by row, `(2, M)`.
        ring: x and y of the pixels around it that neither it nor other dirt hides, `(2, R)`.
        ours: of each of these: gray density, blurred, its slope along x and y, and the variance that its difference
            to its like in another frame has by grain and slight misregistration, `(4, R)`.
        colors: their density, and that variance of their mean as it is, `(R, 4)`.
        sigma: of the grain in gray densities here.
    """

    box: Box
    mask: Mask
    hidden: Floats
    ring: Floats
    ours: Floats
    colors: Floats
    sigma: float

    @classmethod
    def of(cls, shelf: Shelf, number: int, found: Found) -> "Hole | None":
        """The hole that something leaves in a frame; None where too little is to be seen around it."""
        box = around(found.box, MARGIN, shelf.clip.size)
        top, left, bottom, right = box
        cut = np.s_[top:bottom, left:right]
        mask = np.zeros((bottom - top, right - left), bool)
        mask[found.box[0] - top : found.box[2] - top, found.box[1] - left : found.box[3] - left] = found.mask
        distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
        near = (distance >= NEAREST) & (distance <= FURTHEST) & ~grown(shelf.dirty(number)[cut] > 0, 1)
        y, x = np.nonzero(near)
        if len(y) < FEWEST:
            return None
        if len(y) > MOST:
            some = np.linspace(0, len(y) - 1, MOST).astype(np.intp)
            y, x = y[some], x[some]
        calm, gray = (np.ascontiguousarray(picture(number)[cut]) for picture in (shelf.calm, shelf.gray))
        slopes = [cv2.filter2D(calm, -1, kernel, borderType=cv2.BORDER_REPLICATE)[y, x] for kernel in (_ALONG, _DOWN)]
        sigma = gray_sigma(shelf.model, gray)[y, x]
        slope = np.square(AMISS) * (slopes[0] ** 2 + slopes[1] ** 2)
        ours = np.stack((calm[y, x], *slopes, 2 * shelf.calmed * sigma**2 + slope)).astype(np.float32)
        ring, hidden = (np.stack((b + left, a + top)).astype(np.float32) for a, b in ((y, x), np.nonzero(mask)))
        colors = np.column_stack((shelf.planes(number)[:, y + top, x + left].T, 2 * sigma**2 + slope))
        return cls(box, mask, hidden, ring, ours, colors.astype(np.float32), float(np.median(sigma)))

    def spread(self, values: Floats) -> Floats:
        """Values of the ring's pixels `(R, k)` carried to the hidden ones, `(M, k)`: means, of the nearest most."""
        count = self.hidden.shape[1]
        if count <= AT_ONCE:
            return self._weights @ values
        parts = [self._weighed(slice(i, i + AT_ONCE)) @ values for i in range(0, count, AT_ONCE)]
        return np.concatenate(parts)

    def smoothed(self, values: Floats) -> Floats:
        """Values of the hidden pixels `(M, k)`, each the mean of those of the 5 x 5 around it."""
        rows, columns = self._extent
        box = np.zeros((rows.stop - rows.start, columns.stop - columns.start, values.shape[1] + 1), np.float32)
        inside = self.mask[rows, columns]
        box[inside, :-1], box[inside, -1] = values, 1
        sums = cv2.blur(box, (5, 5), borderType=cv2.BORDER_CONSTANT)[inside]
        return np.asarray(sums[:, :-1] / sums[:, -1:], np.float32)

    @cached_property
    def places(self) -> Floats:
        """x and y of the hidden pixels and then of the ring's, `(2, M + R)`."""
        return np.concatenate((self.hidden, self.ring), 1)

    @cached_property
    def _extent(self) -> tuple[slice, slice]:
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    @cached_property
    def _weights(self) -> Floats:
        return self._weighed(slice(None))

    def _weighed(self, part: slice) -> Floats:
        hidden, ring = (places.astype(np.int64) for places in (self.hidden[:, part], self.ring))
        height, width = self.mask.shape
        distance = np.hypot(np.arange(height)[:, None], np.arange(width))
        return weights_between(hidden, ring, np.exp(-distance / NEAR))


_ALONG = np.array([[-0.5, 0, 0.5]], np.float32)
_DOWN = _ALONG.T.copy()
