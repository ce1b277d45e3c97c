"""What the demo reel shows: three camera moves over real photographs, in each of which something moves on its own.

The photographs are those that scikit-image ships in its wheel. A frame is exposed for half of its time, as in a camera
with a shutter of 180 degrees, so that what moves is blurred as on film.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import skimage
import torch
from numpy.typing import NDArray

from restorers.colorspace import Space, converted

Photograph: TypeAlias = NDArray[np.uint8]
Picture: TypeAlias = NDArray[np.float32]
Matrix: TypeAlias = NDArray[np.float64]
Move: TypeAlias = Callable[[float], Matrix]

SHUTTER = 0.5
EXPOSURES = 4


@dataclass(frozen=True, eq=False)
class Scene:
    """One shot of the reel.

    Attributes:
        name: for people.
        length: frames.
        view: photograph, linear light `(h, w, 3)`.
        camera: time in frames to the matrix that takes the frame's center-based coordinates to the photograph's.
        actor: what moves, linear light times alpha and alpha `(h, w, 4)`.
        place: time in frames to the matrix that takes the actor's coordinates to the photograph's.
    """

    name: str
    length: int
    view: Picture
    camera: Move
    actor: Picture
    place: Move


@cache
def scenes() -> tuple[Scene, ...]:
    """The shots of the reel, in order."""
    return _garage(), _launch(), _espresso()


def exposed(scene: Scene, time: int, size: tuple[int, int]) -> Picture:
    """One frame as exposed, linear light `(3, H, W)` in [0, 1].

    Args:
        scene: what is filmed.
        time: frame of the scene, from 0.
        size: height and width.
    """
    moments = time + SHUTTER * (np.arange(EXPOSURES) + 0.5) / EXPOSURES
    light = np.mean([_at(scene, float(moment), size) for moment in moments], axis=0)
    return np.ascontiguousarray(np.clip(light, 0, 1).transpose(2, 0, 1), dtype=np.float32)


def _at(scene: Scene, moment: float, size: tuple[int, int]) -> Picture:
    height, width = size
    center = _move(-(width - 1) / 2, -(height - 1) / 2)
    look = scene.camera(moment) @ center
    view = _seen(scene.view, look, size, cv2.BORDER_REFLECT_101)
    actor = _seen(scene.actor, np.linalg.inv(scene.place(moment)) @ look, size, cv2.BORDER_CONSTANT)
    return np.asarray(view * (1 - np.clip(actor[..., 3:], 0, 1)) + actor[..., :3], np.float32)


def _seen(picture: Picture, matrix: Matrix, size: tuple[int, int], border: int) -> Picture:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(picture, matrix[:2], (size[1], size[0]), flags=flags, borderMode=border))


def _garage() -> Scene:
    """A pan across a garage; a woman in a flight suit walks along, and the camera overtakes her."""
    walker = _cutout(_photograph("astronaut.png"), _person(), soft=1.0)
    return Scene(
        "garage",
        32,
        _linear(_photograph("motorcycle_left.png")),
        camera=lambda t: _move(292 + 4.8 * t, 250) @ _scale(1.15),
        actor=walker,
        place=lambda t: _move(150 + 2.2 * t, 225 + 3 * abs(np.sin(np.pi * t / 12))) @ _scale(0.52),
    )


def _launch() -> Scene:
    """A camera that stands still; a rocket leaves its tower."""
    photograph = _photograph("rocket.jpg")
    left_edge = [(313, 408), (313, 182), (310, 178), (310, 150), (313, 140), (318, 130)]
    outline = np.array(
        [(322, 126), (326, 130), (331, 140), (334, 150), (334, 178), (331, 182), (331, 408), *left_edge], np.int32
    )
    body = np.zeros(photograph.shape[:2], np.uint8)
    cv2.fillPoly(body, [outline], (255,))
    behind = photograph.astype(np.float32)
    across = np.clip((np.arange(photograph.shape[1]) - 303) / (341 - 303), 0, 1)[None, :, None]
    left, right = (behind[:, a : a + 6].mean(axis=1, keepdims=True) for a in (297, 341))
    hidden = cv2.GaussianBlur(cv2.dilate(body, np.ones((5, 5), np.uint8)), (0, 0), 1.0)[..., None] / 255
    behind = behind * (1 - hidden) + (left * (1 - across) + right * across) * hidden
    rocket = _cutout(photograph, body, soft=0.7)
    return Scene(
        "launch",
        26,
        _linear(behind),
        camera=lambda _: _move(320, 214) @ _scale(1.1),
        actor=_burning(rocket, (322, 408)),
        place=lambda t: _move(0, -0.02 * t - 0.19 * t * t),
    )


def _espresso() -> Scene:
    """A slow push in by hand; a coin spins across the table."""
    coins = _doubled(_photograph("coins.png"))[460:590, 270:410]
    disk = np.zeros(coins.shape[:2], np.uint8)
    cv2.ellipse(disk, (70, 64), (55, 49), 0, 0, 360, (255,), -1)
    coin = _tinted(_cutout(coins, disk, soft=1.2), (2.4, 1.7, 0.7))
    return Scene(
        "espresso",
        30,
        _linear(_photograph("coffee.png")),
        camera=lambda t: (
            _move(318 + 0.5 * t + 3 * np.sin(t / 5.5), 200 + 2 * np.sin(t / 7.0 + 1)) @ _scale(1.03 - 0.006 * t)
        ),
        actor=coin,
        place=lambda t: _move(492 - 0.8 * t, 330 - 7.5 * t) @ _scale(0.75, np.cos(0.35 * t) or 1e-3) @ _move(-70, -64),
    )


def _burning(rocket: Picture, nozzle: tuple[int, int]) -> Picture:
    """The rocket with light under its nozzle that covers nothing: its alpha is zero."""
    height, width = rocket.shape[0] + 90, rocket.shape[1]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) - np.array([nozzle[1], nozzle[0]], np.float32).reshape(
        2, 1, 1
    )
    below = np.clip(y, 0, None)
    flame = np.exp(-0.5 * (x / (3.5 + 0.10 * below)) ** 2 - below / 26) * (y > -1)
    lit = np.zeros((height, width, 4), np.float32)
    lit[: rocket.shape[0]] = rocket
    lit[..., :3] += flame[..., None] * np.array([2.2, 1.2, 0.42], np.float32)
    return lit


def _person() -> Photograph:
    """The astronaut's outline, found by graph cut from a rough sketch of it."""
    picture = _photograph("astronaut.png")[:, :, ::-1]
    mask = np.full(picture.shape[:2], cv2.GC_PR_BGD, np.uint8)
    around = [(140, 0), (300, 0), (310, 140), (345, 200), (372, 300), (380, 350), (500, 400), (512, 512), (0, 512)]
    inside = [(185, 40), (260, 40), (268, 110), (255, 170), (290, 215), (330, 300), (340, 500), (40, 500), (60, 330)]
    cv2.fillPoly(mask, [np.array([*around, (20, 330), (60, 230), (150, 150)], np.int32)], (cv2.GC_PR_FGD,))
    cv2.fillPoly(mask, [np.array([*inside, (110, 230), (190, 160)], np.int32)], (cv2.GC_FGD,))
    cv2.ellipse(mask, (400, 430), (75, 70), 0, 0, 360, (cv2.GC_FGD,), -1)
    mask[:300, 370:] = mask[:150, :130] = mask[:310, :62] = mask[:3] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(picture), mask, (0, 0, 0, 0), *models, 4, cv2.GC_INIT_WITH_MASK)
    return np.where(np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)), np.uint8(255), np.uint8(0))


def _cutout(photograph: Photograph, outline: Photograph, *, soft: float) -> Picture:
    """Part of a photograph, linear light times alpha and alpha `(h, w, 4)`, its edge softened inwards.

    Args:
        photograph: sRGB codes `(h, w, 3)`.
        outline: 255 within, `(h, w)`.
        soft: radius of the edge in pixels.
    """
    inner = cv2.erode(outline, np.ones((3, 3), np.uint8)).astype(np.float32) / 255
    edge = cv2.GaussianBlur(inner, (0, 0), soft)[..., None]
    return np.concatenate([_linear(photograph) * edge, edge], axis=-1).astype(np.float32)


def _tinted(cutout: Picture, tint: tuple[float, float, float]) -> Picture:
    return np.asarray(cutout * np.array([*tint, 1.0]), np.float32)


def _doubled(photograph: Photograph) -> Photograph:
    return np.asarray(cv2.resize(photograph, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


def _photograph(name: str) -> Photograph:
    path = Path(skimage.__file__).parent / "data" / name
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"{path}: the demo reel is made of photographs that scikit-image ships; reinstall it")
    return np.ascontiguousarray(picture[:, :, ::-1])


def _linear(photograph: Photograph | Picture) -> Picture:
    values = torch.from_numpy(np.ascontiguousarray(photograph, np.float32) / 255).permute(2, 0, 1)[None]
    light = converted(values, Space.SRGB, Space.LINEAR)[0].permute(1, 2, 0)
    return np.asarray(np.clip(light.numpy(), 0, 1), np.float32)


def _move(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _scale(factor: float, across: float = 1.0) -> Matrix:
    return np.diag([factor * across, factor, 1.0])
