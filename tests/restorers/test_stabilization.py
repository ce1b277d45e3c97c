"""Stabilization: takes out weave, keeps the camera, leaves steady film alone."""

import itertools
import weakref
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.geometry import motion
from restorers.geometry.warp import AFFINE
from restorers.render import Footage, Span, opened
from restorers.restorer import Bench, RestorationError
from restorers.stabilization import Stabilization
from restorers.steadiness import camera as cameras
from restorers.steadiness import path as paths
from restorers.steadiness.path import path_over_still
from restorers.steadiness.registration import coarse
from restorers.steadiness.steadying import Steadying
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import Camera, Scene, scene

SIZE = (120, 160)
LENGTH = 16
DATA = Path(__file__).parents[3] / "shared" / "data"
FILM = DATA / "film"


@cache
def shot(camera: Camera = "static", weave: float = 1.3, warp: float = 0.0, length: int = LENGTH) -> Scene:
    return scene(length, SIZE, camera=camera, weave_px=weave, warp_px=warp, grain=3, dust=3, flicker=0.02)


@cache
def remedy(camera: Camera = "static", weave: float = 1.3, warp: float = 0.0, length: int = LENGTH) -> Steadying:
    return Stabilization().examine(footage_of(shot(camera, weave, warp, length).aged, first=100), Bench())


def taken_out(found: Steadying) -> np.ndarray:
    """Displacement of each frame on a coarse grid, `(T, 2, h, w)` pixels."""
    fields = [found.displacement(found.first + t).numpy() for t in range(len(found.path))]
    return np.stack(fields)[:, :, 4::16, 4::16].astype(np.float64)


def fast(path: np.ndarray) -> float:
    """Root mean square of what of a path is faster than a slow drift, pixels."""
    left = path - gaussian_filter1d(path, 6, axis=0, mode="nearest")
    return float(np.sqrt((left**2).sum(axis=1).mean()))


def from_frame_to_frame(path: np.ndarray) -> float:
    return float(np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize("warp", [0.0, 0.5], ids=["weave", "weave and warp"])
def test_nine_tenths_of_the_weave_of_a_static_shot_are_taken_out(warp: float) -> None:
    weave = shot(warp=warp).weave[:, :, 4::16, 4::16]
    found = remedy(warp=warp)
    assert found.static
    assert fast(taken_out(found) - weave) < 0.1 * fast(weave)


def test_the_scene_is_held_still_and_not_the_large_thing_that_moves_through_it() -> None:
    crossed = scene(24, (180, 240), weave_px=1.3, grain=3, dust=3, object_share=0.3, seed=4)
    found = Stabilization().examine(footage_of(crossed.aged), Bench())
    weave = crossed.weave[:, :, 4::16, 4::16]
    assert found.static
    assert fast(taken_out(found) - weave) < 0.15 * fast(weave)


def test_a_black_frame_lies_between_its_neighbors_and_says_so() -> None:
    aged = shot().aged.clone()
    aged[7] = 1.9 + 0.01 * torch.rand(aged[7].shape, generator=torch.Generator().manual_seed(3))
    path = path_over_still(footage_of(aged), AFFINE, Bench())
    assert path is not None
    assert path.places[7] == pytest.approx((path.places[6] + path.places[8]) / 2)
    assert path.error[7].min() >= 1
    assert path.agreement[7] == 0
    sound = np.delete(np.arange(LENGTH), 7)
    assert path.error[sound].max() < 0.2


def test_of_a_shot_only_as_many_pictures_are_held_as_the_longest_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    living: weakref.WeakSet[np.ndarray] = weakref.WeakSet()
    most = 0

    class Counted(np.ndarray):
        __hash__ = object.__hash__  # type: ignore[assignment]  # arrays as such cannot be held weakly in a set

    def counted(picture: np.ndarray) -> np.ndarray:
        nonlocal most
        small = coarse(picture).view(Counted)
        living.add(small)
        most = max(most, len(living))
        return small

    monkeypatch.setattr(paths, "coarse", counted)
    paths.path_over_pairs(footage_of(shot(length=24).aged), AFFINE, Bench())
    assert most <= max(paths.LAGS) + 2


def test_a_pan_loses_its_jitter_and_keeps_its_path() -> None:
    found = remedy("pan", length=24)
    weave = shot("pan", length=24).weave[:, :, 4::16, 4::16]
    assert not found.static
    assert from_frame_to_frame(taken_out(found) - weave) < 0.15 * from_frame_to_frame(weave)
    travel = found.course[-1, :, 0] - found.course[0, :, 0]
    filmed = shot("pan", length=24).camera
    assert np.abs(-travel - (filmed[-1, :2] - filmed[0, :2])).max() < 1.5


def test_what_moves_on_its_own_moves_on() -> None:
    steadied = remedy().apply(clip_of(shot().aged, first=100), Bench()).frames
    clean = shot().clean
    inner = slice(16, -16)
    before = (shot().aged - clean)[:, :, inner, inner].abs().mean()
    after = (steadied - clean)[:, :, inner, inner]
    steady_offset = after.median(dim=0).values
    assert (after - steady_offset).abs().mean() < 0.6 * before
    crossing = [motion.luma_for_flow(frames[8]) for frames in (clean, steadied)]
    assert np.hypot(*motion.global_shift(motion.flow(*crossing))) < 1.5


def test_steady_film_is_left_bit_for_bit() -> None:
    found = remedy(weave=0.0)
    clip = clip_of(shot(weave=0.0).aged, first=100)
    assert found.steady
    assert found.apply(clip, Bench()) is clip


def test_zero_strength_leaves_the_film_as_found() -> None:
    footage = footage_of(shot().aged)
    found = Stabilization(strength=0).examine(footage, Bench())
    assert torch.equal(opened(footage.source, footage.spans[0], 0, 4, Bench()).frames, shot().aged[:4])
    assert found.apply(clip_of(shot().aged), Bench()).frames.equal(shot().aged)


def test_a_shot_that_a_camera_alone_explains_is_left_unless_somebody_knows_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = remedy().correction
    monkeypatch.setattr(cameras, "weaving", lambda *_: False)
    footage = footage_of(shot().aged, first=100)
    left = Stabilization().examine(footage, Bench())
    assert left.steady
    assert "no more than a camera does by itself" in left.summary()
    told = Stabilization(weave="present").examine(footage, Bench())
    assert np.array_equal(told.correction, expected)


def test_a_single_frame_is_left_as_found() -> None:
    assert Stabilization().examine(footage_of(shot().aged[:1]), Bench()).steady


def test_half_the_strength_moves_half_as_far() -> None:
    half = Stabilization(strength=0.5).examine(footage_of(shot().aged, first=100), Bench())
    assert half.correction == pytest.approx(remedy().correction / 2, rel=1e-5, abs=1e-6)


def test_without_warp_only_shift_rotation_and_shrinkage_are_undone() -> None:
    found = Stabilization(warp=False).examine(footage_of(shot(warp=0.5).aged), Bench())
    field = found.displacement(3).double()
    assert (field.diff(n=2, dim=-1).abs().max(), field.diff(n=2, dim=-2).abs().max()) < (1e-5, 1e-5)


def test_windows_of_any_length_give_the_same_remedy_and_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Footage, "WINDOW", 3)
    aged = shot().aged
    again = Stabilization().examine(footage_of(aged, first=100), Bench(workers=2))
    assert np.array_equal(again.correction, remedy().correction)
    footage, span = footage_of(aged, first=100), Span(100, 116, (remedy(),))
    whole = opened(footage.source, span, 100, 116, Bench())
    parts = [opened(footage.source, span, a, b, Bench()) for a, b in ((100, 101), (101, 106), (106, 116))]
    assert torch.equal(whole.frames, torch.cat([part.frames for part in parts]))
    assert torch.equal(whole.origin, torch.cat([part.origin for part in parts]))


def test_the_remedy_survives_being_written_down() -> None:
    again = Steadying.loaded(*remedy().dumped())
    clip = clip_of(shot().aged[:3], first=100)
    assert torch.equal(again.apply(clip, Bench()).frames, remedy().apply(clip, Bench()).frames)
    assert again.summary() == remedy().summary()


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(RestorationError, match="frames 100-101 are 160x60, but the shot was examined"):
        remedy().apply(Clip(shot().aged[:2, :, :60], Space.DENSITY, 100), Bench())


@pytest.mark.footage
@pytest.mark.parametrize(
    ("film", "share"), [("the_great_train_robbery", 0.1), ("a_trip_down_market_street_before_the_fire", 0.5)]
)
def test_real_film_weaves_less(film: str, share: float) -> None:
    files = sorted((FILM / film).glob("*.png"))[:24]
    pixels = np.stack([cv2.imread(str(file)).transpose(2, 0, 1)[::-1] for file in files]).astype(np.float32) / 255
    frames = converted(torch.from_numpy(pixels), Space.SRGB, Space.DENSITY)
    steadied = Stabilization().examine(footage_of(frames), Bench()).apply(clip_of(frames), Bench()).frames
    before, after = (
        np.median(np.abs(np.diff(motion.frame_shifts([motion.luma_for_flow(f) for f in clip]), axis=0)), axis=0)
        for clip in (frames, steadied)
    )
    assert (after < share * before).all()


@pytest.mark.footage
@pytest.mark.parametrize("video", ["bottle-detection.mp4", "one-by-one-person-detection.mp4", "car-detection.mp4"])
def test_a_steady_camera_before_which_things_pass_is_left_bit_for_bit(video: str) -> None:
    pictures = decoded(DATA / "video" / "intel" / video, frames=32, lines=180)
    frames = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    footage = footage_of(frames, space=Space.SRGB)
    assert Stabilization().examine(footage, Bench()).steady


def decoded(path: Path, *, frames: int, lines: int) -> np.ndarray:
    """The first frames of a video, `(T, h, w, 3)` 8-bit RGB, with so many lines."""
    shown = []
    with av.open(str(path)) as container:
        for frame in itertools.islice(container.decode(video=0), frames):
            width = round(frame.width * lines / frame.height)
            shown.append(cv2.resize(frame.to_ndarray(format="rgb24"), (width, lines), interpolation=cv2.INTER_AREA))
    return np.stack(shown)
