from typing import Literal

import numpy as np
import pytest
import torch

from restorers.clip import Origin
from restorers.enhancement import Enhancement
from restorers.enhancing.drawing import brightness, density_of
from restorers.enhancing.scanning import scanned_again
from restorers.restorer import Bench
from tests.restorers.enhancing import grainy, halved, psnr, treated
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import scene


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
