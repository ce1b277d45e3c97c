"""Camera: what it did stays, what the machine did goes, and steady film is recognized."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from restorers.steadiness import camera
from tests.restorers.test_likelihood import jitter

ERROR_PX = 0.05
MOVES = ("pan", "eased", "sway", "started")


def filmed(move: str, length: int = 72) -> np.ndarray:
    """What the camera did, `(T, 2)` pixels."""
    time = np.arange(length, dtype=np.float64)
    share = time / (length - 1)
    still = np.zeros(length)
    match move:
        case "pan":
            return np.stack((1.5 * time, 0.3 * time), axis=1)
        case "eased":
            return np.stack((160 * (3 * share**2 - 2 * share**3), still), axis=1)
        case "sway":
            return np.stack((20 * np.sin(time * np.pi / 18), 10 * np.cos(time * np.pi / 25)), axis=1)
        case "started":
            return np.stack((3 * np.clip(time - length // 2, 0, None), still), axis=1)
        case _:
            return np.stack((still, still), axis=1)


def path_of(shift: np.ndarray, seed: int) -> np.ndarray:
    """A path `(T, 2, 1)` measured with an error."""
    error = np.random.default_rng(seed).normal(size=shift.shape) * ERROR_PX
    return (shift + error)[:, :, None]


@cache
def courses(move: str, weave_px: float, seed: int, length: int = 72) -> camera.Courses:
    shift = filmed(move, length) + weave_px * jitter(length, 2, seed=seed)
    return camera.parted(path_of(shift, seed), "auto")


def from_frame_to_frame(path: np.ndarray) -> float:
    return float(np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize(("move", "left"), [("pan", 0.05), ("eased", 0.07), ("sway", 0.2), ("started", 0.08)])
def test_a_moving_camera_loses_its_jitter(move: str, left: float) -> None:
    shares = []
    for seed in range(4):
        apart = courses(move, 1.3, seed).values[:, :, 0] - filmed(move)
        shares.append(from_frame_to_frame(apart) / from_frame_to_frame(1.3 * jitter(72, 2, seed=seed)))
    assert np.mean(shares) < left


@pytest.mark.parametrize("move", MOVES)
def test_a_moving_camera_keeps_its_path(move: str) -> None:
    for seed in range(4):
        found = courses(move, 1.3, seed)
        apart = gaussian_filter1d(found.values[:, :, 0] - filmed(move), 6, axis=0, mode="nearest")
        assert not found.static
        assert np.sqrt(((apart - apart.mean(axis=0)) ** 2).sum(axis=1).mean()) < 1


@pytest.mark.parametrize("move", MOVES)
def test_a_steady_moving_camera_is_steady(move: str) -> None:
    path = path_of(filmed(move), 5)
    left = path - camera.parted(path, "auto").values
    assert (camera.told(left, np.full((2, 1), ERROR_PX)) == 0).all()


def test_a_course_starts_as_sharply_as_the_camera() -> None:
    found = courses("started", 0.4, 1).values[:, 0, 0]
    speed = np.diff(found)
    assert abs(speed[:32].mean()) < 0.1
    assert np.abs(speed[40:] - 3).max() < 0.4


def test_weave_that_swings_slowly_goes_out_of_a_static_shot() -> None:
    time = np.arange(60)[:, None]
    weave = 1.6 * np.sin(2 * np.pi * time / [14, 18]) + 0.5 * jitter(60, 2)
    assert camera.parted(path_of(weave, 0), "auto").static


@pytest.mark.parametrize("length", [8, 12, 16, 60, 240])
@pytest.mark.parametrize("carried", [0.0, 0.2, 0.6])
def test_a_static_shot_does_not_drift(length: int, carried: float) -> None:
    path = path_of(1.3 * jitter(length, 2, carried), 3)
    found = camera.parted(path, "auto")
    assert found.static
    assert (found.values == found.values[0]).all()


def test_a_slow_move_is_not_frozen() -> None:
    move = np.stack((0.08 * np.arange(100), np.zeros(100)), axis=1)
    found = camera.parted(path_of(move + 1.3 * jitter(100, 2), 0), "auto")
    assert not found.static
    assert np.ptp(found.values[:, 0, 0]) == pytest.approx(8, abs=2)


def test_each_axis_has_its_own_strength() -> None:
    weave = jitter(72, 2) * [0.1, 1.6]
    path = path_of(filmed("sway") * [1, 0] + weave, 0)
    apart = camera.parted(path, "auto").values[:, :, 0] - filmed("sway") * [1, 0]
    assert from_frame_to_frame(apart[:, 1:]) < 0.1 * from_frame_to_frame(weave[:, 1:])
    assert np.abs(apart[:, 0]).max() < 0.5


def test_shrinkage_that_drifts_is_decay_when_the_camera_stands_and_parallax_when_it_moves() -> None:
    drift = np.zeros((80, 2, 4))
    drift[:, 0, 1] = drift[:, 1, 3] = np.linspace(0, 0.6, 80)
    error = np.random.default_rng(1).normal(size=drift.shape) * 0.03
    assert camera.parted(drift + error, "auto").static
    drift[:, 0, 0] = 2.0 * np.arange(80)
    found = camera.parted(drift + error, "auto")
    assert np.abs(found.values - drift).max() < 0.1


@pytest.mark.parametrize("length", [2, 3, 4, 5, 7])
def test_a_few_frames_of_a_moving_camera_have_a_course(length: int) -> None:
    pan = np.stack((9.0 * np.arange(length), np.zeros(length)), axis=1)[:, :, None]
    assert camera.parted(pan, "auto").values == pytest.approx(pan, abs=0.05)


def test_what_wanders_without_weaving_is_no_weave() -> None:
    error = np.full((2, 1), 0.01)
    wandering = 0.2 * np.sin(np.arange(60) / 9)[:, None, None] * np.ones((1, 2, 1))
    assert (camera.told(wandering, error) == 0).all()
    assert (camera.told(wandering + 0.1 * jitter(60, 2)[:, :, None], error) > 0.9).all()


def test_a_frame_leaps_but_does_not_warp_by_itself() -> None:
    weave = np.random.default_rng(2).normal(size=(60, 2, 11)) * 0.2
    weave[30] = 6.0
    found = camera.plausible(weave)
    assert (found[30, :, 0] == 6).all()
    assert np.abs(found[30, :, 1:]).max() < 1.2


def test_a_pan_that_goes_and_halts_is_the_operators() -> None:
    speed = np.repeat([-1.8, -0.2, 0.9, 0.0, -2.1, -0.4, -2.3, 0.1, -1.9, -0.6], 6)
    pan = np.stack((np.cumsum(speed), np.zeros(60)), axis=1)
    path = path_of(pan + [0, 1] * (1.8 * jitter(60, 2)), 1)
    apart = camera.parted(path, "auto").values[:, :, 0] - pan
    assert np.abs(apart[:, 0]).max() < 0.5
    assert from_frame_to_frame(apart[:, 1:]) < 0.1 * from_frame_to_frame(path[:, 1:, 0])


def hand(length: int, seed: int) -> np.ndarray:
    """A camera held by hand that walks about, `(T, 2, 3)` shift, turning and shrinkage, measured with an error."""
    walk = np.cumsum(jitter(length, 6, 0.9, seed=seed), axis=0) * [2.0, 1.4, 0.1, 0.2, 0.1, 0.2]
    error = ERROR_PX * np.random.default_rng(seed).normal(size=walk.shape)
    return (walk + error).reshape(length, 3, 2).transpose(0, 2, 1)


@pytest.mark.parametrize("length", [24, 40])
def test_a_hand_needs_no_weave(length: int) -> None:
    error = np.full((length, 2, 3), ERROR_PX)
    weave = jitter(length, 6, seed=9).reshape(length, 2, 3) * [1.3, 0.3, 0.3]
    seeds = range(1, 9)
    assert sum(camera.weaving(hand(length, seed), error) for seed in seeds) <= 1
    assert all(camera.weaving(0.2 * hand(length, seed) + weave, error) for seed in seeds)


@pytest.mark.parametrize("length", [8, 12, 60])
@pytest.mark.parametrize("carried", [0.0, 0.2, 0.6])
def test_a_static_shot_weaves(length: int, carried: float) -> None:
    error = np.full((length, 2, 3), ERROR_PX)
    for seed in range(1, 5):
        weave = jitter(length, 6, carried, seed=seed).reshape(length, 2, 3) * [1.3, 0.3, 0.3]
        assert camera.weaving(weave + ERROR_PX * jitter(length, 6, 0, seed=20).reshape(weave.shape), error)


def test_frames_shown_twice_say_nothing_of_the_gate() -> None:
    error = np.full((60, 2, 3), ERROR_PX)
    drift = 0.4 * np.cumsum(jitter(48, 6, 0.9), axis=0) + jitter(48, 6, seed=3) * [1.3, 1.3, 0.3, 0.3, 0.3, 0.3]
    twice = np.repeat(drift.reshape(48, 2, 3), np.resize([1, 1, 1, 2], 48), axis=0)
    twice += 0.3 * ERROR_PX * np.random.default_rng(4).normal(size=twice.shape)
    assert len(camera._shown_once(twice, error)) == pytest.approx(48, abs=2)
    assert camera.weaving(twice, error)
    assert len(camera._shown_once(0.1 * ERROR_PX * drift.reshape(48, 2, 3), error[:48])) == 48
