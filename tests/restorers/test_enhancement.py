from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage import data
from torch import Tensor

from restorers.clip import Origin
from restorers.detail.grain import LEVELS, GrainModel
from restorers.enhancement import Enhancement
from restorers.enhancing.diagnosis import Diagnosis
from restorers.enhancing.drawing import brightness, density_of
from restorers.enhancing.enlargement import Enlargement
from restorers.enhancing.scanning import scanned_again
from restorers.networks import NUMBERS
from restorers.networks.card import digest
from restorers.networks.foreign import Brought
from restorers.restorer import Bench, MissingWeights, RestorationError
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene
from tests.restorers.test_foreign import compact, kept

Photograph = Literal["astronaut", "coffee", "chelsea"]
PHOTOGRAPHS: tuple[Photograph, ...] = ("astronaut", "coffee", "chelsea")


def grainy(
    camera: Literal["static", "pan"] = "static", *, seed: int = 0, frames: int = 5, sigma: float = 0.05
) -> tuple[Tensor, Tensor]:
    """A shot as filmed, clean and with grain, by default of 0.05 D."""
    clean = scene(frames, (128, 160), camera=camera, weave_px=0, object_share=0.05).clean
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean, clean + sigma * noise


def treated(frames: Tensor, treatment: Enhancement) -> Tensor:
    return treatment.examine(footage_of(frames), Bench()).apply(clip_of(frames), Bench()).frames


def psnr(one: Tensor, two: Tensor) -> float:
    return float(-10 * torch.log10(((one - two) ** 2).mean() / 1.97**2))


def diagnosis(*, visible: float = 0.0, blur: float = 0.0, coding: float = 0.0, film: float = 1.0) -> Diagnosis:
    lone = np.zeros((25, 25), np.float32)
    lone[12, 12] = 1
    grain = GrainModel(
        sigma=np.full((3, len(LEVELS)), visible, np.float32),
        correlation=np.eye(3, dtype=np.float32),
        autocorrelation=lone,
        blocks=9,
        method="temporal",
    )
    return Diagnosis(grain=grain, visible=visible, film=film, kind="film", coding=coding, blur=blur)


def halved(photograph: Photograph, scale: int) -> tuple[Tensor, Tensor]:
    """A photograph as brightness, and a still shot of it made smaller, in density."""
    picture = getattr(data, photograph)()[:256, :384].astype(np.float32) / 255
    large = torch.from_numpy(picture).permute(2, 0, 1)
    small = torch.clamp(scanned_again(large, scale, 0.0), 0, 1)
    return large, density_of(small)[None].repeat(2, 1, 1, 1)


@pytest.mark.parametrize("profile", ["fidelity", "draft", "linear"])
def test_a_shot_that_nothing_ails_is_left_as_found_at_its_own_size(
    profile: Literal["fidelity", "draft", "linear"],
) -> None:
    clean, _ = grainy()
    clip = clip_of(clean)
    remedy = Enhancement(profile=profile, grain="keep").examine(footage_of(clean), Bench())
    assert remedy.apply(clip, Bench()) is clip


def test_grain_that_is_kept_is_left_as_found_at_the_films_own_size() -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    remedy = Enhancement(nature="film").examine(footage_of(frames), Bench())
    assert remedy.found.noisy
    assert remedy.found.blur == 0
    assert remedy.apply(clip, Bench()) is clip
    assert remedy.halo == 0


@pytest.mark.parametrize("profile", ["fidelity", "linear"])
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_enlarging_a_clean_picture_is_never_worse_than_bicubic(
    photograph: Photograph, scale: Literal[2, 4], profile: Literal["fidelity", "linear"]
) -> None:
    large, frames = halved(photograph, scale)
    height, width = large.shape[1:]
    small = brightness(frames[0]).permute(1, 2, 0).numpy()
    bicubic = torch.from_numpy(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)).permute(2, 0, 1)
    ours = brightness(treated(frames, Enhancement(profile=profile, scale=scale))[0])
    assert psnr(ours, large) >= psnr(bicubic, large)


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_the_network_shows_more_than_the_filter(photograph: Photograph) -> None:
    large, frames = halved(photograph, 2)
    drawn, filtered = (
        brightness(treated(frames, Enhancement(profile=profile, scale=2))[0]) for profile in ("fidelity", "linear")
    )
    assert psnr(drawn, large) > psnr(filtered, large) + 0.5


@pytest.mark.parametrize("camera", ["static", "pan"])
@pytest.mark.parametrize("scale", [2, 4])
def test_made_smaller_again_an_enlarged_frame_is_the_scan_grain_and_all(
    scale: Literal[2, 4], camera: Literal["static", "pan"]
) -> None:
    _, frames = grainy(camera, sigma=0.03)
    large = treated(frames, Enhancement(scale=scale, nature="film"))
    again = torch.stack([scanned_again(brightness(frame), scale, 0.0) for frame in large])
    error = (again - brightness(frames))[..., 4:-4, 4:-4].abs()
    noise = (brightness(frames) - brightness(grainy(camera)[0])).std()
    assert float(error.square().mean().sqrt()) < 0.2 * float(noise)


def test_an_edge_gets_no_halo_from_the_filter() -> None:
    frames = torch.full((2, 3, 32, 32), 0.2)
    frames[..., 16:] = 1.4
    large = treated(frames, Enhancement(profile="linear", scale=4))
    assert float(large.min()) >= 0.2
    assert float(large.max()) <= 1.4


@pytest.mark.parametrize("contrast", [0.2, 0.6])
def test_an_edge_gets_hardly_a_halo_from_the_network(contrast: float) -> None:
    place = torch.arange(64.0).expand(3, 64, -1) - 31.5
    edge = 0.2 + contrast * (1 + torch.erf(place / (2**0.5 * 1.6))) / 2
    scan = density_of(scanned_again(edge, 2, 0.0))[None].repeat(2, 1, 1, 1)
    large = brightness(treated(scan, Enhancement(scale=2)))[..., 24:-24, 8:-8]
    assert float(large.max()) <= 0.2 + 1.02 * contrast
    assert float(large.min()) >= 0.2 - 0.02 * contrast


@pytest.mark.parametrize("profile", ["fidelity", "linear"])
def test_enlarged_pixels_keep_their_place(profile: Literal["fidelity", "linear"]) -> None:
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    frames = (0.5 + 0.01 * x + 0.02 * y).expand(2, 3, -1, -1)
    large = treated(frames, Enhancement(profile=profile, scale=2))[0, 0]
    there = 0.5 + 0.01 * ((torch.arange(64) + 0.5) / 2 - 0.5) + 0.02 * ((torch.arange(48)[:, None] + 0.5) / 2 - 0.5)
    assert torch.allclose(large[8:-8, 8:-8], there[8:-8, 8:-8], atol=2e-3 if profile == "linear" else 8e-3)


@pytest.mark.parametrize("profile", ["fidelity", "linear"])
@pytest.mark.parametrize("camera", ["static", "pan"])
def test_grain_is_taken_off_and_the_picture_stays(
    camera: Literal["static", "pan"], profile: Literal["fidelity", "linear"]
) -> None:
    clean, frames = grainy(camera)
    calm = treated(frames, Enhancement(profile=profile, grain="none"))
    done, found, wanted = (brightness(each[2]) for each in (calm, frames, clean))
    assert psnr(done, wanted) > psnr(found, wanted) + 3
    if profile == "linear":
        assert psnr(calm[2], clean[2]) > psnr(frames[2], clean[2]) + 3


def test_what_moves_on_its_own_is_not_smeared() -> None:
    clean = scene(5, (128, 160), weave_px=0, object_share=0.05).clean
    frames = clean + 0.03 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    moves = (clean[2] - clean[0]).abs().mean(0) > 0.1
    calm, found, wanted = (
        brightness(each[2][:, moves]) for each in (treated(frames, Enhancement(grain="none")), frames, clean)
    )
    assert psnr(calm, wanted) > psnr(found, wanted)


@pytest.mark.parametrize("profile", ["fidelity", "linear"])
def test_grain_laid_again_is_as_strong_as_the_film_had_it_and_never_frozen(
    profile: Literal["fidelity", "linear"],
) -> None:
    clean, frames = grainy()
    without, again = (
        treated(frames, Enhancement(profile=profile, grain=grain, nature="film")) for grain in ("none", "match")
    )
    laid = again - without
    whole = again - clean if profile == "linear" else laid  # fusing leaves some grain, and only what lacks is laid
    assert float(whole.std()) == pytest.approx(0.05, rel=0.1)
    assert abs(float(np.corrcoef(laid[1].flatten(), laid[3].flatten())[0, 1])) < 0.1


def test_as_much_grain_is_laid_as_is_asked_for() -> None:
    clean, frames = grainy()
    calm, half = (
        treated(frames, Enhancement(grain="match", amount=amount, nature="film")) - clean for amount in (0, 0.5)
    )
    assert float((half - calm).std()) == pytest.approx(0.025, rel=0.1)


def test_a_stocks_grain_is_laid_at_the_size_of_the_enlarged_frame() -> None:
    clean, _ = grainy()
    plain = treated(clean, Enhancement(scale=2))
    tri_x = Enhancement(scale=2, grain="stock:kodak-tri-x-400", frame_mm=1.0)
    laid = treated(clean, tri_x) - plain
    coarse = treated(clean, tri_x.model_copy(update={"frame_mm": 2.0})) - plain
    assert 1e-3 < float(coarse.std()) < float(laid.std())
    assert float((laid[0] * laid[1]).mean().abs()) < 0.05 * float(laid.square().mean())


def test_noise_that_is_not_films_goes_and_is_not_laid_again() -> None:
    clean, frames = grainy()
    for grain in ("keep", "match"):
        calm = treated(frames, Enhancement(grain=grain, nature="other"))
        assert psnr(calm[2], clean[2]) > psnr(frames[2], clean[2]) + 3


def test_a_blurred_shot_is_sharpened_and_keeps_its_grain() -> None:
    sharp, _ = halved("coffee", 2)
    soft = density_of(scanned_again(sharp, 1, 1.2))[None].repeat(2, 1, 1, 1)
    treatment = Enhancement(blur="measured")
    remedy = treatment.examine(footage_of(soft), Bench())
    assert remedy.found.blur == pytest.approx(1.2, abs=0.4)
    made = remedy.apply(clip_of(soft), Bench())
    assert psnr(brightness(made.frames[0]), sharp) > psnr(brightness(soft[0]), sharp) + 1
    assert (made.origin == Origin.ESTIMATED).all()


@pytest.mark.parametrize("settings", [{}, {"grain": "match"}, {"profile": "linear", "grain": "none"}])
def test_windows_of_any_length_give_the_same_pixels(settings: dict[str, str]) -> None:
    _, frames = grainy("pan", frames=8)
    remedy = Enhancement.model_validate({"scale": 2, "nature": "film", **settings}).examine(
        footage_of(frames, first=40), Bench()
    )
    clip = clip_of(frames, first=40)
    whole = remedy.apply(clip, Bench(workers=2))
    alone = remedy.apply(clip.between(41, 48), Bench())
    assert remedy.halo == 3
    assert torch.equal(whole[44], alone[44])
    inner = remedy.applied(clip.between(40, 45), 41, 42, Bench())
    assert torch.equal(whole[41], inner[41])
    assert torch.equal(whole.origin[1:2], inner.origin)


@pytest.mark.parametrize(
    ("settings", "mark"),
    [
        ({"profile": "linear", "scale": 2, "nature": "film"}, Origin.RESAMPLED),
        ({"profile": "linear", "grain": "none"}, Origin.GRAIN),
        ({"scale": 2, "nature": "film"}, Origin.ESTIMATED),
        ({"scale": 2, "grain": "match", "nature": "film"}, Origin.REGRAINED),
        ({"scale": 2, "nature": "other"}, Origin.REGRAINED),
        ({"grain": "none"}, Origin.REGRAINED),
    ],
)
def test_marks_tell_what_was_drawn_by_whom_and_what_became_of_grain(settings: dict[str, object], mark: Origin) -> None:
    _, frames = grainy()
    remedy = Enhancement.model_validate(settings).examine(footage_of(frames), Bench())
    assert (remedy.apply(clip_of(frames), Bench()).origin == mark).all()


@pytest.mark.parametrize("profile", ["fidelity", "linear"])
def test_marks_of_layers_beneath_survive_enlarging(profile: Literal["fidelity", "linear"]) -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    clip.origin[0, 3, 5] = Origin.borrowed(-1)
    clip.origin[0, 3, 6] = Origin.CORRECTED
    large = Enhancement(profile=profile, scale=2).examine(footage_of(frames), Bench()).apply(clip, Bench())
    assert (large.origin[0, 6:8, 10:12] == Origin.borrowed(-1)).all()
    assert (large.origin[0, 6:8, 12:14] == Origin.CORRECTED).all()


def test_the_remedy_survives_storage_and_says_what_ran() -> None:
    _, frames = grainy()
    remedy = Enhancement(scale=2, grain="match", nature="film").examine(footage_of(frames), Bench())
    same = Enlargement.loaded(*remedy.dumped())
    one, two = (r.apply(clip_of(frames), Bench()).frames for r in (remedy, same))
    assert torch.equal(one, two)
    assert same.scale == 2
    assert "fp32" in remedy.ran
    assert remedy.ran in remedy.summary()
    assert "px" in remedy.summary()


@pytest.mark.parametrize("settings", [{}, {"grain": "match"}, {"grain": "stock:fuji-velvia-50", "frame_mm": 10}])
def test_the_clip_that_is_treated_stays_as_it_was(settings: dict[str, object]) -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    Enhancement.model_validate(settings).examine(footage_of(frames), Bench()).apply(clip, Bench())
    assert torch.equal(clip.frames, frames)
    assert not clip.origin.any()


def test_a_single_frame_is_treated_too() -> None:
    clean, frames = grainy()
    calm = treated(frames[:1], Enhancement(grain="none", nature="film"))
    done, found, wanted = (brightness(each[0]) for each in (calm, frames, clean))
    assert psnr(done, wanted) > psnr(found, wanted) + 1


def test_int8_is_what_a_draft_runs_in() -> None:
    clean, _ = grainy()
    remedy = Enhancement(profile="draft", scale=2).examine(footage_of(clean), Bench())
    assert "int8" in remedy.ran
    assert remedy.halo == 0


def test_a_remedy_found_on_another_device_is_refused() -> None:
    clean, _ = grainy()
    remedy = Enhancement(scale=2).examine(footage_of(clean), Bench()).model_copy(update={"device": "cuda"})
    with pytest.raises(RestorationError, match="examine them there"):
        remedy.apply(clip_of(clean), Bench())


def test_weights_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    clean, _ = grainy()
    bench = Bench(weights=lambda name: tmp_path / f"{name}.safetensors")
    with pytest.raises(MissingWeights, match="enhancer"):
        Enhancement(scale=2).examine(footage_of(clean), bench)


def test_a_network_that_was_brought_is_wanted_in_the_labs_folder(tmp_path: Path) -> None:
    clean, _ = grainy()
    brought = Brought(file="mine.safetensors", sha256="0" * 64, licence="CC0")
    treatment = Enhancement(scale=2, network=brought)
    assert treatment.networks == ()
    with pytest.raises(MissingWeights, match="no folder"):
        treatment.examine(footage_of(clean), Bench())
    with pytest.raises(MissingWeights, match="put it there"):
        treatment.examine(footage_of(clean), Bench(brought=tmp_path))


def test_a_network_that_was_brought_draws_and_marks_its_pixels_as_generated(tmp_path: Path) -> None:
    clean, _ = grainy()
    weights = kept(compact(), tmp_path / "mine.safetensors")
    brought = Brought(file=weights.name, sha256=digest(weights.read_bytes()), licence="CC0-1.0")
    bench = Bench(brought=tmp_path)
    remedy = Enhancement(scale=2, network=brought).examine(footage_of(clean), bench)
    made = remedy.apply(clip_of(clean), bench)
    assert "RealESRGAN Compact" in remedy.ran
    assert (made.origin == Origin.GENERATED + NUMBERS["brought"]).all()
    assert made.frames.shape == (5, 3, 256, 320)
    again = torch.stack([scanned_again(brightness(frame), 2, 0.0) for frame in made.frames])
    assert float((again - brightness(clean))[..., 4:-4, 4:-4].abs().mean()) < 0.01
    with pytest.raises(RestorationError, match="draws x2"):
        Enhancement(scale=4, network=brought).examine(footage_of(clean), bench)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"grain": "stock:kodak-tri-x-400"}, "frame_mm"),
        ({"grain": "stock:agfa-unheard-of", "frame_mm": 22}, "known are stock:"),
        ({"grain": "much"}, "pattern"),
        ({"profile": "linear", "precision": "int8"}, "no network works"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Enhancement.model_validate(settings)


def test_a_diagnosis_in_words() -> None:
    assert "film (100% likely), blur 1.2 px" in diagnosis(visible=0.02, blur=1.2).words()
    assert "not to be seen" in diagnosis().words()
