"""Shots in which frames jump by known amounts: splices, slipped perforations, misframed stretches, and what is none."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.colorspace import density
from tests.restorers import scenes
from tests.restorers.scenes import Camera

Floats = NDArray[np.float64]
LINE_SHARE = 0.03  # the black line between frames


@dataclass(frozen=True)
class Displaced:
    """Frames first <= t < stop that lie (dx, dy) pixels from where they belong."""

    first: int
    stop: int
    dx: float
    dy: float


@dataclass(frozen=True, eq=False)
class Jumping:
    """Frames `(T, 3, H, W)` in density, and where each lies but for the camera, `(T, 2)` pixels."""

    frames: Tensor
    places: Floats


def jumping(
    length: int,
    size: tuple[int, int],
    displaced: tuple[Displaced, ...] = (),
    *,
    camera: Camera | Floats = "static",
    weave_px: float = 0.5,
    grain: float = 4.0,
    dust: int = 4,
    cut: int | None = None,
    seed: int = 0,
) -> Jumping:
    """A shot whose frames jump as asked: what they uncover is the frame line and the neighboring frames of the film.

    Args:
        length: frames.
        size: height and width.
        displaced: the jumps.
        camera: what it does, or its path `(T, 3)`: shift x, y and zoom.
        weave_px: standard deviation of the shift of each axis.
        grain: standard deviation in 8-bit levels.
        dust: specks a frame.
        cut: frame from which on another scene is shown.
        seed: of everything random.
    """
    random = np.random.default_rng(seed)
    height, width = size
    path = scenes._camera(camera, length, width) if isinstance(camera, str) else camera
    places = random.normal(size=(length, 2)) * weave_px
    for jump in displaced:
        places[jump.first : jump.stop] += jump.dx, jump.dy
    background = scenes.canvas(int(height * 1.5), int(width * 3))
    backgrounds = (background, np.ascontiguousarray(background[::-1, ::-1] ** 0.5))
    moving = background[: height // 2, : width // 2]
    y, x = np.meshgrid(np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64), indexing="ij")
    pitch = height * (1 + LINE_SHARE)
    frames = []
    for t in range(length):
        u, v = x - places[t, 0], y - places[t, 1]
        turn = np.floor((v + LINE_SHARE * height / 2) / pitch)
        v = v - turn * pitch
        behind = backgrounds[cut is not None and t >= cut]
        frame = scenes._photographed(behind, moving, (u, np.clip(v, 0, height - 1)), path, t=t, share=0.05)
        line = ((v < -0.5) | (v > height - 0.5))[..., None]
        frames.append(scenes._worn(np.where(line, np.float32(0.02), frame), random, grain, dust))
    light = torch.from_numpy(np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2), np.float32)) ** 2.4
    return Jumping(density(light), places)
