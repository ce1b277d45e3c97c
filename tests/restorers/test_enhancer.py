from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from restorers.enhancing.drawing import Drawing, brightness, density_of, slope
from restorers.enhancing.leaves import leaves
from restorers.enhancing.sharpness import blur_radius
from restorers.networks.card import Card, Data, Recipe, digest
from restorers.networks.enhancer import (
    PLANES,
    UNIT,
    Condition,
    Enhancer,
    Enlarger,
    drawn,
    larger,
    luma_chroma,
    red_green_blue,
    told,
)
from restorers.networks.tiles import tiled
from restorers.networks.weights import loaded, packed
from restorers.restorer import Bench
from restorers.training.degradation import reduced


def picture(height: int = 48, width: int = 64) -> Tensor:
    return torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(1))


def talkative(scale: int) -> tuple[Enhancer, Enlarger]:
    """An enhancer that says something, as none does before it has learned."""
    torch.manual_seed(3)
    network = Enhancer(width=8, depth=2)
    for end in (*network.luma.values(), network.chroma):
        torch.nn.init.normal_(end.weight, std=0.05)
    return network.eval().requires_grad_(False), Enlarger(network, scale).eval()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_before_it_has_learned_it_enlarges_as_bicubic_does(scale: int) -> None:
    shown = luma_chroma(picture())
    said = Enhancer(width=8, depth=1)(told(shown, Condition()), scale)
    assert torch.equal(drawn(shown, said, scale), larger(shown, scale))


def test_luma_and_chroma_lead_back_to_the_colors() -> None:
    assert torch.allclose(red_green_blue(luma_chroma(picture())), picture(), atol=1e-6)
    gray = luma_chroma(torch.full((3, 1, 1), 0.4))
    assert torch.allclose(gray.flatten(), torch.tensor([0.4, 0.0, 0.0]), atol=1e-6)


def test_the_middle_of_the_scale_is_shown_as_nothing() -> None:
    gray = luma_chroma(torch.full((1, 3, 8, 8), 0.5))
    assert torch.allclose(told(gray, Condition()), torch.zeros(1, PLANES, 4, 4), atol=1e-6)


def test_it_is_told_what_ails_the_picture() -> None:
    noise = torch.zeros(48, 64)
    noise[:, 32:] = 2 * UNIT
    planes = told(luma_chroma(picture()), Condition(noise, coding=UNIT))
    assert planes.shape == (1, PLANES, 24, 32)
    assert (planes[0, -3, :, :16] == 0).all()
    assert torch.allclose(planes[0, -3, :, 16:], torch.tensor(2.0))
    assert (planes[0, -2] == 0).all()
    assert (planes[0, -1] == 1).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_a_picture_cut_into_tiles_comes_out_the_same(scale: int) -> None:
    network, enlarger = talkative(scale)
    planes = told(luma_chroma(picture(96, 128)), Condition(0.02, 0.5, 0.01))
    whole = enlarger(planes)
    parts = tiled(enlarger, planes, tile=32, overlap=network.reach // 2)
    assert float((whole - parts).abs().max()) < 1e-5 * float(whole.abs().max())


def test_what_is_said_reaches_no_further_than_it_says() -> None:
    network, enlarger = talkative(1)
    one, two = picture(96, 96), picture(96, 96)
    two[..., 48, 48] += 0.5
    made = [drawn(p, enlarger(told(p, Condition())), 1) for p in (luma_chroma(one), luma_chroma(two))]
    y, x = (axis.flatten() for axis in torch.nonzero((made[0] - made[1])[0].abs().amax(0) > 0).T)
    assert max(int((y - 48).abs().max()), int((x - 48).abs().max())) <= network.reach + 2


def test_brightness_is_one_at_white_and_none_at_black_and_leads_back() -> None:
    density = torch.linspace(-0.2, 2.5, 50)
    assert float(brightness(torch.tensor(0.0))) == pytest.approx(1)
    assert float(brightness(torch.tensor(1.9667))) == pytest.approx(0, abs=1e-4)
    assert torch.allclose(density_of(brightness(density)), density, atol=1e-4)
    step = (brightness(density + 1e-3) - brightness(density - 1e-3)).abs() / 2e-3
    assert torch.allclose(slope(density), step, rtol=1e-2)


def test_leaves_are_the_same_wherever_they_fall() -> None:
    one = leaves(3, 64)
    assert np.array_equal(one, leaves(3, 64))
    assert not np.array_equal(one, leaves(4, 64))
    assert one.min() >= 0
    assert one.max() <= 1
    assert one.std() > 0.05


@pytest.mark.parametrize("photograph", ["astronaut", "coffee", "chelsea"])
@pytest.mark.parametrize("radius", [0.8, 1.2])
def test_a_blur_is_measured(photograph: Literal["astronaut", "coffee", "chelsea"], radius: float) -> None:
    sharp = reduced(getattr(data, photograph)()[:288, :448].astype(np.float32) / 255, 1)
    soft = reduced(sharp, 1, radius)
    lumas = [np.ascontiguousarray(p @ np.float32([0.299, 0.587, 0.114])) for p in (sharp, soft)]
    found = [blur_radius(luma, 0.0) for luma in lumas]
    assert found[1] == pytest.approx(radius, abs=0.45)
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] < found[1]


def test_where_there_are_no_edges_nothing_is_said_of_blur() -> None:
    assert blur_radius(np.full((64, 64), 0.5, np.float32), 0.0) is None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench whose enhancer is a small one that has learned nothing and says something."""
    network, _ = talkative(1)
    weights = packed(network)
    card = Card(
        name="enhancer",
        purpose="a test",
        not_for="anything else",
        architecture="enhancer.Enhancer",
        settings={"width": 8, "depth": 2},
        parameters=sum(each.numel() for each in network.parameters()),
        sha256=digest(weights),
        data=(Data(name="none", licence="none", used="nothing"),),
        recipe=Recipe(steps=1),
        cpu_s=0,
        scores={},
        commit="none",
    )
    (tmp_path / "enhancer.safetensors").write_bytes(weights)
    (tmp_path / "enhancer.json").write_text(card.model_dump_json())
    return Bench(weights=lambda name: tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_frame_of_any_size_is_drawn_as_torch_would_draw_it(scale: int, bench: Bench) -> None:
    frame = 0.2 + 1.2 * picture(45, 63)[0]
    noise = torch.full((45, 63), 0.03)
    found = Drawing.of("enhancer", scale, "fp32", bench).drawn(frame, Condition(noise, 0.5))
    assert found.shape == (3, 45 * scale, 63 * scale)
    network, _ = talkative(scale)
    enlarger = Enlarger(loaded(network, packed(network)), scale)
    around = torch.nn.functional.pad(brightness(frame)[None], (16, 17, 16, 17), mode="reflect")
    shown = luma_chroma(around)
    light = red_green_blue(drawn(shown, enlarger(told(shown, Condition(0.03, 0.5))), scale))[0]
    inner = np.s_[:, 16 * scale : (16 + 45) * scale, 16 * scale : (16 + 63) * scale]
    wanted = density_of(light)[inner]
    judged = np.s_[:, 4 * scale : -4 * scale, 4 * scale : -4 * scale]  # the filter repeats borders, a mirror does not
    assert torch.allclose(brightness(found)[judged], brightness(wanted)[judged], atol=1e-5)


def test_in_whole_numbers_a_frame_is_nearly_the_same(bench: Bench) -> None:
    frame = 0.2 + 1.2 * picture()[0]
    exact, coarse = (Drawing.of("enhancer", 2, precision, bench) for precision in ("fp32", "int8"))
    assert "int8" in coarse.ran
    one, two = (brightness(each.drawn(frame, Condition(0.02))) for each in (exact, coarse))
    error = float((one - two).square().mean().sqrt())
    said = float((one - brightness(larger(frame[None], 2)[0])).square().mean().sqrt())
    assert 0 < error < 0.1 * said
