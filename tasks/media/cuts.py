"""Find where a reel goes from one shot to the next, in film that flickers, weaves, flashes and is covered with dust.

PySceneDetect's content detector proposes: it sees each picture as its local contrast alone, so that flicker, pumping
and uneven exposure are not changes. Each proposal is then judged by what tells a cut from an accident: a few pictures
on both sides are compared at their best small shift, and a cut is where no picture behind is like one before while
each side agrees with itself. After a flash, a burst of dust or a torn frame the old picture returns; in a fast pan no
two pictures agree, on either side. Fades and dissolves are not cuts.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

import cv2
import numpy as np
from numpy.typing import NDArray
from scenedetect.detectors import ContentDetector

Picture = NDArray[np.uint8] | NDArray[np.float32]
_Contrast = NDArray[np.float32]

WIDTH = 96
"""Pictures are compared at this width, in pixels."""

SHIFT = WIDTH // 12
"""Weave, jumps of the gate and pans up to this many of those pixels are followed."""

_NEIGHBORHOOD = WIDTH / 8  # sigma of what "local" means
_NOISE_LEVELS = 3.0  # contrast below this many of 255 levels is not amplified to full
_BLANK_LEVELS = 1.0
_LEVELS_PER_CONTRAST = 48  # local contrast of +-2.6 fills the 8 bits the detector takes


def cuts(frames: Iterable[Picture]) -> list[int]:
    """Numbers, counted from 0, of the frames that start a new shot, as `CutFinder` finds them with its own settings."""
    return CutFinder().cuts(frames)


@dataclass(frozen=True)
class CutFinder:
    """How cuts are told from accidents.

    Of 3000 pairs of unrelated photographs one in 430 is more alike than `likeness`, one in 100 more than 0.36.

    Attributes:
        proposal: change of local contrast, in PySceneDetect's units, from which on a frame is judged at all; low,
            since a proposal costs only time.
        likeness: correlation of two pictures, in [0, 1], above which they may show the same scene.
        reach: how many frames are compared on each side; accidents may last one frame less.
        shortest: fewest frames between two cuts, and before the first and after the last.
    """

    proposal: float = 12.0
    likeness: float = 0.45
    reach: int = 4
    shortest: int = 6

    def cuts(self, frames: Iterable[Picture]) -> list[int]:
        """Numbers, counted from 0, of the frames that start a new shot; memory does not grow with the reel.

        Args:
            frames: a reel's pictures in order, of any one size at least 96 pixels wide: `(H, W, 3)` RGB or `(H, W)`
                luma; uint8, or float32 where 0 is black and 1 white; in a space whose steps look even to the eye.

        Raises:
            ValueError: a picture is of another kind or smaller than can be compared.
        """
        found: list[tuple[int, float]] = []
        count = 0
        for count, before, after, proposed in self._places(frames):
            number = count - len(after)
            if not proposed or number < self.shortest:
                continue
            likeness = self.likeness_across(before, after)
            if likeness >= 1:
                continue
            if found and number - found[-1][0] < self.shortest:
                found[-1] = min(found[-1], (number, likeness), key=lambda cut: cut[1])
            else:
                found.append((number, likeness))
        return [number for number, _ in found if count - number >= self.shortest]

    def likeness_across(self, before: Iterable[_Contrast], after: Iterable[_Contrast]) -> float:
        """How alike the two sides of a place are, against what is asked for: 1 and more is no cut."""
        before, after = list(before), list(after)
        across = max(likeness(a, b) for a, b in product(before, after))
        within = min(max((likeness(a, b) for a, b in combinations(side, 2)), default=1.0) for side in (before, after))
        return across / (self.likeness * max(within, 1e-6))

    def _places(self, frames: Iterable[Picture]) -> Iterator[tuple[int, list[_Contrast], list[_Contrast], bool]]:
        """For each place between two frames: frames read so far, the pictures on both sides, whether it is proposed."""
        detector = ContentDetector(threshold=self.proposal, min_scene_len=0, luma_only=True)
        window: deque[tuple[_Contrast, bool]] = deque(maxlen=2 * self.reach)
        count = 0

        def place(behind: int) -> tuple[int, list[_Contrast], list[_Contrast], bool]:
            pictures = [picture for picture, _ in window]
            at = len(pictures) - behind
            return count, pictures[max(at - self.reach, 0) : at], pictures[at:], window[at][1]

        for frame in frames:
            contrast = local_contrast(frame)
            shown = np.clip(128 + _LEVELS_PER_CONTRAST * contrast, 0, 255).astype(np.uint8)
            window.append((contrast, bool(detector.process_frame(count, cv2.merge([shown] * 3)))))
            count += 1
            if count > self.reach:
                yield place(self.reach)
        for behind in range(min(self.reach, count) - 1, 0, -1):
            yield place(behind)


def local_contrast(frame: Picture) -> _Contrast:
    """A picture `(h, WIDTH)` in units of the contrast around each pixel: what no change of light alters.

    Raises:
        ValueError: the picture is neither uint8 nor float32, nor RGB nor luma, or too small.
    """
    if frame.dtype not in {np.dtype(np.uint8), np.dtype(np.float32)} or frame.ndim not in {2, 3}:
        raise ValueError(f"a picture is uint8 or float32, (H, W, 3) or (H, W), not {frame.dtype} {frame.shape}")
    height, width = frame.shape[:2]
    small = (WIDTH, round(height * WIDTH / width))
    if width < WIDTH or small[1] < 3 * SHIFT:
        raise ValueError(
            f"a picture of {width}x{height} is too small or too flat to compare; {WIDTH}x{3 * SHIFT} is not"
        )
    reduced = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    gray = np.asarray(reduced if reduced.ndim == 2 else cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY), np.float32)
    if frame.dtype == np.float32:
        gray = gray * 255
    detail = gray - cv2.GaussianBlur(gray, (0, 0), _NEIGHBORHOOD)
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _NEIGHBORHOOD))
    return np.asarray(detail / (spread + _NOISE_LEVELS), np.float32)


def likeness(one: _Contrast, other: _Contrast) -> float:
    """Correlation of two pictures of local contrast at their best shift; two blank frames are alike.

    >>> ramp = np.sin(np.arange(96 * 64, dtype=np.float32).reshape(64, 96) ** 1.5)
    >>> round(likeness(ramp, np.roll(ramp, (3, -5), (0, 1))), 3)
    1.0
    """
    blank = [float(picture.std()) < _BLANK_LEVELS / (_BLANK_LEVELS + _NOISE_LEVELS) for picture in (one, other)]
    if any(blank):
        return float(all(blank))
    middle = other[SHIFT:-SHIFT, SHIFT:-SHIFT]
    return float(np.max(cv2.matchTemplate(one, middle, cv2.TM_CCOEFF_NORMED)))
