import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift
from torch import Tensor

from restorers.detail.grain import GrainModel, laid
from restorers.detail.granularity import REACH, autocorrelation, measured
from restorers.restorer import Bench
from tests.restorers.footage import footage_of
from tests.restorers.scenes import scene


def grain(frames: Tensor, sigma: Tensor | float, *, clump: float = 0.8, shared: float = 0.8, seed: int = 0) -> Tensor:
    """Grain for frames: a Gauss-filtered noise, part of which all channels share."""
    random = np.random.default_rng(seed)
    t, c, h, w = frames.shape
    own, common = random.standard_normal((t, c, h, w)), random.standard_normal((t, 1, h, w))
    field = shared * common + np.sqrt(1 - shared**2) * own
    field = gaussian_filter(field, (0, 0, clump, clump), mode="wrap") if clump else field
    return torch.from_numpy((field / field.std()).astype(np.float32)) * sigma


def moving(camera: str, size: tuple[int, int] = (192, 256), length: int = 5) -> Tensor:
    return scene(length, size, camera=camera, weave_px=0, object_share=0).clean  # type: ignore[arg-type]


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_strength_of_grain_is_measured_within_a_tenth(camera: str) -> None:
    clean = moving(camera)
    found = measured(footage_of(clean + grain(clean, 0.05)))
    assert found.method == "temporal"
    assert found.strength == pytest.approx(0.05, rel=0.1)


def test_a_pan_by_halves_of_pixels_takes_nothing_from_the_finest_grain() -> None:
    wide = gaussian_filter(moving("static", (192, 288), length=1)[0].numpy(), (0, 1.5, 1.5))
    frames = [shift(wide, (0, 0, -0.5 * time), order=3, mode="nearest")[..., 8:-8] for time in range(5)]
    clean = torch.from_numpy(np.stack(frames).astype(np.float32))
    found = measured(footage_of(clean + grain(clean, 0.05, clump=0, shared=0)))
    assert found.strength == pytest.approx(0.05, rel=0.01)
    assert abs(found.autocorrelation[REACH, REACH + 1]) < 0.015


def test_grain_of_an_empty_sky_is_measured() -> None:
    clean = torch.full((3, 3, 96, 128), 0.6)
    found = measured(footage_of(clean + grain(clean, 0.03)))
    assert found.strength == pytest.approx(0.03, rel=0.1)


def test_the_level_curve_follows_the_film() -> None:
    ramp = torch.linspace(0.2, 1.6, 512).expand(4, 3, 256, 512)
    curve = lambda d: 0.02 + 0.04 * torch.exp(-(((d - 0.8) / 0.4) ** 2))  # noqa: E731
    found = measured(footage_of(ramp + grain(ramp, 1.0) * curve(ramp)))
    inside = [k for k, level in enumerate(found.levels) if 0.25 <= level <= 1.5]
    truth = curve(torch.tensor(found.levels)).numpy()[inside]
    errors = np.abs(found.sigma[:, inside] / truth - 1)
    assert errors.mean() < 0.1


def test_channels_hang_together_as_on_the_film() -> None:
    clean = moving("static")
    found = measured(footage_of(clean + grain(clean, 0.05, shared=0.8)))
    assert found.correlation[0, 1] == pytest.approx(0.64, abs=0.05)


@pytest.mark.parametrize("clump", [0.0, 0.8, 1.5])
def test_grain_laid_again_has_the_spectrum_of_the_film(clump: float) -> None:
    clean = moving("static")
    truth = grain(clean, 0.05, clump=clump)
    found = measured(footage_of(clean + truth))
    fresh = torch.stack([laid(found, frame, n, Bench()) for n, frame in enumerate(clean)])
    film, again = (autocorrelation(g[:, 1].numpy()) for g in (truth, fresh))
    near = slice(REACH - 6, REACH + 7)
    assert np.sqrt(((film - again)[near, near] ** 2).mean()) < 0.03
    assert float(fresh.std()) == pytest.approx(0.05, rel=0.1)


def test_grain_is_fresh_in_every_frame_and_the_same_for_the_same_frame() -> None:
    clean = moving("static")
    found = measured(footage_of(clean + grain(clean, 0.05)))
    one, again, other = (laid(found, clean[0], n, Bench()) for n in (7, 7, 8))
    assert torch.equal(one, again)
    assert abs(float(np.corrcoef(one.flatten(), other.flatten())[0, 1])) < 0.03


def test_grain_does_not_repeat_within_a_frame() -> None:
    picture = torch.full((3, 600, 1100), 0.7)
    flat = torch.full((3, 3, 96, 128), 0.7)
    found = measured(footage_of(flat + grain(flat, 0.03)))
    field = laid(found, picture, 0, Bench())[0].numpy()
    spectrum = np.abs(np.fft.rfft2(field)) ** 2
    lags = np.fft.irfft2(spectrum, s=field.shape) / spectrum.sum() * spectrum.shape[1] * 2
    lags /= lags[0, 0]
    lags[:20, :20] = lags[-20:, :20] = lags[:20, -20:] = lags[-20:, -20:] = 0
    assert lags.max() < 0.2


def test_grain_is_laid_on_frames_of_any_width() -> None:
    found, widest = (
        measured(footage_of(moving("static") + grain(moving("static"), 0.05))),
        torch.full((3, 16, 544), 0.7),
    )
    for width in range(200, 545):
        assert float(laid(found, widest[..., :width], 0, Bench()).std(-1).min()) > 0.01


def test_grain_is_laid_twice_as_large_on_a_picture_twice_as_large() -> None:
    flat = torch.full((4, 3, 192, 256), 0.7)
    found = measured(footage_of(flat + grain(flat, 0.03, clump=1.0)))
    field = laid(found, torch.full((3, 384, 512), 0.7), 0, Bench(), scale=2)
    large = autocorrelation(field[1][None].numpy())
    middle = found.autocorrelation.shape[0] // 2
    assert large[middle, middle + 4] == pytest.approx(found.autocorrelation[middle, middle + 2], abs=0.06)
    assert float(field.std()) == pytest.approx(0.03, rel=0.1)


def test_gray_film_keeps_gray_grain() -> None:
    gray = moving("static").mean(1, keepdim=True).expand(-1, 3, -1, -1)
    noise = grain(gray[:, :1], 0.05, shared=1.0)
    found = measured(footage_of(gray + noise))
    field = laid(found, gray[0], 0, Bench())
    assert torch.allclose(field[0], field[1], atol=1e-5)
    assert torch.allclose(field[0], field[2], atol=1e-5)


def test_one_exposure_printed_twice_says_nothing_of_grain() -> None:
    clean = moving("static", length=1)
    held = (clean + grain(clean, 0.05)).expand(4, -1, -1, -1)
    assert measured(footage_of(held)).strength == 0


def test_clean_film_has_next_to_no_grain() -> None:
    assert measured(footage_of(moving("static"))).strength < 1e-4


def test_small_frames_that_the_camera_leaves_between_two_exposures_are_measured_one_by_one() -> None:
    ground = scene(1, (48, 96), seed=1).clean[0]
    apart = torch.stack([ground[..., 20:68], ground[..., :48]])
    found = measured(footage_of(apart + grain(apart, 0.05)))
    assert found.method == "single-frame"
    assert found.strength > 0.02


def test_a_single_frame_out_of_focus_is_measured_by_its_residual_and_says_so() -> None:
    sharp = moving("static", length=1)
    clean = torch.from_numpy(gaussian_filter(sharp.numpy(), (0, 0, 4, 4)))
    found = measured(footage_of(clean + grain(clean, 0.08, clump=0)))
    assert found.method == "single-frame"
    assert found.strength == pytest.approx(0.08, rel=0.2)


def test_dust_does_not_count_as_grain() -> None:
    clean = moving("static")
    dusty = clean + grain(clean, 0.05)
    random = np.random.default_rng(4)
    for frame in dusty:
        for y, x in random.integers(0, 180, (40, 2)):
            frame[:, y : y + 4, x : x + 4] = 1.8
    assert measured(footage_of(dusty)).strength == pytest.approx(0.05, rel=0.12)


def test_model_survives_storage() -> None:
    flat = torch.full((3, 3, 96, 128), 0.6)
    found = measured(footage_of(flat + grain(flat, 0.03)))
    same = GrainModel(**{name: getattr(found, name) for name in type(found).model_fields})
    assert torch.equal(laid(found, flat[0], 1, Bench()), laid(same, flat[0], 1, Bench()))
