"""Mending one blemish: what it hides, taken from the frames around it, or else from its rim.

Up to three exposures to each side offer what they show there (see `donors`). All of them together tell what the picture
is under the blemish, each weighed, pixel by pixel, by how well the ring next to that pixel agrees with the frame: where
something came or went, the side that fits there is believed. Then either one of those that agree lends each pixel as it
is, with its own grain; or what they agree on is laid, with fresh grain for what the mean has taken off. Where the frame
itself is still seen through the blemish, its own pixels stay and what lies over them is taken off (`transparency`).
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from restorers.cleaning.donors import Offers, offers
from restorers.cleaning.found import Found
from restorers.cleaning.holes import Hole
from restorers.cleaning.inpainting import Method, filled
from restorers.cleaning.mends import Mend
from restorers.cleaning.neighbors import Mask, around
from restorers.cleaning.shelf import Shelf
from restorers.cleaning.transparency import corrected
from restorers.clip import Origin
from restorers.detail.grain import Floats, laid
from restorers.networks import NUMBERS
from restorers.restorer import Bench

Grain = Literal["own", "fresh"]
Fill = Method | Literal["nothing"]
Marks = NDArray[np.uint8]

OPAQUE = ("scratch", "splice", "tear")  # what is seen through scratches is told by `scratches`
DECISIVE = 0.5  # variances of chance: an offer around which the ring is so much more unlike counts e times less
FITTING = 5.0  # variances of chance that the best offer for a pixel may be off by
ALONE = 0.25  # sigmas of grain by which an offer may differ from what all agree on
MOSTLY = 0.5  # share of the 5 x 5 pixels around one that makes it unknown: single pixels are no picture of their own
STRANGE = 3.0  # and a single pixel of it: dirt that nobody found on the other frame
BESIDE = 0.2  # variances by which a frame right beside must fit better than one further off: its grain is seen there
UNKNOWN = 1e6
LACKING = 0.5  # share of a blemish that no frame knows, beyond which none is asked
MARGIN = 48


def mended(
    shelf: Shelf,
    number: int,
    found: Found,
    bench: Bench,
    *,
    fill: Fill,
    grain: Grain = "own",
) -> Mend:
    """What is done about a blemish: pixels that other frames know, or, where that is allowed, its rim.

    Args:
        shelf: the window, with what was found on each of its frames.
        number: the frame's.
        found: the blemish.
        bench: seeds fresh grain, and lends the network's weights.
        fill: how what no other frame knows is filled in from around it; by nothing, such a blemish is left.
        grain: `own`, each pixel is another frame's as it is; `fresh`, it is what these agree on, and grain is laid.
    """
    values, known = borrowed(shelf, number, found, bench, grain=grain, transparent=found.kind not in OPAQUE)
    if known.all():
        return Mend(number, found, values, known)
    if fill == "nothing":
        return Mend(number, found, reason="nothing fits")
    lacking = known == 0
    values[lacking] = interpolated(shelf, number, found, bench, values=values, lacking=lacking, method=fill)
    mark = Origin.GENERATED + NUMBERS["painter"] if fill == "network" else Origin.INTERPOLATED
    return Mend(number, found, values, np.where(lacking, np.uint8(mark), known))


def borrowed(
    shelf: Shelf, number: int, found: Found, bench: Bench, *, grain: Grain = "own", transparent: bool = True
) -> tuple[Floats, Marks]:
    """The pixels `(area, 3)` under a blemish and the mark of each, 0 where no frame knows.

    None of them is known where that is so of most. A `transparent` blemish is seen through where that can be told.
    """
    nothing = np.zeros((found.area, 3), np.float32), np.zeros(found.area, np.uint8)
    hole = Hole.of(shelf, number, found)
    if hole is None:
        return nothing
    offered = offers(shelf, number, hole, lasting=found.kind == "scratch")
    if offered is None:
        return nothing
    weights = _weights(offered)
    agreed = np.einsum("mk,mck->mc", weights, offered.values)
    best, miss = _best(hole, offered, agreed)
    amiss = hole.smoothed((miss > FITTING).astype(np.float32)[:, None])[:, 0]
    fits = (amiss <= MOSTLY) & (miss < UNKNOWN)
    if fits.mean() < 1 - LACKING:
        return nothing
    if grain == "own":
        values = np.take_along_axis(offered.values, best[:, None, None], 2)[..., 0]
    else:
        best = np.where(offered.shown, weights, -1).argmax(1)
        lost = np.sqrt(1 - np.square(weights).sum(1, keepdims=True).clip(0, 1))
        values = agreed + lost * _fresh(shelf, number, found, agreed, bench)
    marks = np.where(fits, Origin.BORROWED + np.array(offered.distances)[best], 0)
    through = None
    if transparent and fits.all():
        own, grainy = _own(shelf, number, found), shelf.model.autocorrelation
        through = corrected(hole, own, agreed, grainy, stain=found.kind == "stain")
    if through is not None:
        own, seen = through
        values, marks = np.where(seen[:, None], own, values), np.where(seen, Origin.CORRECTED, marks)
    return np.asarray(values, np.float32), marks.astype(np.uint8)


def interpolated(
    shelf: Shelf, number: int, found: Found, bench: Bench, *, values: Floats, lacking: Mask, method: Method
) -> Floats:
    """Those pixels `(n, 3)` under a blemish that are lacking, from around them, with fresh grain.

    Args:
        shelf: the window.
        number: the frame's.
        found: the blemish.
        bench: seeds the grain, and lends the network's weights.
        values: what is known of it already, `(area, 3)`.
        lacking: which of these are not, `(area,)`.
        method: how they are filled in.
    """
    top, left, bottom, right = crop = around(found.box, MARGIN, shelf.clip.size)
    inside = np.zeros((bottom - top, right - left), bool)
    inside[found.box[0] - top : found.box[2] - top, found.box[1] - left : found.box[3] - left] = found.mask
    here, dirty = shelf.part(number, crop), shelf.dirty(number)[top:bottom, left:right] > 0
    hole, dirty[inside] = np.zeros_like(inside), False
    here[inside], hole[inside] = values, lacking
    picture = torch.from_numpy(np.ascontiguousarray(here.transpose(2, 0, 1)))
    whole = filled(picture, torch.from_numpy(hole), method, bench, beside=torch.from_numpy(dirty)).numpy()
    shown = np.ascontiguousarray(whole[:, inside].T)
    return np.asarray((shown + _fresh(shelf, number, found, shown, bench))[lacking], np.float32)


def _weights(offered: Offers) -> Floats:
    """How much each offer counts for each pixel, `(M, K)`; they sum to one where there is any."""
    unlike = np.where(offered.shown, offered.unlike, UNKNOWN)
    weights = np.exp((unlike.min(1, keepdims=True) - unlike) / DECISIVE) * offered.shown
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-9), np.float32)


def _best(hole: Hole, offered: Offers, agreed: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The offer that fits best at each pixel, and its misfit, in variances of chance."""
    apart = (offered.values.mean(1) - agreed.mean(1, keepdims=True)) * offered.shown
    alone, strange = np.abs(hole.smoothed(apart)) / hole.sigma, np.abs(apart) / hole.sigma
    misfit = hole.smoothed(offered.unlike) + np.maximum(alone - ALONE, 0) + np.maximum(strange - STRANGE, 0)
    misfit += BESIDE * (np.abs(offered.distances) == 1)
    misfit = np.where(offered.shown, misfit, UNKNOWN)
    return misfit.argmin(1), misfit.min(1)


def _own(shelf: Shelf, number: int, found: Found) -> Floats:
    """The frame's pixels under a blemish, `(area, 3)`."""
    return np.ascontiguousarray(shelf.part(number, found.box)[found.mask])


def _fresh(shelf: Shelf, number: int, found: Found, picture: Floats, bench: Bench) -> Floats:
    """Fresh grain for the pixels under a blemish that show a picture `(area, 3)`."""
    box = np.zeros((3, *found.mask.shape), np.float32)
    box[:, found.mask] = picture.T
    grain = laid(shelf.model, torch.from_numpy(box), number, bench, place=found.box).numpy()
    return np.ascontiguousarray(grain[:, found.mask].T)
