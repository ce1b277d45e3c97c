from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from restorers.training.degradation import EDGE, Mishap, diffracted, level_noise, reduced, scanned
from restorers.training.enhancing import Enhancing
from restorers.training.photographs import parted
from restorers.training.pictures import LEAST, SHOWN, SIZES, Pictures

GRAY = np.full((96, 96, 3), 0.5, np.float32)


PHOTOGRAPHS: list[NDArray[np.uint8]] = [data.astronaut(), data.coffee()[:, :400], data.chelsea()]


def fuzzy(frames: NDArray[np.uint8], codec: str, quantizer: int) -> NDArray[np.uint8]:
    """A codec of the test's own: it keeps every second level."""
    assert codec in ("h264", "mpeg2")
    assert 14 <= quantizer <= 42
    return frames // 2 * 2


@pytest.mark.parametrize("scale", [2, 4])
def test_a_slope_made_smaller_is_the_same_slope(scale: int) -> None:
    x = np.arange(64, dtype=np.float32) / 64
    slope = np.broadcast_to(x[None, :, None], (64, 64, 3)).astype(np.float32)
    small = reduced(slope, scale)
    there = ((np.arange(64 // scale) + 0.5) * scale - 0.5) / 64
    assert np.allclose(small[8, 4:-4, 0], there[4:-4], atol=1e-5)


def test_a_blur_has_the_radius_it_says() -> None:
    point = np.zeros((65, 65, 3), np.float32)
    point[32, 32] = 1
    y, _ = np.mgrid[-32:33, -32:33]
    soft = reduced(point, 1, 1.4)[..., 0]
    assert float(soft.sum()) == pytest.approx(1, abs=1e-4)
    assert float((soft * y**2).sum()) == pytest.approx(1.4**2, rel=0.02)


def test_a_round_aperture_keeps_the_light_and_is_as_wide_as_it_says() -> None:
    point = np.zeros((65, 65, 3), np.float32)
    point[32, 32] = 1
    soft = diffracted(point, 2.0)[..., 0]
    assert float(soft.sum()) == pytest.approx(1, abs=1e-4)
    half = soft[32, 32:] / soft[32, 32]
    assert float(np.interp(-0.5, -half[:6], np.arange(6))) == pytest.approx(1.1774 * 2, rel=0.03)


@pytest.mark.parametrize("shape", ["film", "sensor", "even"])
def test_noise_is_as_strong_as_the_map_says(shape: str) -> None:
    seen = scanned(np.random.default_rng(3), GRAY, Mishap(noise=0.05, shape=shape, clump=0.6))
    assert seen.picture.shape == (96 - 2 * EDGE, 96 - 2 * EDGE, 3)
    assert float(seen.picture.std()) == pytest.approx(float(seen.noise.mean()), rel=0.1)
    assert seen.coding == 0


def test_noise_of_film_is_strongest_in_between() -> None:
    dark, middle, bright = level_noise(np.float32([0.02, 0.5, 1.0]), "film")
    assert dark < bright < middle


def test_coding_tells_how_much_it_changed() -> None:
    chance = np.random.default_rng(3)
    rough = chance.random((96, 96, 3), dtype=np.float32)
    fine, coarse = (
        scanned(np.random.default_rng(4), rough, Mishap(jpeg=(quality,), rounded=True)).coding for quality in (95, 25)
    )
    assert 0 < fine < coarse


def test_what_comes_off_unharmed_is_the_small_picture() -> None:
    seen = scanned(np.random.default_rng(3), GRAY, Mishap())
    assert np.array_equal(seen.picture, GRAY[EDGE:-EDGE, EDGE:-EDGE])
    assert not seen.noise.any()


def test_a_quarter_of_all_pictures_come_off_unharmed() -> None:
    chance = np.random.default_rng(0)
    whole = [replace(Mishap.drawn(chance), rounded=False) == Mishap() for _ in range(800)]
    assert np.mean(whole) == pytest.approx(0.27, abs=0.06)


def test_a_batch_is_the_same_whenever_it_is_asked_for() -> None:
    lessons = [Enhancing(Pictures(PHOTOGRAPHS[1:], coder=fuzzy), PHOTOGRAPHS[:1], width=8, depth=1) for _ in range(2)]
    for step in range(8):
        one, two = (lesson.batch(step) for lesson in lessons)
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
        scale = one[2].shape[-1] // one[1].shape[-1]
        assert one[1].shape == (SHOWN, 3, SIZES[scale], SIZES[scale])
        assert bool(one[3].any()) == (step % 2 == 1)


def test_two_views_show_the_same_thing_as_far_apart_as_they_say() -> None:
    lesson = Enhancing(Pictures(PHOTOGRAPHS[1:]), PHOTOGRAPHS[:1], width=8, depth=1)
    _, _, truths, shifts = lesson.batch(1)
    for one, two, (y, x) in zip(truths[::2, 0], truths[1::2, 0], shifts[1::2].tolist(), strict=True):
        height, width = one.shape
        first = one[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)]
        second = two[max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)]
        assert torch.equal(first, second)


def test_the_enhancer_learns() -> None:
    lesson = Enhancing(Pictures(PHOTOGRAPHS[1:]), PHOTOGRAPHS[:1], width=16, depth=1)
    torch.manual_seed(0)
    network = lesson.network()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    batch, losses = lesson.batch(0), []
    for _ in range(120):
        loss = lesson.loss(network, batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(0, abs=1e-3)  # it begins as a bicubic enlargement
    assert losses[-1] < -0.02
    assert all("dB" in name for name in lesson.scores(network.eval().requires_grad_(False)))


@pytest.mark.parametrize(("common", "least", "most"), [(1.0, 0.65, 0.95), (0.5, 0.0, 0.25)])
def test_noise_without_color_is_that_of_black_and_white_film(common: float, least: float, most: float) -> None:
    pictures = Pictures(PHOTOGRAPHS, mishap=lambda _: Mishap(noise=0.05, common=common))
    chance = np.random.default_rng(0)
    views = [view for _ in range(8) for view in pictures.views(chance, 1, 1)]
    gray = float(np.mean([float(np.ptp(view.truth, -1).max()) < 1e-6 for view in views]))
    assert least < gray < most


def test_photographs_that_are_too_small_are_refused() -> None:
    small = [np.zeros((100, 300, 3), np.uint8)] * 5
    with pytest.raises(ValueError, match="at least 256 pixels a side, not from 5, 5 of them smaller"):
        parted(small, 1, least=LEAST, learner="an enhancer")
