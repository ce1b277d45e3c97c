"""Jumps: frames out of place are named and put back; pans, quick pans, weave and cuts are none."""

import re
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from restorers.clip import Origin
from restorers.colorspace import Space, converted
from restorers.geometry import motion
from restorers.geometry.warp import AFFINE
from restorers.restorer import Bench
from restorers.stabilization import Stabilization
from restorers.steadiness import jumps
from restorers.steadiness.jumps import Jump
from restorers.steadiness.path import path_over_pairs
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.jumping import Displaced, Jumping, jumping
from tests.restorers.scenes import Camera

Floats = NDArray[np.float64]

SIZE = (120, 160)
LENGTH = 20
FIRST = 100
PERFORATION = 0.25 * SIZE[0]


def named(shot: Jumping) -> tuple[Jump, ...]:
    footage = footage_of(shot.frames, first=FIRST)
    return jumps.found(footage, path_over_pairs(footage, AFFINE, Bench()).places[:, :, 0])


def right(found: tuple[Jump, ...], wanted: tuple[Displaced, ...]) -> list[bool]:
    """Whether each jump found is one of those wanted, to within three pixels."""
    return [
        any(
            (jump.frame - FIRST, jump.frames) == (one.first, one.stop - one.first)
            and np.hypot(jump.dx - one.dx, jump.dy - one.dy) < 3
            for one in wanted
        )
        for jump in found
    ]


def pan(*speeds: tuple[float, float], length: int = LENGTH) -> Floats:
    """A camera's path from (frame, pixels a frame) at some frames."""
    times, paces = np.array(speeds).T
    travel = np.cumsum(np.interp(np.arange(length), times, paces))
    return np.stack((travel, 0 * travel, 0 * travel + 1), axis=1)


@pytest.mark.parametrize(
    ("displaced", "camera", "kind"),
    [
        (Displaced(9, 10, 1, -7), "static", "splice"),
        (Displaced(8, 11, -3, 6), "pan", "splice"),
        (Displaced(0, 1, 0, -7), "static", "splice"),
        (Displaced(18, 20, 1, 7), "static", "splice"),
        (Displaced(7, 14, 1, 8), "sway", "misframe"),
        (Displaced(9, 10, 0, PERFORATION), "pan", "perforation"),
        (Displaced(6, 14, 0, -PERFORATION), "static", "perforation"),
        (Displaced(12, 20, 0, PERFORATION), "static", "perforation"),
    ],
    ids=str,
)
def test_a_jump_is_named_with_its_frames_and_its_size(displaced: Displaced, camera: Camera, kind: str) -> None:
    found = named(jumping(LENGTH, SIZE, (displaced,), camera=camera, seed=3))
    assert right(found, (displaced,)) == [True]
    assert found[0].kind == kind


@pytest.mark.parametrize(
    "camera",
    [
        "static",
        "pan",
        "eased",
        "zoom",
        "sway",
        pan((0, 0), (8, 0), (10, 14), (12, 14), (14, 0), (19, 0)),
        pan((0, 0), (9, 0), (10, 8), (11, 8), (12, 0), (19, 0)),
        pan((0, 12), (8, 12), (9, 0), (19, 0)),
    ],
    ids=["static", "pan", "eased", "zoom", "sway", "whip pan", "jerk", "pan that stops dead"],
)
def test_what_the_camera_does_is_no_jump(camera: Camera | Floats) -> None:
    assert named(jumping(LENGTH, SIZE, camera=camera, seed=4)) == ()


def test_heavy_weave_is_no_jump() -> None:
    assert named(jumping(LENGTH, SIZE, weave_px=3.0, seed=5)) == ()


def test_a_cut_within_the_shot_is_no_jump() -> None:
    assert named(jumping(LENGTH, SIZE, cut=9, seed=6)) == ()


@cache
def slipped() -> Jumping:
    """A static shot of which one frame is off by a perforation, and another by a bad splice."""
    return jumping(LENGTH, SIZE, (Displaced(6, 7, 0, -PERFORATION), Displaced(13, 15, 2, 6)), seed=7)


def test_frames_that_jump_are_put_back_and_what_they_uncover_is_marked() -> None:
    found = Stabilization(warp=False).examine(footage_of(slipped().frames, first=FIRST), Bench())
    out = found.correction[:, :, 0] - slipped().places
    assert np.abs(out - np.median(out, axis=0)).max() < 0.3
    steadied = found.apply(clip_of(slipped().frames, first=FIRST), Bench())
    pictures = [motion.luma_for_flow(steadied.frames[t]) for t in (5, 6)]
    assert np.hypot(*motion.global_shift(motion.flow(*pictures))) < 0.3
    uncovered = steadied.origin[6, : int(PERFORATION) - 2] > Origin.RESAMPLED
    assert uncovered.float().mean() > 0.95


def test_the_summary_says_which_frames_jumped_and_where() -> None:
    found = Stabilization(warp=False).examine(footage_of(slipped().frames, first=FIRST), Bench())
    assert re.search(r"; frame 106 jumps (29|30|31) px up \(perforation\); frames 113-114 jump", found.summary())
    assert re.search(r"jump [567] px down and [123] px right \(splice\);", found.summary())


def test_the_weave_in_the_summary_is_without_the_jumps() -> None:
    found = Stabilization(warp=False).examine(footage_of(slipped().frames, first=FIRST), Bench())
    weave = re.search(r"weave ([0-9.]+) px", found.summary())
    assert weave is not None
    assert 0.4 < float(weave[1]) < 1.0


def test_a_jump_does_not_bend_the_course_of_a_pan() -> None:
    plain = jumping(LENGTH, SIZE, camera="pan", seed=8)
    jumped = jumping(LENGTH, SIZE, (Displaced(9, 10, 0, -PERFORATION),), camera="pan", seed=8)
    courses = [
        Stabilization(warp=False).examine(footage_of(shot.frames), Bench()).course[:, :, 0] for shot in (plain, jumped)
    ]
    apart = courses[1] - courses[0]
    assert np.abs(apart - np.median(apart, axis=0)).max() < 0.5


def test_a_shift_is_found_over_a_third_of_the_frame() -> None:
    shot = jumping(2, SIZE, (Displaced(1, 2, 21, 38),), weave_px=0, seed=9)
    pictures = [motion.luma_for_flow(frame) for frame in shot.frames]
    found = jumps.shift(*pictures)
    assert found is not None
    assert found == pytest.approx((21, 38), abs=2.5)
    there, _ = jumps.flows(*pictures)
    assert motion.global_shift(there) == pytest.approx((21, 38), abs=0.5)


def test_pictures_of_different_scenes_lie_nowhere() -> None:
    shot = jumping(2, SIZE, cut=1, seed=10)
    assert jumps.shift(*(motion.luma_for_flow(frame) for frame in shot.frames)) is None


def test_a_jump_reads_as_a_sentence() -> None:
    assert Jump(frame=1214, frames=1, dx=1.0, dy=-19.2, kind="splice").said == "frame 1214 jumps 19 px up (splice)"


def drawn(case: int) -> tuple[Jumping, tuple[Displaced, ...]]:
    """One of many shots, half of them with a jump or two at random frames, of random sizes, under all cameras."""
    random = np.random.default_rng(1000 + case)
    cameras = ["static", "pan", "sway", "eased", "zoom"]
    camera = cameras[int(random.integers(len(cameras)))]
    if case % 2:
        quick = pan((0, 0), (7, 0), (9, random.uniform(5, 25)), (12, random.uniform(5, 25)), (14, 0), (19, 0))
        kinds = (
            {"camera": camera, "weave_px": random.uniform(0, 2)},
            {"camera": camera, "cut": int(random.integers(4, 16))},
            {"camera": quick, "weave_px": random.uniform(0, 1)},
        )
        return jumping(LENGTH, SIZE, seed=case, **kinds[case // 2 % 3]), ()  # type: ignore[arg-type]
    sign = random.choice((-1, 1))
    first = int(random.integers(2, 14))
    far = sign * random.uniform(0.045, 0.12) * SIZE[0]
    aside = random.uniform(-0.3, 0.3) * far
    slip = sign * random.uniform(0.24, 0.3) * SIZE[0]
    wanted = (
        (Displaced(first, first + int(random.integers(1, 4)), aside, far),),
        (Displaced(first, first + 1, 0, slip),),
        (Displaced(first, first + 5, aside, far),),
        (Displaced(10, LENGTH, 0, slip),),
        (Displaced(4, 5, aside, far), Displaced(13, 15, 0, -slip)),
    )[case // 2 % 5]
    weave = random.uniform(0, 0.7)
    return jumping(LENGTH, SIZE, wanted, camera=camera, weave_px=weave, seed=case), wanted  # type: ignore[arg-type]


@pytest.mark.slow
def test_of_sixty_shots_nineteen_in_twenty_jumps_are_found_and_named_rightly() -> None:
    correct = claimed = wanted = 0
    for case in range(60):
        shot, displaced = drawn(case)
        hits = right(named(shot), displaced)
        correct, claimed, wanted = correct + sum(hits), claimed + len(hits), wanted + len(displaced)
    assert correct / claimed >= 0.95
    assert correct / wanted >= 0.95


@pytest.mark.footage
@pytest.mark.parametrize(
    ("film", "said"),
    [
        ("a_trip_down_market_street_before_the_fire", ["frame 23 jumps 19 px up (splice)"]),
        ("san_francisco_earthquake_and_fire", []),
        ("the_great_train_robbery", []),
        ("within_our_gates", []),
    ],
)
def test_of_four_real_shots_the_one_frame_that_jumps_is_named(shared: Path, film: str, said: list[str]) -> None:
    files = sorted((shared / "film" / film).glob("*.png"))
    pixels = np.stack([cv2.imread(str(file)).transpose(2, 0, 1)[::-1] for file in files]).astype(np.float32) / 255
    footage = footage_of(converted(torch.from_numpy(pixels), Space.SRGB, Space.DENSITY), first=1)
    path = path_over_pairs(footage, AFFINE, Bench())
    assert [jump.said for jump in jumps.found(footage, path.places[:, :, 0])] == said
