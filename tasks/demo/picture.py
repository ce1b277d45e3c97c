"""A picture that shows what was done: the scan, the restored film and the truth, side by side, one row a shot."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.colorspace import Space

LABELS = ("as scanned", "restored", "truth")
GAP = 6


def before_after(rows: Sequence[tuple[Clip, Clip, Clip]], path: Path) -> Path:
    """Write the picture.

    Args:
        rows: for each shot one frame as scanned, as restored (of any size) and as it was, in any space.
        path: of the PNG.
    """
    height, width = rows[0][2].size
    strips = []
    for row in rows:
        tiles = [_labeled(_shown(clip, (height, width)), label) for clip, label in zip(row, LABELS, strict=True)]
        gap = np.full((height, GAP, 3), 255, np.uint8)
        strips.append(np.hstack([tiles[0], gap, tiles[1], gap, tiles[2]]))
        strips.append(np.full((GAP, strips[0].shape[1], 3), 255, np.uint8))
    if not cv2.imwrite(str(path), np.vstack(strips[:-1])):
        raise OSError(f"{path}: the picture cannot be written")
    return path


def _shown(clip: Clip, size: tuple[int, int]) -> NDArray[np.uint8]:
    picture = clip.in_space(Space.SRGB).frames[0].clamp(0, 1).permute(1, 2, 0).numpy()[:, :, ::-1]
    fitted = cv2.resize(np.ascontiguousarray(picture), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(np.rint(fitted * 255), np.uint8)


def _labeled(picture: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    labeled = np.ascontiguousarray(picture)
    for color, weight in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(labeled, label, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, weight, cv2.LINE_AA)
    return labeled
