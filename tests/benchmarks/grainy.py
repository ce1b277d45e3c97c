"""Grainy shots whose truth is known: things that cross a photograph, and recorded video, under grain of a strength."""

from dataclasses import dataclass

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from restorers.clip import Clip
from restorers.damage import Graining, grain
from restorers.restorer import Bench
from tests.benchmarks.footage import coded, colors, decoded
from tests.benchmarks.moves import FOOTAGE
from tests.benchmarks.peers import Frames

Mask = NDArray[np.bool_]

SIZE = (270, 480)
LENGTH = 9
WEAVE = 0.3  # pixels
PAN = (2.4, 0.35)  # pixels a frame
PHOTOGRAPHS = ("kodim05", "kodim23", "kodim21")
FAMILIAR_PHOTOGRAPHS = ("kodim02", "kodim12", "kodim16")


@dataclass(frozen=True, eq=False)
class Shot:
    """Clean frames `(T, H, W, 3)`, and where something hides the background in a neighbor but not here, if known."""

    clean: Frames
    ring: Mask | None = None


def objects(*, size: tuple[int, int] = SIZE, familiar: bool = False) -> Shot:
    """A pan over a photograph, two others crossing it as discs."""
    names = FAMILIAR_PHOTOGRAPHS if familiar else PHOTOGRAPHS
    folder = FOOTAGE / "images" / "kodak24"
    views = [np.asarray(cv2.imread(str(folder / f"{name}.png")), np.float32)[..., ::-1] for name in names]
    height, width = size
    scale = height / SIZE[0]
    wide = cv2.resize(
        np.rot90(views[0]) if views[0].shape[0] > views[0].shape[1] else views[0], (int(width * 1.5),) * 2
    )
    frames, covers = [], []
    shake = _weave()
    for time in range(LENGTH):
        move = np.array([PAN[0] * time + 20, PAN[1] * time + 15]) * scale + shake[time]
        frame, cover = _moved(np.asarray(wide), -move, size), np.zeros(size, np.float32)
        for index, view in enumerate(views[1:]):
            disc = cv2.resize(view, (width // 4, height // 3), interpolation=cv2.INTER_AREA)
            speed = np.array([5.3 - 10.6 * index, 1.7]) * scale
            place = np.array([0.2 + 0.45 * index, 0.2 + 0.3 * index]) * (width, height) + speed * time - shake[time]
            center, axes = (disc.shape[1] // 2, disc.shape[0] // 2), (disc.shape[1] // 2 - 2, disc.shape[0] // 2 - 2)
            round_ = cv2.ellipse(np.zeros(disc.shape[:2], np.float32), center, axes, 0, 0, 360, (1.0,), -1, cv2.LINE_AA)
            alpha = np.clip(_moved(round_, place, size), 0, 1)
            frame = frame * (1 - alpha[..., None]) + _moved(disc, place, size) * alpha[..., None]
            cover = np.maximum(cover, alpha)
        frames.append(np.clip(np.rint(frame), 0, 255).astype(np.uint8))
        covers.append(cover > 0.02)
    hidden = np.stack(covers)
    near = np.stack([hidden[max(t - 2, 0) : t + 3].any(0) for t in range(LENGTH)])
    return Shot(np.stack(frames), near & ~hidden)


def video(path: str, first: int) -> Frames:
    """Frames of clean video, at most 480 wide."""
    frames = []
    with av.open(str(FOOTAGE / "video" / path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index >= first:
                frame = colors(picture)
                fit = min(SIZE[1] / frame.shape[1], 1.0)
                small = (round(frame.shape[1] * fit), round(frame.shape[0] * fit))
                frames.append(np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8))
            if len(frames) == LENGTH:
                break
    return np.stack(frames)


def woven(frames: Frames) -> Frames:
    """The frames moved by what weave a stabilizer leaves."""
    moved = [_moved(f.astype(np.float32), d, f.shape[:2]) for f, d in zip(frames, _weave(), strict=True)]
    return np.clip(np.rint(np.stack(moved)), 0, 255).astype(np.uint8)


def grained(clean: Frames, kind: str, sigma: float) -> Frames:
    """The frames with white noise in their codes, or film grain in density, as strong in the first one's codes."""
    if kind == "white":
        noise = np.random.default_rng(3).normal(size=clean.shape) * sigma
        return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    clip, bench, strength = decoded(clean), Bench(seed=3), 0.03
    for _ in range(4):
        laid = _laid(clip.between(0, 1), strength, bench)
        strength *= sigma / float((255 * (laid.frames - clip.frames[:1])).square().mean().sqrt())
    return coded(_laid(clip, strength, bench))


def _laid(clip: Clip, strength: float, bench: Bench) -> Clip:
    return grain(clip, Graining(sigma=strength), bench)[0]


def _weave() -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(size=(LENGTH, 2)) * WEAVE


def _moved(picture: NDArray[np.float32], by: NDArray[np.float64], size: tuple[int, ...]) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, by[0]], [0, 1, by[1]]])
    border = cv2.BORDER_REFLECT_101 if picture.shape[0] >= size[0] else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(picture, matrix, size[1::-1], flags=cv2.INTER_LANCZOS4, borderMode=border))
