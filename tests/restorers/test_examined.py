import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from restorers.training.degradation import reduced
from restorers.training.examined import Examined, examined

PHOTOGRAPHS: list[NDArray[np.uint8]] = [data.astronaut()[:288, 100:388], data.coffee()[:288, 100:388]]


def whole(frames: NDArray[np.uint8], codec: str, quantizer: int) -> NDArray[np.uint8]:
    """A codec that loses nothing."""
    assert codec in ("h264", "mpeg2")
    assert 20 <= quantizer <= 36
    return frames


def shot(scale: int, *, frames: int, noise: float = 0.02) -> Examined:
    """The first one of so many frames in which grain was found of at least this strength."""
    for number in range(40):
        found = examined(np.random.default_rng((1, number)), PHOTOGRAPHS, scale, whole)
        if len(found.frames) == frames and found.frames[0].noise.mean() >= noise:
            return found
    raise AssertionError


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_frame_lies_where_its_truth_is(scale: int) -> None:
    frame = shot(scale, frames=1).frames[0]
    height, width = frame.noise.shape
    assert frame.truth.shape == (scale * height, scale * width, 3)
    assert np.array_equal(frame.calm, frame.found)
    small = frame.truth.reshape(height, scale, width, scale, 3).mean((1, 3, 4))
    errors = {
        (y, x): float(np.square(np.roll(frame.found.mean(2), (y, x), (0, 1)) - small)[8:-8, 8:-8].mean())
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    }
    assert min(errors, key=lambda place: errors[place]) == (0, 0)


def test_neighbors_calm_a_frame_as_much_as_is_told() -> None:
    found = shot(2, frames=2)
    one, two = found.frames
    small = reduced(one.truth, 2, found.blur)
    left, before = (float(np.sqrt(np.square(each - small).mean())) for each in (one.calm, one.found))
    assert left < 0.75 * before
    assert float(one.noise.mean()) == pytest.approx(left, rel=0.5)
    assert one.offset != two.offset


def test_two_neighbors_show_the_same_ground_as_far_apart_as_they_say() -> None:
    one, two = shot(2, frames=2).frames
    y, x = (b - a for a, b in zip(one.offset, two.offset, strict=True))
    height, width = one.truth.shape[:2]
    first = one.truth[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
    second = two.truth[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)]
    assert np.mean(np.all(first == second, 2)) > 0.6  # all but what moves before it


def test_the_same_chance_makes_the_same_shot() -> None:
    one, two = (examined(np.random.default_rng(3), PHOTOGRAPHS, 2, whole) for _ in range(2))
    assert all(np.array_equal(a.calm, b.calm) for a, b in zip(one.frames, two.frames, strict=True))
