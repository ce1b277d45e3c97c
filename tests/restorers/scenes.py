"""Moving photographs whose every movement is known: a camera, something that moves on its own, weave and warp."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data
from torch import Tensor

from restorers.colorspace import density

Floats = NDArray[np.float64]
Camera = Literal["static", "pan", "eased", "zoom", "sway"]


@dataclass(frozen=True, eq=False)
class Scene:
    """Frames `(T, 3, H, W)` in density as filmed and as aged, and the weave between them `(T, 2, H, W)` in pixels.

    A steadied frame at x shows what the aged one shows at x + weave(x).
    """

    clean: Tensor
    aged: Tensor
    weave: NDArray[np.float32]
    camera: Floats


@cache
def canvas(height: int, width: int) -> NDArray[np.float32]:
    """Three photographs side by side, enough for a camera to travel over, `(height, width, 3)` in [0, 1]."""
    photographs = [data.coffee(), data.astronaut(), data.chelsea()]
    part = -(-width // 3)
    fit = [cv2.resize(p, (part, height), interpolation=cv2.INTER_AREA) for p in photographs]
    return np.concatenate(fit, axis=1)[:, :width].astype(np.float32) / 255


def scene(
    length: int,
    size: tuple[int, int],
    *,
    camera: Camera = "static",
    weave_px: float = 1.3,
    warp_px: float = 0.0,
    grain: float = 0.0,
    dust: int = 0,
    flicker: float = 0.0,
    object_share: float = 0.06,
    seed: int = 0,
) -> Scene:
    """A shot whose truth is known.

    Args:
        length: frames.
        size: height and width.
        camera: what it does.
        weave_px: standard deviation of the shift of each axis; rotation and scale come along (0.05 degree, 4e-4).
        warp_px: root mean square of a warp of 3x3 cosines that changes from frame to frame.
        grain: standard deviation in 8-bit levels of the display picture.
        dust: specks a frame.
        flicker: standard deviation of the gain in density.
        object_share: share of the frame covered by what crosses it on its own.
        seed: of everything random.
    """
    random = np.random.default_rng(seed)
    height, width = size
    path = _camera(camera, length, width)
    background = canvas(int(height * 1.5), int(width * 3))
    moving = data.chelsea()[:, 60:400].astype(np.float32) / 255
    y, x = np.meshgrid(np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64), indexing="ij")
    weave = _weave(random, length, size, weave_px, warp_px)
    clean, aged = [], []
    for t in range(length):
        clean.append(_photographed(background, moving, (x, y), path, t=t, share=object_share))
        u, v = x, y
        for _ in range(4):
            there = [cv2.remap(w, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR) for w in weave[t]]
            u, v = x - there[0], y - there[1]
        worn = _photographed(background, moving, (u, v), path, t=t, share=object_share)
        aged.append(_worn(worn, random, grain, dust))
    gain = 1 + flicker * random.normal(size=(length, 1, 1, 1))
    to_density = [density(torch.from_numpy(np.stack(f).transpose(0, 3, 1, 2)) ** 2.4).float() for f in (clean, aged)]
    return Scene(to_density[0], to_density[1] * torch.from_numpy(gain).float(), weave, path)


def _camera(kind: Camera, length: int, width: int) -> Floats:
    """Shift x, y and zoom of each frame."""
    t = np.arange(length) / max(length - 1, 1)
    still = np.zeros(length)
    match kind:
        case "static":
            return np.stack((still, still, still + 1), axis=1)
        case "pan":
            return np.stack((1.5 * np.arange(length), 0.3 * np.arange(length), still + 1), axis=1)
        case "eased":
            return np.stack((0.25 * width * (3 * t**2 - 2 * t**3), still, 1 + 0.02 * t), axis=1)
        case "zoom":
            return np.stack((still, still, 1 - 0.12 * t), axis=1)
        case "sway":
            turn = 2 * np.pi * np.arange(length) / 36
            return np.stack((0.02 * width * np.sin(turn), 0.01 * width * np.cos(0.7 * turn), still + 1), axis=1)


def _photographed(
    background: NDArray[np.float32],
    moving: NDArray[np.float32],
    at: tuple[Floats, Floats],
    path: Floats,
    *,
    t: int,
    share: float,
) -> NDArray[np.float32]:
    x, y = at
    height, width = x.shape
    dx, dy, zoom = path[t]
    u = (x - width / 2) * zoom + width * 0.8 + dx
    v = (y - height / 2) * zoom + height * 0.75 + dy
    frame = cv2.remap(background, u.astype(np.float32), v.astype(np.float32), cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT)
    radius = np.sqrt(share * height * width / np.pi)
    if radius < 1:
        return np.clip(frame, 0, 1)
    way = (t / max(len(path) - 1, 1) - 0.5) * width * 0.6
    cx, cy = width / 2 + way, height * (0.55 + 0.1 * np.sin(t / 5))
    a, b = (x - cx) / radius, (y - cy) / radius
    inside = np.clip((1 - np.hypot(a, b)) * radius, 0, 1)[..., None].astype(np.float32)
    skin = cv2.remap(
        moving,
        ((a + 1) / 2 * (moving.shape[1] - 1)).astype(np.float32),
        ((b + 1) / 2 * (moving.shape[0] - 1)).astype(np.float32),
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_REPLICATE,
    )
    return np.clip(frame * (1 - inside) + skin * inside, 0, 1)


def _worn(frame: NDArray[np.float32], random: np.random.Generator, grain: float, dust: int) -> NDArray[np.float32]:
    height, width, _ = frame.shape
    if grain:
        noise = cv2.GaussianBlur(random.normal(size=(height, width)).astype(np.float32), (0, 0), 0.6)
        frame = frame + (noise / noise.std() * grain / 255)[..., None]
    for _ in range(dust):
        spot = (int(random.integers(width)), int(random.integers(height)))
        frame = cv2.circle(np.ascontiguousarray(frame), spot, int(random.integers(1, 4)), (0.02,) * 3, -1, cv2.LINE_AA)
    return np.clip(frame, 0, 1)


def _weave(
    random: np.random.Generator, length: int, size: tuple[int, int], shift_px: float, warp_px: float
) -> NDArray[np.float32]:
    height, width = size
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    shift = _carried(random, length, 2) * shift_px
    turn = _carried(random, length, 1)[:, 0] * np.deg2rad(0.05) * (shift_px > 0)
    grow = _carried(random, length, 1)[:, 0] * 4e-4 * (shift_px > 0)
    modes = [np.cos(np.pi * p * y) * np.cos(np.pi * q * x) for p in range(3) for q in range(3) if p or q]
    unit = np.stack([m / np.sqrt((m**2).mean()) for m in modes])
    bent = _carried(random, length, 2 * len(unit)).reshape(length, 2, -1) * warp_px / np.sqrt(2 * len(unit))
    px, py = (x - 0.5) * width, (y - 0.5) * height
    field = np.einsum("tak,khw->tahw", bent, unit)
    field[:, 0] += shift[:, 0, None, None] + grow[:, None, None] * px - turn[:, None, None] * py
    field[:, 1] += shift[:, 1, None, None] + grow[:, None, None] * py + turn[:, None, None] * px
    return field.astype(np.float32)


def _carried(random: np.random.Generator, length: int, count: int, share: float = 0.2) -> Floats:
    """Jitter of unit spread of which a fifth carries over to the next frame."""
    values = random.normal(size=(length + 20, count))
    for t in range(1, len(values)):
        values[t] = share * values[t - 1] + np.sqrt(1 - share**2) * values[t]
    return values[20:]
