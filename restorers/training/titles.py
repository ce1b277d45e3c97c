"""Title cards as films show them: lettering on an even ground, which photographs never are."""

import cv2
import numpy as np

from restorers.training.photographs import Photograph

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
LETTERS = "abcdefghijklmnopqrstuvwxyz" * 2 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?0123456789"
DARK = 0.75  # share of cards whose letters are lighter than their ground
TINTED = 0.3  # share of cards that are not gray
UNEVEN = 0.3  # share whose ground is lighter on one side
CONTRAST = 60  # codes between ground and letters, at least


def title(chance: np.random.Generator, height: int, width: int) -> Photograph:
    """A card of letters without meaning, 8-bit sRGB `(height, width, 3)`, as sharp as it can be drawn."""
    dark = chance.random() < DARK
    ground = int(chance.integers(0, 60) if dark else chance.integers(150, 240))
    apart = int(chance.integers(CONTRAST, 256 - ground if dark else ground + 1))
    lettering = ground + apart if dark else ground - apart
    card = np.full((height, width), ground, np.uint8)
    font, scale = int(chance.choice(FONTS)), float(chance.uniform(0.5, 2.5))
    thickness = max(round(scale * float(chance.uniform(0.7, 2.5))), 1)
    line = int(30 * scale * chance.uniform(1, 1.6)) + 8
    for bottom in range(int(chance.integers(8, line + 8)), height + line, line):
        letters = [str(letter) for letter in chance.choice(list(LETTERS + " " * 12), 60)]
        place = (int(chance.integers(-40, width // 3)), bottom)
        cv2.putText(card, "".join(letters), place, font, scale, (lettering,), thickness, cv2.LINE_AA)
    picture = np.repeat(card[..., None].astype(np.float32), 3, 2)
    if chance.random() < UNEVEN:
        picture *= np.linspace(1, float(chance.uniform(0.6, 1)), width, dtype=np.float32)[:, None]
    if chance.random() < TINTED:
        picture *= chance.uniform(0.6, 1, 3).astype(np.float32)
    return np.rint(picture).astype(np.uint8)
