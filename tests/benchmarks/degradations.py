"""What time, a lens and a codec do to a picture before anybody enlarges it: blur, halving, grain, compression."""

from dataclasses import dataclass

import cv2
import numpy as np

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.graining import Graining, grain
from restorers.restorer import Bench
from tests.benchmarks.footage import coded, decoded
from tests.benchmarks.h264 import compressed
from tests.benchmarks.peers import Frames


@dataclass(frozen=True)
class Degradation:
    """How much of each.

    Attributes:
        blur: standard deviation of a Gaussian, pixels of the large picture.
        grain: standard deviation in 8-bit levels of sRGB of the small picture; laid in density, fresh in every frame.
        quality: of JPEG, for a still; None leaves it uncompressed.
        crf: rate factor of H.264, for a clip; None leaves it uncompressed.
    """

    blur: float
    grain: float = 0.0
    quality: int | None = None
    crf: int | None = None


LEVELS: dict[str, Degradation] = {
    "faint": Degradation(0.5),
    "light": Degradation(0.8, 5, 80, 23),
    "mid": Degradation(0.8, 10, 60, 28),
    "heavy": Degradation(1.2, 20, 40, 32),
}
"""From as good as new to badly worn."""
SCALE = 2


def degraded(clean: Frames, degradation: Degradation, seed: int) -> Frames:
    """Clean frames `(T, H, W, 3)` blurred, halved by area, grainy and compressed, `(T, H / 2, W / 2, 3)`."""
    size = clean.shape[2] // SCALE, clean.shape[1] // SCALE
    blurred = [cv2.GaussianBlur(frame, (0, 0), degradation.blur) for frame in clean.astype(np.float32)]
    small = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in blurred])
    found = grained(np.clip(np.rint(small), 0, 255).astype(np.uint8), degradation.grain, seed)
    if len(found) > 1:
        return found if degradation.crf is None else compressed(found, degradation.crf)
    return found if degradation.quality is None else np.stack([jpeg(frame, degradation.quality) for frame in found])


def grained(clean: Frames, sigma: float, seed: int) -> Frames:
    """Frames with film grain in density, as strong in the first one's codes as asked."""
    if sigma == 0:
        return clean
    clip, bench, strength = decoded(clean), Bench(seed=seed), 0.03
    for _ in range(4):
        laid = _laid(clip.between(0, 1), strength, bench).frames.clamp(0, 1)
        strength *= sigma / float((255 * (laid - clip.frames[:1])).square().mean().sqrt())
    return coded(_laid(clip, strength, bench))


def jpeg(frame: Frames, quality: int) -> Frames:
    """A frame `(H, W, 3)` through JPEG with 4:2:0 color and back."""
    done, code = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"JPEG does not take a frame of {frame.shape}")
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))[..., ::-1].copy()


def _laid(clip: Clip, strength: float, bench: Bench) -> Clip:
    return grain(clip.in_space(Space.SRGB), Graining(sigma=strength), bench)[0]
