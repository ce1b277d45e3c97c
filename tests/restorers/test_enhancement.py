from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from restorers.clip import Origin
from restorers.colorspace import density
from restorers.enhancement import Enhancement, Enlargement
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene


def grainy(camera: Literal["static", "pan"] = "static", *, seed: int = 0, frames: int = 5) -> tuple[Tensor, Tensor]:
    """A shot as filmed, clean and with grain of 0.05 D."""
    clean = scene(frames, (128, 160), camera=camera, weave_px=0, object_share=0.05).clean
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return clean, clean + 0.05 * noise


def treated(frames: Tensor, treatment: Enhancement) -> Tensor:
    return treatment.examine(footage_of(frames), Bench()).apply(clip_of(frames), Bench()).frames


def psnr(one: Tensor, two: Tensor) -> float:
    return float(-10 * torch.log10(((one - two) ** 2).mean() / 1.97**2))


@pytest.mark.parametrize("treatment", [Enhancement(), Enhancement(grain=0), Enhancement(grain=0.5)])
def test_nothing_asked_for_leaves_the_film_as_found(treatment: Enhancement) -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    assert treatment.examine(footage_of(frames), Bench()).apply(clip, Bench()) is clip


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("photograph", ["astronaut", "coffee", "chelsea"])
def test_enlarging_a_clean_picture_is_never_worse_than_bicubic(photograph: str, scale: Literal[2, 4]) -> None:
    picture = getattr(data, photograph)()[:256, :384].astype(np.float32) / 255
    large = density(torch.from_numpy(picture).permute(2, 0, 1) ** 2.4)
    height, width = large.shape[1:]
    small = cv2.resize(large.permute(1, 2, 0).numpy(), (width // scale, height // scale), interpolation=cv2.INTER_AREA)
    bicubic = torch.from_numpy(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)).permute(2, 0, 1)
    frames = torch.from_numpy(small).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)
    assert psnr(treated(frames, Enhancement(scale=scale))[0], large) >= psnr(bicubic, large)


def test_an_edge_gets_no_halo() -> None:
    frames = torch.full((2, 3, 32, 32), 0.2)
    frames[..., 16:] = 1.4
    large = treated(frames, Enhancement(scale=4))
    assert float(large.min()) >= 0.2
    assert float(large.max()) <= 1.4


def test_enlarged_pixels_keep_their_place() -> None:
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    frames = (0.5 + 0.01 * x + 0.02 * y).expand(2, 3, -1, -1)
    large = treated(frames, Enhancement(scale=2))[0, 0]
    there = 0.5 + 0.01 * ((torch.arange(64) + 0.5) / 2 - 0.5) + 0.02 * ((torch.arange(48)[:, None] + 0.5) / 2 - 0.5)
    assert torch.allclose(large[8:-8, 8:-8], there[8:-8, 8:-8], atol=2e-3)


@pytest.mark.parametrize("camera", ["static", "pan"])
def test_grain_is_taken_off_and_the_picture_stays(camera: Literal["static", "pan"]) -> None:
    clean, frames = grainy(camera)
    calm = treated(frames, Enhancement(degrain=1, grain=0))
    assert psnr(calm[2], clean[2]) > psnr(frames[2], clean[2]) + 3


def test_what_moves_on_its_own_is_not_smeared() -> None:
    clean = scene(5, (128, 160), weave_px=0, object_share=0.05).clean
    frames = clean + 0.03 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    moves = (clean[2] - clean[0]).abs().mean(0) > 0.1
    calm = treated(frames, Enhancement(degrain=1, grain=0))
    assert psnr(calm[2][:, moves], clean[2][:, moves]) > psnr(frames[2][:, moves], clean[2][:, moves])


def test_grain_laid_again_is_as_strong_as_the_film_had_it_and_never_frozen() -> None:
    clean, frames = grainy()
    again = treated(frames, Enhancement(degrain=1, grain=1)) - clean
    assert float(again.std()) == pytest.approx(0.05, rel=0.1)
    assert abs(float(np.corrcoef(again[1].flatten(), again[3].flatten())[0, 1])) < 0.2


def test_no_grain_is_laid_on_top_of_grain() -> None:
    clean, frames = grainy()
    half = treated(frames, Enhancement(degrain=0.5, grain=1)) - clean
    assert float(half.std()) == pytest.approx(0.05, rel=0.1)


def test_windows_of_any_length_give_the_same_pixels() -> None:
    _, frames = grainy("pan", frames=8)
    remedy = Enhancement(scale=2, degrain=0.8, grain=1).examine(footage_of(frames, first=40), Bench())
    clip = clip_of(frames, first=40)
    whole = remedy.apply(clip, Bench(workers=2))
    alone = remedy.apply(clip.between(41, 48), Bench())
    assert remedy.halo == 3
    assert torch.equal(whole[44], alone[44])
    inner = remedy.apply(clip.between(40, 45), Bench())
    assert torch.equal(whole[41], inner[41])


def test_marks_tell_grain_taken_off_or_laid_from_resampling() -> None:
    _, frames = grainy()
    large = Enhancement(scale=2, grain=0).examine(footage_of(frames), Bench())
    assert (large.apply(clip_of(frames), Bench()).origin == Origin.RESAMPLED).all()
    for grain in (0, 1):
        fused = Enhancement(degrain=1, grain=grain).examine(footage_of(frames), Bench())
        assert (fused.apply(clip_of(frames), Bench()).origin == Origin.GRAIN).all()


def test_marks_of_layers_beneath_survive_enlarging() -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    clip.origin[0, 3, 5] = Origin.borrowed(-1)
    large = Enhancement(scale=2).examine(footage_of(frames), Bench()).apply(clip, Bench())
    assert (large.origin[0, 6:8, 10:12] == Origin.borrowed(-1)).all()


def test_the_remedy_survives_storage() -> None:
    _, frames = grainy()
    remedy = Enhancement(scale=2, degrain=1, grain=1).examine(footage_of(frames), Bench())
    same = Enlargement.loaded(*remedy.dumped())
    one, two = (r.apply(clip_of(frames), Bench()).frames for r in (remedy, same))
    assert torch.equal(one, two)
    assert same.scale == 2


def test_frames_without_their_halo_are_the_same_pixels() -> None:
    _, frames = grainy("pan")
    remedy = Enhancement(scale=2, degrain=1, grain=0.5).examine(footage_of(frames, first=40), Bench())
    clip = clip_of(frames, first=40)
    whole, inner = remedy.apply(clip, Bench()), remedy.applied(clip, 41, 44, Bench())
    assert inner.numbers == range(41, 44)
    assert torch.equal(inner.frames, whole.between(41, 44).frames)
    assert torch.equal(inner.origin, whole.between(41, 44).origin)


@pytest.mark.parametrize("treatment", [Enhancement(), Enhancement(degrain=1, grain=1), Enhancement(grain=1.5)])
def test_the_clip_that_is_treated_stays_as_it_was(treatment: Enhancement) -> None:
    _, frames = grainy()
    clip = clip_of(frames)
    treatment.examine(footage_of(frames), Bench()).apply(clip, Bench())
    assert torch.equal(clip.frames, frames)
    assert not clip.origin.any()
