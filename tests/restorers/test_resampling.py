"""Resampling: sharp, at the exact place, without halos, and the same however it is cut up."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.special import erf
from skimage import data

from restorers.geometry.movement import Floats, Movement, Where, after, zoomed
from restorers.geometry.resampling import displacement, fetched, moved, outside, resampled
from restorers.metrics.sharpness import mtf50

SIZE = (120, 160)
SLANT = np.deg2rad(5)


def weave(size: tuple[int, int], x: float, y: float, *, turn: float = 9e-4, warp: float = 0.3) -> Where:
    """A shift, a rotation and a warp of one full period."""
    height, width = size

    def lies(v: Floats, u: Floats) -> Floats:
        v, u = np.broadcast_arrays(v, u)
        bent = warp * np.cos(2 * np.pi * (u + 0.5) / width) * np.cos(np.pi * (v + 0.5) / height)
        return np.stack((x + bent - turn * (v - height / 2), y - bent + turn * (u - width / 2)))

    return lies


def shift(x: float, y: float) -> Where:
    return lambda v, u: np.stack((x + 0 * (u + v), y + 0 * (u + v)))


def edge(size: tuple[int, int], blur: float, at: Floats) -> Floats:
    """A bright half beside a dark one, slanted by five degrees, seen at places `(2, h, w)`."""
    x, y = at[0] - size[1] / 2, at[1] - size[0] / 2
    return np.asarray(0.2 + 0.6 * (1 + erf((x * np.cos(SLANT) + y * np.sin(SLANT)) / (blur * np.sqrt(2)))) / 2)


def still(size: tuple[int, int]) -> Floats:
    return Movement.of(shift(0, 0), size).places()


@pytest.fixture(scope="module")
def photograph() -> torch.Tensor:
    small = cv2.resize(data.astronaut(), SIZE[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small.transpose(2, 0, 1).copy()).float() / 255


def frame(picture: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(picture, np.float32))[None]


@pytest.mark.parametrize("blur", [0.65, 0.8, 1.2], ids=["MTF50 0.29", "MTF50 0.23", "MTF50 0.16"])
def test_sharpness_is_kept_to_within_three_percent_at_any_shift(blur: float) -> None:
    random = np.random.default_rng(5)
    size = (96, 96)
    picture = edge(size, blur, still(size))
    before = mtf50(picture)
    for x, y in [(0.5, 0.5), *random.uniform(-2, 2, (10, 2))]:
        after_ = mtf50(moved(frame(picture), Movement.of(shift(x, y), size))[0].double().numpy()[8:-8, 8:-8])
        assert abs(after_ / before - 1) < 0.03


def test_the_frequency_at_half_contrast_is_that_of_the_blur() -> None:
    size = (96, 96)
    for blur in (0.8, 1.2, 2.0):
        expected = np.sqrt(np.log(2) / 2) / np.pi / blur
        assert mtf50(edge(size, blur, still(size))) == pytest.approx(expected, rel=0.02)
    with pytest.raises(ValueError, match="no edge"):
        mtf50(np.ones(size))


def test_nothing_rings_beyond_an_edge() -> None:
    size = (64, 64)
    for factor in (1, 2):
        sharp = edge(size, 1e-6, still(size))
        for x, y in ((0.5, 0), (0.3, 0.7), (-1.5, 0.25)):
            out = moved(frame(sharp), Movement.of(shift(x, y), size, factor=factor))
            assert float(out.min()) >= 0.2 - 1e-6
            assert float(out.max()) <= 0.8 + 1e-6


def test_no_pixel_leaves_the_range_of_the_pixels_around(photograph: torch.Tensor) -> None:
    movement = Movement.of(weave(SIZE, 1.4, -0.6), SIZE)
    x, y = np.rint(movement.places()).astype(int)
    out = moved(photograph, movement).numpy()
    around = np.ones((9, 9), np.uint8)
    for plane, found in zip(photograph.numpy(), out, strict=True):
        at = np.clip(y, 0, SIZE[0] - 1), np.clip(x, 0, SIZE[1] - 1)
        assert (found <= cv2.dilate(plane, around)[at] + 1e-6).all()
        assert (found >= cv2.erode(plane, around)[at] - 1e-6).all()


@pytest.mark.parametrize("x", [-19.37, -0.75, 0.25, 0.5, 3.9])
def test_a_slope_is_found_at_its_exact_place(x: float) -> None:
    size = (96, 200)
    where = weave(size, x, -0.4 * x)
    places = Movement.of(where, size).places()
    slopes = still(size)
    inner = slice(28, -28)
    for axis in (0, 1):
        out = moved(frame(slopes[axis] / 100), Movement.of(where, size))[0].numpy() * 100
        assert np.abs(out - places[axis])[inner, inner].max() < 0.008
        dense = torch.from_numpy(places - slopes).float()[None]
        out = resampled(frame(slopes[axis] / 100)[None], dense)[0, 0].numpy() * 100
        assert np.abs(out - places[axis])[inner, inner].max() < 0.002


def test_a_smooth_picture_is_fetched_as_by_an_independent_spline() -> None:
    soft = cv2.GaussianBlur(np.random.default_rng(1).random(SIZE).astype(np.float32), (0, 0), 2.0)
    movement = Movement.of(weave(SIZE, 1.7, -2.2), SIZE)
    x, y = movement.places()
    expected = map_coordinates(soft.astype(np.float64), (y, x), order=5, mode="nearest")
    inner = slice(8, -8)
    apart = (moved(frame(soft), movement)[0].numpy() - expected)[inner, inner]
    assert np.sqrt((apart**2).mean()) < 0.01 * soft.std()
    assert np.abs(apart).max() < 0.1 * soft.std()  # summits between pixels are held to the pixels around


def test_no_movement_returns_the_very_same_numbers(photograph: torch.Tensor) -> None:
    assert torch.equal(moved(photograph, Movement.of(shift(0, 0), SIZE)), photograph)
    assert torch.equal(resampled(photograph[None], torch.zeros(1, 2, *SIZE))[0], photograph)


def test_whole_pixels_are_fetched_with_the_very_same_numbers(photograph: torch.Tensor) -> None:
    out = moved(photograph, Movement(SIZE, *whole(3, -2)))
    assert torch.equal(out[:, 2:, :-3], photograph[:, :-2, 3:])
    assert torch.equal(out[:, 2:, -3:], photograph[:, :-2, -1:].expand(-1, -1, 3))


def whole(x: int, y: int) -> tuple[Floats, Floats]:
    nodes = np.stack((np.full((24, 24), float(x)), np.full((24, 24), float(y))))
    return nodes, nodes[0]


def test_the_same_bits_on_one_thread_and_on_two() -> None:
    random = torch.rand(3, 300, 400, generator=torch.Generator().manual_seed(4))
    threads = torch.get_num_threads(), cv2.getNumThreads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            cv2.setNumThreads(count)
            found.append(moved(random, Movement.of(weave((300, 400), 0.7, 5.1), (300, 400))))
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    assert torch.equal(*found)


def test_two_movements_in_one_are_sharper_than_one_after_the_other() -> None:
    size = (96, 96)
    below, above = weave(size, 0.5, 0.4), weave(size, -0.98, 0.1)
    picture = edge(size, 0.65, still(size))
    truth = edge(size, 0.65, Movement.of(after(below, above), size).places())
    once = moved(frame(picture), Movement.of(after(below, above), size))
    twice = moved(moved(frame(picture), Movement.of(below, size)), Movement.of(above, size))
    inner = slice(10, -10)
    apart = [float(np.abs(out[0].numpy() - truth)[inner, inner].max()) for out in (once, twice)]
    assert apart[0] < 0.02 * 0.6
    assert apart[0] < apart[1]


@pytest.mark.parametrize("factor", [2, 4])
def test_moved_and_enlarged_at_once_shows_the_scene_at_its_place(factor: int) -> None:
    size = (80, 96)
    where = weave(size, 1.3, -0.6)
    movement = Movement.of(where, size, factor=factor)
    out = moved(frame(edge(size, 0.9, still(size))), movement)[0].numpy()
    assert out.shape == (factor * 80, factor * 96)
    inner = slice(8 * factor, -8 * factor)
    assert np.abs(out - edge(size, 0.9, movement.places()))[inner, inner].max() < 0.012


def test_a_zoom_keeps_the_middle_and_brings_the_rest_nearer() -> None:
    x, y = Movement.of(zoomed((101, 201), 1.25), (101, 201)).places()
    assert (x[50, 100], y[50, 100]) == pytest.approx((100, 50), abs=1e-9)
    assert (x[0, 0], y[0, 0]) == pytest.approx((20, 10), abs=1e-9)


@pytest.mark.parametrize("factor", [1, 2])
def test_pixels_from_beyond_the_edge_are_told(factor: int) -> None:
    movement = Movement.of(weave((60, 80), 2.4, -1.2), (60, 80), factor=factor)
    x, y = movement.places()
    expected = (x < -0.5) | (y < -0.5) | (x > 79.5) | (y > 59.5)
    assert expected.any()
    assert np.array_equal(movement.outside(), expected)
    if factor == 1:
        assert np.array_equal(outside(torch.from_numpy(movement.displacement())).numpy(), expected)


def test_a_movement_of_other_frames_is_refused(photograph: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"the movement is one of frames \(60, 80\), not \(120, 160\)"):
        moved(photograph, Movement.of(shift(1, 0), (60, 80)))


def test_a_small_flow_is_scaled_to_the_frame() -> None:
    assert torch.allclose(displacement(np.ones((48, 64, 2), np.float32), (96, 128)), torch.full((2, 96, 128), 2.0))


def test_frames_are_resampled_alike_alone_and_together(photograph: torch.Tensor) -> None:
    frames = torch.stack((photograph, photograph.flip(1), photograph.flip(2)))
    fields = torch.rand(3, 2, *SIZE, generator=torch.Generator().manual_seed(2))
    alone = torch.cat([resampled(frames[k : k + 1], fields[k : k + 1]) for k in range(3)])
    assert torch.equal(resampled(frames, fields), alone)


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize(("x", "y"), [(0.7, -3.2), (-260.4, 5.5), (30.1, 170.3)], ids=["weave", "far left", "far down"])
def test_a_frame_is_laid_line_by_line_as_it_is_all_at_once(factor: int, x: float, y: float) -> None:
    size = (120, 700)  # wider than a stripe
    random = torch.rand(3, *size, generator=torch.Generator().manual_seed(9))
    movement = Movement.of(weave(size, x, y, turn=0.02, warp=1.5), size, factor=factor)
    assert torch.allclose(
        moved(random, movement), fetched(random, movement.tables()), atol=3e-4
    )  # places are told to within 3e-5 pixels


@pytest.mark.gpu
def test_a_gpu_moves_frames_alike(photograph: torch.Tensor) -> None:
    movement = Movement.of(weave(SIZE, 1.4, -0.6), SIZE)
    there = moved(photograph.cuda(), movement).cpu()
    assert float((there - moved(photograph, movement)).abs().max()) < 1e-4
