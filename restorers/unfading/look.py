"""What sampled frames of a reel show of its colors: their range, their noise, whether there are any."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from restorers.clip import Clip
from restorers.dyes.stocks import Floats
from restorers.render import Footage
from restorers.unfading.optics import Reading

FINE, COARSE = 128, 16
"""Blocks over the height of a frame: small ones for its colors, large ones, where noise vanishes, for monochrome."""
COLORS = 400  # of a frame that are looked at
CALM, CALMEST = 16, 0.1  # pixels of a block, and share of them by which noise is told
ENDS = (0.0005, 0.9995)  # of the pixels of a frame
MONOCHROME_SPREAD = 0.02
"""Density by which the channels of a monochrome picture may stray from one curve."""
APART = 0.7
"""How far frames of scenes that differ are apart, against the spread of all colors; of one scene they are nearer, even
if somebody walks through it or the camera moves a little."""
MARGIN = 0.1  # density around what the reel shows that a lattice reaches


@dataclass(frozen=True, eq=False)
class Look:
    """What sampled frames of a reel show.

    Attributes:
        reading: of their densities.
        fine: clip's densities of small blocks `(F, N, 3)`.
        coarse: of large blocks `(N, 3)`.
        noise: a standard deviation of the clip's density.
        lightest: least density.
        darkest: greatest density.
    """

    reading: Reading
    fine: Floats
    coarse: Floats
    noise: float
    lightest: float
    darkest: float

    @classmethod
    def at(cls, footage: Footage, count: int, reading: Reading) -> Self:
        """So many frames of a reel, in density."""
        fine, coarse, noise, ends = [], [], [], []
        for clip in footage.sample(count):
            blocks = _blocks(clip, FINE).reshape(-1, 3)
            fine.append(blocks[:: max(1, len(blocks) // COLORS)][:COLORS])
            coarse.append(_blocks(clip, COARSE).reshape(-1, 3))
            noise.append(_noise(clip))
            ends.append(np.quantile(clip.frames[:, :, ::2, ::2].cpu().numpy(), ENDS))
        lightest, darkest = (float(found) for found in (np.min(ends), np.max(ends)))
        return cls(reading, np.stack(fine), np.concatenate(coarse), float(np.median(noise)), lightest, darkest)

    @property
    def monochrome(self) -> bool:
        """Whether the picture has one color, as black-and-white, tinted and toned ones do."""
        return monochrome(self.coarse)

    @property
    def scenes(self) -> int:
        """How many of the frames show scenes that differ from one another."""
        least = APART * float(self.fine.reshape(-1, 3).std(0).mean())
        kept: list[Floats] = []
        for frame in self.fine:
            if all(np.sqrt(np.mean((frame - other) ** 2)) > least for other in kept):
                kept.append(frame)
        return len(kept)

    @property
    def ends(self) -> tuple[float, float]:
        """Densities that a lattice reaches from and to."""
        return self.lightest - MARGIN, max(self.darkest, self.lightest + 0.5) + MARGIN


def monochrome(densities: Floats) -> bool:
    """Whether densities `(N, 3)` lie on one curve, as those of a black-and-white, tinted or toned picture do."""
    green = densities[:, 1]
    if np.ptp(green) < 1e-6:
        return bool(np.ptp(densities, axis=0).max() < MONOCHROME_SPREAD)
    for channel in (densities[:, 0], densities[:, 2]):
        curve = np.polynomial.Polynomial.fit(green, channel, 3)
        if np.quantile(np.abs(channel - curve(green)), 0.95) > MONOCHROME_SPREAD:
            return False
    return True


def _blocks(clip: Clip, rows: int) -> Floats:
    """Means of one frame over square blocks `(h, w, 3)`, without the borders, where the scan shows its gate.

    There are at least `rows` blocks from top to bottom where the pixels allow.
    """
    height, width = clip.size
    top, left = height // 20, width // 20
    frame = clip.frames[0, :, top : height - top, left : width - left].permute(1, 2, 0).cpu().numpy()
    block = max(1, height // rows)
    size = (frame.shape[1] // block, frame.shape[0] // block)
    cropped = np.ascontiguousarray(frame[: size[1] * block, : size[0] * block])
    return np.asarray(cv2.resize(cropped, size, interpolation=cv2.INTER_AREA), dtype=np.float64)


def _noise(clip: Clip) -> float:
    """Standard deviation of the noise of a frame's noisiest channel, where the picture is calm.

    By the median of what is left without planes (Immerkaer, *Fast Noise Variance Estimation*, CVIU 64(2), 1996), over
    the calmest blocks.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    height, width = (max(n - n % CALM, 1) for n in clip.size)
    found = []
    for channel in clip.frames[0].cpu().numpy():
        left = np.abs(cv2.filter2D(channel, -1, kernel))[:height, :width]
        blocks = left.reshape(max(height // CALM, 1), -1, max(width // CALM, 1), left.shape[1] // max(width // CALM, 1))
        found.append(float(np.quantile(np.median(blocks, axis=(1, 3)), CALMEST)))
    return max(found) / (0.6745 * 6)
