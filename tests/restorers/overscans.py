"""Scans of film with its perforations, made from photographs, whose every movement is known."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.colorspace import density
from restorers.geometry.warp import AFFINE
from restorers.steadiness.gauges import Gauge
from tests.restorers.scenes import canvas

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Overscan:
    """How a film was scanned, and in what state it is.

    Attributes:
        gauge: how it is perforated.
        edges: at which edges holes are seen.
        frames_seen: height of the scan in frames of the film.
        weave_px: standard deviation of the film's shift in the scanner, each axis.
        turn_deg, shrinkage: of the film's rotation and scale in the scanner.
        camera_weave_px: of the picture on the film.
        pan_px: pixels a frame the camera travels.
        sway_px: how far it swings.
        grain: standard deviation in 8-bit levels.
        dust: specks a frame.
        torn: share of the holes torn open, other ones in each frame.
        worn_px: by how much the outline of each single hole departs.
        flare: how far light from the holes runs over their edges, 0 to 1.
        flicker: standard deviation of the light.
        masked: whether the scanner shows the holes black and the film's edge gray.
    """

    gauge: Gauge
    edges: tuple[str, ...]
    frames_seen: float = 1.12
    weave_px: float = 1.3
    turn_deg: float = 0.05
    shrinkage: float = 4e-4
    camera_weave_px: float = 0.0
    pan_px: float = 0.0
    sway_px: float = 0.0
    grain: float = 4.0
    dust: int = 6
    torn: float = 0.0
    worn_px: float = 0.0
    flare: float = 0.15
    flicker: float = 0.02
    masked: bool = False


@dataclass(frozen=True, eq=False)
class Scanned:
    """Frames `(T, 3, H, W)` in density; where the film `(T, 2, 3)`, and the picture on it `(T, 2)` lay, pixels."""

    frames: Tensor
    film: Floats
    picture: Floats
    camera: Floats


def scanned(overscan: Overscan, length: int, size: tuple[int, int], *, seed: int = 0) -> Scanned:
    """A shot scanned with its perforations; the film's places are coefficients of `warp.AFFINE`."""
    random = np.random.default_rng(seed)
    height, width = size
    shift = random.normal(size=(length, 2)) * overscan.weave_px
    turn = random.normal(size=length) * np.deg2rad(overscan.turn_deg)
    grow = random.normal(size=length) * overscan.shrinkage
    t = np.arange(length)
    camera = np.stack((overscan.pan_px * t, overscan.sway_px * np.sin(2 * np.pi * t / 31)), axis=1)
    woven = random.normal(size=(length, 2)) * overscan.camera_weave_px
    film = np.zeros((length, 2, len(AFFINE)))
    film[:, :, 0] = shift
    across, down = width / np.sqrt(12), height / np.sqrt(12)  # root mean square of a slope over the frame
    film[:, 0, 1], film[:, 1, 2] = grow * across, grow * down
    film[:, 0, 2], film[:, 1, 1] = -turn * down, turn * across
    frames = []
    for index in range(length):
        matrix = np.array([[grow[index], -turn[index]], [turn[index], grow[index]]])
        x, y = _on_film(size, shift[index], matrix)
        frame = _film(overscan, (x, y), size, camera[index] - woven[index], random)
        frames.append(_worn(frame, overscan, random))
    light = np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2)) ** 2.4
    gain = 1 + overscan.flicker * random.normal(size=(length, 1, 1, 1))
    return Scanned(density(torch.from_numpy(light * gain)).float(), film, woven, camera)


def rounded(x: Floats, y: Floats, box: tuple[float, float, float, float], radius: float) -> Floats:
    """Share of each pixel inside a rectangle (left, top, right, bottom) with round corners, [0, 1]."""
    left, top, right, bottom = box
    a = np.abs(x - (left + right) / 2) - (right - left) / 2 + radius
    b = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2 + radius
    away = np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0) - radius
    return np.asarray(1 / (1 + np.exp(np.clip(2.5 * away, -40, 40))))


def _on_film(size: tuple[int, int], shift: Floats, matrix: Floats) -> tuple[Floats, Floats]:
    """Where on the film each pixel lies: the inverse of a shift and a small turn about the middle."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    back = np.linalg.inv(np.eye(2) + matrix)
    u, v = x - shift[0] - center[0], y - shift[1] - center[1]
    return back[0, 0] * u + back[0, 1] * v + center[0], back[1, 0] * u + back[1, 1] * v + center[1]


def _film(
    overscan: Overscan,
    at: tuple[Floats, Floats],
    size: tuple[int, int],
    look: Floats,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    x, y = at
    height, width = size
    gauge = overscan.gauge
    frame_height = gauge.pitch * gauge.per_frame
    unit = height / (overscan.frames_seen * frame_height)  # pixels in a millimeter
    upright = "middle" not in gauge.edges
    inset = (0.5 * gauge.width if upright else 0.0) * unit
    strip = (gauge.width * 1.25 if upright else 0.0) * unit + inset
    left = strip if "left" in overscan.edges else 0.03 * width
    right = width - (strip if "right" in overscan.edges else 0.03 * width)
    rim = (height - frame_height * unit) / 2 + 0.04 * height + (0 if upright else 0.5 * gauge.height * unit)
    background = canvas(int(height * 1.5), int(width * 3))
    u, v = x + 0.7 * width + look[0], y + 0.25 * height + look[1]
    picture = cv2.remap(
        background, u.astype(np.float32), v.astype(np.float32), cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT
    )
    base = 0.35 if overscan.masked else 0.06
    opening = rounded(x, y, (left, rim, right, height - rim), 0.02 * height)[..., None]
    frame = base + (0.8 * np.clip(picture, 0, 1) + 0.05 - base) * opening
    bare = np.zeros(size)
    for box in _boxes(overscan, unit, size, inset):
        left, top, right, bottom = np.add(box, random.normal(size=4) * overscan.worn_px)
        near = np.s_[max(int(top) - 20, 0) : int(bottom) + 20, max(int(left) - 20, 0) : int(right) + 20]
        here = x[near], y[near]
        hole = rounded(*here, (left, top, right, bottom), min(gauge.radius * unit, (bottom - top) / 2))
        if random.random() < overscan.torn:
            tear = left + random.random() * (right - left)
            hole = np.maximum(hole, rounded(*here, (tear, top - 8, tear + 14, top + 14), 3.0))
        bare[near] = np.maximum(bare[near], hole)
    lit = 0.0 if overscan.masked else 1.0
    spill = cv2.GaussianBlur(bare, (0, 0), 0.02 * height) * overscan.flare * lit
    return np.asarray((frame + spill[..., None]) * (1 - bare[..., None]) + lit * bare[..., None])


def _boxes(
    overscan: Overscan, unit: float, size: tuple[int, int], inset: float
) -> list[tuple[float, float, float, float]]:
    height, width = size
    gauge = overscan.gauge
    hole_width, hole_height, pitch = (v * unit for v in (gauge.width, gauge.height, gauge.pitch))
    if "middle" in gauge.edges:
        middle, rim = width / 2 - hole_width / 2, (height - pitch) / 2
        tops = (rim - hole_height / 2, rim + pitch - hole_height / 2)
        return [(middle, top, middle + hole_width, top + hole_height) for top in tops]
    phase = 0.0 if gauge.height > gauge.width else 0.5  # Super 8 is perforated in the middle of the frame
    first = height / 2 + phase * pitch - hole_height / 2
    tops = [first + k * pitch for k in range(-8, 9)]
    lefts = [inset if edge == "left" else width - inset - hole_width for edge in overscan.edges]
    return [
        (left, top, left + hole_width, top + hole_height)
        for left in lefts
        for top in tops
        if -hole_height < top < height
    ]


def _worn(frame: NDArray[np.float32], overscan: Overscan, random: np.random.Generator) -> NDArray[np.float32]:
    height, width, _ = frame.shape
    noise = cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), 0.6)
    frame = frame + (noise / noise.std() * overscan.grain / 255)[..., None] * (frame < 0.97)
    for _ in range(overscan.dust):
        spot = (int(random.integers(width)), int(random.integers(height)))
        frame = cv2.circle(np.ascontiguousarray(frame), spot, int(random.integers(1, 4)), (0.02,) * 3, -1, cv2.LINE_AA)
    return np.asarray(np.clip(frame, 0, 1))
