"""Registration: a known warp is found again, with an honest error, in spite of dust and flicker."""

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from restorers.geometry import motion, warp
from restorers.geometry.resampling import resampled
from restorers.steadiness.registration import Reference

SIZE = (144, 192)


def picture() -> torch.Tensor:
    return (
        torch.from_numpy(cv2.resize(data.coffee(), SIZE[::-1], interpolation=cv2.INTER_AREA)).permute(2, 0, 1) / 255.0
    )


def moved(frame: torch.Tensor, coefficients: np.ndarray) -> torch.Tensor:
    """The frame that shows at x + modes(x) what the given one shows at x."""
    forward = warp.field(torch.from_numpy(coefficients), SIZE, warp.WARP)
    back = -forward
    for _ in range(5):
        back = -resampled(forward[None], back[None])[0]
    return resampled(frame[None], back[None])[0]


def test_modes_are_orthonormal_over_the_frame() -> None:
    modes = warp.grid((120, 160), warp.WARP, step=1).modes
    assert modes.T @ modes / len(modes) == pytest.approx(np.eye(len(warp.WARP)), abs=2e-3)


def test_the_field_is_the_sum_of_the_modes() -> None:
    coefficients = np.random.default_rng(1).normal(size=(2, len(warp.WARP)))
    expected = coefficients @ warp.grid((30, 40), warp.WARP, step=1).modes.T
    field = warp.field(torch.from_numpy(coefficients), (30, 40), warp.WARP)
    assert field.reshape(2, -1).numpy() == pytest.approx(expected, abs=1e-5)


def test_a_fit_follows_most_of_the_flow_and_gives_up_the_rest() -> None:
    points = warp.grid(SIZE, warp.WARP)
    coefficients = np.random.default_rng(2).normal(size=(2, len(warp.WARP))) * 0.5
    vectors = points.modes @ coefficients.T
    inside = np.abs(points.modes[:, 1]) < 0.5  # a band of 29 % that moves on its own
    vectors[inside] += 6
    assert warp.fitted(points, vectors, np.ones(len(vectors))).coefficients == pytest.approx(coefficients, abs=0.02)


@pytest.mark.parametrize("worn", [False, True], ids=["clean", "dust, grain and flicker"])
def test_a_known_warp_is_found(worn: bool) -> None:
    random = np.random.default_rng(3)
    truth = np.concatenate((random.normal(size=(2, 1)), random.normal(size=(2, 10)) * 0.2), axis=1)
    frame = moved(picture(), truth)
    if worn:
        frame = 1.1 * frame + 0.05 + torch.from_numpy(random.normal(size=SIZE) * 0.02).float()
        for _ in range(12):
            y, x = random.integers(140), random.integers(188)
            frame[:, y : y + 3, x : x + 3] = 0
    found = Reference.of(motion.fine_luma(picture()), warp.WARP).placed(motion.fine_luma(frame), np.zeros((2, 11)))
    left = np.sqrt(((found.coefficients - truth) ** 2).sum())
    assert left < (0.12 if worn else 0.05)
    claimed = np.sqrt((found.error**2).sum())
    assert left < 3 * claimed + 0.03


def test_what_shows_nothing_of_the_reference_is_told_from_what_does() -> None:
    reference = Reference.of(motion.fine_luma(picture()), warp.WARP)
    noise = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(5))
    start = np.zeros((2, 11))
    assert reference.placed(motion.fine_luma(picture()), start).likeness > 0.9
    assert reference.placed(motion.fine_luma(noise), start).likeness < 0.25
    assert reference.placed(motion.fine_luma(picture().flip(1)), start).likeness < 0.25


def test_a_thing_over_a_third_of_the_picture_does_not_move_the_rest() -> None:
    truth = np.zeros((2, 11))
    truth[:, 0] = (1.2, -0.8)
    frame = moved(picture(), truth)
    frame[:, 30:130, 60:130] = picture()[:, 10:110, 80:150].flip(2)
    found = Reference.of(motion.fine_luma(picture()), warp.WARP).placed(motion.fine_luma(frame), np.zeros((2, 11)))
    assert np.sqrt(((found.coefficients - truth) ** 2).sum()) < 0.15


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_a_busy_thing_over_a_dull_and_grainy_picture_does_not_move_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.concatenate((random.normal(size=(2, 1)), random.normal(size=(2, 10)) * 0.1), axis=1)
    dull = 0.5 + 0.25 * (picture() - picture().mean())
    frame = moved(dull, truth)
    frame[:, 30:120, 60:150] = picture()[:, 10:100, 80:170].flip(2)
    seen = [part + torch.from_numpy(random.normal(size=SIZE) * 0.02).float() for part in (dull, frame)]
    reference = Reference.of(motion.fine_luma(seen[0]), warp.WARP)
    found = reference.placed(motion.fine_luma(seen[1]), np.zeros((2, 11)))
    assert np.sqrt(((found.coefficients - truth) ** 2).sum()) < 0.8
