"""Vertical scratches: thin lines that stay where they are on the film while the picture beneath them moves on.

A line counts where it stands out from both its sides over most of the frame's height, in frame after frame at the same
place. A pole in the picture does that too: a line is taken for a scratch only if the picture moves under it, or if it
comes or goes within a shot that holds still.

Kokaram, *Detection and removal of line scratches in degraded motion picture sequences*, EUSIPCO 1996.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.cleaning.found import Found, Polarity
from restorers.cleaning.neighbors import Mask
from restorers.cleaning.shelf import Shelf
from restorers.detail.grain import Floats

FLANK = 5  # columns from a line to the sides it is compared with
WIDEST = 7
CALM = 25  # rows over which grain is averaged along a line
COVERED = 0.6  # share of the height a line runs over
GONE = 0.25
LASTING = 5  # frames
PASSED = 6.0  # pixels the picture moves under a line that is not part of it
SEGMENT = 96  # rows mended at a time
POLARITIES: tuple[Polarity, ...] = ("dark", "bright")


@dataclass(frozen=True)
class Lines:
    """What one frame shows of vertical lines.

    Attributes:
        coverage: `(2, W)`, share of the height over which each column is darker, brighter than both its sides.
        contrast: `(2, W)`, by how many sigmas, where it is.
        drift: `(W,)`, pixels the picture moves to the right until the next frame, at each column.
    """

    coverage: Floats
    contrast: Floats
    drift: Floats


@dataclass(frozen=True)
class Scratch:
    """Where a scratch runs through a frame, and by how many sigmas it stands out."""

    column: int
    polarity: Polarity
    contrast: float


def lines(shelf: Shelf, number: int) -> Lines:
    """What a frame shows of vertical lines."""
    gray, sigma = shelf.gray(number), shelf.sigma(number)
    excess, rows = _standing_out(gray, sigma)
    coverage = rows.mean(1, dtype=np.float32)
    contrast = (excess / sigma * rows).sum(1) / np.maximum(rows.sum(1), 1)
    return Lines(coverage, contrast.astype(np.float32), _drift(shelf, number))


def scratches(frames: Mapping[int, Lines]) -> dict[int, list[Scratch]]:
    """The scratches of a shot's frames, by reel number."""
    numbers = sorted(frames)
    found: dict[int, list[Scratch]] = {}
    if len(numbers) < LASTING:
        return found
    for index, polarity in enumerate(POLARITIES):
        coverage = np.stack([frames[n].coverage[index] for n in numbers])
        widened = np.asarray(cv2.dilate(coverage, np.ones((1, 3), np.uint8)), np.float32)
        for column in _peaks(coverage):
            for start, stop in _runs(widened[:, column] >= COVERED):
                if stop - start >= LASTING and _on_the_film(frames, numbers, widened[:, column], column, (start, stop)):
                    for number in numbers[start:stop]:
                        contrast = float(frames[number].contrast[index, column])
                        found.setdefault(number, []).append(Scratch(column, polarity, contrast))
    return found


def segments(shelf: Shelf, number: int, scratched: Sequence[Scratch]) -> list[Found]:
    """The scratches of a frame in segments of 96 rows."""
    if not scratched:
        return []
    rows = _standing_out(shelf.gray(number), shelf.sigma(number))[1]
    return [found for scratch in scratched for found in _segments(rows[POLARITIES.index(scratch.polarity)], scratch)]


def _drift(shelf: Shelf, number: int) -> Floats:
    """How far the picture moves to the right until the next frame, at each column, `(W,)`."""
    width = shelf.gray(number).shape[1]
    if number + 1 not in shelf.clip.numbers:
        return np.zeros(width, np.float32)
    across = np.median(shelf.flow(number, 1)[..., 0], 0)
    positions = (np.arange(width) + 0.5) * len(across) / width - 0.5
    return np.asarray(np.interp(positions, np.arange(len(across)), across) * width / len(across), np.float32)


def _standing_out(gray: Floats, sigma: Floats) -> tuple[Floats, Mask]:
    """By how much each pixel is darker, brighter than both its sides, `(2, H, W)`, and where that is much."""
    calm = cv2.blur(gray, (1, CALM), borderType=cv2.BORDER_REFLECT)
    sides = cv2.blur(calm, (3, 1), borderType=cv2.BORDER_REFLECT)
    padded = np.pad(sides, ((0, 0), (FLANK, FLANK)), mode="edge")
    left, right = padded[:, : -2 * FLANK], padded[:, 2 * FLANK :]
    step = np.maximum(0.6 * sigma, 0.5 * np.abs(left - right))
    excess = np.stack([calm - np.maximum(left, right), np.minimum(left, right) - calm]).astype(np.float32)
    return excess, np.asarray(excess > step)


def _peaks(coverage: Floats) -> list[int]:
    """Columns that are a line in enough frames, one for each line."""
    often = (coverage >= COVERED).sum(0)
    peaks: list[int] = []
    for column in np.argsort(-often, kind="stable"):
        if often[column] < LASTING:
            break
        if all(abs(int(column) - other) > WIDEST for other in peaks):
            peaks.append(int(column))
    return sorted(peaks)


def _runs(present: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _on_the_film(
    frames: Mapping[int, Lines], numbers: list[int], coverage: Floats, column: int, run: tuple[int, int]
) -> bool:
    start, stop = run
    near = slice(max(column - 20, 0), column + 21)
    path = np.cumsum([float(np.median(frames[n].drift[near])) for n in numbers[start:stop]])
    if np.ptp(path) >= PASSED:
        return True
    everywhere = np.cumsum([float(np.median(frames[n].drift[near])) for n in numbers])
    still = np.ptp(everywhere) < PASSED / 2
    return bool(still and (coverage < GONE).sum() >= LASTING)


def _segments(rows: Mask, scratch: Scratch) -> list[Found]:
    left = max(scratch.column - WIDEST // 2, 0)
    strip = rows[:, left : scratch.column + WIDEST // 2 + 1]
    columns = np.flatnonzero(strip.mean(0) >= COVERED / 2)
    if not len(columns):
        return []
    first, last = max(left + int(columns[0]) - 1, 0), min(left + int(columns[-1]) + 2, rows.shape[1])
    along = np.asarray(strip.any(1), np.uint8)[:, None]
    present: Mask = np.asarray(cv2.morphologyEx(along, cv2.MORPH_CLOSE, np.ones((CALM, 1), np.uint8)) > 0)
    found = []
    for top in range(0, len(rows), SEGMENT):
        mask: Mask = np.repeat(present[top : top + SEGMENT], last - first, axis=1)
        if mask.any():
            box = (top, first, top + len(mask), last)
            confidence = float(mask.mean())
            found.append(Found(box, mask, scratch.polarity, scratch.contrast, confidence, "scratch"))
    return found
