"""Crops at full size: as found, what each contender made of it, and the original, side by side under their names."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from tests.benchmarks.peers import Frames

SIDE = 144
ACROSS = 5  # in a row
TITLE = 16
PLACES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "kodim04": {"face": (300, 180)},
    "kodim15": {"face": (60, 390)},
    "kodim05": {"text": (130, 100)},
    "kodim08": {"text": (270, 616)},
    "kodim09": {"text": (350, 340)},
    "kodim13": {"foliage": (60, 90)},
    "kodim19": {"sky": (20, 60)},
    "kodim21": {"sky": (60, 60), "tower": (90, 300)},
    "kodim24": {"foliage": (40, 610)},
    "kodim23": {"feathers": (150, 470)},
    "bunny": {"face": (100, 170)},
    "person": {"table": (40, 330)},
    "car": {"car": (216, 240)},
    "carphone": {"face": (0, 16)},
    "astronaut": {"face": (40, 150)},
    "bikes": {"street": (60, 200)},
    "cockatoo": {"face": (70, 280)},
}
"""Top left corners in the original."""


def write(folder: Path | None, case: str, name: str, shown: Mapping[str, Frames]) -> None:
    """Write the middle frame at each place of an original, if pictures are asked for.

    Args:
        folder: None writes nothing.
        case: goes into the name of the file.
        name: of the original.
        shown: shots `(T, H, W, 3)` in order, by title, the original last; smaller ones are shown pixel by pixel.
    """
    if folder is None:
        return
    height = next(reversed(shown.values())).shape[1]
    middle = {title: _repeated(frames[len(frames) // 2], height) for title, frames in shown.items()}
    for label, (top, left) in PLACES.get(name, {}).items():
        cells = [_titled(picture[top : top + SIDE, left : left + SIDE], title) for title, picture in middle.items()]
        cells += [np.zeros_like(cells[0])] * (-len(cells) % ACROSS)
        rows = [np.concatenate(cells[i : i + ACROSS], axis=1) for i in range(0, len(cells), ACROSS)]
        path = folder / f"{case.replace(' ', '-').replace(',', '')}-{name}-{label}.png"
        cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


def _repeated(picture: Frames, height: int) -> Frames:
    scale = height // picture.shape[0]
    return np.repeat(np.repeat(picture, scale, 0), scale, 1)


def _titled(crop: Frames, title: str) -> Frames:
    cell = np.zeros((SIDE + TITLE, SIDE, 3), np.uint8)
    cell[TITLE : TITLE + crop.shape[0], : crop.shape[1]] = crop
    cv2.putText(cell, title, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
    return cell
