from typing import Literal

import cv2
import pytest
import torch

from restorers.clip import Origin
from restorers.enhancement import Enhancement
from restorers.enhancing.drawing import brightness, density_of
from restorers.enhancing.enlargement import Enlargement
from restorers.enhancing.scanning import scanned_again
from restorers.restorer import Bench
from tests.restorers.enhancing import PHOTOGRAPHS, Photograph, grainy, halved, psnr, treated
from tests.restorers.footage import clip_of, footage_of


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
