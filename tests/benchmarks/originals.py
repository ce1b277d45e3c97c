"""Clean pictures and clips that are degraded to be enlarged again; none of those reported was ever learned from."""

from pathlib import Path

import cv2
import numpy as np
import skimage

from tests.benchmarks import moves
from tests.benchmarks.peers import Frames
from tests.benchmarks.readings import Extent
from tests.benchmarks.resizing import cropped

KODAK = tuple(f"kodim{number:02d}" for number in range(1, 25))
FAMILIAR_STILLS = ("astronaut", "coffee", "chelsea")
CLIPS = ("bunny", "person", "car", "carphone")
FAMILIAR_CLIPS = ("bikes", "cockatoo")
LINES, LENGTH, QUICK_LENGTH = 360, 9, 3
SIDES = 8  # whatever is asked of them, sides are multiples of this


def stills(extent: Extent) -> tuple[str, ...]:
    """Names of the stills, Kodak's 24 or those to develop on."""
    return (FAMILIAR_STILLS if extent.familiar else KODAK)[: 1 if extent.quick else extent.most]


def clips(extent: Extent) -> tuple[str, ...]:
    """Names of the clips."""
    return (FAMILIAR_CLIPS if extent.familiar else CLIPS)[: 1 if extent.quick else extent.most]


def length(extent: Extent) -> int:
    """Frames of a clip."""
    return QUICK_LENGTH if extent.quick else LENGTH


def original(name: str, frames: int = LENGTH) -> Frames:
    """A still as a shot of one frame, or a clip of at most 360 lines: 8-bit sRGB `(T, H, W, 3)`.

    Raises:
        FileNotFoundError: the benchmark's footage is not there.
    """
    if name in CLIPS + FAMILIAR_CLIPS:
        return cropped(moves.recorded(name, frames, most=LINES).frames, SIDES)
    folder = moves.FOOTAGE / "images" / "kodak24" if name in KODAK else Path(skimage.__file__).parent / "data"
    picture = cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"the benchmark wants the photograph {folder / name}.png")
    return cropped(np.asarray(picture)[None, ..., ::-1], SIDES)
