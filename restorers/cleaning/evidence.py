"""What speaks for a blemish: where a frame stands out from both its neighbors, and how things look around there.

A frame is compared with its neighbors everywhere, cheaply, pixel by pixel along the flow. Where it stands out, cells
of a fixed grid are looked at closely: planes of evidence, in sigmas of the grain, that a network can judge. A cell's
planes depend on its frame and the neighbors alone, never on which cells are looked at beside it.

Kokaram, *Motion Picture Restoration*, Springer 1998, ch. 6 (SDIp).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from restorers.cleaning.cells import MISS, SCRATCH, TILE, brought, frame_planes, side_planes
from restorers.cleaning.contrast import STEP, Counts, cells_of, compare, sample
from restorers.cleaning.neighbors import Neighbor
from restorers.detail.grain import Floats

CELL = 40  # pixels
MARGIN = 12  # pixels seen around a cell
PLANES = 11
HEART = 5.0  # sigmas at which a single pixel makes a cell worth a look
PATCH = 2.5  # sigmas at which the mean of 3 x 3 pixels, or more where grain is large, does
NOTICED = 2.0  # sigmas below which a difference is not looked at
LEAST = 4.0  # sigmas from which a pixel may be the heart of a blemish
WIDE = 17  # steps that the level of a neighbor is taken from


@dataclass(frozen=True, eq=False)
class Contrast:
    """How a frame stands out from both its neighbors; of one pass over it, whoever judges it.

    Attributes:
        excess: by how many sigmas it is darker (positive) or brighter (negative) than both, `(H, W)`; else zero.
        places: row * width + column of the pixels that stand out by `least` sigmas, how steep the picture is left out
            of account, `(N,)`.
        least: as asked for.
        levels: density by which each neighbor must be raised, every 4 pixels, two of `(H / 4, W / 4)`.
        side: pixels each way over which the mean of what grain adds by chance is small.
    """

    excess: Floats
    places: Counts
    least: float
    levels: tuple[Floats, Floats]
    side: int


@dataclass(frozen=True)
class Suspects:
    """Where a frame stands out from both its neighbors.

    Attributes:
        excess: by how many sigmas it is darker (positive) or brighter (negative) than both, `(H, W)`; else zero.
        cells: row and column of the cells of 40 x 40 pixels that want a close look, `(N, 2)`, in reading order.
        levels: density by which each neighbor must be raised, every 4 pixels, two of `(H / 4, W / 4)`.
    """

    excess: Floats
    cells: Counts
    levels: tuple[Floats, Floats]


def contrast(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    *,
    noticed: float = NOTICED,
    least: float = LEAST,
    side: int = 3,
) -> Contrast:
    """How a frame stands out from both its neighbors.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        noticed: sigmas below which it does not.
        least: sigmas from which a pixel's place is noted.
        side: pixels each way over which the mean of what grain adds by chance is small.
    """
    one, two = sides
    levels = level(gray, one, sigma), level(gray, two, sigma)
    excess, places = np.zeros_like(gray), np.empty(gray.size, np.int64)
    noticed = min(noticed, least)
    count = compare(gray, one.gray, two.gray, one.flow, two.flow, sigma, *levels, noticed, least, excess, places)
    return Contrast(excess, places[:count].copy(), least, levels, side)


def suspects(
    gray: Floats,
    sides: tuple[Neighbor, Neighbor],
    sigma: Floats,
    seen: Contrast | None = None,
) -> Suspects:
    """Where a frame stands out from both its neighbors.

    Args:
        gray: mean density of the channels, `(H, W)`.
        sides: the frames before and after, or two on the same side at the end of a shot.
        sigma: of the grain in `gray`, `(H, W)`.
        seen: `contrast` of it, where that is known.
    """
    seen = seen or contrast(gray, sides, sigma)
    rows, columns = (-(-n // CELL) for n in gray.shape)
    cells = np.zeros((rows, columns), np.uint8)
    cells_of(seen.excess, seen.side, PATCH, HEART, CELL, cells)
    return Suspects(seen.excess, np.argwhere(cells), seen.levels)


def planes(
    gray: Floats, sides: tuple[Neighbor, Neighbor], sigma: Floats, seen: Suspects, *, one_sided: bool = False
) -> Floats:
    """Evidence of the suspects' cells, `(N, 11, 64, 64)`: each with 12 pixels around it, edges repeated.

    Frame less each neighbor along the flow, which is filled in under what stands out; `Suspects.excess`; how far the
    flow to each neighbor and back misses; the frame less its surroundings; the neighbors' slope; by how much it lies
    outside what each neighbor shows within four pixels; how unevenly the flow runs; and whether both neighbors are on
    one side. Differences are in sigmas, no more than 8 of them.
    """
    one, two = sides
    out = np.empty((len(seen.cells), PLANES, TILE, TILE), np.float32)
    out[:, -1] = float(one_sided)
    scratch = np.empty((SCRATCH, TILE, TILE), np.float32)
    for index, (row, column) in enumerate(seen.cells):
        rows = np.clip(np.arange(TILE) + row * CELL - MARGIN, 0, gray.shape[0] - 1)
        columns = np.clip(np.arange(TILE) + column * CELL - MARGIN, 0, gray.shape[1] - 1)
        tile = out[index]
        frame_planes(gray, sigma, seen.excess, rows, columns, tile, scratch)
        for which, (side, raised) in enumerate(((one, seen.levels[0]), (two, seen.levels[1]))):
            brought(side.gray, side.flow, side.astray, gray.shape, rows, columns, tile[MISS + which], scratch)
            side_planes(raised, rows, columns, which, tile, scratch)
    return out


def level(gray: Floats, side: Neighbor, sigma: Floats) -> Floats:
    """The flicker that is left in a neighbor: the wide mean of the differences, none counted beyond 3 sigmas."""
    apart = np.empty((-(-gray.shape[0] // STEP), -(-gray.shape[1] // STEP)), np.float32)
    sample(gray, side.gray, side.flow, sigma, apart)
    return np.asarray(cv2.blur(apart, (WIDE, WIDE), borderType=cv2.BORDER_REFLECT), np.float32)
