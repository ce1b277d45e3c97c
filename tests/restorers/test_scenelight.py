"""The scene's light is told from flicker: what happens stays, what goes on through the shot does not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from restorers.evenness.events import Event
from restorers.evenness.scenelight import parted

Floats = NDArray[np.float64]
LENGTH = 72
TIME = np.arange(LENGTH)
RANDOM = np.random.default_rng(3)
NOISE = 0.0005 * RANDOM.normal(size=LENGTH)
SLOW = 0.03 * np.sin(2 * np.pi * TIME / 32 + 1)
FLICKERS = {
    "none": np.zeros(LENGTH),
    "every second frame": 0.03 * (-1.0) ** TIME,
    "pumping": 0.03 * np.sin(2 * np.pi * TIME / 20),
}
SCENES = {
    "still": np.zeros(LENGTH),
    "a lamp": np.where(TIME >= 32, -0.25, 0.0),
    "lightning": np.where(np.isin(TIME, (30, 31, 34)), -0.4, 0.0),
    "a fade": 0.9 * np.clip((TIME - 30) / 24, 0, 1),
    "an even dusk": 0.3 * TIME / LENGTH,
    "a sunset": 0.4 * (TIME / LENGTH) ** 2,
}


def scene_in(series: Floats) -> tuple[Floats, tuple[Event, ...]]:
    found = parted([(series + NOISE)[:, None]], [0.0005])
    course = found.scene[0][:, 0]
    return course, found.events


@pytest.mark.parametrize("flicker", FLICKERS)
@pytest.mark.parametrize("scene", SCENES)
def test_the_scene_is_found_under_flicker(scene: str, flicker: str) -> None:
    course, _ = scene_in(SCENES[scene] + FLICKERS[flicker])
    error = course - SCENES[scene]
    assert np.abs(error - np.median(error)).max() < 0.006


@pytest.mark.parametrize("scene", ["still", "a lamp", "an even dusk"])
def test_the_scene_is_found_under_slow_pumping(scene: str) -> None:
    error = scene_in(SCENES[scene] + SLOW)[0] - SCENES[scene]
    assert np.abs(error - np.median(error)).max() < 0.006


@pytest.mark.parametrize("flicker", [*FLICKERS.values(), SLOW], ids=[*FLICKERS, "slow pumping"])
def test_a_lamp_that_is_on_for_a_second_is_found(flicker: Floats) -> None:
    lamp = np.where((TIME >= 20) & (TIME < 45), -0.25, 0.0)
    error = scene_in(lamp + flicker)[0] - lamp
    assert np.abs(error - np.median(error)).max() < 0.006


def test_what_happens_is_named() -> None:
    assert scene_in(SCENES["a lamp"])[1] == (Event("step", 32, 1),)
    assert scene_in(SCENES["lightning"] + FLICKERS["pumping"])[1] == (Event("burst", 30, 2), Event("burst", 34, 1))
    assert scene_in(SLOW)[1] == ()


def test_random_flicker_leaves_a_still_scene_still() -> None:
    assert np.ptp(scene_in(0.03 * RANDOM.normal(size=LENGTH))[0]) < 0.01


def test_a_shot_too_short_to_tell_stands_still() -> None:
    assert np.ptp(scene_in_short := parted([RANDOM.normal(size=(5, 2))], [0.001]).scene[0], axis=0).max() == 0
    assert scene_in_short.shape == (5, 2)


def test_long_shots_are_parted_block_by_block_without_a_seam() -> None:
    time = np.arange(300)
    lamp = np.where(time >= 200, -0.3, 0.0)
    course = parted([(lamp + 0.03 * (-1.0) ** time)[:, None]], [0.0005]).scene[0][:, 0]
    error = course - lamp
    assert np.abs(error - np.median(error)).max() < 0.006
