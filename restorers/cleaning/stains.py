"""Stains: dried drops, water marks and rings of mold, large, soft and seen through, on one frame.

What makes dust stand out is the height of single pixels; a stain is faint, and its size is what tells. So it is looked
for in a small picture, in which hardly any grain is left: where the frame differs from both its neighbors there, in one
round piece, and yet shows the detail that they show, something see-through lies on it.
"""

from collections.abc import Mapping

import cv2
import numpy as np

from restorers.cleaning.found import Found, Polarity
from restorers.cleaning.neighbors import Mask, around, grown
from restorers.cleaning.shelf import Shelf
from restorers.cleaning.views import View
from restorers.detail.grain import Floats

LOOKED_AT = 144  # lines of the small picture; all else in pixels is of it
HEART, RIM = 3.3, 1.2  # times what a sound pixel may differ by, mean of 3 x 3
LEAST, MOST = 60, 0.03  # pixels, and share of the picture
GAP = 5  # pixels over which a ring is closed
ROUND = 0.3  # share of the square of its length that it covers
SOUND = 0.97  # share of what is beside it that the neighbors must explain
ELSEWHERE = 0.03  # share of all else that may stand out as well
UNLIKE = 0.35  # share of its difference along the flow that is left at the place in a neighbor most like it
SEARCH, BESIDE = 10, 3  # pixels around it, and of what is beside it, that this looks at
DETAIL = 4.0  # variances of grain: less detail beneath does not tell whether it is seen through
SEEN = 0.5  # share of its contrast that must be left
SLOW = 2.0  # pixels: Gaussian below which it is detail

SIGNS: Mapping[int, Polarity] = {1: "dark", -1: "bright"}


def stains(shelf: Shelf, number: int) -> list[Found]:
    """The stains on a frame between two others; at the ends of a shot none is told."""
    sides = shelf.sides(number)
    if sides is None or not sides[0] < 0 < sides[1]:
        return []
    quick = View.quick(shelf, number, sides, LOOKED_AT)
    if not any(_pieces(quick.out(sign)) for sign in SIGNS):
        return []
    view = View.through(shelf, number, sides, LOOKED_AT)
    found = []
    for sign, polarity in SIGNS.items():
        out = view.out(sign)
        for piece in _pieces(out):
            twice = float(np.quantile(quick.out(sign)[piece], 0.75)) >= HEART
            if not (twice and view.explained(piece, piece, SOUND, ELSEWHERE) and _seen_through(view, piece)):
                continue
            unlike = view.unlike(piece, SEARCH, BESIDE)
            if unlike > UNLIKE:
                contrast = float(np.quantile(out[piece], 0.9))
                proof = contrast * unlike
                found.append(_large(piece, shelf.clip.size, polarity, contrast, proof / (proof + HEART / 2)))
    return found


def _pieces(out: Floats) -> list[Mask]:
    """What stands out in round pieces that are wholly seen, their holes filled, `(h, w)` each."""
    wide = (out >= RIM).view(np.uint8)
    closed = cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    closed = cv2.morphologyEx(closed, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP)))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pieces = []
    for outline in outlines:
        if len(outline) < np.sqrt(LEAST):
            continue
        plane = np.zeros(out.shape, np.uint8)
        cv2.drawContours(plane, [outline], -1, (1,), cv2.FILLED)
        piece = plane > 0
        rows, columns = int(piece.any(1).sum()), int(piece.any(0).sum())
        area = int(piece.sum())
        whole = not (piece[[0, -1]].any() or piece[:, [0, -1]].any())
        big = whole and LEAST <= area <= MOST * out.size and area >= ROUND * max(rows, columns) ** 2
        if big and np.quantile(out[piece], 0.75) >= HEART:
            pieces.append(piece)
    return pieces


def _seen_through(view: View, piece: Mask) -> bool:
    """Whether the detail that the neighbors show in a piece is still there, if there is enough of it to tell."""
    beneath = (view.shown[0] + view.shown[1]) / 2
    own, theirs = ((p - cv2.GaussianBlur(p, (0, 0), SLOW))[piece] for p in (view.here, beneath))
    detail, chance = float(np.mean(theirs**2)), float(np.mean(view.sigma[piece] ** 2))
    return detail < DETAIL * chance or float(np.mean(own * theirs)) >= SEEN * detail


def _large(piece: Mask, size: tuple[int, int], polarity: Polarity, contrast: float, sure: float) -> Found:
    """A stain of the frame by its piece of the small picture."""
    whole = cv2.resize(grown(piece, 1).astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5
    rows, columns = np.flatnonzero(whole.any(1)), np.flatnonzero(whole.any(0))
    box = around((int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1), 0, size)
    mask = whole[box[0] : box[2], box[1] : box[3]].copy()
    return Found(box, mask, polarity, contrast, sure, "stain")
