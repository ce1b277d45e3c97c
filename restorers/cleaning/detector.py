"""Blemishes of one frame as the network sees them; it is asked only where the frame stands out from its neighbors.

Likely pixels that hang together are objects, and so is what the rules find (`blemishes`). What speaks for each as a
whole, the network's word for its pixels among it, is weighed into a confidence that was calibrated on films the network
did not learn from, so that of all objects of confidence 0.9 nine in ten are dirt.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import torch

from restorers.cleaning.blemishes import LOST, proof, surroundings
from restorers.cleaning.cells import APART, TILE
from restorers.cleaning.evidence import CELL, HEART, MARGIN, Contrast, Suspects, planes, suspects
from restorers.cleaning.found import Found, Polarity, covered, joined, kind_of, meet
from restorers.cleaning.neighbors import Box, Mask, Neighbor, around, grown
from restorers.detail.grain import Floats
from restorers.networks.detector import Detector

TOGETHER = 16  # cells judged at a time, always as many, so that a cell's bits do not depend on how many there are
LIKELY = -0.25  # log odds of a pixel of an object
NEVER = -20.0
SURE = 8.0  # log odds beyond which more says nothing more


class Signs(NamedTuple):
    """What speaks for an object as a whole.

    Attributes:
        odds: mean log odds of the surer half of its pixels, by the network.
        size: logarithm of how many pixels it has.
        proof: how surely the rules find it, too: logarithm of how many times more than they ask for; 0 if they do not.
        explained: share of its surroundings that both neighbors explain.
        unlike: how little either neighbor shows the like of it nearby, 0 to 1.
        one_sided: 1 at the ends of a shot, where both neighbors are on one side, else 0.
    """

    odds: float
    size: float
    proof: float
    explained: float
    unlike: float
    one_sided: float


def detected(judged: Iterable[tuple[Found, Signs]], network: Detector, *, confidence: float) -> list[Found]:
    """Those of a frame's candidates that are blemishes with some confidence at least, 0 to 1, each with its own."""
    told = [replace(found, confidence=network.likely(signs)) for found, signs in judged]
    return sorted((each for each in told if each.confidence >= confidence), key=lambda f: (f.box, f.polarity))


def candidates(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    network: Detector,
    contrast: Contrast | None = None,
    *,
    ruled: Sequence[Found] = (),
    max_area: int,
    one_sided: bool,
) -> list[tuple[Found, Signs]]:
    """All that the network or the rules make out on a frame, by the two frames beside it, and what speaks for each.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        network: the one that judges.
        contrast: of the frame, where that is known.
        ruled: what the rules find on it.
        max_area: pixels beyond which it is taken for part of the picture.
        one_sided: whether both neighbors are on the same side.

    Returns:
        Nothing at all where the neighbors explain too little of the frame: a flash, a cut that was missed.
    """
    seen = suspects(gray, sides, sigma, contrast)
    if not len(seen.cells) or float((np.abs(seen.excess[::4, ::4]) > HEART).mean()) > LOST:
        return []
    evidence = planes(gray, sides, sigma, seen, one_sided=one_sided)
    odds = _laid(seen, log_odds(network, evidence), NEVER)
    darker = _laid(seen, evidence[:, APART] + evidence[:, APART + 1], 0.0)
    objects = joined(ruled, _objects(seen, odds, darker, max_area))
    odds_of = [_sure(odds, one) for one in objects]
    proofs = [max((proof(rule) for rule in ruled if meet(one, rule)), default=0.0) for one in objects]
    held = (one for one, sure, proven in zip(objects, odds_of, proofs, strict=True) if proven or sure > 0)
    dirty = covered(held, gray.shape)
    told = []
    for one, sure, proven in zip(objects, odds_of, proofs, strict=True):
        around_it = surroundings(gray, sides, sigma, one, dirty)
        told.append((one, Signs(sure, math.log(one.area), proven, *around_it, float(one_sided))))
    return told


def log_odds(network: Detector, evidence: Floats) -> Floats:
    """How surely the pixels of cells are dirt, `(N, 64, 64)`."""
    device = next(network.parameters()).device
    out = np.empty((len(evidence), TILE, TILE), np.float32)
    batch = torch.zeros((TOGETHER, *evidence.shape[1:]), device=device).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        for first in range(0, len(evidence), TOGETHER):
            part = torch.from_numpy(evidence[first : first + TOGETHER])
            batch[: len(part)] = part.to(device)
            batch[len(part) :] = 0
            out[first : first + len(part)] = network(batch)[: len(part)].cpu().numpy()
    return out


def _objects(seen: Suspects, odds: Floats, darker: Floats, max_area: int) -> list[Found]:
    """All likely pixels that hang together."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((odds > LIKELY).astype(np.uint8), connectivity=8)
    found = []
    for index in range(1, count):
        left, top, width, height, area = (int(n) for n in stats[index])
        if area > max_area:
            continue
        cut = np.s_[top : top + height, left : left + width]
        mask: Mask = labels[cut] == index
        contrast = float(np.abs(seen.excess[cut][mask]).max())
        polarity: Polarity = "dark" if float(darker[cut][mask].sum()) > 0 else "bright"
        box, whole = _rimmed((top, left, top + height, left + width), mask, odds.shape)
        found.append(Found(box, whole, polarity, contrast, 0.5, kind_of(mask, contrast, len(odds))))
    return found


def _sure(odds: Floats, found: Found) -> float:
    """Mean log odds of the surer half of an object's pixels."""
    top, left, bottom, right = found.box
    own = np.sort(odds[top:bottom, left:right][found.mask])
    return float(own[len(own) // 2 :].clip(-SURE, SURE).mean())


def _rimmed(box: Box, mask: Mask, size: tuple[int, ...]) -> tuple[Box, Mask]:
    """A box and a mask with a rim of a pixel: dirt is soft there."""
    wide = around(box, 1, (size[0], size[1]))
    whole = np.zeros((wide[2] - wide[0], wide[3] - wide[1]), bool)
    top, left, bottom, right = box
    whole[top - wide[0] : bottom - wide[0], left - wide[1] : right - wide[1]] = mask
    return wide, grown(whole, 1)


def _laid(seen: Suspects, tiles: Floats, elsewhere: float) -> Floats:
    """The middles of the cells' tiles, where they are on the frame."""
    h, w = seen.excess.shape
    whole = np.full((h, w), elsewhere, np.float32)
    for (row, column), tile in zip(seen.cells, tiles, strict=True):
        y, x = int(row) * CELL, int(column) * CELL
        part = whole[y : y + CELL, x : x + CELL]
        part[:] = tile[MARGIN : MARGIN + part.shape[0], MARGIN : MARGIN + part.shape[1]]
    return whole
