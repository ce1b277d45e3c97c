"""Let the light flicker: exposure and development from frame to frame, a slow pumping, and unevenness over the picture.

In density a change of exposure is an offset, a change of development a factor:
D'(x, t) = contrast(t) * D(x, t) + offset(t) + field(x, t).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.damage.chance import wander
from restorers.damage.shaking import MODE_POWER, MODES, cosine_modes
from restorers.restorer import Bench


class Flickering(BaseModel):
    """How unsteady the light is. Densities, standard deviations over time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exposure: float = Field(0.03, ge=0, le=1, description="density added from frame to frame")
    contrast: float = Field(0.02, ge=0, le=0.5, description="change of contrast from frame to frame, as a fraction")
    pumping: float = Field(0.02, ge=0, le=1, description="density added by the slow pumping")
    pumping_frames: float = Field(12, ge=2, le=240, description="frames in which the pumping forgets itself")
    color: float = Field(0.15, ge=0, le=1, description="how far the three layers go their own ways, as a fraction")
    local: float = Field(0.012, ge=0, le=1, description="density of the unevenness, root mean square over the frame")
    memory: float = Field(0.2, ge=0, le=0.99, description="correlation of exposure and unevenness with the last frame")


@dataclass(frozen=True, eq=False)
class LampTruth:
    """What the light did.

    Attributes:
        first: reel number of the first frame.
        offset: `(T, 3)`, density added to red, green and blue.
        contrast: `(T,)`, factor on density.
        local: `(T, 8)`, coefficients of the unevenness' cosine modes, densities.
    """

    first: int
    offset: NDArray[np.float64]
    contrast: NDArray[np.float64]
    local: NDArray[np.float64]

    def field(self, number: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """Density `(H, W)` that the unevenness adds to a reel frame."""
        return np.asarray(np.tensordot(self.local[number - self.first], cosine_modes(size), axes=1), np.float32)


def flicker(clip: Clip, flickering: Flickering, bench: Bench) -> tuple[Clip, LampTruth]:
    """The clip under an unsteady light, in the space it came in, and what the light did."""
    density = clip.in_space(Space.DENSITY)
    truth = lamp(clip.numbers, flickering, bench)
    frames = density.frames.clone()
    for index, number in enumerate(clip.numbers):
        offset = torch.tensor(truth.offset[index], dtype=torch.float32).view(3, 1, 1)
        added = offset + torch.from_numpy(truth.field(number, clip.size))
        frames[index] = frames[index] * float(truth.contrast[index]) + added.to(frames.device)
    return replace(density, frames=frames).in_space(clip.space), truth


def lamp(frames: range, flickering: Flickering, bench: Bench) -> LampTruth:
    """What the light does at the reel numbers `frames`."""
    quick = wander(bench, "flicker", frames, 5 + len(MODES), memory=flickering.memory)
    slow = wander(bench, "pumping", frames, 1, memory=float(np.exp(-1 / flickering.pumping_frames)))
    common, own = quick[:, :1], quick[:, 1:4]
    exposure = flickering.exposure * (np.sqrt(1 - flickering.color**2) * common + flickering.color * own)
    each = flickering.local / np.sqrt(len(MODES) * np.array(MODE_POWER))
    return LampTruth(
        first=frames.start,
        offset=exposure + flickering.pumping * slow,
        contrast=1 + flickering.contrast * quick[:, 4],
        local=quick[:, 5:] * each,
    )
