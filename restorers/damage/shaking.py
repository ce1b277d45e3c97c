"""Let the film wander in the gate: weave, turning, breathing, and the warp of shrunken stock.

A frame shows at x what the film holds at x + d(x). The displacement d is a shift, a rotation and a scale about the
center, and a smooth warp of eight cosine modes an axis (the 3 x 3 discrete cosines without the constant one).
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from restorers.clip import Clip
from restorers.damage.chance import wander
from restorers.restorer import Bench

MODES = tuple((i, j) for i in range(3) for j in range(3) if (i, j) != (0, 0))
MODE_POWER = tuple((0.5 if i else 1.0) * (0.5 if j else 1.0) for i, j in MODES)


class Shaking(BaseModel):
    """How loosely the film sits in the gate. Lengths are pixels of the clip, standard deviations over time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizontal: float = Field(1.2, ge=0, le=50, description="sideways weave in pixels")
    vertical: float = Field(1.5, ge=0, le=50, description="vertical unsteadiness in pixels")
    rotation: float = Field(0.05, ge=0, le=5, description="rotation in degrees")
    breathing: float = Field(0.0004, ge=0, le=0.05, description="change of scale, as a fraction")
    warp: float = Field(0.5, ge=0, le=20, description="non-rigid warp in pixels, root mean square over the frame")
    memory: float = Field(0.2, ge=0, le=0.99, description="correlation of a frame's position with the one before")


@dataclass(frozen=True, eq=False)
class GateMotion:
    """Where the film lay in the gate.

    Attributes:
        first: reel number of the first frame.
        shift: `(T, 2)`, x then y, in pixels.
        rotation: `(T,)`, radians.
        scale: `(T,)`, what is added to a scale of 1.
        warp: `(T, 2, 8)`, x then y, coefficients of the cosine modes in pixels.
    """

    first: int
    shift: NDArray[np.float64]
    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    warp: NDArray[np.float64]

    def displacement(self, number: int, size: tuple[int, int]) -> NDArray[np.float32]:
        """Displacement `(2, H, W)` of a reel frame, x then y, in pixels: the frame shows at x the film at x + d(x)."""
        index = number - self.first
        height, width = size
        y, x = np.arange(height)[:, None] - (height - 1) / 2, np.arange(width)[None, :] - (width - 1) / 2
        angle, stretch = self.rotation[index], 1 + self.scale[index]
        cos, sin = np.cos(angle) * stretch, np.sin(angle) * stretch
        rigid = np.stack([(cos - 1) * x - sin * y, sin * x + (cos - 1) * y])
        warp = np.tensordot(self.warp[index], cosine_modes(size), axes=1)
        return np.asarray(rigid + warp + self.shift[index][:, None, None], np.float32)


def shake(clip: Clip, shaking: Shaking, bench: Bench) -> tuple[Clip, GateMotion]:
    """The clip as it lay in the gate, and where each frame lay. What lies outside the frame is mirrored.

    Interpolated by cubic B-splines at exact positions: OpenCV's remap would round them to a 32nd of a pixel.
    """
    motion = gate_motion(clip.numbers, shaking, bench)
    frames = bench.map(
        lambda number: displaced(clip[number], motion.displacement(number, clip.size)),
        clip.numbers,
    )
    return replace(clip, frames=torch.stack(frames).to(clip.frames.device)), motion


def gate_motion(frames: range, shaking: Shaking, bench: Bench) -> GateMotion:
    """Where the film lies at the reel numbers `frames`."""
    drawn = wander(bench, "shake", frames, 4 + 2 * len(MODES), memory=shaking.memory)
    each = shaking.warp / np.sqrt(len(MODES) * np.array(MODE_POWER))
    return GateMotion(
        first=frames.start,
        shift=drawn[:, :2] * (shaking.horizontal, shaking.vertical),
        rotation=drawn[:, 2] * np.deg2rad(shaking.rotation),
        scale=drawn[:, 3] * shaking.breathing,
        warp=drawn[:, 4:].reshape(len(frames), 2, len(MODES)) * each,
    )


def cosine_modes(size: tuple[int, int]) -> NDArray[np.float64]:
    """The eight cosine modes of a frame, `(8, H, W)`, each between -1 and 1."""
    height, width = size
    down = [np.cos(np.pi * i * (np.arange(height) + 0.5) / height) for i in range(3)]
    across = [np.cos(np.pi * j * (np.arange(width) + 0.5) / width) for j in range(3)]
    return np.stack([np.outer(down[i], across[j]) for i, j in MODES])


def displaced(frame: Tensor, displacement: NDArray[np.float32]) -> Tensor:
    """A frame `(C, H, W)` fetched along a displacement `(2, H, W)`: `out(x) = frame(x + displacement(x))`."""
    if not displacement.any():
        return frame
    height, width = frame.shape[-2:]
    at = np.stack(
        [displacement[1] + np.arange(height)[:, None], displacement[0] + np.arange(width)[None, :]],
    )
    planes = [scipy.ndimage.map_coordinates(plane, at, order=3, mode="mirror") for plane in frame.cpu().numpy()]
    return torch.from_numpy(np.stack(planes).astype(np.float32))
