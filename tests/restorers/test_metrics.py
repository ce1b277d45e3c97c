import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.metrics.fidelity import color_difference, gmsd, psnr, ssim
from restorers.metrics.flicker import Exposure, bands
from restorers.metrics.grain import grain_fineness, grain_sigma
from restorers.metrics.measures import ShotMeter, measure
from restorers.metrics.registration import coarse_shift, common_shift, registered
from restorers.metrics.sharpness import sharpness
from restorers.metrics.spectrum import Spectra, radial
from restorers.metrics.weave import PicturePath, departure, weave

SIZE = (192, 256)
Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def photograph() -> Floats:
    """Density of a photograph, larger than a frame."""
    gray = data.camera().astype(np.float64) / 255
    return np.asarray(-np.log10(0.95 * gray + 0.05), np.float32)


def frame(photograph: Floats, x: float, y: float) -> Floats:
    """The photograph as a camera sees it when the picture has moved right by x and down by y."""
    row, column = np.fft.fftfreq(photograph.shape[0])[:, None], np.fft.fftfreq(photograph.shape[1])[None]
    moved = np.fft.ifft2(np.fft.fft2(photograph) * np.exp(-2j * np.pi * (column * x + row * y))).real
    return np.asarray(moved[120 : 120 + SIZE[0], 130 : 130 + SIZE[1]], np.float32)


def grain(seed: int, sigma: float, clump: float = 0.0) -> Floats:
    white = np.random.default_rng(seed).normal(0, 1, SIZE)
    shaped = ndimage.gaussian_filter(white, clump, mode="wrap") if clump else white
    return np.asarray(sigma * shaped / shaped.std(), np.float32)


def clip_of(frames: list[Floats], space: Space = Space.DENSITY) -> Clip:
    return Clip(torch.from_numpy(np.stack(frames))[:, None].repeat(1, 3, 1, 1), space, 100)


# Registration


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.5, -0.25), (3.7, -5.2), (-14.0, 9.4)])
def test_a_shift_is_measured_through_grain_and_flicker(photograph: Floats, x: float, y: float) -> None:
    first = frame(photograph, 0, 0) + grain(1, 0.04)
    second = 1.05 * frame(photograph, x, y) + 0.02 + grain(2, 0.04)
    found = common_shift(registered(first, second, coarse_shift(first, second)))
    assert found == pytest.approx((x, y), abs=0.06)


def test_what_moves_on_its_own_is_outvoted(photograph: Floats) -> None:
    first, second = frame(photograph, 0, 0), frame(photograph, 1.5, 0)
    for picture, x in ((first, 40), (second, 46)):
        picture[60:150, x : x + 60] = frame(photograph, 37, 90)[60:150, 40:100]
    assert common_shift(registered(first, second, coarse_shift(first, second))) == pytest.approx((1.5, 0), abs=0.06)


def test_frames_too_small_to_be_registered_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 48 x 48"):
        registered(np.zeros((40, 80), np.float32), np.zeros((40, 80), np.float32), (0, 0))


def test_measuring_leaves_the_frames_alone(photograph: Floats) -> None:
    first, second = frame(photograph, 0, 0), frame(photograph, 2, 1)
    kept = first.copy(), second.copy()
    registered(first, second, coarse_shift(first, second))
    assert np.array_equal(first, kept[0])
    assert np.array_equal(second, kept[1])


# Weave


def test_weave_is_measured_at_the_size_it_has(photograph: Floats) -> None:
    rng = np.random.default_rng(7)
    weaves = rng.normal(0, (0.6, 1.2), (30, 2))
    path = PicturePath()
    for number, (x, y) in enumerate(weaves):
        path.add(frame(photograph, x, y) + grain(number, 0.02))
    x, y = weave(path.path) or (0, 0)
    # The spread of 30 draws, by the same robust estimate, without any picture.
    true_x, true_y = np.median(np.abs(departure(weaves)), axis=0) / 0.67449
    assert (x, y) == pytest.approx((true_x, true_y), abs=0.06)


def test_a_smooth_pan_is_no_weave(photograph: Floats) -> None:
    path = PicturePath()
    for number in range(20):
        path.add(frame(photograph, -2.0 * number - 0.05 * number**2, 0.4 * number) + grain(number, 0.02))
    x, y = weave(path.path) or (9, 9)
    assert x < 0.05
    assert y < 0.05
    assert path.path[-1] == pytest.approx((-2.0 * 19 - 0.05 * 19**2, 0.4 * 19), abs=0.5)


def test_a_parabola_departs_from_itself_nowhere_whatever_the_length() -> None:
    for count in (6, 13, 60):
        number = np.arange(count)
        parabola = np.stack([0.3 * number**2 - number, 5 - 0.1 * number**2], axis=1)
        assert np.abs(departure(parabola)).max() < 1e-8


def test_white_weave_departs_by_its_own_spread_at_the_ends_as_in_the_middle() -> None:
    rng = np.random.default_rng(1)
    spread = np.sqrt(np.mean([departure(rng.normal(0, 1, (30, 2))) ** 2 for _ in range(400)], axis=(0, 2)))
    assert spread == pytest.approx(np.ones(30), abs=0.15)


def test_a_few_frames_have_no_weave() -> None:
    assert weave(np.zeros((5, 2))) is None


# Flicker


def test_exposure_is_told_from_what_moves(photograph: Floats) -> None:
    rng = np.random.default_rng(5)
    gains = rng.normal(0, 0.03, 24)
    exposure = Exposure()
    for number, gain in enumerate(gains):
        picture = frame(photograph, -1.5 * number, 0) + np.float32(gain)
        # A dark thing crosses a fifth of the frame.
        picture[40:140, 8 * number : 8 * number + 90] = 1.2
        exposure.add(picture, (-1.5, 0.0) if number else (0.0, 0.0))
    assert np.diff(exposure.path) == pytest.approx(np.diff(gains), abs=0.01)
    assert exposure.flicker is not None
    assert exposure.flicker.step == pytest.approx(np.sqrt(np.mean(np.diff(gains) ** 2)), rel=0.1)
    # The mean of each frame, which the plots show, is misled by motion.
    assert np.abs(np.diff(exposure.means) - np.diff(gains)).max() > 0.015


@pytest.mark.parametrize(("period", "band"), [(2, 2), (5, 1), (32, 0)])
def test_each_period_of_flicker_is_seen_in_its_band(period: int, band: int) -> None:
    path = 0.05 * np.sqrt(2) * np.cos(2 * np.pi * np.arange(96) / period + (0 if period == 2 else 0.4))
    found = bands(path)
    expected = 0.05 * (np.sqrt(2) if period == 2 else 1)
    assert found[band] == pytest.approx(expected, rel=0.05)
    assert sum(found) - found[band] < 0.15 * expected


def test_a_fade_is_no_flicker() -> None:
    assert sum(bands(np.linspace(0, 1.5, 48))) < 1e-9


# Grain and sharpness


@pytest.mark.parametrize("clump", [0.0, 1.0])
def test_grain_is_measured_beneath_a_moving_picture(photograph: Floats, clump: float) -> None:
    spectra = Spectra()
    for number in range(6):
        spectra.add(frame(photograph, 0.7 * number, -0.4 * number) + grain(number, 0.03, clump), (0.7, -0.4))
    found = spectra.radial
    assert found is not None
    assert grain_sigma(found.grain) == pytest.approx(0.03, rel=0.12)
    fineness = grain_fineness(found.grain)
    assert fineness is not None
    assert (fineness > 0.7) == (clump == 0)


def test_fineness_of_white_noise_is_the_area_of_the_fine_frequencies() -> None:
    assert grain_fineness(np.ones(23)) == pytest.approx(1 - np.pi / 16, abs=0.01)


def test_noise_does_not_pass_for_sharpness_and_contrast_neither(photograph: Floats) -> None:
    def measured(gain: float, sigma: float, blur: float) -> float:
        spectra = Spectra()
        for number in range(8):
            picture = gain * ndimage.gaussian_filter(frame(photograph, 0.3 * number, 0.2 * number), blur)
            spectra.add(picture + grain(number, sigma) if sigma else picture, (0.0, 0.0))
        assert spectra.radial is not None
        found = sharpness(spectra.radial.picture)
        assert found is not None
        return found

    clean = measured(1, 0, 0.6)
    assert measured(1, 0.05, 0.6) == pytest.approx(clean, rel=0.04)
    assert measured(1.4, 0, 0.6) == pytest.approx(clean, rel=0.01)
    assert measured(1, 0.05, 1.5) < 0.75 * clean


def test_repeated_frames_say_nothing_about_grain(photograph: Floats) -> None:
    spectra = Spectra()
    for _ in range(3):
        spectra.add(frame(photograph, 0, 0), (0.0, 0.0))
    assert spectra.radial is None


@pytest.mark.parametrize("size", [(48, 64), (64, 64), (96, 64)])
def test_a_few_tiles_are_enough_to_tell_grain(size: tuple[int, int]) -> None:
    one, two = np.random.default_rng(2).normal(0, 1, (2, *size)).astype(np.float32)
    assert grain_sigma(radial(one, two, (0.0, 0.0)).grain) == pytest.approx(1, rel=0.25)


def test_the_spectra_add_up_to_the_variance(photograph: Floats) -> None:
    noise = radial(grain(1, 1.0), grain(2, 1.0), (0.0, 0.0))
    assert grain_sigma(noise.grain) == pytest.approx(1.0, rel=0.1)
    assert abs(noise.picture[8:16].mean()) < 0.1


# Fidelity


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    truth = data.astronaut()[:200, 100:301].astype(np.float32) / 255
    tested = ndimage.gaussian_filter(truth, (1, 1, 0)) + np.random.default_rng(0).normal(0, 0.02, truth.shape)
    return torch.from_numpy(truth).permute(2, 0, 1), torch.from_numpy(np.clip(tested, 0, 1)).float().permute(2, 0, 1)


def test_psnr_and_ssim_are_those_of_scikit_image(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    truth, tested = pair
    assert psnr(truth, tested) == pytest.approx(
        peak_signal_noise_ratio(truth.numpy(), tested.numpy(), data_range=1.0), abs=1e-4
    )
    gray = [np.tensordot([0.2126, 0.7152, 0.0722], t.double().numpy(), 1) for t in pair]
    expected = structural_similarity(
        *gray, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(truth, tested) == pytest.approx(expected, abs=1e-6)


def test_gmsd_is_that_of_opencv(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    gray = [np.float32(255 * np.tensordot([0.2126, 0.7152, 0.0722], t.numpy(), 1)) for t in pair]
    expected = cv2.quality.QualityGMSD_create(gray[0]).compute(gray[1])[0]
    assert gmsd(*pair) == pytest.approx(expected, rel=0.02)


def test_equal_pictures_are_equal(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    truth, _ = pair
    assert psnr(truth, truth) == np.inf
    assert ssim(truth, truth) == pytest.approx(1.0)
    assert gmsd(truth, truth) == 0
    assert float(color_difference(truth, truth, Space.SRGB).max()) == 0


def test_color_difference_is_that_of_scikit_image(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    lab = [rgb2lab(t.permute(1, 2, 0).double().numpy()) for t in pair]
    expected = deltaE_ciede2000(*lab)
    assert color_difference(*pair, Space.SRGB).numpy() == pytest.approx(expected, abs=0.06)


def test_other_sizes_are_refused(pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        ssim(pair[0], pair[1][:, 1:])


# Measures


def shaken(photograph: Floats, count: int = 10) -> Clip:
    shifts = np.random.default_rng(2).normal(0, 1, (count, 2))
    return clip_of(
        [frame(photograph, x, y) + grain(n, 0.02) + np.float32(0.03 * (-1) ** n) for n, (x, y) in enumerate(shifts)]
    )


def test_a_restoration_shows_in_every_measure(photograph: Floats) -> None:
    before = shaken(photograph)
    after = clip_of([frame(photograph, 0, 0) + grain(n, 0.02) for n in range(10)])
    found = measure([before], [after])
    assert (found.first, found.frames) == (100, 10)
    assert found.before.weave_x is not None
    assert found.after.weave_x is not None
    assert found.before.weave_x > 0.5
    assert found.after.weave_x < 0.06
    assert found.before.flicker is not None
    assert found.after.flicker is not None
    assert found.before.flicker.alternating > 0.025
    assert found.after.flicker.alternating < 0.003
    assert found.after.grain_sigma == pytest.approx(0.02, rel=0.12)
    assert found.ssim is not None
    assert 0 < found.ssim < 1


def test_measures_do_not_depend_on_how_the_shot_is_cut_into_clips(photograph: Floats) -> None:
    before = shaken(photograph)
    after = clip_of(list(before.frames[:, 0].numpy() * np.float32(0.9)))
    whole = measure([before], [after])
    windows = [before.between(100, 104), before.between(104, 110)]
    assert measure(windows, [after.between(n, n + 1) for n in after.numbers]) == whole
    meter = ShotMeter()
    for first, stop in ((100, 107), (107, 110)):
        meter.add(before.between(first, stop), after.between(first, stop))
    assert meter.measures == whole


def test_an_enlarged_shot_is_measured_in_pixels_of_the_scan(photograph: Floats) -> None:
    before = shaken(photograph)
    large = torch.nn.functional.interpolate(before.frames, scale_factor=2, mode="nearest")
    found = measure([before], [Clip(large, Space.DENSITY, 100)])
    assert found.psnr is None
    assert found.ssim is None
    assert found.after == found.before


def test_a_missing_frame_is_named(photograph: Floats) -> None:
    before = shaken(photograph)
    with pytest.raises(ValueError, match="frame 109 is only there before"):
        measure([before], [before.between(100, 109)])
    with pytest.raises(ValueError, match="frames 100-100 before, but 101-101 after"):
        measure([before.between(100, 102)], [before.between(101, 103)])
    with pytest.raises(ValueError, match="without frames"):
        measure([], [])
