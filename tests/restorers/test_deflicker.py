"""Deflicker: takes out flicker of every kind, keeps the light of the scene, leaves even film alone."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from restorers.colorspace import density, linear_light
from restorers.deflicker import Deflicker, Evening
from restorers.evenness.response import evened
from restorers.geometry.warp import WARP
from restorers.render import Footage
from restorers.restorer import Bench
from tests.restorers.footage import clip_of, footage_of
from tests.restorers.scenes import Camera, scene

SIZE = (120, 160)
LENGTH = 64
TIME = np.arange(LENGTH)
RANDOM = np.random.default_rng(5)
FAST = 0.03 * RANDOM.normal(size=LENGTH)


@cache
def film(camera: Camera = "static") -> Tensor:
    return scene(LENGTH, SIZE, camera=camera, weave_px=0, grain=1.5, object_share=0.04).aged


def lit(level: np.ndarray, frames: Tensor | None = None) -> Tensor:
    """The film with a density added to each frame."""
    return (film() if frames is None else frames) + torch.from_numpy(level).float()[:, None, None, None]


def flicker_of(frames: Tensor, truth: Tensor) -> float:
    """Spread over time of the difference to the truth, averaged over places."""
    return float((frames - truth).double()[:, :, ::8, ::8].std(dim=0).mean())


def fast_flicker_of(frames: Tensor, truth: Tensor) -> float:
    """Spread of the change from frame to frame of the difference to the truth, averaged over places."""
    return float((frames - truth).double()[:, :, ::8, ::8].diff(dim=0).std(dim=0).mean())


def treated(frames: Tensor, **settings: float) -> tuple[Evening, Tensor]:
    found = Deflicker(**settings).examine(footage_of(frames), Bench())
    return found, found.apply(clip_of(frames), Bench()).frames


@pytest.mark.parametrize("level", [FAST, 0.03 * (-1.0) ** TIME], ids=["random", "every second frame"])
def test_nine_tenths_of_fast_flicker_are_taken_out(level: np.ndarray) -> None:
    aged = lit(level)
    _, after = treated(aged)
    assert fast_flicker_of(after, film()) < 0.1 * fast_flicker_of(aged, film())


@pytest.mark.parametrize("period", [20, 32])
def test_nine_tenths_of_slow_pumping_are_taken_out(period: int) -> None:
    aged = lit(0.03 * np.sin(2 * np.pi * TIME / period + 1))
    _, after = treated(aged)
    assert flicker_of(after, film()) < 0.1 * flicker_of(aged, film())


def test_contrast_and_color_that_flicker_are_evened() -> None:
    gain = 1 + 0.04 * torch.from_numpy(RANDOM.normal(size=(LENGTH, 3, 1, 1))).float()
    aged = 0.7 + (film() - 0.7) * gain
    _, after = treated(aged)
    assert fast_flicker_of(after, film()) < 0.2 * fast_flicker_of(aged, film())


def test_shading_that_flickers_is_evened_and_only_when_asked() -> None:
    slope = torch.linspace(-1, 1, SIZE[1]).expand(SIZE) * torch.from_numpy(FAST).float()[:, None, None, None]
    aged = film() + slope
    _, after = treated(aged)
    _, global_only = treated(aged, spatial=False)
    assert fast_flicker_of(after, film()) < 0.2 * fast_flicker_of(aged, film())
    assert fast_flicker_of(global_only, film()) > 0.8 * fast_flicker_of(aged, film())


def test_even_film_is_left_bit_for_bit() -> None:
    found, _ = treated(film())
    clip = clip_of(film())
    assert found.even
    assert found.apply(clip, Bench()) is clip


def test_an_even_pan_is_left_bit_for_bit() -> None:
    assert treated(film("pan"))[0].even


def test_zero_strength_leaves_the_film_as_found() -> None:
    aged = lit(FAST)
    assert torch.equal(treated(aged, strength=0)[1], aged)


def test_a_lamp_switched_on_stays_as_sudden_as_it_was() -> None:
    lamp = np.where(TIME >= 30, -0.25, 0.0)
    found, after = treated(lit(lamp + FAST))
    assert found.changes == (30,)
    mean = after.mean(dim=(1, 2, 3)) - film().mean(dim=(1, 2, 3))
    assert float(mean[30] - mean[29]) == pytest.approx(-0.25, abs=0.02)
    assert fast_flicker_of(after, lit(lamp)) < 0.15 * fast_flicker_of(lit(lamp + FAST), lit(lamp))


def test_a_fade_to_black_stays_a_fade() -> None:
    light = linear_light(film()) * torch.from_numpy(1 - np.clip((TIME - 36) / 24, 0, 1)).float()[:, None, None, None]
    faded = density(light)
    _, after = treated(faded)
    assert float((after - faded).mean(dim=(1, 2, 3)).abs().max()) < 0.004


def test_flicker_on_a_fade_is_taken_out_and_the_fade_stays() -> None:
    fade = lit(0.6 * np.clip((TIME - 24) / 24, 0, 1))
    _, after = treated(lit(FAST, fade))
    assert fast_flicker_of(after, fade) < 0.25 * fast_flicker_of(lit(FAST, fade), fade)


def test_a_slow_sunset_stays() -> None:
    evening = lit(0.4 * (TIME / LENGTH) ** 2)
    _, after = treated(evening)
    assert float((after - evening).mean(dim=(1, 2, 3)).abs().max()) < 0.004


def test_a_torch_that_is_carried_through_the_frame_keeps_its_light() -> None:
    x = torch.linspace(-1, 1, SIZE[1]).expand(LENGTH, 1, SIZE[0], SIZE[1])
    place = torch.from_numpy(0.8 - 1.6 * TIME / LENGTH).float()[:, None, None, None]
    carried = film() - 0.4 * torch.exp(-(((x - place) / 0.2) ** 2))
    _, after = treated(carried)
    assert float((after - carried).abs().mean(dim=(1, 2, 3)).max()) < 0.004


def test_an_explosion_is_left_as_found() -> None:
    blast = np.where((TIME >= 20) & (TIME < 24), -0.5, 0.0)
    aged = lit(blast + FAST)
    found, after = treated(aged)
    assert found.flashes == (20, 21, 22, 23)
    assert torch.equal(after[20:24], aged[20:24])
    around = np.r_[10:20, 24:34]
    assert flicker_of(after[around], film()[around]) < 0.5 * flicker_of(aged[around], film()[around])


@pytest.mark.slow
def test_flicker_on_a_dissolve_is_taken_out_and_the_dissolve_stays() -> None:
    share = torch.from_numpy(np.clip((TIME[:40] - 12) / 16, 0, 1)).float()[:, None, None, None]
    mixed = density((1 - share) * linear_light(film()[:40]) + share * linear_light(film("pan")[:40].flip(-1)))
    _, after = treated(lit(FAST[:40], mixed))
    assert fast_flicker_of(after, mixed) < 0.25 * fast_flicker_of(lit(FAST[:40], mixed), mixed)
    apart = (after - mixed).mean(dim=(1, 2, 3))
    assert float((apart - apart.median()).abs().max()) < 0.02


def test_something_that_fills_a_third_of_the_frame_takes_its_light_along() -> None:
    crossed = scene(40, SIZE, weave_px=0, grain=1.5, object_share=0.3).aged
    _, after = treated(lit(FAST[:40], crossed))
    assert fast_flicker_of(after, crossed) < 0.2 * fast_flicker_of(lit(FAST[:40], crossed), crossed)
    assert float((treated(crossed)[1] - crossed).abs().max()) < 0.01


def test_a_pan_from_dark_to_bright_stays_and_is_evened() -> None:
    room = torch.linspace(0.8, 0, SIZE[1] * 2).expand(1, SIZE[0], -1)
    steps = [film()[t] + room[..., 2 * t : 2 * t + SIZE[1]].roll(0) for t in range(40)]
    panned = torch.stack(steps)
    _, after = treated(lit(FAST[:40], panned))
    assert fast_flicker_of(after, panned) < 0.2 * fast_flicker_of(lit(FAST[:40], panned), panned)


def test_flicker_beside_an_explosion_that_dies_away_is_taken_out() -> None:
    blast = lit(np.where(TIME >= 20, -0.5 * np.exp(-np.maximum(TIME - 20, 0) / 5), 0.0))
    _, after = treated(lit(FAST, blast))
    around = np.r_[0:18, 40:LENGTH]
    aged = lit(FAST, blast)
    assert flicker_of(after[around], blast[around]) < 0.25 * flicker_of(aged[around], blast[around])
    apart = (after - blast).mean(dim=(1, 2, 3))[20:40]
    assert float((apart - apart.median()).abs().max()) < 2.5 * 0.03


@pytest.mark.parametrize("end", ["white", "black"])
def test_what_is_burnt_out_or_blocked_up_is_not_made_to_flicker(end: str) -> None:
    bound = 0.25 if end == "white" else 0.9
    frames = film()[:40].clamp(min=bound) if end == "white" else film()[:40].clamp(max=bound)
    stuck = ((film()[:40] <= bound) if end == "white" else (film()[:40] >= bound)).all(dim=0)
    aged = torch.where(stuck, frames, lit(FAST[:40], frames))
    _, after = treated(aged)
    assert float(stuck.float().mean()) > 0.02
    steps = after.diff(dim=0)[:, stuck].mean(dim=1).square().mean().sqrt()
    assert float(steps) < 0.5 * np.sqrt(np.mean(np.diff(FAST[:40]) ** 2))


def test_evening_is_the_inverse_of_a_change_of_light() -> None:
    frame = film()[0].double()
    change = torch.zeros(3, len(WARP) + 1, dtype=torch.float64)
    change[:, 0], change[:, -1] = 0.1, 0.2
    out = torch.empty_like(frame)
    evened(frame, change, out, middle=np.full(3, 0.7), modes=WARP)
    assert torch.allclose(frame, out + 0.1 + 0.2 * ((out + frame) / 2 - 0.7), atol=1e-6)


def test_windows_of_any_length_give_the_same_remedy_and_the_same_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    aged = lit(FAST)[:20]
    found, after = treated(aged)
    monkeypatch.setattr(Footage, "WINDOW", 3)
    again = Deflicker().examine(footage_of(aged), Bench(workers=2))
    assert np.array_equal(again.correction, found.correction)
    clip = clip_of(aged)
    parts = [found.apply(clip.between(a, b), Bench()).frames for a, b in ((0, 1), (1, 7), (7, 20))]
    assert torch.equal(after, torch.cat(parts))


def test_the_remedy_survives_being_written_down() -> None:
    found, after = treated(lit(FAST)[:16])
    again = Evening.loaded(*found.dumped())
    assert torch.equal(again.apply(clip_of(lit(FAST)[:16]), Bench()).frames, after)
    assert again.summary() == found.summary()
