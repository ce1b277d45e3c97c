import copy
from typing import Literal, NoReturn

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from restorers.clip import Clip
from restorers.colorspace import Space
from restorers.detail.grain import Floats
from restorers.enhancement import Enhancement
from restorers.enhancing.diagnosis import ALIKE, Diagnosis, diagnosed
from restorers.networks.assessor import NUMBERS, SIDE, Assessor, assessed, pooled
from restorers.networks.card import Recipe
from restorers.networks.enhancer import luma_chroma
from restorers.networks.weights import opened
from restorers.render import Footage, Held, Span
from restorers.restorer import Bench, MissingWeights
from restorers.training.assessing import Assessing
from restorers.training.degradation import Mishap, jpeg
from restorers.training.loop import trained
from restorers.training.pictures import Pictures
from tests.benchmarks.h264 import compressed

Codes = NDArray[np.uint8]
Name = Literal["coffee", "chelsea", "rocket"]


def found(frames: list[Codes]) -> Diagnosis:
    """What is found of frames of 8-bit sRGB."""
    values = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    source = Held(Clip(values.contiguous(), Space.SRGB, 0))
    footage = Footage(source, (Span(0, len(frames)),), Space.DENSITY)
    return diagnosed(footage, Bench(), blurred=False, assessed=True)


def noisy(picture: Floats, levels: float, seed: int, *, gray: bool = True) -> Codes:
    """A picture of 0 to 255 with noise of so many levels, as clumped as grain; the same in all colors, or not."""
    white = np.random.default_rng(seed).standard_normal((*picture.shape[:2], 1 if gray else 3)).astype(np.float32)
    clumps = cv2.GaussianBlur(white, (0, 0), 0.7).reshape(white.shape)
    return np.clip(np.rint(picture + levels * clumps / clumps.std()), 0, 255).astype(np.uint8)


def photograph(name: Name) -> Floats:
    """Half as large as it comes, so that it is sharp; 0 to 255."""
    whole = getattr(data, name)().astype(np.float32)
    return np.asarray(cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)


def pictures(coder: bool = False) -> Pictures:
    return Pictures([data.astronaut(), data.chelsea()], coder=(lambda frames, *_: frames) if coder else None)


@pytest.mark.parametrize("gray", [False, True])
def test_noise_is_told_of_a_single_frame(gray: bool) -> None:
    network, shares, levelled = opened("assessor", Assessor, Bench()), [], []
    for name in ("coffee", "chelsea", "rocket"):
        for levels in (8.0, 16.0):
            frame = noisy(photograph(name), levels, 1, gray=gray)
            told = found([frame])
            shares.append(told.correction * told.visible * 255 / levels)
            levelled.append(float(np.median(assessed(network, parts(frame)).noise)) * 255 / levels)
    assert levelled == pytest.approx([1] * 6, rel=0.3)
    assert shares == pytest.approx([1] * 6, rel=0.4)


def parts(frame: Codes) -> torch.Tensor:
    """The parts of a frame, luma and chroma, `(N, 3, SIDE, SIDE)`."""
    planes = luma_chroma(torch.from_numpy(frame).permute(2, 0, 1).float() / 255)
    height, width = (side // SIDE for side in frame.shape[:2])
    tiles = planes[:, : SIDE * height, : SIDE * width].unflatten(2, (width, SIDE)).unflatten(1, (height, SIDE))
    return tiles.permute(1, 3, 0, 2, 4).flatten(0, 1)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_the_noise_told_is_that_before_coding(name: Name) -> None:
    for levels in (8.0, 16.0):
        told = found([jpeg(noisy(photograph(name), levels, 1), 40)])
        assert told.correction * told.visible * 255 == pytest.approx(levels, rel=0.4)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
@pytest.mark.parametrize("level", [4, 250])
def test_a_sky_without_a_trace_of_film_does_not_tell_how_noisy_the_rest_is(name: Name, level: int) -> None:
    picture = photograph(name)
    sky = len(picture) // 2
    picture[:sky] = level
    frame = jpeg(noisy(picture, 16.0, 1, gray=False), 40)
    clip = Clip(torch.from_numpy(frame.copy()).permute(2, 0, 1)[None] / 255, Space.SRGB, 0).in_space(Space.DENSITY)
    noise = found([frame]).condition(clip[0], 1.0).noise
    assert isinstance(noise, torch.Tensor)
    assert float(noise[sky:].mean()) * 255 == pytest.approx(16, rel=0.4)


def test_texture_of_a_single_frame_is_not_told_as_noise() -> None:
    fur = found([np.rint(photograph("chelsea")).astype(np.uint8)])
    assert fur.correction < 0.5


def test_coding_is_told_of_pictures_that_were_coded_alone() -> None:
    for name in ("coffee", "chelsea", "rocket"):
        picture = photograph(name)
        for still in (noisy(picture, 0.0, 2), noisy(picture, 10.0, 2)):
            assert found([still]).coding == 0
        still = noisy(picture, 5.0, 2)
        fine, coarse = (found([jpeg(still, quality)]).coding for quality in (60, 25))
        truth = float(np.sqrt(np.mean((jpeg(still, 25) - still.astype(np.float32)) ** 2))) / 255
        assert 0 < fine < coarse
        assert coarse == pytest.approx(truth, rel=0.4)


@pytest.mark.parametrize("soft", [0.0, 1.2])
@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_coding_is_told_of_films_by_what_the_codec_did_and_not_by_how_their_colors_were_made_again(
    name: Name, soft: float
) -> None:
    picture = photograph(name)
    if soft:
        picture = cv2.GaussianBlur(picture, (0, 0), soft)
    film = np.stack([picture[t : t + 128, 2 * t : 2 * t + 192] for t in range(6)])
    film = np.clip(np.rint(film), 0, 255).astype(np.uint8)
    for crf in (30, 38):
        coded = compressed(film, crf)
        truth = float(np.sqrt(np.mean((coded - film.astype(np.float32)) ** 2))) / 255
        assert 0.3 * truth < found(list(coded)).coding < 1.7 * truth
    squares = [np.repeat(np.repeat(frame[::2, ::2], 2, 0), 2, 1) for frame in film]
    of_squares = [_with_colors_of(frame, other) for frame, other in zip(film, squares, strict=True)]
    assert found(of_squares).coding < 0.01


def _with_colors_of(frame: Codes, other: Codes) -> Codes:
    planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = cv2.cvtColor(other, cv2.COLOR_RGB2YCrCb)[..., 1:]
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)


def test_a_title_on_flat_black_is_not_held_for_coded() -> None:
    card = np.full((240, 320, 3), 10, np.uint8)
    cv2.putText(card, "The end", (40, 130), cv2.FONT_HERSHEY_TRIPLEX, 1.5, (240, 240, 240), 3, cv2.LINE_AA)
    soft = np.rint(cv2.GaussianBlur(card.astype(np.float32), (0, 0), 0.7)).astype(np.uint8)
    assert found([soft]).coding == 0
    assert found([np.full_like(card, 90)]).coding == 0


def test_grain_that_was_measured_in_time_is_told_as_measured() -> None:
    shot = [noisy(photograph("coffee"), 8.0, seed) for seed in range(4)]
    plain, coded = found(shot), found([jpeg(frame, 40) for frame in shot])
    assert plain.grain.method == coded.grain.method == "temporal"
    assert (plain.correction, plain.coding) == (1.0, 0.0)
    assert (coded.correction, coded.coding > 0.01) == (ALIKE, True)


def test_what_is_not_assessed_is_told_as_measured() -> None:
    values = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    footage = Footage(Held(Clip(values, Space.SRGB, 0)), (Span(0, 1),), Space.DENSITY)
    told = diagnosed(footage, Bench(weights=_nowhere), blurred=False, assessed=False)
    assert (told.correction, told.coding) == (1.0, 0.0)
    with pytest.raises(MissingWeights, match="assessor"):
        diagnosed(footage, Bench(weights=_nowhere), blurred=False, assessed=True)


def test_a_recipe_names_the_assessor_where_a_network_is_told_of_it() -> None:
    assert Enhancement().networks == ("assessor", "enhancer")
    assert Enhancement(profile="draft").networks == ("assessor", "draft")
    assert Enhancement(profile="linear").networks == ()


def test_parts_are_told_by_the_places_that_are_trusted_most() -> None:
    said = torch.zeros(1, 3 * NUMBERS, 2, 2)
    said[0, :NUMBERS, 0, 0] = 1.0
    said[0, 2 * NUMBERS :, 0, 0] = 50.0
    levels, odds = pooled(said)
    assert levels.shape == odds.shape == (1, NUMBERS)
    everywhere = pooled(torch.ones(1, 3 * NUMBERS, 2, 2))[0]
    torch.testing.assert_close(levels, everywhere)


def test_an_assessor_learns_what_it_is_shown() -> None:
    lesson = Assessing(pictures(), pictures(), width=16)
    for one, other in zip(lesson.batch(3), lesson.batch(3), strict=True):
        assert torch.equal(one, other)
    losses: list[float] = []
    network = trained(
        lesson, Recipe(steps=150, rate=3e-3, warming=5), device=torch.device("cpu"), keep=lambda *_: None,
        tell=lambda _, loss: losses.append(loss),
    )  # fmt: skip
    assert np.mean(losses[-20:]) < 0.9 * np.mean(losses[:20])
    scores = lesson.scores(network)
    assert scores["noise, median error, %"] < scores["noise, median error of the mean of all, %"]


def test_films_are_grainy_before_they_are_coded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restorers.training.pictures.FILMS", 16)
    films = [film for each in pictures(coder=True).films.values() for film in each]
    assert 0 < sum(film.noise is not None for film in films) < len(films)
    assert all(film.coding == 0 for film in films)  # the coder that was given codes nothing
    for film in films:
        if film.noise is not None:
            assert film.noise.shape == film.frames.shape[:3]


def test_a_mishap_of_grain_is_nothing_but_noise() -> None:
    mishap = Mishap.grain(np.random.default_rng(0))
    assert mishap.noise > 0
    assert (mishap.blur, mishap.jpeg, mishap.calmed) == (0.0, (), False)


def test_half_precision_tells_the_same() -> None:
    parts = luma_chroma(torch.from_numpy(noisy(photograph("rocket"), 10.0, 1)[:64, :64]).permute(2, 0, 1) / 255)[None]
    network = opened("assessor", Assessor, Bench())
    exact, half = assessed(network, parts), assessed(copy.deepcopy(network).half(), parts)
    for one, other in zip(exact, half, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.1, atol=0.01)


def test_what_is_told_is_said() -> None:
    still = noisy(photograph("coffee"), 12.0, 1)
    assert "held for" in found([jpeg(still, 40)]).words()
    assert "coding error" in found([jpeg(still, 40)]).words()


def test_places_are_one_in_eight_pixels() -> None:
    assert Assessor(8)(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 3 * NUMBERS, SIDE // 8, SIDE // 8)


def _nowhere(name: str) -> NoReturn:
    raise MissingWeights(f"the network {name} is not here")
