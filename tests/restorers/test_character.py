from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from restorers.clip import Clip
from restorers.colorspace import Space, converted
from restorers.damage import Graining, grain
from restorers.detail.character import KINDS, Character, basis, character
from restorers.detail.traits import lattice
from restorers.restorer import Bench
from restorers.training.character import fitted, measured_traits
from restorers.training.histories import History, samples, taken
from tests.restorers.footage import footage_of
from tests.restorers.scenes import scene

DATA = Path(__file__).parents[3] / "shared" / "data"
SIZE = (256, 352)


def moving(length: int = 4) -> Tensor:
    return scene(length, SIZE, camera="pan", weave_px=0.3, object_share=0).clean


def shown(density: Tensor) -> NDArray[np.float32]:
    return converted(density, Space.DENSITY, Space.SRGB).clamp(0, 1).numpy()


def told(brightness: NDArray[np.float32]) -> Character:
    """Of frames kept in 8 bits."""
    codes = torch.from_numpy(np.rint(np.clip(brightness, 0, 1) * 255).astype(np.float32) / 255)
    return character(footage_of(converted(codes, Space.SRGB, Space.DENSITY)))


def filmed(*, radius: float = 0.8, sigma: float = 0.05, common: float = 0.5, length: int = 4) -> NDArray[np.float32]:
    clip = Clip(moving(length), Space.DENSITY, 0)
    return shown(grain(clip, Graining(sigma=sigma, radius=radius, common=common), Bench(seed=1))[0].frames)


def sensed(sigma: float = 0.02, length: int = 4) -> NDArray[np.float32]:
    light = converted(moving(length), Space.DENSITY, Space.LINEAR).clamp(0, 1).numpy()
    noise = np.random.default_rng(2).standard_normal(light.shape).astype(np.float32)
    noisy = light + sigma * np.sqrt(0.1 + 1.8 * light) * noise
    return converted(torch.from_numpy(np.clip(noisy, 0, 1)), Space.LINEAR, Space.SRGB).numpy()


def mosaicked(length: int = 4) -> NDArray[np.float32]:
    light = converted(moving(length), Space.DENSITY, Space.LINEAR).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    light = light + 0.02 * np.random.default_rng(3).standard_normal(light.shape)
    codes = np.rint(np.clip(light, 0, 1) * 65535).astype(np.uint16)
    mosaic = codes[..., 1].copy()
    mosaic[:, ::2, ::2], mosaic[:, 1::2, 1::2] = codes[:, ::2, ::2, 0], codes[:, 1::2, 1::2, 2]
    done = np.stack([cv2.cvtColor(frame, cv2.COLOR_BayerRGGB2RGB) for frame in mosaic])
    linear = torch.from_numpy(done.astype(np.float32) / 65535).permute(0, 3, 1, 2)
    return converted(linear.contiguous(), Space.LINEAR, Space.SRGB).numpy()


def coded(brightness: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    frames = []
    for frame in np.rint(255 * brightness).astype(np.uint8):
        data = cv2.imencode(".jpg", np.ascontiguousarray(frame.transpose(1, 2, 0)), [cv2.IMWRITE_JPEG_QUALITY, quality])
        frames.append(np.asarray(cv2.imdecode(data[1], cv2.IMREAD_COLOR)).transpose(2, 0, 1))
    return np.asarray(np.stack(frames) / np.float32(255), np.float32)


@pytest.mark.parametrize(("radius", "common"), [(0.6, 0.5), (0.9, 1.0), (1.3, 0.3)])
def test_film_grain_is_told_to_be_film(radius: float, common: float) -> None:
    found = told(filmed(radius=radius, common=common))
    assert found.kind == "film"
    assert found.film > 0.8


def test_noise_of_a_sensor_of_its_mosaic_and_of_a_codec_are_told_apart() -> None:
    found = [told(frames) for frames in (sensed(), mosaicked(), coded(shown(moving()), 40))]
    assert [f.kind for f in found] == ["sensor", "demosaic", "compression"]
    assert max(f.film for f in found) < 0.2


def test_a_single_frame_is_told_by_itself() -> None:
    film, sensor = told(filmed(length=1)), told(sensed(length=1))
    assert film.moving is None
    assert film.film > 0.5 > sensor.film


def test_a_shot_where_nothing_is_random_is_of_no_kind() -> None:
    flat = torch.full((3, 3, 96, 128), 0.6)
    found = character(footage_of(flat))
    assert (found.kind, found.film) == ("none", 0.0)


@pytest.mark.parametrize("offset", [0, 3, 7])
def test_the_grid_of_a_codec_is_found_wherever_it_lies(offset: int) -> None:
    frame = coded(shown(moving(1)), 30)[0]
    cut = lattice(np.ascontiguousarray(frame[:, offset:, offset:]))
    assert cut.grid8 > 3 * lattice(shown(moving(1))[0]).grid8
    assert cut.grid8 == pytest.approx(lattice(frame).grid8, rel=0.2)


def test_the_space_that_footage_is_seen_in_changes_nothing() -> None:
    codes = torch.from_numpy(np.rint(255 * filmed()).astype(np.float32) / 255)
    found = [
        character(footage_of(converted(codes, Space.SRGB, space), space=space)).film
        for space in (Space.SRGB, Space.DENSITY)
    ]
    assert found[0] == pytest.approx(found[1], abs=0.02)


def test_frames_too_small_to_tell_are_refused() -> None:
    with pytest.raises(ValueError, match="32 x 32 pixels"):
        character(footage_of(torch.full((2, 3, 24, 24), 0.5)))


def test_grain_that_coding_took_most_of_is_mostly_compression() -> None:
    photograph = np.random.default_rng(0).integers(60, 200, (60, 90, 3)).astype(np.uint8)
    photograph = cv2.resize(photograph, (480, 320), interpolation=cv2.INTER_CUBIC)

    def share(quality: int) -> float:
        history = History("film", codec="jpeg", quality=quality, gray=True, common=1.0)
        return taken(np.random.default_rng(1), photograph, history, lambda frames, _, __: frames, length=2).share

    assert share(97) > 0.9
    assert share(8) < 0.5


def test_weights_fitted_anew_tell_what_they_were_fitted_to() -> None:
    noise = np.random.default_rng(4).integers(30, 220, (40, 60, 3)).astype(np.uint8)
    photographs = [cv2.resize(noise, (480, 320), interpolation=cv2.INTER_CUBIC)]
    learned = list(measured_traits(samples(photographs, 32, lambda frames, _, __: frames, length=2)))
    found = fitted(learned, "noise").shot
    right = []
    for traits, sample in learned:
        if traits.moving is not None and sample.share > 0.9:
            odds = np.array(found.kinds) @ basis(traits.vector(), found)
            right.append(KINDS[int(odds.argmax())] == sample.history.kind)
    assert np.mean(right) > 0.9


@pytest.mark.footage
def test_real_films_are_held_to_be_film_more_surely_than_real_video() -> None:
    films = [DATA / "film" / name for name in ("within_our_gates", "the_great_train_robbery")]
    street = sorted((DATA / "video" / "night_street").glob("*.png"))[:6]
    shots = [sorted(folder.glob("*.png"))[:6] for folder in films] + [street]
    found = []
    for files in shots:
        frames = np.stack([np.asarray(cv2.imread(str(file)))[..., ::-1] for file in files])
        found.append(told(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).astype(np.float32) / 255).film)
    assert min(found[:2]) > found[2]
