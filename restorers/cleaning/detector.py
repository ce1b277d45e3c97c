"""Blemishes of one frame as the network sees them; it is asked only where the frame stands out from its neighbors.

Likely pixels that hang together are objects; an object's confidence is calibrated on films it did not learn
from, so that of all objects of confidence 0.9 nine in ten are dirt.
"""

import cv2
import numpy as np
import torch

from restorers.cleaning.blemishes import LOST, borne_out
from restorers.cleaning.cells import APART, TILE
from restorers.cleaning.evidence import CELL, HEART, MARGIN, Contrast, Suspects, planes, suspects
from restorers.cleaning.found import Found, Polarity, covered, kind_of
from restorers.cleaning.neighbors import Box, Mask, Neighbor, around, grown
from restorers.detail.grain import Floats
from restorers.networks.detector import Detector

TOGETHER = 16  # cells judged at a time, always as many, so that a cell's bits do not depend on how many there are
LIKELY = -0.25  # log odds of a pixel of an object
NEVER = -20.0


def detected(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    network: Detector,
    contrast: Contrast | None = None,
    *,
    confidence: float,
    max_area: int,
    one_sided: bool,
) -> list[Found]:
    """Blemishes of a frame, by the two frames beside it.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        network: the one that judges.
        contrast: of the frame, where that is known.
        confidence: of an object, 0 to 1, from which it is taken for a blemish.
        max_area: pixels beyond which it is taken for part of the picture.
        one_sided: whether both neighbors are on the same side.

    Returns:
        Nothing at all where the neighbors explain too little of the frame: a flash, a cut that was missed.
    """
    seen = suspects(gray, sides, sigma, contrast)
    if not len(seen.cells) or float((np.abs(seen.excess[::4, ::4]) > HEART).mean()) > LOST:
        return []
    evidence = planes(gray, sides, sigma, seen, one_sided=one_sided)
    odds = log_odds(network, evidence)
    apart = evidence[:, APART] + evidence[:, APART + 1]
    likely = [each for each in _objects(seen, odds, apart, network, max_area) if each.confidence >= confidence]
    dirty = covered(likely, gray.shape)
    right = [each for each in likely if borne_out(gray, sides, sigma, each, dirty)]
    return sorted(right, key=lambda f: (f.box, f.polarity))


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


def _objects(seen: Suspects, odds: Floats, apart: Floats, network: Detector, max_area: int) -> list[Found]:
    """All that hangs together."""
    sure, darker = _laid(seen, odds, NEVER), _laid(seen, apart, 0.0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((sure > LIKELY).astype(np.uint8), connectivity=8)
    found = []
    for index in range(1, count):
        left, top, width, height, area = (int(n) for n in stats[index])
        cut = np.s_[top : top + height, left : left + width]
        mask: Mask = labels[cut] == index
        own = sure[cut][mask]
        if area > max_area:
            continue
        contrast = float(np.abs(seen.excess[cut][mask]).max())
        polarity: Polarity = "dark" if float(darker[cut][mask].sum()) > 0 else "bright"
        box, whole = _rimmed((top, left, top + height, left + width), mask, sure.shape)
        likely = network.likely(float(own.mean()), int(whole.sum()))
        found.append(Found(box, whole, polarity, contrast, likely, kind_of(mask, contrast, len(sure))))
    return found


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
